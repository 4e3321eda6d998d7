#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point downward only, and each library has its place (docs/architecture.md).

What one module owns no other writes.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)

CORE = {"base", "ilp", "crypto"}
# A layer is a folder of src, with what is in it. It may include itself, and these: a layer with
# its public headers; one header of a layer ("io/loop.h"); a layer's public headers alone
# ("rill of stream").
BELOW = {
    "base": set(),
    "ilp": {"base"},
    "crypto": {"base"},
    "stream": CORE,
    # Each library has a copy: files with secrets in them.
    "files": {"base"},
    "http": {"base"},
    "io": CORE,
    "web": CORE | {"io", "http"},
    "ws": CORE | {"io", "rill/waiting.h"},
    # Whoever has a link sees these, and nothing of how it is made.
    "link": {"base", "crypto", "rill/loop.h", "rill/waiting.h"},
    # Where kinds of links are put together.
    "links": {"base", "link", "links/btp", "links/http", "io/listener.h"},
    "links/btp": CORE | {"io", "ws", "link", "rill/waiting.h"},
    "links/http": CORE | {"io", "ws", "http", "web", "link", "rill/waiting.h"},
    "run": CORE | {"files", "link", "io/loop.h", "rill/loop.h", "rill of stream"},
    "spsp": CORE | {"io", "http", "web", "rill/net.h"},
    "node": CORE | {"link", "rill/node.h"},
    "serve": CORE | {"node", "link", "links/port.h", "link/account.h", "run/account_query.h",
                     "io/loop.h", "io/large_pages.h", "rill/loop.h"},
    "store": CORE,
    "connector": CORE | {"files", "link", "node", "store", "links/port.h", "io/loop.h", "io/large_pages.h",
                         "rill/loop.h", "rill/node.h", "serve/way.h", "web", "http/bearer.h", "io/listener.h",
                         "clients/web_client.h", "clients/url.h", "rill/spsp.h"},
    "clients": CORE | {"files", "rill/credentials.h", "rill/loop.h"},
}
# The rooms of STREAM, each with those that it may see beside itself.
ROOMS = {
    "wire": set(),
    "money": set(),
    "path": set(),
    "bytes": set(),
    "core": {"wire", "path", "money", "bytes"},
    "api": {"wire", "path", "money", "bytes", "core"},
}
# Public headers, by the layer that implements them. rill.h is for applications alone.
PUBLIC = {
    "api": "base", "types": "base", "error": "base", "reason": "base",
    "ilp": "ilp", "btp": "ilp",
    "crypto": "crypto",
    "credentials": "stream", "receipt": "stream", "stream": "stream",
    "connection": "stream", "endpoint": "stream", "waiting": "stream", "shared": "stream",
    "loop": "io", "link": "link", "account": "run", "net": "run", "payment": "run", "quote": "run",
    "ping": "run", "trace": "run", "node": "serve", "credentials_file": "run",
    "key": "clients", "http_signature": "clients", "spsp": "clients",
    "spsp_server": "spsp", "open_payments": "clients", "op_sender": "clients",
    "receiver": "clients",
}
# The programs are built on the public headers and on src/base, as everybody's programs could be.
# The connector has an interface, which is not public yet, and so has a node's log.
BELOW["cli"] = {"base", "connector/run.h", "serve/node_log.h", "files/file_lock.h"} | {f"rill of {layer}" for layer in PUBLIC.values()}
# Other people's headers, and who may include them. Standard C is for everybody.
STANDARD = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdalign.h",
            "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}
FOREIGN = {"openssl": {"crypto", "io", "ws"}, "intel-ipsec-mb.h": {"crypto"},
           "http_parser.h": {"ws"}, "jansson.h": {"run", "clients", "connector", "cli"},
           "sqlite3.h": {"store"}, "yaml.h": {"connector"},
           "nghttp2": {"http"}, "llhttp.h": {"http"}}
SYSTEM_LAYERS = {"files", "store", "connector", "io", "web", "ws", "link", "links/btp", "links/http", "run",
                 "serve", "spsp",
                 "clients", "cli"}


def layer_of(path):
    """The layer that a path below src is in, or None: links/btp before links."""
    parts = path.split("/")
    for end in range(len(parts) - 1, 0, -1):
        if "/".join(parts[:end]) in BELOW:
            return "/".join(parts[:end])
    return None


def own(layer, name):
    """Why a file of the layer may not include the header `name` of ours; None: it may."""
    allowed = BELOW[layer] | {layer}
    public = name.startswith("rill/")
    target = PUBLIC.get(name[5:-2]) if public else layer_of(name)
    if name == "rill/rill.h":
        target = "run"
    if target is None:
        return "is not a header of a layer"
    if target in allowed or name in allowed or (public and f"rill of {target}" in allowed):
        return None
    return f"is of the layer {target}"


def room_problem(path, name):
    """What is wrong with a room of STREAM that includes a header of another, or None."""
    room = os.path.basename(os.path.dirname(path))
    parts = name.split("/")
    if len(parts) != 3 or parts[1] not in ROOMS:
        return "is in no room of STREAM"
    return None if parts[1] in ROOMS[room] | {room} else f"is of the room {parts[1]}"


def problem(path, layer, quote, name):
    if quote == '"' or name.startswith("rill/"):
        why = own(layer, name)
        if why is None and layer == "stream" and name.startswith("stream/"):
            return room_problem(path, name)
        return why
    if name in STANDARD:
        return None
    first = name.split("/")[0]
    if first in FOREIGN:
        return None if layer in FOREIGN[first] else "does not belong here"
    return None if layer in SYSTEM_LAYERS else "is not standard C"


WRITES = r"\s*(?:[-+|&]?=(?!=)|\+\+|--)"
# The parts of a STREAM connection, and the modules of src/stream/core that write them.
PARTS = {
    "blocked": ("blocked",), "closing": ("closing", "close"), "contact": ("contact",),
    "data": ("data_flow",), "holdoffs": ("holdoffs",), "identity": ("identity",),
    "numbers": ("numbering",), "patience": ("patience",), "peer": ("peer",), "probing": ("probing", "probe"),
    "streams": ("streams",), "succession": ("succession",), "telling": ("tell", "queues"),
    "undecided": ("undecided",),
}
# What some modules alone may write, however many read it: their files, and what writing looks like.
OWNED = {
    ("src/stream/money/money.c",): re.compile(
        r"\bmoney\.(?:free|away|late|lost|abandoned|sent|delivered|expected|held|in_doubt)" + WRITES),
    ("src/stream/bytes/window.c",): re.compile(
        r"window(?:\.|->)(?:limit|advertised|used)" + WRITES),
}
for part, modules in PARTS.items():
    OWNED[tuple(f"src/stream/core/{module}.{end}" for module in modules for end in "ch")] = re.compile(
        r"(?:->|\.)" + part + r"(?:->|\.)\w[\w.]*" + WRITES)


def written(path, text):
    """What a file writes that is another's."""
    for owners, writing in OWNED.items():
        if path.startswith("src/stream/") and path not in owners:
            yield from (found.group(0).lstrip("->.") for found in writing.finditer(text))


def sources():
    top = os.path.join(ROOT, "src")
    for folder, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                path = os.path.join(folder, name)
                yield path, layer_of(os.path.relpath(path, top))
    for name, layer in PUBLIC.items():
        yield os.path.join(ROOT, "include", "rill", name + ".h"), layer


def main():
    failed = False
    for path, layer in sources():
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if layer is None:
            failed = True
            print(f"{os.path.relpath(path, ROOT)}: is in no layer")
            continue
        for quote, name in INCLUDE.findall(text):
            why = problem(path, layer, quote, name)
            if why:
                failed = True
                print(f"{os.path.relpath(path, ROOT)}: {name} {why}")
        for what in written(os.path.relpath(path, ROOT), text):
            failed = True
            print(f"{os.path.relpath(path, ROOT)}: writes {what}, which is another's")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
