#!/usr/bin/env python3
"""Receives over RIST and writes to standard output, with nothing but ctypes.

    receiver.py 'rist://@:6000?buffer=500' > stream.ts

Ends on SIGINT, or when --packets have come.
"""

import argparse
import ctypes
import sys

import rist


def main():
    parser = argparse.ArgumentParser(description="RIST to standard output, Simple profile")
    parser.add_argument("url")
    parser.add_argument("--packets", type=int, default=0, help="end after so many")
    arguments = parser.parse_args()

    ctx = ctypes.c_void_p()
    rist.check(rist.lib.rist_receiver_create(ctypes.byref(ctx), rist.PROFILE_SIMPLE, None), "rist_receiver_create")
    count = gaps = 0
    try:
        rist.add_peer(ctx, arguments.url)
        rist.check(rist.lib.rist_start(ctx), "rist_start")
        block = ctypes.POINTER(rist.DataBlock)()
        while not arguments.packets or count < arguments.packets:
            queued = rist.lib.rist_receiver_data_read2(ctx, ctypes.byref(block), 100)
            rist.check(min(queued, 0), "rist_receiver_data_read2")
            if queued == 0:
                continue
            sys.stdout.buffer.write(ctypes.string_at(block.contents.payload, block.contents.payload_len))
            gaps += block.contents.flags & rist.FLAG_DISCONTINUITY
            count += 1
            if queued == 1:  # the last one for now
                sys.stdout.buffer.flush()
            rist.lib.rist_receiver_data_block_free2(ctypes.byref(block))
    except KeyboardInterrupt:
        pass
    finally:
        rist.lib.rist_destroy(ctx)
        sys.stdout.buffer.flush()
    print(f"receiver: {count} packets, {gaps} gaps", file=sys.stderr)


if __name__ == "__main__":
    main()
