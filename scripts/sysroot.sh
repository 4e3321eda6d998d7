#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sysroot.sh ARCHITECTURE FOLDER [PACKAGES [RELEASE]]: unpacks into FOLDER what Rill and its tests are
# compiled against and run with, of Debian's ARCHITECTURE (arm64, s390x, ...), or PACKAGES and what they
# need; of another RELEASE of Debian than this machine's (trixie).
# The machine's own package database is not touched, and no root is needed.
set -euo pipefail
architecture=$1 root=$2
packages="${3:-}" release=${4:-}
[ -n "$packages" ] || packages="libc6-dev libssl-dev libuv1-dev libcurl4-openssl-dev libjansson-dev libsqlite3-dev libyaml-dev libhttp-parser-dev libnghttp2-dev libcmocka-dev libwslay-dev"

[ ! -e "$root/.complete" ] || exit 0
rm -rf "$root"
state=$root/.apt
mkdir -p "$state"/{lists/partial,cache/archives/partial,etc}
root=$(realpath "$root") state=$(realpath "$state")
: >"$state/status"
apt="apt-get -q -o APT::Architecture=$architecture -o APT::Architectures=$architecture
    -o Dir::State=$state -o Dir::State::status=$state/status -o Dir::State::lists=$state/lists
    -o Dir::Cache=$state/cache -o APT::Install-Recommends=false -o APT::Sandbox::User=
    -o Debug::NoLocking=true"
if [ -n "$release" ]; then
    echo "deb http://deb.debian.org/debian $release main" >"$state/etc/sources.list"
    apt="$apt -o Dir::Etc::sourcelist=$state/etc/sources.list -o Dir::Etc::sourceparts=-"
fi
# shellcheck disable=SC2086 # words, on purpose
{
    $apt update
    $apt install -y --download-only $packages
} >"$state/log" 2>&1 </dev/null || {
    tail -n 20 "$state/log" >&2
    exit 1
}
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
done
# Links that lead to / would lead to the machine's own files.
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
done
rm -rf "$state"
touch "$root/.complete"
