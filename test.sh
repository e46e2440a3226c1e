#!/bin/bash
# Installs the Debian packages that the tests use, and runs every test.
set -euo pipefail
cd "$(dirname "$0")"

packages=(
    librist-dev rist-tools ffmpeg                       # the unmodified programs and Debian's library
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    vlc-bin vlc-plugin-base
    tshark openssl                                      # they read what we send
    gcc g++ libc6-dev binutils pkg-config meson ninja-build valgrind python3
    iproute2 iputils-ping                               # network namespaces with TUN devices
)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    root=(); [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

cargo test --profile checked "$@"
