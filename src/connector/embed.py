#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A document as a C string: embed.py INPUT OUTPUT NAME. JSON loses its blanks; of JavaScript and CSS, lines that are
comments are left out, unless a licence is in them. INPUT none: it is empty."""

import json
import os
import re
import sys


def read(source):
    if source == "none":
        return ""
    with open(source, encoding="utf-8") as f:
        text = f.read()
    if source.endswith(".json"):
        return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=True)
    if os.path.getsize(source) > 100_000:
        return text  # a library, with its licence
    return re.sub(r"^ *//.*\n", "", text, flags=re.M)


def quoted(text):
    """Bytes beyond ASCII in octal; and no two question marks, which may be a trigraph."""
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\?':
            out.append("\\" + char)
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return out


source, target, name = sys.argv[1:]
parts = quoted(read(source))
with open(target, "w", encoding="utf-8") as f:
    f.write(f"/* Made by embed.py. */\nstatic const char {name}[] =\n")
    for at in range(0, len(parts), 80):
        f.write(f'    "{"".join(parts[at:at + 80])}"\n')
    if not parts:
        f.write('    ""\n')
    f.write("    ;\n")
