#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_exports.sh BUILD: the shared libraries export what the public headers declare with
# RILL_API, all of it and nothing else; the others share no inside of the core. They need nothing of
# OpenSSL that its first 3.0 had not.
set -euo pipefail

src=$1/src
failed=0

fail() {
    echo "$1" >&2
    echo "$2" | sed 's/^/  /' >&2
    failed=1
}

exported() {
    nm -D --defined-only "$1" | awk '{ print $3 }' | sort -u
}

# declared HEADER...: the names that RILL_API marks.
declared() {
    for header in "$@"; do
        tr '\n' ' ' <"include/rill/$header"
    done | grep -oE 'RILL_API [^;{}#]*;' | sed -E 's/\(.*//; s/.*[ *]//' | sort -u
}

# compare LIBRARY HEADER...
compare() {
    local library=$src/$1 extra lacking
    shift
    extra=$(comm -13 <(declared "$@") <(exported "$library"))
    lacking=$(comm -23 <(declared "$@") <(exported "$library"))
    [ -z "$extra" ] || fail "$library exports what no header of it declares:" "$extra"
    [ -z "$lacking" ] || fail "$library does not export what its headers declare:" "$lacking"
}

cd "$(dirname "$0")/.."
net_headers='account.h credentials_file.h link.h loop.h net.h node.h payment.h ping.h quote.h spsp_server.h trace.h'
pay_headers='http_signature.h key.h op_sender.h open_payments.h receiver.h spsp.h'
others="$net_headers $pay_headers"
core_headers=$(find include/rill -name '*.h' -printf '%f\n' | grep -vxE "${others// /|}")
# shellcheck disable=SC2086 # words, on purpose
compare librill.so $core_headers
# shellcheck disable=SC2086
compare librill-net.so $net_headers
# shellcheck disable=SC2086
compare librill-pay.so $pay_headers

# A private copy of STREAM inside another library would have to agree with librill's for ever.
inside=$(find "$src" -path '*librill_core.a.p/stream_*.o' -exec nm --defined-only -P {} + |
    awk '$2 == "T" { print $1 }' | sort -u)
for library in librill-net librill-pay; do
    copies=$(nm --defined-only -P "$src/$library.so" | awk '{ print $1 }' | sort -u |
        comm -12 - <(echo "$inside"))
    [ -z "$copies" ] || fail "$library.so holds copies of STREAM's functions:" "$copies"
    readelf -d "$src/$library.so" | grep -q 'NEEDED.*\[librill\.so\.1\]' ||
        fail "does not need librill.so.1:" "$library.so"
done

for library in librill librill-net librill-pay; do
    later=$(readelf -W --dyn-syms "$src/$library.so" | grep -oE '\w+@OPENSSL_3[0-9.]*' |
        grep -v '@OPENSSL_3\.0\.0$' || true)
    [ -z "$later" ] || fail "$library.so does not load with OpenSSL 3.0.0:" "$later"
    readelf -d "$src/$library.so" | grep -q "SONAME.*\[$library\.so\.1\]" ||
        fail "wrong soname:" "$library"
done

# One name, one function: a program that links the archives would get either of two.
doubled=$(for archive in "$src"/librill_core.a "$src"/librill_crypto.a "$src"/librill-net.a \
    "$src"/librill-pay.a; do
    nm --defined-only -P "$archive" 2>/dev/null | awk '$2 ~ /^[TDBR]$/ { print $1 }' | sort -u
done | grep -v '^__odr_asan' | sort | uniq -d)
[ -z "$doubled" ] || fail "two libraries define:" "$doubled"
exit $failed
