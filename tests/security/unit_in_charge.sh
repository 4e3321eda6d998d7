#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The systemd units below a systemd that is in charge: rilld.service and, in its place at the same
# port, rilld-connector.service. Runs in the container that scripts/boot.sh starts, as one of its
# services, when the system is up; prints TAP and switches the system off.
set -uo pipefail
trap 'systemctl poweroff' EXIT
cd "$(mktemp -d)" || exit 1
number=0
unit=rilld
send=(rill send --credentials credentials --max-packet 1000)
much=300000000 # units: some seconds

# check WHAT COMMAND...
check() {
    local what=$1 said
    shift
    number=$((number + 1))
    if said=$("$@" 2>&1); then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
    fi
    sed 's/^/# /' <<<"$said" | grep -v '^# $'
}

property() { systemctl show --property "$1" --value "$unit"; }

# is PROPERTY VALUE
is() { [ "$(property "$1")" = "$2" ] || { property "$1" && false; }; }

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# Of the process itself, by the kernel.
confined() {
    local status
    status=$(grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$(property MainPID)/status")
    echo "$status"
    ! grep -qE '^Uid:.*\b0\b' <<<"$status" && grep -qE '^CapEff:\s0+$' <<<"$status" &&
        grep -qE '^CapBnd:\s0+$' <<<"$status" && grep -qE '^NoNewPrivs:\s1$' <<<"$status" &&
        grep -qE '^Seccomp:\s2$' <<<"$status"
}

# As root among its mounts: they are what keeps it from writing.
writes_nothing() {
    local folder
    for folder in / /etc /usr /var /home /root; do
        if nsenter --mount --target "$(property MainPID)" touch "$folder/written"; then
            return 1
        fi
    done
}

pays() { timeout 20 "${send[@]}" --amount 1000000; }

killed_and_back() {
    local before
    before=$(property MainPID)
    kill -KILL "$before"
    until_true 10 is NRestarts 1 && until_true 10 is ActiveState active && [ "$(property MainPID)" != "$before" ]
}

# A payment of some seconds; the node is another process before it is over.
restarted_amid_a_payment() {
    local before payer
    before=$(property MainPID)
    timeout 100 "${send[@]}" --amount $much &
    payer=$!
    sleep 0.5
    kill -0 "$payer" && systemctl restart "$unit" && [ "$(property MainPID)" != "$before" ] && wait "$payer"
}

stopped() {
    systemctl stop "$unit"
    is ActiveState inactive && is Result success && is ExecMainStatus 0
}

exposure() {
    local said
    said=$(systemd-analyze --no-pager security "$unit" | tail -n 1)
    echo "$said"
    [[ $said == *SAFE* || $said == *OK* ]]
}

# What every unit must do. Beside it $receiver waits for money, and says so in the file `received`.
in_charge() {
    check "$unit: it runs when the system is up" is ActiveState active
    check "$unit: as a user without rights, behind a filter" confined
    check "$unit: the system's files are not its to write" writes_nothing
    rm -f credentials
    "$@" >received 2>&1 &
    receiver=$!
    until_true 10 test -e credentials
    check "$unit: it carries a payment" pays
    check "$unit: killed, it is started again" killed_and_back
    until_true 20 grep -q 'the link is back' received
    check "$unit: it carries a payment to the receiver that waited" pays
    check "$unit: its socket is kept for the next process" is NFileDescriptorStore 1
    check "$unit: restarted amid a payment, it carries that to its end" restarted_amid_a_payment
}

# The connector's files, as an operator has them.
configure_connector() {
    mkdir -p /etc/rilld
    rm -rf /var/lib/private/rilld # of another run
    cat >/etc/rilld/connector.yaml <<'YAML'
address: g.boot
store: {path: /var/lib/rilld/books}
listen: [{host: 127.0.0.1, port: 7768}]
admin: {socket: /run/rilld/admin.sock}
accounts:
  alice: {relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: 100000000000}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB}
YAML
    (umask 077 && printf 'TOKEN_ALICE=alice-token\nTOKEN_BOB=bob-token\nTOKEN_CAROL=carol-token\n' >/etc/default/rilld-connector)
}

# Bob has what alice owes: two payments of 1,000,000 and one of $much, and no unit else.
has_the_books() {
    rillctl audit && rillctl accounts && rillctl accounts --json | tr -d ' \n' | grep -q "$((much + 2000000))"
}

# A reload that systemd waits for, and an account that is there after it.
reloads() {
    local before
    before=$(property MainPID)
    echo '  carol: {relation: child, asset: USD/6, tokens: env:TOKEN_CAROL}' >>/etc/rilld/connector.yaml
    systemctl reload "$unit" && [ "$(property MainPID)" = "$before" ] && until_true 5 rillctl balance carol
}

# One that is refused is said, and all stays as it was.
reloads_nothing_wrong() {
    echo '  carol: {relation: stranger}' >>/etc/rilld/connector.yaml
    systemctl reload "$unit"
    until_true 5 grep -q . <(journalctl --no-pager -u "$unit" | grep connector.yaml) && is ActiveState active && pays
}

echo 1..23
in_charge rill receive --credentials credentials
check "$unit: it stops when it is told to" stopped
check "$unit: systemd's own judgement" exposure
kill "$receiver"
unit=rilld-connector
much=60000000 # a disk that others use, too, is slow
send+=(--link 'btp+ws://:alice-token@127.0.0.1:7768')
configure_connector
systemctl start "$unit"
in_charge rill receive --credentials credentials --link 'btp+ws://:bob-token@127.0.0.1:7768'
check "$unit: the books have every unit of it" has_the_books
check "$unit: reloaded, it has the new account" reloads
check "$unit: what is wrong in its file changes nothing" reloads_nothing_wrong
check "$unit: it stops when it is told to" stopped
check "$unit: systemd's own judgement" exposure
kill "$receiver"
