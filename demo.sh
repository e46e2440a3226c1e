#!/bin/bash
# The main job on real input: an MPEG-TS file made with FFmpeg goes from Debian's ristsender to Debian's
# ristreceiver, both unmodified and both on this project's library, in the Main profile and encrypted, through a link
# with 10 % loss, 20 ms delay and reordering. The exit code is the verdict: 0 if what came out is the file, byte for byte.
#
# Needs Rust and gcc on Debian 12. Installs ffmpeg and rist-tools with apt-get if they are missing.
set -euo pipefail
cd "$(dirname "$0")"

SECONDS_OF_VIDEO=12
BUFFER_MS=1000
SECRET='secret=only-for-the-demo&aes-type=256'

say() { printf '\n== %s\n' "$*"; }

missing=()
for package in ffmpeg rist-tools; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    say "Installing ${missing[*]}"
    root=(); [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -q
    "${root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

say "Building the library"
target=${CARGO_TARGET_DIR:-target}
cargo build --release --lib
cargo build --release --example lossy_link --example udp_round_trip

work=$(mktemp -d)
jobs=()
clean_up() {
    for job in "${jobs[@]}"; do kill "$job" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

mkdir "$work/lib"
if [ -n "${RIST_LIBRARY_DIR:-}" ]; then  # another library, to compare
    library=$(realpath "$RIST_LIBRARY_DIR/librist.so.4")
else
    library=$(realpath "$target/release/librist.so")
fi
ln -s "$library" "$work/lib/librist.so.4"

say "Making $SECONDS_OF_VIDEO s of MPEG-TS"
ffmpeg -hide_banner -loglevel error -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 \
    -t $SECONDS_OF_VIDEO -c:v mpeg2video -b:v 3M -minrate 3M -maxrate 3M -bufsize 1M -c:a mp2 -b:a 192k -f mpegts "$work/in.ts"
size=$(stat -c %s "$work/in.ts")
rate=$((size * 8 / SECONDS_OF_VIDEO))
echo "$size bytes, $rate bit/s"

# Four even ports that nobody uses, the tests included: feed, link entry, session, output.
port=$((10000 + RANDOM % 4900 * 2))
feed=$port; entry=$((port + 2)); session=$((port + 4)); output=$((port + 6))

say "Starting ristreceiver, the lossy link and ristsender"
LD_LIBRARY_PATH="$work/lib" ristreceiver -p 1 -S 1000 -i "rist://@127.0.0.1:$session?buffer=$BUFFER_MS&$SECRET" \
    -o "udp://127.0.0.1:$output" >"$work/receiver.log" 2>&1 &
receiver=$!; jobs+=($receiver)
"$target/release/examples/lossy_link" --listen $entry --to $session --loss 10 --delay 20 --jitter 5 --reorder 2 \
    --seed 1 --report 2 &
jobs+=($!)
LD_LIBRARY_PATH="$work/lib" ristsender -p 1 -S 1000 -i "udp://@127.0.0.1:$feed" \
    -o "rist://127.0.0.1:$entry?buffer=$BUFFER_MS&$SECRET" >"$work/sender.log" 2>&1 &
sender=$!; jobs+=($sender)

mapped() { grep -o '/.*librist.*' "/proc/$1/maps" 2>/dev/null | sort -u; }
for program in "ristsender $sender" "ristreceiver $receiver"; do
    read -r name id <<<"$program"
    for _ in $(seq 100); do
        [ -n "$(mapped "$id")" ] && break
        kill -0 "$id" 2>/dev/null || break
        sleep 0.05
    done
    files=$(mapped "$id")
    echo "$name ($(command -v "$name")), /proc/$id/maps:"
    grep librist "/proc/$id/maps" || true
    if [ "$files" != "$library" ]; then
        echo "$name does not run on $library"; cat "$work"/*.log; exit 1
    fi
done
grep -h -m1 -i 'library' "$work/sender.log" "$work/receiver.log" || true

say "Streaming through 10 % loss, 20 ms delay, 5 ms jitter and reordering"
show() {  # the statistics of one program in short lines, as they come
    tail --pid=$$ -n +1 -F "$1" 2>/dev/null | sed -un "s/.*\"receiver-stats\".*\"quality\":\([0-9.]*\),\"received\":\([0-9]*\).*\"missing\":\([0-9]*\),.*\"recovered_total\":\([0-9]*\).*\"lost\":\([0-9]*\).*/receiver: quality \1 %, \2 received, \3 missing, \4 recovered, \5 lost/p
s/.*\"sender-stats\".*\"type\":\"data\".*\"quality\":\([0-9.]*\),\"sent\":\([0-9]*\),.*\"retransmitted\":\([0-9]*\),.*/sender:   quality \1 %, \2 sent, \3 sent again/p"
}
show "$work/receiver.log" & jobs+=($!)
show "$work/sender.log" & jobs+=($!)

came=yes
"$target/release/examples/udp_round_trip" --send $feed --receive $output --rate $rate "$work/in.ts" "$work/out.ts" || came=no

say "Verdict"
ls -l "$work/in.ts" "$work/out.ts" | awk '{print $5, $NF}'
if [ $came = yes ] && cmp "$work/in.ts" "$work/out.ts"; then
    echo "PASS: what came out of ristreceiver is the file, byte for byte."
else
    echo "FAIL: what came out of ristreceiver is not the file."
    tail -n 20 "$work/receiver.log" "$work/sender.log" | cut -c1-300
    exit 1
fi
