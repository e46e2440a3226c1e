#!/bin/bash
# Plays the whole grid of networks (28,000 worlds, a few minutes) and judges recovery by the stored figures.
# RIST_BLESS=1: stores the figures of the whole grid, and of the part that every test run plays.
set -euo pipefail
cd "$(dirname "$0")"

grid() { cargo test --profile checked --test simulation grid::recovery_is_as_good_as_stored -- --exact --nocapture; }

if [ -n "${RIST_BLESS:-}" ]; then
    grid
fi
GRID=nightly grid
