#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh BUILD: installs BUILD into a Debian 12 of its own in build/boot, starts that in a
# container whose first process is systemd, and runs tests/security/unit_in_charge.sh in it.
# Needs root, debootstrap and systemd-nspawn. Ends with 1 if a test fails.
set -euo pipefail
build=$(realpath "$1") root=$PWD/build/boot/root here=$PWD
limit=120 # seconds for the system to come up, and for the tests
packages=systemd,systemd-sysv,dbus,libuv1,libssl3,libjansson4,libhttp-parser2.9,libnghttp2-14
packages+=,libcurl4,libsqlite3-0,libyaml-0-2,procps

# What build/ has found on this machine may be more than the programs need.
needed=$(objdump -p "$build/src/cli/rilld" "$build/src/cli/rill" | grep -o 'libIPSec_MB' | sort -u || true)
[ -z "$needed" ] || packages+=,libipsec-mb1

if [ ! -e "$root.$packages" ]; then
    echo "boot: a Debian 12 in build/boot/root, a few minutes" >&2
    rm -rf "$root" "$root".*
    mkdir -p "$root"
    debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$here/build/boot/log" 2>&1 || {
        tail -n 20 "$here/build/boot/log" >&2
        exit 1
    }
    touch "$root.$packages"
fi
DESTDIR=$root meson install -C "$build" --no-rebuild --quiet

install -D -m 755 -t "$root/opt/rill" tests/security/unit_in_charge.sh
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
cat >"$root/etc/systemd/system/unit-in-charge.service" <<'UNIT'
[Unit]
After=rilld.service multi-user.target
[Service]
Type=oneshot
ExecStart=/opt/rill/unit_in_charge.sh
StandardOutput=file:/opt/rill/tap
StandardError=inherit
[Install]
WantedBy=default.target
UNIT
rm -f "$root/opt/rill/tap"
chroot "$root" systemctl --quiet enable rilld unit-in-charge

timeout "$limit" systemd-nspawn --boot --directory "$root" --machine "rill-boot-$$" --register=no \
    --keep-unit --private-network --volatile=no >"$here/build/boot/log" 2>&1 </dev/null || {
    tail -n 20 "$here/build/boot/log" >&2
    echo "boot: the system did not come up, or did not end within $limit s" >&2
    exit 1
}
cat "$root/opt/rill/tap"
passed=$(grep -c '^ok ' "$root/opt/rill/tap" || true)
planned=$(sed -n 's/^1\.\.//p' "$root/opt/rill/tap")
echo "$passed passed, $((planned - passed)) failed"
[ "$passed" = "$planned" ]
