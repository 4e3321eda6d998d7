#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point downward only (docs/architecture.md), and each library has its place."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)

# A layer may include itself and these.
BELOW = {
    "base": set(),
    "ilp": {"base"},
    "crypto": {"base"},
    "stream": {"base", "ilp", "crypto"},
    "net": {"base", "ilp", "crypto", "stream"},
    "node": {"base", "ilp", "crypto", "stream", "net"},
    "cli": {"base", "ilp", "crypto", "stream", "net", "node"},
}
# The rooms of STREAM, each with those that it may see beside itself.
ROOMS = {
    "wire": set(),
    "money": set(),
    "path": {"money"},
    "bytes": set(),
    "core": {"wire", "path", "money", "bytes"},
    "api": {"wire", "path", "money", "bytes", "core"},
}
# Public headers, by the layer that implements them. rill.h is for applications alone.
PUBLIC = {
    "api": "base", "types": "base", "error": "base",
    "ilp": "ilp", "btp": "ilp",
    "crypto": "crypto",
    "credentials": "stream", "receipt": "stream", "stream": "stream",
    "connection": "stream", "endpoint": "stream", "waiting": "stream",
    "loop": "net", "link": "net", "net": "net",
}
# Other people's headers, and who may include them. Standard C is for everybody.
STANDARD = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdalign.h",
            "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}
FOREIGN = {"openssl": {"crypto", "net"}, "intel-ipsec-mb.h": {"crypto"}}
SYSTEM_LAYERS = {"net", "node", "cli"}


def layer_of(path, name):
    """The layer that an include of our own leads to, or None."""
    if "/" in name:
        first, rest = name.split("/", 1)
        if first == "rill":
            return "net" if rest == "rill.h" else PUBLIC.get(rest[:-2])
        return first if first in BELOW else None
    return None


def room_problem(path, name):
    """What is wrong with a room of STREAM that includes a header of another, or None."""
    room = os.path.basename(os.path.dirname(path))
    parts = name.split("/")
    if len(parts) != 3 or parts[1] not in ROOMS:
        return "is in no room of STREAM"
    return None if parts[1] in ROOMS[room] | {room} else f"is of the room {parts[1]}"


def problem(path, layer, quote, name):
    allowed = BELOW[layer] | {layer}
    if quote == '"' or name.startswith("rill/"):
        target = layer_of(path, name)
        if target is None:
            return "is not a header of a layer"
        if target not in allowed:
            return f"is of the layer {target}"
        if layer == "stream" and name.startswith("stream/"):
            return room_problem(path, name)
        return None
    if name in STANDARD:
        return None
    if name.split("/")[0] in FOREIGN:
        return None if layer in FOREIGN[name.split("/")[0]] else "does not belong here"
    return None if layer in SYSTEM_LAYERS else "is not standard C"


def sources():
    for layer in BELOW:
        folder = os.path.join(ROOT, "src", layer)
        for here, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(here, name), layer
    for name, layer in PUBLIC.items():
        yield os.path.join(ROOT, "include", "rill", name + ".h"), layer


def main():
    failed = False
    for path, layer in sources():
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for quote, name in INCLUDE.findall(text):
            why = problem(path, layer, quote, name)
            if why:
                failed = True
                print(f"{os.path.relpath(path, ROOT)}: {name} {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
