#!/bin/bash
# What takes too long for every commit, half an hour in all: the whole grid of networks (28,000 worlds), judged by the
# stored figures; a week of each kind of session in virtual time; unmodified programs at 20 Mbit/s for twenty minutes.
# RIST_BLESS=1: stores the figures of the whole grid, and of the part that every test run plays, and does no more.
set -euo pipefail
cd "$(dirname "$0")"

grid() { cargo test --profile checked --test simulation grid::recovery_is_as_good_as_stored -- --exact --nocapture; }

if [ -n "${RIST_BLESS:-}" ]; then
    grid
fi
GRID=nightly grid
[ -z "${RIST_BLESS:-}" ] || exit 0
SOAK=week cargo test --profile checked --test simulation scenarios::week -- --nocapture
./soak.sh 1200
