#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_core_symbols.sh BUILD: the core (base, ilp, stream) asks nothing of the system but
# memory and strings: no clock, no socket, no file, no thread, no randomness, no environment.
set -euo pipefail

core=$1/src/librill_core.a
crypto=$1/src/librill_crypto.a

# Allowed are memory and strings, what the compiler adds, and the end of a failed assertion.
allowed='^(memcmp|memcpy|memmove|memset|memchr|memrchr|strlen|strnlen|strcmp|strncmp|strchr
|malloc|realloc|free|snprintf|vsnprintf
|__memcpy_chk|__memmove_chk|__memset_chk|__snprintf_chk|__vsnprintf_chk
|__u?divti3|__u?modti3|__u?divmodti4
|__stack_chk_fail|__assert_fail|abort|_GLOBAL_OFFSET_TABLE_)$'
allowed=$(printf "%s" "$allowed" | tr -d '\n')

[ -f "$core" ] && [ -f "$crypto" ] || { echo "no archive in $1/src" >&2; exit 1; }

names() {
    nm -P "$@" 2>/dev/null | awk 'NF > 1 && $1 !~ /:$/ { print $1, $2 }'
}
defined=$(names "$core" "$crypto" | awk '$2 != "U" && $2 != "w" { print $1 }' | sort -u)
[ -n "$(names "$core")" ] || { echo "the core archive has no symbols" >&2; exit 1; }
foreign=$(names "$core" | awk '$2 == "U" { print $1 }' | sort -u |
    comm -23 - <(echo "$defined") | grep -Ev "$allowed" || true)
if [ -n "$foreign" ]; then
    echo "the core may not use:" >&2
    for symbol in $foreign; do
        nm -A "$core" 2>/dev/null | grep -E " U $symbol\$" | sed 's/^/  /' >&2
    done
    exit 1
fi

# Global state: anything in a writable section. (Constants with pointers are in .data.rel.ro.)
writable=$(objdump -t "$core" | awk '
    / file format / { object = $1 }
    NF < 4 { next }
    $(NF - 2) ~ /^(\.bss|\.data|\.tdata|\.tbss|\*COM\*)(\.|$)/ && $(NF - 2) !~ /rel\.ro/ &&
        $(NF - 1) !~ /^0+$/ { print object, $NF }')
if [ -n "$writable" ]; then
    echo "the core may not hold global state:" >&2
    echo "$writable" | sed 's/^/  /' >&2
    exit 1
fi
