#!/bin/bash
# What takes too long for every commit, about an hour in all: the whole grid of networks (28,000 worlds), judged by the
# stored figures; a week of each kind of session in virtual time; unmodified programs at 20 Mbit/s for twenty minutes;
# 10,000 random worlds, 10,000 lives of contexts, and everything under sanitizers. fuzz/long.sh is apart.
# RIST_BLESS=1: stores the figures of the whole grid, and of the part that every test run plays, and does no more.
set -euo pipefail
cd "$(dirname "$0")"

# Advisories come from the network; without cargo-deny the rest of the policy is tests/dependencies.rs's.
if command -v cargo-deny >/dev/null; then
    cargo deny check
else
    echo "cargo-deny is not installed: cargo install cargo-deny --locked" >&2
fi

# Other inputs than every test run's.
export PROPERTY_TIMES=20 PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-$(date +%s)}
echo "properties: PROPERTY_TIMES=$PROPERTY_TIMES PROPTEST_RNG_SEED=$PROPTEST_RNG_SEED"
cargo test --profile checked --lib properties::
cargo test --profile checked --test properties

grid() { cargo test --profile checked --test simulation grid::recovery_is_as_good_as_stored -- --exact --nocapture; }

if [ -n "${RIST_BLESS:-}" ]; then
    grid
fi
GRID=nightly grid
[ -z "${RIST_BLESS:-}" ] || exit 0
SOAK=week cargo test --profile checked --test simulation scenarios::week -- --nocapture
SIM_SEEDS=10000 cargo test --profile checked --test simulation seeds
LIFECYCLE_CYCLES=10000 cargo test --profile checked --test lifecycle -- --nocapture
./soak.sh 1200
./sanitizers.sh
