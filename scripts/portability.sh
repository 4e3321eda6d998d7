#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# portability.sh OUT TARGET...: builds for other machines and runs the unit, golden and property
# tests as they would run there. Each target is a folder of OUT. The last line counts tests.
#
#   arm64   64 bits, little-endian
#   armhf   32 bits, little-endian, without the tests that need numbers of 128 bits
#   i386    the same
#   s390x   64 bits, big-endian
#   halves  this machine, with the numbers of two halves that machines of 32 bits have; all tests
set -uo pipefail
out=$(mkdir -p "$1" && realpath "$1")
shift
cd "$(dirname "$0")/.." || exit 1

# of TARGET: the triplet of its compiler, the name of its processor for qemu, and its byte order.
of() {
    case $1 in
    arm64) echo aarch64-linux-gnu aarch64 little ;;
    armhf) echo arm-linux-gnueabihf arm little ;;
    i386) echo i686-linux-gnu i386 little ;;
    s390x) echo s390x-linux-gnu s390x big ;;
    halves) ;;
    *) return 1 ;;
    esac
}

# cross_file TARGET TRIPLET CPU ENDIAN
cross_file() {
    local root=$out/$1/root libraries=$2
    [ "$1" != i386 ] || libraries=i386-linux-gnu
    cat <<FILE
[binaries]
c = '$2-gcc'
ar = '$2-ar'
strip = '$2-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-$3', '-L', '$root']
[built-in options]
c_args = ['--sysroot=$root']
c_link_args = ['--sysroot=$root']
[properties]
sys_root = '$root'
pkg_config_libdir = ['$root/usr/lib/$libraries/pkgconfig', '$root/usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = '$3'
cpu = '$3'
endian = '$4'
FILE
}

# halves: what `try` does, without another machine.
halves() {
    local folder=$out/halves
    mkdir -p "$folder"
    echo "portability: halves: building, and its tests" >&2
    [ -e "$folder/build/build.ninja" ] ||
        meson setup "$folder/build" -Dtests=true -Dwerror=true -Dc_args=-DRILL_WIDE_HALVES \
            >"$folder/log" 2>&1 || return 1
    ninja -C "$folder/build" >"$folder/log" 2>&1 || {
        grep -v '^\[' "$folder/log" | head -n 60 >&2
        return 1
    }
    rm -f "$folder"/build/meson-logs/*.json
    meson test -C "$folder/build" --no-rebuild --no-suite e2e --no-suite budget \
        --no-suite security >"$folder/log" 2>&1
    count halves "$folder/build/meson-logs/testlog.json"
}

# try TARGET: 1 if it cannot be built, or if a test fails.
try() {
    local target=$1 words folder=$out/$1
    if [ "$target" = halves ]; then
        halves
        return
    fi
    read -ra words <<<"$(of "$target")"
    mkdir -p "$folder"
    echo "portability: $target: what it is compiled against" >&2
    scripts/sysroot.sh "$target" "$folder/root" || return 1
    cross_file "$target" "${words[@]}" >"$folder/cross"
    echo "portability: $target: building" >&2
    if [ ! -e "$folder/build/build.ninja" ]; then
        meson setup "$folder/build" --cross-file "$folder/cross" -Dtests=true -Dwerror=true \
            -Dipsec_mb=disabled >"$folder/log" 2>&1 || {
            tail -n 20 "$folder/log" >&2
            return 1
        }
    fi
    ninja -C "$folder/build" >"$folder/log" 2>&1 || {
        grep -v '^\[' "$folder/log" | head -n 60 >&2
        return 1
    }
    echo "portability: $target: its tests" >&2
    rm -f "$folder"/build/meson-logs/*.json
    meson test -C "$folder/build" --no-rebuild --timeout-multiplier 20 --suite unit --suite golden \
        --suite property >"$folder/log" 2>&1
    count "$target" "$folder/build/meson-logs/testlog.json"
}

count() {
    python3 - "$@" <<'PYTHON'
import json, sys
sys.path.insert(0, "scripts")
import test
count, log = test.read_meson_logs([sys.argv[2]])
print(log, end="\n" if log else "")
print(f"{sys.argv[1]}: {count.passed} passed, {len(count.failures)} failed", flush=True)
sys.exit(1 if count.failures or not count.passed else 0)
PYTHON
}

bad=0
for target; do
    of "$target" >/dev/null || {
        echo "portability: there is no target $target: arm64, armhf, i386, s390x, halves" >&2
        exit 2
    }
done
for target; do
    try "$target" || {
        echo "$target: FAILED"
        bad=1
    }
done
exit $bad
