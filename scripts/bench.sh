#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh FOLDER: runs every benchmark there. Speeds differ between machines: the ratio to the
# cryptography alone, measured in the same run, is what can be compared.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: ./dev bench" >&2; exit 2; }
results=$(mktemp)
trap 'rm -f "$results"' EXIT
"$1/bench_crypto" >"$results"
for program in "$1"/bench_*; do
    [ -f "$program" ] && [ -x "$program" ] && [ "$program" != "$1/bench_crypto" ] || continue
    timeout 120 "$program" >>"$results"
done
awk -F '\t' '
    NR == 1 { limit = $2; printf "%-40s %12s %10s\n", "one core", "a second", "ratio" }
    { printf "%-40s %12d %9.1f%%\n", $1, $2, 100 * $2 / limit }' "$results"
