#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""program.py INCLUDE LIBRARY: the headers of librill as cffi reads them, without a compiler for what
it makes of them, and a payment by that between two endpoints in memory. Prints "paid".

What a binding needs is so in the headers: no macro but constants, constants that are numbers, and
every function under a name that the library exports.
"""

import os
import re
import subprocess
import sys

import cffi

HEADERS = ["api", "types", "error", "ilp", "btp", "crypto", "credentials", "receipt", "stream",
           "connection", "waiting", "endpoint"]
INLINE = re.compile(r"^(?:__attribute__\(\(\w+\)\) )?static inline .*?^\}$", re.MULTILINE | re.DOTALL)
CONSTANT = re.compile(r"^#define (RILL_\w+) (.+)$", re.MULTILINE)
NUMBER = re.compile(r"(0x[0-9a-f]+|[0-9]+)(ull)?$")
# Of the compiler, not of the API; and two for C, whose type is uint64_t.
NOT_FOR_BINDINGS = re.compile(r"RILL_(API|MUST_CHECK|BEGIN_DECLS|END_DECLS|NOINLINE|UNSET|MS|SECOND|\w+_H)$")


def preprocess(include, *options):
    lines = "".join(f"#include <rill/{name}.h>\n" for name in HEADERS)
    return subprocess.run(["gcc", "-std=c17", "-E", "-P", f"-I{include}", "-x", "c", *options, "-"],
                          input=lines, capture_output=True, text=True, check=True).stdout


def constants(include):
    """Each constant as "#define NAME number"; texts and what is not one are refused or left out."""
    lines = []
    for name, value in CONSTANT.findall(preprocess(include, "-dM")):
        if NOT_FOR_BINDINGS.match(name) or value.startswith('"') or not value.strip():
            continue
        if not NUMBER.match(value):
            raise SystemExit(f"{name} is {value}: not a number that a binding can read")
        lines.append(f"#define {name} {value}")
    return lines


def declarations(include):
    text = preprocess(include, "-D__attribute__(x)=")
    text = INLINE.sub("", text)
    # What comes from the system's headers is known to cffi.
    return text[text.index("const char *rill_version"):]


def load(include, library):
    ffi = cffi.FFI()
    ffi.cdef("\n".join(constants(include)))
    ffi.cdef(declarations(include))
    return ffi, ffi.dlopen(library)


def check(error, what):
    if error != 0:
        raise SystemExit(f"{what}: {error}")


class Endpoint:
    def __init__(self, ffi, lib, address):
        self.ffi, self.lib = ffi, lib
        options = ffi.new("rill_endpoint_options *")
        connection = ffi.new("rill_connection_options *")
        lib.rill_endpoint_options_init_sized(options, ffi.sizeof("rill_endpoint_options"))
        lib.rill_connection_options_init_sized(connection, ffi.sizeof("rill_connection_options"))
        connection.min_rate = (1, 1)
        options.connection = connection
        out = ffi.new("rill_endpoint **")
        check(lib.rill_endpoint_new(out, options), "rill_endpoint_new")
        self.e = out[0]
        check(lib.rill_endpoint_set_account(self.e, self.text(address), self.text("XRP"), 9), "account")
        self.packet = ffi.new("uint8_t[]", lib.RILL_PACKET_BUFFER)
        self.events = []

    def text(self, text):
        self.kept = getattr(self, "kept", []) + [self.ffi.new("uint8_t[]", text.encode())]
        return (self.kept[-1], len(text))

    def carry(self, other, now):
        ffi, lib = self.ffi, self.lib
        size, reply_len, number = ffi.new("size_t *"), ffi.new("size_t *"), ffi.new("uint64_t *")
        while True:
            check(lib.rill_endpoint_next_prepare(self.e, now, self.packet, size, number), "next")
            if size[0] == 0:
                return
            check(lib.rill_endpoint_receive_prepare(other.e, now, 1, self.packet, size[0],
                                                    other.packet, reply_len), "receive")
            check(lib.rill_endpoint_receive_reply(self.e, now, number[0], other.packet, reply_len[0]),
                  "reply")

    def take_events(self):
        event = self.ffi.new("rill_event *")
        while self.lib.rill_endpoint_next_event_sized(self.e, event, self.ffi.sizeof("rill_event")):
            self.events.append((event.type, event.amount, event.error))


def pay(ffi, lib):
    now = {"mono_ns": 10**9, "wall_ms": 1700000000000}
    server, client = Endpoint(ffi, lib, "test.server"), Endpoint(ffi, lib, "test.client")
    credentials = ffi.new("rill_credentials *")
    check(lib.rill_endpoint_generate_credentials(server.e, ffi.NULL, credentials), "credentials")
    connection, stream = ffi.new("rill_connection **"), ffi.new("rill_stream **")
    check(lib.rill_endpoint_connect(client.e, now, credentials.destination_account,
                                    credentials.shared_secret, lib.RILL_SHARED_SECRET_LEN, ffi.NULL,
                                    connection), "connect")
    check(lib.rill_connection_open_stream(connection[0], stream), "stream")
    check(lib.rill_stream_send_total(stream[0], 1000, lib.RILL_NEVER), "send_total")
    ended = (lib.RILL_EVENT_SEND_TOTAL_END, 0, lib.RILL_OK)
    for _ in range(1000):
        client.carry(server, now)
        server.carry(client, now)
        client.take_events()
        server.take_events()
        if ended in client.events:
            break
        now = {"mono_ns": now["mono_ns"] + 10**7, "wall_ms": now["wall_ms"] + 10}
        lib.rill_endpoint_timeout(client.e, now)
        lib.rill_endpoint_timeout(server.e, now)
    totals = ffi.new("rill_stream_totals *")
    lib.rill_stream_get_totals_sized(stream[0], totals, ffi.sizeof("rill_stream_totals"))
    assert ended in client.events, client.events
    assert (totals.sent, totals.delivered, totals.in_doubt) == (1000, 1000, 0)
    received = sum(amount for kind, amount, _ in server.events if kind == lib.RILL_EVENT_MONEY)
    assert received == 1000, server.events
    assert ffi.string(lib.rill_strerror(lib.RILL_ERR_NOMEM)) != b""
    lib.rill_endpoint_free(client.e)
    lib.rill_endpoint_free(server.e)


def main():
    include, library = sys.argv[1:]
    ffi, lib = load(include, os.path.abspath(library))
    pay(ffi, lib)
    print("paid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
