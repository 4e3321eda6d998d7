#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh FOLDER ARGUMENT...: runs fuzz targets, beginning with their corpora in fuzz/corpus.
# Without arguments it lists the targets.
set -euo pipefail

folder=$1
shift

targets() {
    find "$folder" -maxdepth 1 -type f -perm -u+x -name 'fuzz_*' -printf '%f\n' |
        sed 's/^fuzz_//' | sort
}

usage() {
    cat >&2 <<TEXT
usage: ./dev fuzz TARGET --minutes M    new inputs and failures: build/fuzzing/found/TARGET
       ./dev fuzz --all --minutes M     each of them, two at a time
       ./dev fuzz TARGET --merge        fuzz/corpus/TARGET anew, from it and what was found
       ./dev fuzz TARGET --coverage     lines that its corpus does not reach; --all: that none does
targets: $(targets | tr '\n' ' ')
TEXT
    exit 2
}

known() {
    [ -x "$folder/fuzz_$1" ] || usage
}

# run TARGET MINUTES
run() {
    local found=build/fuzzing/found/$1
    mkdir -p "$found/corpus" "fuzz/corpus/$1"
    "$folder/fuzz_$1" -max_total_time=$(($2 * 60)) -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found/" "$found/corpus" "fuzz/corpus/$1"
}

# Prints one line about a run that has ended. Fails if the run failed.
run_quietly() {
    local status=0 log=build/fuzzing/found/$1.log
    mkdir -p build/fuzzing/found
    run "$1" "$2" >"$log" 2>&1 || status=$?
    printf '%-16s %12s inputs  %6s edges  %s\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)" \
        "$([ "$status" -eq 0 ] && echo well || echo "FAILED: see $log")"
    return "$status"
}

run_all() {
    local failed=0 target
    while read -r target; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
            wait -n || failed=1
        done
        run_quietly "$target" "$1" &
    done < <(targets)
    while [ "$(jobs -p | wc -l)" -gt 0 ]; do
        wait -n || failed=1
        jobs >/dev/null
    done
    return "$failed"
}

# As few inputs as reach every edge that these do.
merge() {
    local fresh=build/fuzzing/merged/$1 found=build/fuzzing/found/$1/corpus
    rm -rf "$fresh"
    mkdir -p "$fresh" "$found" "fuzz/corpus/$1"
    "$folder/fuzz_$1" -set_cover_merge=1 -use_counters=0 -use_cmp=0 -timeout=20 "$fresh" "fuzz/corpus/$1" \
        "$found" >"$fresh.log" 2>&1 || {
        tail -n 30 "$fresh.log" >&2
        exit 1
    }
    rm -rf "fuzz/corpus/$1"
    cp -r "$fresh" "fuzz/corpus/$1"
    echo "$(find "fuzz/corpus/$1" -type f | wc -l) files," \
        "$(cat "fuzz/corpus/$1"/* | wc -c) bytes in fuzz/corpus/$1"
}

# The files that a target is there for.
sources_of() {
    case "$1" in
    btp) echo src/ilp/btp.c ;;
    host) echo src/run/{host,host_open,host_link,handler,decisions,client,server,dispatch}.c ;;
    btp_client) echo src/links/btp/btp_{client,session,auth}.c src/ws/websocket.c src/io/{tcp,tcp_connect}.c ;;
    clients) echo src/clients/*.c ;;
    config) echo src/cli/{args,values,link_option,rilld_options}.c src/run/link_uri.c ;;
    connection) echo src/stream/*/*.c ;;
    credentials) echo src/cli/credentials_file.c ;;
    ccp) echo src/ilp/ccp.c ;;
    admin) echo src/connector/{admin,admin_*,follow,events}.c ;;
    books) echo src/store/sqlite*.c src/connector/core_kept.c src/connector/settler_terms.c ;;
    flights) echo src/store/flights.c src/connector/core_flights.c ;;
    admin_query) echo src/connector/admin_answer.c src/connector/when.c ;;
    engine_request) echo src/connector/{core_engines,settler_in,settler_terms,tokens}.c ;;
    proposals) echo src/connector/{admin_proposals,admin_peers,peering,peering_text}.c ;;
    settlement) echo src/connector/quantity.c src/connector/settler_words.c ;;
    connector_config) echo src/connector/config.c src/connector/shape.c ;;
    ildcp) echo src/ilp/ildcp.c ;;
    ilp) echo src/ilp/{packet,codes}.c ;;
    node) echo src/links/btp/btp_{server,session,auth}.c src/ws/websocket.c src/io/{acceptor,listener,tcp}.c src/node/*.c ;;
    oer) echo src/ilp/oer.c src/base/cursor.h ;;
    log_record) echo src/cli/log_record.c ;;
    packet_log) echo src/connector/packet_line.c src/connector/packet_search.c src/connector/packet_log.c ;;
    rate_answer) echo src/connector/rate_answer.c ;;
    redirect) echo src/clients/{redirect_request,interaction}.c ;;
    reassembly) echo src/stream/bytes/reassembly.c ;;
    stream_packet) echo src/stream/wire/{packet,frame}.c ;;
    text) echo src/base/parse.c src/ilp/time.c ;;
    token) echo src/stream/wire/{token,receipt}.c src/base/base64.c ;;
    uri) echo src/link/uri.c src/ilp/address.c ;;
    websocket) echo src/ws/ws_frame.c ;;
    ws_handshake) echo src/ws/ws_handshake.c ;;
    *) find src -name '*.c' ;;
    esac
}

# coverage TARGET...: how many lines of their files the corpora reach together, and those that
# none does.
coverage() {
    local out=$folder/coverage target objects=() sources=""
    mkdir -p "$out"
    rm -f "$out"/*.raw
    for target in "$@"; do
        LLVM_PROFILE_FILE=$out/$target.raw "$folder/fuzz_$target" -runs=0 \
            "fuzz/corpus/$target" >"$out/$target.log" 2>&1
        objects+=(-object "$folder/fuzz_$target")
        sources+=" $(sources_of "$target" | tr '\n' ' ')"
    done
    llvm-profdata-14 merge -o "$out/all.data" "$out"/*.raw
    llvm-cov-14 export -format=lcov -instr-profile="$out/all.data" "${objects[@]}" |
        awk -F '[:,]' -v want="$sources " '
            $1 == "SF" {
                file = $2
                sub(/.*\/\.\.\//, "", file)
                kept = index(want, " " file " ")
                lines = missed = 0
                text = ""
            }
            $1 == "DA" && kept {
                lines++
                if ($3 == 0) {
                    missed++
                    text = text "\n" $2
                }
            }
            $1 == "end_of_record" && kept {
                printf "%-32s %4d lines, %4d not reached\n", file, lines, missed
                count = split(text, number, "\n")
                at = 2
                for (n = 1; at <= count && (getline source < file) > 0; n++)
                    if (n == number[at]) {
                        print "    " n ": " source
                        at++
                    }
                close(file)
            }'
}

case "$#:${2:-}" in
2:--merge)
    known "$1"
    merge "$1"
    ;;
2:--coverage)
    if [ "$1" = --all ]; then
        # shellcheck disable=SC2046 # words, on purpose
        coverage $(targets)
    else
        known "$1"
        coverage "$1"
    fi
    ;;
3:--minutes)
    case "$3" in
    '' | 0* | *[!0-9]*) usage ;;
    esac
    if [ "$1" = --all ]; then
        run_all "$3"
    else
        known "$1"
        echo "new inputs go to build/fuzzing/found/$1/corpus, failures to build/fuzzing/found/$1"
        run "$1" "$3"
    fi
    ;;
*) usage ;;
esac
