#!/bin/bash
# The long run: every target, two at a time and only with what the machine has to spare.
#
#   fuzz/long.sh [seconds [target…]]   seconds of CPU for each target, 1200 if not said
#   fuzz/long.sh table                 what the runs so far came to
#
# FUZZ_DIR: where corpora, findings and logs go (fuzz/corpus). Ends with 1 if there is a finding.
set -euo pipefail
script=$(realpath "$0")
cd "$(dirname "$script")"

dir=$(realpath -m "${FUZZ_DIR:-corpus}")
seconds=1200
# Enough of the same: a target with so many findings is left.
most_findings=5
# Only when nobody else wants the processor; where processes are grouped, the group too.
spare="nice -n 19"
command -v chrt >/dev/null && spare="chrt -i 0"

all_targets() { sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | grep -v '^ferrist-fuzz$'; }

host() { rustc -vV | sed -n 's/^host: //p'; }

# One line for each part of a run: executions, seconds of CPU, edges.
note() { echo "$1 $2 $3" >>"$dir/$target/parts"; }

findings() { { find "$dir/$1/findings" -type f ! -name 'slow-unit-*' 2>/dev/null || true; } | wc -l; }

# Until it has had its time. In parts, because seconds of the clock are not those of the CPU; for the same reason a time-out
# is long.
one() {
    target=$1
    local used=0 part=0 before status parts="$dir/$target/logs"
    mkdir -p "$dir/$target"/{inputs,findings,logs}
    before=$(findings "$target")
    while [ "$used" -lt "$seconds" ] && [ $(($(findings "$target") - before)) -lt $most_findings ]; do
        part=$((part + 1))
        local log="$parts/$$-$part.log" left=$((seconds - used)) cpu executions edges
        status=0
        TIMEFORMAT='%U %S'
        { time $spare "target/$(host)/release/$target" "$dir/$target/inputs" "seeds/$target" \
            -max_total_time="$left" -artifact_prefix="$dir/$target/findings/" -print_final_stats=1 \
            -rss_limit_mb=2048 -timeout=600 -report_slow_units=120 ${FUZZ_OPTIONS:-} >"$log" 2>&1 || status=$?; } 2>"$dir/$target/time"
        cpu=$(awk '{ print int($1 + $2 + 1) }' "$dir/$target/time")
        executions=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
        # After a crash there are no statistics: the last line that counted.
        executions=${executions:-$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -1)}
        edges=$(sed -n 's/^#.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
        note "${executions:-0}" "$cpu" "${edges:-0}"
        used=$((used + cpu))
        if [ $status != 0 ] && [ "$(findings "$target")" = "$before" ]; then
            echo "$target ended with $status: $log" >&2
            return 1
        fi
    done
}

table() {
    local target found=0 count
    printf '%-26s %14s %12s %8s %9s\n' target executions 'CPU seconds' edges findings
    for target in $(all_targets); do
        count=$(findings "$target")
        found=$((found + count))
        { cat "$dir/$target/parts" 2>/dev/null || true; } | awk -v target="$target" -v findings="$count" '
            { executions += $1; cpu += $2; if ($3 > edges) edges = $3 }
            END { printf "%-26s %14d %12d %8d %9d\n", target, executions, cpu, edges, findings }'
    done
    [ "$found" = 0 ]
}

case "${1:-}" in
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$script"; exit ;;
    table) table; exit ;;
    --one) seconds=$2; one "$3"; exit ;;
esac
seconds=${1:-$seconds}
[ $# -gt 0 ] && shift

command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz
# libFuzzer's instrumentation needs a compiler that takes unstable flags.
if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
    cargo +nightly fuzz build
else
    RUSTC_BOOTSTRAP=1 cargo fuzz build
fi
export FUZZ_DIR="$dir"
echo 19 2>/dev/null >/proc/self/autogroup || true
{ [ $# -gt 0 ] && printf '%s\n' "$@" || all_targets; } | xargs -P 2 -n 1 "$script" --one "$seconds" || true
table
