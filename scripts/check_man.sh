#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that the man pages exist, and that groff reports nothing about them.
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
