#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# package_deb.sh OUT: makes Debian packages of this tree in OUT, and has lintian read them.
# The last line names where they are.
set -euo pipefail
out=$(mkdir -p "$1" && realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
tree=$out/rill-$version

[ "$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" = "$version" ] || {
    echo "package: packaging/debian/changelog is not about version $version" >&2
    exit 1
}
rm -rf "$out"/*.deb "$out"/*.buildinfo "$out"/*.changes "$tree"
mkdir -p "$tree"
cp -r LICENSE README.md meson.build meson_options.txt include src examples man docs packaging "$tree/"
mv "$tree/packaging/debian" "$tree/debian"
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign) >"$out/log" 2>&1 || {
    tail -n 40 "$out/log" >&2
    echo "package: the packages could not be built; all of the log: $out/log" >&2
    exit 1
}
lintian --allow-root --fail-on error,warning,info "$out"/*.changes >&2 || {
    echo "package: lintian is not content" >&2
    exit 1
}
rm -rf "$tree"
ls "$out"/*.deb
