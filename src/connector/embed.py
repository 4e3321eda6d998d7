#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A JSON document as a C string: embed.py INPUT OUTPUT NAME"""

import json
import sys

source, target, name = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    text = json.dumps(json.load(f), separators=(",", ":"), ensure_ascii=True)
with open(target, "w", encoding="utf-8") as f:
    f.write(f"/* Made from {name}'s document by embed.py. */\nstatic const char {name}[] =\n")
    for at in range(0, len(text), 80):
        part = text[at:at + 80].replace("\\", "\\\\").replace('"', '\\"')
        f.write(f'    "{part}"\n')
    f.write("    ;\n")
