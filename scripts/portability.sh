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
#   musl    this machine, with musl instead of glibc, without wslay and intel-ipsec-mb
#   gcc14   this machine's processor and Debian 13, in a chroot, by gcc 14; needs root
#   clang19 the same by clang 19
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
    halves | musl | gcc14 | clang19) ;;
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

# say_log FOLDER: what Meson or Ninja said of it, without what went well.
say_log() {
    grep -v '^\[' "$1/log" | tail -n 60 >&2
}

suites=(--suite unit --suite golden --suite property)

# musl: as on systems that have nothing else; its libraries are found by the run path. GNU ld wants
# what replaces malloc to be seen by libraries, too, since malloc has no version in musl.
musl() {
    local folder=$out/musl
    mkdir -p "$folder"
    echo "portability: musl: what it is compiled against" >&2
    scripts/musl.sh "$folder/root" || return 1
    cat >"$folder/cross" <<FILE
[binaries]
c = 'musl-gcc'
ar = 'ar'
strip = 'strip'
pkgconfig = 'pkg-config'
[built-in options]
c_args = ['-isystem', '$folder/root/include', '-idirafter', '/usr/include', '-idirafter', '/usr/include/$(uname -m)-linux-gnu']
c_link_args = ['-fuse-ld=gold', '-L$folder/root/lib', '-Wl,-rpath,$folder/root/lib']
[properties]
pkg_config_libdir = ['$folder/root/lib/pkgconfig']
needs_exe_wrapper = false
[host_machine]
system = 'linux'
cpu_family = '$(uname -m)'
cpu = '$(uname -m)'
endian = 'little'
FILE
    echo "portability: musl: building" >&2
    [ -e "$folder/build/build.ninja" ] ||
        meson setup "$folder/build" --cross-file "$folder/cross" -Dtests=true -Dwerror=true \
            -Dipsec_mb=disabled -Dwslay=disabled \
            >"$folder/log" 2>&1 || {
            say_log "$folder"
            return 1
        }
    ninja -C "$folder/build" >"$folder/log" 2>&1 || {
            say_log "$folder"
            return 1
        }
    echo "portability: musl: its tests" >&2
    rm -f "$folder"/build/meson-logs/*.json
    meson test -C "$folder/build" --no-rebuild "${suites[@]}" >"$folder/log" 2>&1
    count musl "$folder/build/meson-logs/testlog.json"
}

# inside ROOT COMMAND...: in the other Debian.
inside() {
    local root=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
        chroot "$root" "$@"
}

# debian13 TARGET COMPILER
debian13() {
    local folder=$out/$1 root=$out/debian13 status=0
    [ "$(id -u)" -eq 0 ] || {
        echo "portability: $1: only root can make a Debian 13 to build in" >&2
        return 1
    }
    mkdir -p "$folder/build"
    echo "portability: $1: a Debian 13" >&2
    if [ ! -e "$root.made" ]; then
        rm -rf "$root"
        debootstrap --variant=minbase --include="$debian13_packages" trixie "$root" \
            >"$folder/log" 2>&1 || {
            say_log "$folder"
            return 1
        }
        touch "$root.made"
    fi
    mkdir -p "$root/source" "$root/out"
    mount --bind "$PWD" "$root/source" && mount --bind "$folder/build" "$root/out" &&
        mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" || status=1
    if [ "$status" = 0 ]; then
        echo "portability: $1: building, and its tests" >&2
        [ -e "$folder/build/build.ninja" ] ||
            inside "$root" env CC="$2" meson setup /out /source -Dtests=true -Dwerror=true \
                >"$folder/log" 2>&1 || status=1
        [ "$status" != 0 ] || inside "$root" ninja -C /out >"$folder/log" 2>&1 || status=1
        [ "$status" = 0 ] || say_log "$folder"
        rm -f "$folder"/build/meson-logs/*.json
        [ "$status" != 0 ] ||
            inside "$root" meson test -C /out --no-rebuild "${suites[@]}" >"$folder/log" 2>&1
    fi
    umount "$root/dev" "$root/proc" "$root/out" "$root/source" 2>/dev/null
    [ "$status" = 0 ] && count "$1" "$folder/build/meson-logs/testlog.json"
}
debian13_packages=gcc,libc6-dev,clang-19,meson,ninja-build,pkgconf,python3,libssl-dev,libuv1-dev
debian13_packages+=,libcurl4-openssl-dev,libjansson-dev,libsqlite3-dev,libyaml-dev,libhttp-parser-dev
debian13_packages+=,libnghttp2-dev,libcmocka-dev,libwslay-dev,libllhttp-dev

# try TARGET: 1 if it cannot be built, or if a test fails.
try() {
    local target=$1 words folder=$out/$1
    case $target in
    halves | musl)
        "$target"
        return
        ;;
    gcc14)
        debian13 gcc14 gcc-14
        return
        ;;
    clang19)
        debian13 clang19 clang-19
        return
        ;;
    esac
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
        echo "portability: there is no target $target: halves, arm64, armhf, i386, s390x, musl," \
            "gcc14, clang19" >&2
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
