"""The part of librist that the examples use, declared for ctypes.

The structures are those of the first revision (peer config 0, statistics 0). Every librist.so.4 accepts them.
"""

import ctypes
import os
from ctypes import c_char, c_char_p, c_int, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p

lib = ctypes.CDLL(os.environ.get("LIBRIST", "librist.so.4"))

PROFILE_SIMPLE = 0
CONNECTION_ESTABLISHED = 0
CLIENT_CONNECTED = 2
FLAG_DISCONTINUITY = 1


class PeerConfig(ctypes.Structure):
    """struct rist_peer_config, version 0"""

    _fields_ = [
        ("version", c_int),
        ("address_family", c_int),
        ("initiate_conn", c_int),
        ("address", c_char * 256),
        ("miface", c_char * 128),
        ("physical_port", c_uint16),
        ("virt_dst_port", c_uint16),
        ("recovery_mode", c_int),
        ("recovery_maxbitrate", c_uint32),
        ("recovery_maxbitrate_return", c_uint32),
        ("recovery_length_min", c_uint32),
        ("recovery_length_max", c_uint32),
        ("recovery_reorder_buffer", c_uint32),
        ("recovery_rtt_min", c_uint32),
        ("recovery_rtt_max", c_uint32),
        ("weight", c_uint32),
        ("secret", c_char * 128),
        ("key_size", c_int),
        ("key_rotation", c_uint32),
        ("compression", c_int),
        ("cname", c_char * 128),
        ("congestion_control_mode", c_int),
        ("min_retries", c_uint32),
        ("max_retries", c_uint32),
        ("session_timeout", c_uint32),
        ("keepalive_interval", c_uint32),
        ("timing_mode", c_uint32),
        ("srp_username", c_char * 256),
        ("srp_password", c_char * 256),
    ]


class DataBlock(ctypes.Structure):
    """struct rist_data_block"""

    _fields_ = [
        ("payload", c_void_p),
        ("payload_len", c_size_t),
        ("ts_ntp", c_uint64),
        ("virt_src_port", c_uint16),
        ("virt_dst_port", c_uint16),
        ("peer", c_void_p),
        ("flow_id", c_uint32),
        ("seq", c_uint64),
        ("flags", c_uint32),
        ("ref", c_void_p),
    ]


class Stats(ctypes.Structure):
    """The head of struct rist_stats; the text holds everything."""

    _fields_ = [("json_size", c_uint32), ("stats_json", c_char_p), ("version", c_uint16), ("stats_type", c_int)]


StatusCallback = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int)
StatsCallback = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.POINTER(Stats))

_context_out = ctypes.POINTER(c_void_p)
for _name, _result, _arguments in [
    ("librist_version", c_char_p, []),
    ("rist_receiver_create", c_int, [_context_out, c_int, c_void_p]),
    ("rist_sender_create", c_int, [_context_out, c_int, c_uint32, c_void_p]),
    ("rist_connection_status_callback_set", c_int, [c_void_p, StatusCallback, c_void_p]),
    ("rist_stats_callback_set", c_int, [c_void_p, c_int, StatsCallback, c_void_p]),
    ("rist_stats_free", c_int, [ctypes.POINTER(Stats)]),
    ("rist_peer_config_defaults_set", c_int, [ctypes.POINTER(PeerConfig)]),
    ("rist_parse_address2", c_int, [c_char_p, ctypes.POINTER(ctypes.POINTER(PeerConfig))]),
    ("rist_peer_create", c_int, [c_void_p, _context_out, ctypes.POINTER(PeerConfig)]),
    ("rist_start", c_int, [c_void_p]),
    ("rist_sender_data_write", c_int, [c_void_p, ctypes.POINTER(DataBlock)]),
    ("rist_receiver_data_read2", c_int, [c_void_p, ctypes.POINTER(ctypes.POINTER(DataBlock)), c_int]),
    ("rist_receiver_data_block_free2", None, [ctypes.POINTER(ctypes.POINTER(DataBlock))]),
    ("rist_destroy", c_int, [c_void_p]),
]:
    _function = getattr(lib, _name)
    _function.restype = _result
    _function.argtypes = _arguments


def check(result, what):
    """Raises an error if a call has failed."""
    if result < 0:
        raise RuntimeError(f"{what} failed ({result})")


def add_peer(ctx, url):
    """Adds the peer that a rist:// URL describes."""
    config = PeerConfig()
    check(lib.rist_peer_config_defaults_set(ctypes.byref(config)), "rist_peer_config_defaults_set")
    pointer = ctypes.pointer(config)
    result = lib.rist_parse_address2(url.encode(), ctypes.byref(pointer))
    if result != 0:
        raise RuntimeError(f"{url}: not a RIST URL ({result})")
    peer = c_void_p()
    check(lib.rist_peer_create(ctx, ctypes.byref(peer), pointer), "rist_peer_create")
