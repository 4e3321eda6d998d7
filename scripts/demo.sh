#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh PROGRAMS EXAMPLES: a node, the tutorial's server and its client, on one machine.
set -euo pipefail

programs=$1
examples=$2
folder=$(mktemp -d)
node=
server=

cleanup() {
    local pid
    for pid in $server $node; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    echo "demo: $*" >&2
    sed 's/^/  node: /' "$folder/node.log" >&2
    exit 1
}

# await SECONDS COMMAND...: true once the command is.
await() {
    local tries=$(($1 * 50))
    shift
    until "$@"; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# arrived FILE PID: the file has been written, or will never be.
arrived() {
    [ -s "$1" ] || gone "$2"
}

# link NAME: the account of that name at the node, with a fresh token.
link() {
    echo "btp+ws://$1:$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')@127.0.0.1:$(cat "$folder/port")"
}

"$programs/rilld" local --listen 127.0.0.1:0 --port-file "$folder/port" 2>"$folder/node.log" &
node=$!
await 10 arrived "$folder/port" "$node" || fail "the node does not get ready"
[ -s "$folder/port" ] || fail "the node ended"

ILP_BTP_SERVER=$(link server) "$examples/server" "$folder/credentials" &
server=$!
await 10 arrived "$folder/credentials" "$server" || fail "the server does not get ready"
[ -s "$folder/credentials" ] || fail "the server ended"

ILP_BTP_SERVER=$(link client) timeout --foreground 60 "$examples/client" "$folder/credentials" ||
    fail "the client failed"
await 10 gone "$server" || fail "the server did not end after its client"
wait "$server" || fail "the server failed"
server=

kill "$node"
wait "$node" || fail "the node did not stop cleanly"
node=
