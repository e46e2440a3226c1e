#!/usr/bin/env python3
"""Sends standard input over RIST, with nothing but ctypes.

    sender.py 'rist://192.0.2.1:6000?buffer=500' < stream.ts

Begins when a receiver has answered. Prints statistics once a second.
"""

import argparse
import ctypes
import json
import sys
import threading
import time

import rist

PACKET = 1316
LINGER = 2.0  # seconds in which the last packets can still be asked for


def main():
    parser = argparse.ArgumentParser(description="standard input to RIST, Simple profile")
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=4e6, help="bits per second")
    arguments = parser.parse_args()

    connected = threading.Event()

    @rist.StatusCallback
    def on_status(_arg, _peer, status):
        if status in (rist.CONNECTION_ESTABLISHED, rist.CLIENT_CONNECTED):
            connected.set()

    @rist.StatsCallback
    def on_stats(_arg, stats):
        report = json.loads(stats.contents.stats_json)
        print("sender:", json.dumps(report["sender-stats"]), file=sys.stderr)
        return rist.lib.rist_stats_free(stats)

    ctx = ctypes.c_void_p()
    rist.check(rist.lib.rist_sender_create(ctypes.byref(ctx), rist.PROFILE_SIMPLE, 0, None), "rist_sender_create")
    count = 0
    try:
        rist.check(rist.lib.rist_connection_status_callback_set(ctx, on_status, None), "the status callback")
        rist.check(rist.lib.rist_stats_callback_set(ctx, 1000, on_stats, None), "the statistics callback")
        rist.add_peer(ctx, arguments.url)
        rist.check(rist.lib.rist_start(ctx), "rist_start")
        connected.wait()
        due = time.monotonic()
        while payload := sys.stdin.buffer.read(PACKET):
            time.sleep(max(0.0, due - time.monotonic()))
            due += len(payload) * 8 / arguments.rate
            block = rist.DataBlock(payload=ctypes.cast(payload, ctypes.c_void_p), payload_len=len(payload))
            rist.check(min(rist.lib.rist_sender_data_write(ctx, ctypes.byref(block)), 0), "rist_sender_data_write")
            count += 1
        time.sleep(LINGER)
    except KeyboardInterrupt:
        pass
    finally:
        rist.lib.rist_destroy(ctx)
    print(f"sender: {count} packets", file=sys.stderr)


if __name__ == "__main__":
    main()
