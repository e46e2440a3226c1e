#!/bin/bash
# Whole programs on the loopback: what this library costs beside Debian's libRIST and plain UDP.
#
#   benches/whole.sh [quick|full]     about 4 minutes, about 25; docs/performance.md explains the tables
#
# Needs Rust on Debian 12 and an idle machine. Installs what is missing with apt-get. RIST_LIBRARY_DIR names a
# directory with another librist.so.4 to measure in place of ours.
set -euo pipefail
cd "$(dirname "$0")/.."

extent=${1:-quick}
case $extent in quick | full) ;; *) echo "usage: benches/whole.sh [quick|full]" >&2; exit 2 ;; esac

missing=()
for package in librist-dev gcc libc6-dev python3; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    root=(); [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -q >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
fi

target=${CARGO_TARGET_DIR:-target}
if [ -n "${RIST_LIBRARY_DIR:-}" ]; then
    ours=$RIST_LIBRARY_DIR/librist.so.4
else
    cargo build --release --lib
    ours=$target/release/librist.so
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian" "$work/ours"
ln -s "$(realpath "/usr/lib/$(gcc -print-multiarch)/librist.so.4")" "$work/debian/librist.so.4"
ln -s "$(realpath "$ours")" "$work/ours/librist.so.4"
# One program, built with Debian's headers, for both.
cc -std=c99 -O2 -Wall -Wextra -I /usr/include benches/whole/*.c -L "/usr/lib/$(gcc -print-multiarch)" -lrist -o "$work/load"

python3 benches/whole/tables.py "$extent" "$work"
