#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# prebuild_root.sh KIND FOLDER: what the modules of bindings/ are built with for linux machines of
# another kind: arm64-glibc, arm64-musl, x64-musl. FOLDER/cc is the compiler, FOLDER/include has
# OpenSSL's headers, and FOLDER/lib/libcrypto.a is that of Debian, or built from Debian's sources.
# FOLDER/sysroot is the machine's own / as qemu needs it. Safe to repeat.
set -euo pipefail
kind=$1
mkdir -p "$2/lib" "$2/include"
root=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ ! -e "$root/.made" ] || exit 0

# compiler COMMAND...: as FOLDER/cc.
compiler() {
    printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$root/cc"
    chmod +x "$root/cc"
}

case $kind in
arm64-glibc)
    scripts/sysroot.sh arm64 "$root/sysroot" 'libc6-dev libssl-dev libstdc++6'
    compiler aarch64-linux-gnu-gcc "--sysroot=$root/sysroot"
    cp "$root/sysroot/usr/lib/aarch64-linux-gnu/libcrypto.a" "$root/lib/"
    cp -r "$root/sysroot/usr/include/openssl" "$root/include/"
    cp -r "$root/sysroot/usr/include/aarch64-linux-gnu/openssl" "$root/include/"
    ;;
arm64-musl)
    scripts/sysroot.sh arm64 "$root/sysroot" 'musl-dev linux-libc-dev'
    # Beside its archive, which would be taken into the module without it.
    cp "$root/sysroot/lib/aarch64-linux-musl/libc.so" "$root/sysroot/usr/lib/aarch64-linux-musl/"
    sed "s#/usr/#$root/sysroot/usr/#g" "$root/sysroot/usr/lib/aarch64-linux-musl/musl-gcc.specs" >"$root/specs"
    # Atomics that are chosen at run time ask glibc alone which processor it is.
    compiler aarch64-linux-gnu-gcc "-specs=$root/specs -mno-outline-atomics" \
        "-idirafter $root/sysroot/usr/include -idirafter $root/sysroot/usr/include/aarch64-linux-gnu"
    scripts/musl.sh "$root/crypto" crypto "$root/cc" linux-aarch64
    ;;
x64-musl)
    compiler musl-gcc "-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu"
    scripts/musl.sh "$root/crypto" crypto "$root/cc" linux-x86_64
    ;;
*)
    echo "prebuild_root.sh: no such kind: $kind" >&2
    exit 2
    ;;
esac
[ ! -d "$root/crypto" ] || cp -r "$root/crypto/lib" "$root/crypto/include" "$root/"
touch "$root/.made"
