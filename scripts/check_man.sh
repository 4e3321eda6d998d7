#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that the man pages exist, that groff reports nothing about them, and that they name every
# option that the programs know.
set -eu
cd "$(dirname "$0")/.."
for page in man/rill.1 man/rillctl.1 man/rilld.1; do
    [ -s "$page" ] || {
        echo "no $page" >&2
        exit 1
    }
    said=$(groff -mandoc -Tutf8 -ww -z -rLL=100n "$page" 2>&1 || true)
    [ -z "$said" ] || {
        echo "$said" >&2
        exit 1
    }
done

known=$(cat src/cli/*.c | grep -o '"--[a-z][a-z-]*"\|^ *"  *--[a-z][a-z-]*' | grep -o -e '--[a-z-]*' | sort -u)
named=$(sed -e 's/\\-/-/g' -e 's/Fl -/--/g' man/*.1 | grep -o -e '--[a-z][a-z-]*' | sort -u)
missing=$(printf '%s\n' "$known" | grep -vxF -e "$named" || true)
[ -z "$missing" ] || {
    echo "no man page names" $missing >&2
    exit 1
}
