# SPDX-License-Identifier: Apache-2.0
# Finds what a command needs and installs what is missing. Sourced by ./dev.
#
# It looks for the tool, library or header itself, and not for the package. So a tool that was
# installed in another way counts.

# has WHAT: cmd:NAME | python:MODULE (of the system's Python) | lib:PKG-CONFIG-NAME | header:FILE | node:MAJOR | fuzzer: | file:PATH
has() {
    local kind=${1%%:*} name=${1#*:}
    case "$kind" in
    cmd) command -v "$name" >/dev/null 2>&1 ;;
    python) /usr/bin/python3 -c "import $name" >/dev/null 2>&1 ;;
    lib) pkg-config --exists "$name" 2>/dev/null ;;
    header) echo "#include <$name>" | cc -E -x c - >/dev/null 2>&1 ;;
    node) [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$name" ] ;;
    fuzzer) ls "$(clang -print-resource-dir 2>/dev/null)"/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1 ;;
    file) [ -e "$name" ] ;;
    *) return 1 ;;
    esac
}

# A line each: what is needed, the Debian 12 package that has it.
needs_build() {
    cat <<'LIST'
cmd:gcc gcc
cmd:cc gcc
header:stdio.h libc6-dev
cmd:meson meson
cmd:ninja ninja-build
cmd:pkg-config pkg-config
lib:libcrypto libssl-dev
lib:libuv libuv1-dev
lib:jansson libjansson-dev
lib:sqlite3 libsqlite3-dev
lib:yaml-0.1 libyaml-dev
lib:libcurl libcurl4-openssl-dev
header:http_parser.h libhttp-parser-dev
lib:libnghttp2 libnghttp2-dev
file:/usr/share/llhttp/llhttp.c node-llhttp
file:/usr/share/javascript/chart.js/chart.min.js libjs-chart.js
LIST
}

needs_quick() {
    needs_build
    cat <<'LIST'
cmd:python3 python3
lib:cmocka libcmocka-dev
header:wslay/wslay.h libwslay-dev
LIST
    # A backend of src/crypto that builds do without; the tests and benchmarks do not.
    [ "$(uname -m)" != x86_64 ] || echo header:intel-ipsec-mb.h libipsec-mb-dev
}

needs_load() {
    needs_quick
    echo cmd:openssl openssl
}

needs_boot() {
    needs_build
    cat <<'LIST'
cmd:objdump binutils
cmd:debootstrap debootstrap
cmd:systemd-nspawn systemd-container
LIST
}

needs_format() {
    echo cmd:clang-format-14 clang-format-14
}

needs_docs() {
    cat <<'LIST'
file:/usr/bin/python3 python3
python:markdown python3-markdown
cmd:mandoc mandoc
cmd:doxygen doxygen
LIST
}

needs_portability() {
    needs_quick
    cat <<'LIST'
cmd:qemu-aarch64 qemu-user
cmd:aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
cmd:arm-linux-gnueabihf-gcc gcc-arm-linux-gnueabihf
cmd:i686-linux-gnu-gcc gcc-i686-linux-gnu
cmd:s390x-linux-gnu-gcc gcc-s390x-linux-gnu
cmd:musl-gcc musl-tools
cmd:cmake cmake
cmd:make make
cmd:tclsh tcl
cmd:debootstrap debootstrap
LIST
}

needs_package_deb() {
    needs_build
    cat <<'LIST'
cmd:dh debhelper
cmd:dpkg-buildpackage dpkg-dev
cmd:lintian lintian
cmd:debootstrap debootstrap
LIST
    [ "$(uname -m)" != x86_64 ] || echo header:intel-ipsec-mb.h libipsec-mb-dev
}

# Of machines of another kind, for the modules of bindings/.
needs_prebuild() {
    cat <<'LIST'
cmd:qemu-aarch64 qemu-user
cmd:aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
cmd:musl-gcc musl-tools
cmd:make make
file:/usr/bin/python3 python3
python:ensurepip python3-venv
LIST
}

needs_package_node() {
    cat <<'LIST'
cmd:gcc gcc
cmd:cc gcc
header:stdio.h libc6-dev
lib:libcrypto libssl-dev
node:18 nodejs
cmd:npm npm
LIST
}

needs_package_python() {
    cat <<'LIST'
cmd:gcc gcc
cmd:cc gcc
header:stdio.h libc6-dev
cmd:pkg-config pkg-config
lib:libcrypto libssl-dev
file:/usr/bin/python3 python3
python:ensurepip python3-venv
file:/usr/include/python3.11/Python.h libpython3.11-dev
cmd:readelf binutils
LIST
}

needs_fuzz() {
    needs_build
    cat <<'LIST'
cmd:clang clang
fuzzer: libclang-rt-14-dev
header:wslay/wslay.h libwslay-dev
LIST
}

needs_fuzz_coverage() {
    needs_fuzz
    echo cmd:llvm-cov-14 llvm-14
}

needs_test() {
    needs_quick
    needs_fuzz
    needs_package_python
    needs_format
    needs_docs
    cat <<'LIST'
cmd:valgrind valgrind
cmd:abidiff abigail-tools
python:cffi python3-cffi
cmd:bindgen bindgen
cmd:rustc rustc
cmd:go golang-go
cmd:g++ g++
cmd:cmake cmake
cmd:groff groff-base
cmd:openssl openssl
cmd:curl curl
cmd:nghttp nghttp2-client
cmd:chromium chromium
cmd:systemd-analyze systemd
cmd:objdump binutils
cmd:ps procps
file:/etc/ssl/certs/ca-certificates.crt ca-certificates
node:18 nodejs
cmd:npm npm
LIST
}

# missing SET: the packages of the set whose contents are not found.
missing() {
    "needs_$1" | while read -r what package; do
        has "$what" || echo "$package"
    done | sort -u | tr '\n' ' '
}

# need_packages SET: returns when all of it is there, or ends the program.
need_packages() {
    local packages sudo=
    packages=$(missing "$1")
    [ -n "$packages" ] || return 0
    command -v apt-get >/dev/null 2>&1 ||
        die "missing, and there is no apt-get here to install it (Debian's names): $packages"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            die "missing, and only root or sudo can install it: apt-get install ${packages% }"
        sudo=sudo
    fi
    echo "installing: $packages" >&2
    install_packages "$sudo" "$packages" || die "apt-get could not install: $packages"
    packages=$(missing "$1")
    [ -z "$packages" ] || die "still missing after it was installed: $packages"
}

# need_promtool FOLDER: prints the path of promtool, which says whether Prometheus can read what the
# node exports. Debian has it in the package of the server, which would be started by installing it:
# so only this program is taken out of it. Prints nothing where that is not to be had.
need_promtool() {
    local folder=$1
    if command -v promtool; then
        return 0
    fi
    if [ ! -x "$folder/usr/bin/promtool" ]; then
        mkdir -p "$folder"
        (cd "$folder" && apt-get -q download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb |
            tar x ./usr/bin/promtool && rm -f prometheus_*.deb) >"$folder/log" 2>&1 || return 0
    fi
    echo "$PWD/$folder/usr/bin/promtool"
}

# install_packages SUDO PACKAGES
install_packages() {
    local log apt="env DEBIAN_FRONTEND=noninteractive apt-get -q"
    log=$(mktemp)
    # shellcheck disable=SC2086 # words, on purpose
    if $1 $apt update >"$log" 2>&1 </dev/null &&
        $1 $apt install -y --no-install-recommends $2 >>"$log" 2>&1 </dev/null; then
        rm -f "$log"
        return 0
    fi
    tail -n 40 "$log" >&2
    rm -f "$log"
    return 1
}
