#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The systemd unit below a systemd that is in charge. Runs in the container that scripts/boot.sh
# starts, as one of its services, when the system is up; prints TAP and switches the system off.
set -uo pipefail
trap 'systemctl poweroff' EXIT
cd "$(mktemp -d)" || exit 1
number=0

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

property() { systemctl show --property "$1" --value rilld; }

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

pays() { timeout 20 rill send --credentials credentials --amount 1000000 --max-packet 1000; }

killed_and_back() {
    local before
    before=$(property MainPID)
    kill -KILL "$before"
    until_true 10 is NRestarts 1 && until_true 10 rill info && [ "$(property MainPID)" != "$before" ]
}

# A payment of some seconds; the node is another process before it is over.
restarted_amid_a_payment() {
    local before payer
    before=$(property MainPID)
    timeout 100 rill send --credentials credentials --amount 300000000 --max-packet 1000 &
    payer=$!
    sleep 0.5
    kill -0 "$payer" && systemctl restart rilld && [ "$(property MainPID)" != "$before" ] && wait "$payer"
}

stopped() {
    systemctl stop rilld
    is ActiveState inactive && is Result success && is ExecMainStatus 0
}

exposure() {
    local said
    said=$(systemd-analyze --no-pager security rilld | tail -n 1)
    echo "$said"
    [[ $said == *SAFE* ]]
}

echo 1..10
check "it runs when the system is up" is ActiveState active
check "as a user without rights, behind a filter" confined
check "the system's files are not its to write" writes_nothing
rill receive --credentials credentials >received 2>&1 &
until_true 10 test -e credentials
check "it carries a payment" pays
check "killed, it is started again" killed_and_back
until_true 20 grep -q 'the link is back' received
check "it carries a payment to the receiver that waited" pays
check "its socket is kept for the next process" is NFileDescriptorStore 1
check "restarted amid a payment, it carries that to its end" restarted_amid_a_payment
check "it stops when it is told to" stopped
check "systemd's own judgement" exposure
