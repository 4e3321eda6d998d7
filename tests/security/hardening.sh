#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh COMPILER FILE...: programs and shared libraries have what makes a mistake in them
# hard to use. Prints TAP. First, a program without any of it must fail every check.
set -uo pipefail

compiler=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# examine FILE: what the checks look at, once. Fails where it is no program or library.
examine() {
    file=$1
    rm -f "$work"/header "$work"/segments "$work"/dynamic "$work"/symbols "$work"/code
    readelf -hW "$1" >"$work/header" 2>/dev/null && readelf -lW "$1" >"$work/segments" &&
        readelf -dW "$1" >"$work/dynamic" && readelf --dyn-syms -W "$1" >"$work/symbols" &&
        objdump -d --no-show-raw-insn "$1" >"$work/code"
}

# ---- checks: 0 where the file has it ----

is_library() {
    case $file in *.so*) return 0 ;; *) return 1 ;; esac
}

position_independent() {
    grep -q 'Type: *DYN' "$work/header" && { is_library || grep -q 'FLAGS_1.*PIE' "$work/dynamic"; }
}

relocations_read_only() {
    grep -q GNU_RELRO "$work/segments"
}

bound_at_start() {
    grep -qE 'BIND_NOW|FLAGS_1.*NOW' "$work/dynamic"
}

stack_not_executable() {
    grep -qE 'GNU_STACK.* RW  ' "$work/segments"
}

nothing_writable_and_executable() {
    ! grep -qE '(LOAD|GNU_STACK) .* (RWE|WE) ' "$work/segments"
}

# Headers and constants are in no executable segment: the first is read-only.
code_apart() {
    grep LOAD "$work/segments" >"$work/loads"
    sed 1q "$work/loads" | grep -q ' R  '
}

no_text_relocations() {
    ! grep -q TEXTREL "$work/dynamic"
}

# Meson gives libraries one for the build folder, and takes it out when it installs them.
no_search_path() {
    is_library || ! grep -qE 'RPATH|RUNPATH' "$work/dynamic"
}

stack_protected() {
    grep -q __stack_chk_fail "$work/symbols"
}

fortified() {
    grep -qE '__(mem|str|v?s?n?printf|v?fprintf)[a-z]*_chk' "$work/symbols"
}

# What the code believes of itself is checked where it runs, and not in tests alone.
assertions_on() {
    grep -q __assert_fail "$work/symbols"
}

# No frame is taken by more than a page at once: each page of it is touched.
stack_clash_probed() {
    ! grep -E 'sub +\$0x[0-9a-f]{4,8},%rsp' "$work/code" | grep -qvE '\$0x1000,'
}

# What can be called through a pointer begins with endbr64: main, and all that is exported.
branches_tracked() {
    if is_library; then
        grep -E -A1 '^[0-9a-f]+ <rill_(pay|strerror|loop_new|endpoint_new)>:$' "$work/code"
    else
        grep -A1 '^[0-9a-f]* <main>:$' "$work/code"
    fi >"$work/entries"
    [ -s "$work/entries" ] && [ "$(grep -c '>:$' "$work/entries")" -eq "$(grep -c endbr64 "$work/entries")" ]
}

checks="position_independent relocations_read_only bound_at_start stack_not_executable
nothing_writable_and_executable code_apart no_text_relocations no_search_path stack_protected
fortified assertions_on"
case $("$compiler" -dumpmachine) in
x86_64*) checks="$checks branches_tracked stack_clash_probed" ;;
esac

number=0
bad=0
result() { # STATUS NAME
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        bad=1
    fi
}

cat >"$work/bare.c" <<'C'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[20000];
    sprintf(text, "%s", argv[argc - 1]);
    return (int)strlen(text);
}
C
"$compiler" -O1 -no-pie -U_FORTIFY_SOURCE -fno-stack-protector -fno-stack-clash-protection \
    -fcf-protection=none -Wl,-z,norelro,-z,lazy,-z,execstack,-z,noseparate-code,-rpath,/nowhere \
    -nostartfiles -Wl,-e,main "$work/bare.c" -o "$work/bare" 2>"$work/log" || {
    cat "$work/log"
    exit 1
}
examine "$work/bare"
for check in $checks; do
    # Those take an assembler.
    [ "$check" != no_text_relocations ] || continue
    ! "$check"
    result $? "without protection, $check fails"
done
for path in "$@"; do
    if examine "$path"; then
        for check in $checks; do
            "$check"
            result $? "$(basename "$path"): $check"
        done
    else
        result 1 "$path is a program or library"
    fi
done
echo "1..$number"
exit $bad
