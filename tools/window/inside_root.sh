#!/bin/bash
# Run a command in the Debian root of make_blender_root.sh, with this checkout at /checkout and with /proc.
# usage (as root): tools/window/inside_root.sh ROOT COMMAND...
# Both are mounted for the command alone, and go with it.
set -euo pipefail
export root=${1:?usage: inside_root.sh ROOT COMMAND...} checkout
checkout=$(cd "$(dirname "$0")/../.." && pwd)
shift
mkdir -p "$root/checkout"
# shellcheck disable=SC2016  the inner shell is to expand them
exec unshare --mount bash -euc '
    mount --bind "$checkout" "$root/checkout"
    mount -t proc proc "$root/proc"
    exec chroot "$root" env --chdir=/checkout "$@"' inside "$@"
