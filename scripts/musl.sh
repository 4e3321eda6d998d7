#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# musl.sh FOLDER: builds into FOLDER, with musl instead of glibc, the libraries that Rill and its
# tests need: from Debian's sources, without Debian's changes. They are shared libraries, so that a
# test that replaces a function does so for Rill's own code alone. The machine's own package database
# is not touched.
# musl.sh FOLDER crypto COMPILER TARGET: libcrypto alone, as an archive, by that compiler, for that
# target of OpenSSL's (linux-x86_64, linux-aarch64).
set -euo pipefail
root=$1 part=${2:-all} compiler=${3:-musl-gcc} target=${4:-linux-x86_64}

[ ! -e "$root/.complete" ] || exit 0
mkdir -p "$root/.apt"/{lists/partial,cache/archives/partial} "$root"/{source,lib/pkgconfig,include}
root=$(realpath "$root")
state=$root/.apt
log=$root/log
: >"$state/status"
. /etc/os-release
echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" >"$state/sources.list"
apt="apt-get -q -o Dir::State=$state -o Dir::State::status=$state/status
    -o Dir::State::lists=$state/lists -o Dir::Cache=$state/cache -o APT::Sandbox::User=
    -o Dir::Etc::sourcelist=$state/sources.list -o Dir::Etc::sourceparts=- -o Debug::NoLocking=true"
# The headers of the kernel, which musl does not bring.
after='-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu'

# unpack NAME PACKAGE: into source/NAME.
unpack() {
    [ ! -e "$root/source/$1" ] || return 0
    # shellcheck disable=SC2086 # words, on purpose
    (cd "$root/source" && $apt source --download-only "$2")
    mkdir "$root/source/.$1"
    tar -xf "$(find "$root/source" -maxdepth 1 -name "$2_*.orig.tar.*" ! -name '*.asc')" \
        -C "$root/source/.$1" --strip-components=1
    mv "$root/source/.$1" "$root/source/$1"
}

# with_cmake NAME OPTION...
with_cmake() {
    local name=$1
    shift
    cmake -S "$root/source/$name" -B "$root/source/$name/build" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_C_FLAGS="-fPIC $after" \
        -DCMAKE_INSTALL_PREFIX="$root" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$root" \
        -DCMAKE_FIND_ROOT_PATH="$root" -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
        -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DBUILD_SHARED_LIBS=ON "$@"
    cmake --build "$root/source/$name/build" -j2
    cmake --install "$root/source/$name/build"
}

openssl() {
    local kind=shared
    [ "$part" = all ] || kind=no-shared
    cd "$root/source/openssl"
    # shellcheck disable=SC2086
    CC=$compiler ./Configure "$target" "$kind" no-tests no-engine no-async no-dso no-afalgeng \
        --prefix="$root" --openssldir="$root/ssl" --libdir=lib $after
    if [ "$part" = crypto ]; then
        make -j2 build_generated
        make -j2 libcrypto.a
        cp libcrypto.a "$root/lib/"
        cp -r include/openssl "$root/include/"
    else
        make -j2 build_libs
        make install_dev
    fi
}

http_parser() {
    cd "$root/source/http_parser"
    musl-gcc -O2 -fPIC -DHTTP_PARSER_STRICT=0 -shared -Wl,-soname,libhttp_parser.so \
        -o "$root/lib/libhttp_parser.so" http_parser.c
    cp http_parser.h "$root/include/"
}

sqlite() {
    cd "$root/source/sqlite"
    ./configure --prefix="$root" --disable-shared --disable-tcl --disable-readline \
        CC=musl-gcc CFLAGS='-O2 -fPIC' BUILD_CC=gcc
    make -j2 sqlite3.c sqlite3.h sqlite3.pc
    musl-gcc -O2 -fPIC -shared -Wl,-soname,libsqlite3.so -o "$root/lib/libsqlite3.so" sqlite3.c
    cp sqlite3.h "$root/include/"
    cp sqlite3.pc "$root/lib/pkgconfig/"
}

all() {
    # shellcheck disable=SC2086
    $apt update
    unpack openssl openssl
    unpack jansson jansson
    unpack yaml libyaml
    unpack cmocka cmocka
    unpack uv libuv1
    unpack nghttp2 nghttp2
    unpack http_parser http-parser
    unpack sqlite sqlite3
    unpack curl curl
    (openssl)
    (http_parser)
    (sqlite)
    with_cmake jansson -DJANSSON_BUILD_SHARED_LIBS=ON -DJANSSON_BUILD_DOCS=OFF \
        -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF
    with_cmake yaml -DBUILD_TESTING=OFF
    with_cmake cmocka -DWITH_EXAMPLES=OFF
    with_cmake uv -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF -DBUILD_TESTING=OFF
    with_cmake nghttp2 -DENABLE_LIB_ONLY=ON -DENABLE_SHARED_LIB=ON -DENABLE_STATIC_LIB=OFF
    with_cmake curl -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DHTTP_ONLY=ON -DCURL_USE_LIBSSH2=OFF \
        -DCURL_ZLIB=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DUSE_NGHTTP2=ON
    [ -e "$root/lib/pkgconfig/yaml-0.1.pc" ] ||
        printf 'Name: yaml\nDescription: YAML\nVersion: 0.2.5\nLibs: -L%s/lib -lyaml\nCflags: -I%s/include\n' \
            "$root" "$root" >"$root/lib/pkgconfig/yaml-0.1.pc"
}

crypto() {
    # The compiler knows where its headers are, of another processor too.
    after=
    # shellcheck disable=SC2086
    $apt update
    unpack openssl openssl
    (openssl)
}

("$part") >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    exit 1
}
rm -rf "$root/source" "$state"
touch "$root/.complete"
