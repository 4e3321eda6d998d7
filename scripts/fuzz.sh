#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh FOLDER [TARGET --minutes M]: runs one fuzz target, from its corpus in fuzz/corpus.
set -euo pipefail

folder=$1
shift

targets() {
    find "$folder" -maxdepth 1 -type f -perm -u+x -name 'fuzz_*' -printf '%f\n' |
        sed 's/^fuzz_//' | sort
}

usage() {
    echo "usage: ./dev fuzz TARGET --minutes M" >&2
    echo "targets: $(targets | tr '\n' ' ')" >&2
    exit 2
}

[ $# -eq 3 ] && [ "$2" = --minutes ] || usage
target=$1
minutes=$3
[ -x "$folder/fuzz_$target" ] || usage
case "$minutes" in
'' | *[!0-9]*) usage ;;
esac

found=build/fuzzing/found/$target
mkdir -p "$found/corpus" "fuzz/corpus/$target"
echo "new inputs go to $found/corpus, failures to $found"
exec "$folder/fuzz_$target" -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$found/" "$found/corpus" "fuzz/corpus/$target"
