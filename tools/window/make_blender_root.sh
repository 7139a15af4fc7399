#!/bin/bash
# Make an isolated Debian (sid) root with its newest Blender, a virtual screen and PyTorch for CPU.
# usage (as root, on Debian): tools/window/make_blender_root.sh DIR
# 4 to 7 minutes and 2.5 GB. tools/window/README.md says what to do with it.
set -euo pipefail
root=${1:?usage: make_blender_root.sh DIR}
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase sid "$root"
cp /etc/resolv.conf "$root/etc/" || true
cp -n /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
# no `apt-get update`: debootstrap's own lists are fresh
chroot "$root" apt-get install -y -qq --no-install-recommends \
    blender xvfb xauth xdotool libgl1-mesa-dri libegl1 libegl-mesa0 \
    python3-numpy python3-pil python3-requests python3-cattr python3-torch python3-scipy
chroot "$root" apt-get clean
mkdir -p "$root/tools"
cp "$here"/*.py "$here"/../packaging/try_extension.py "$root/tools/"
chroot "$root" blender --version | head -1
