#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""grow.py FROM TO end|middle: the public headers with every struct that may grow grown: by a member
at its end, as a later version may do it, or in the middle, as none may."""

import os
import re
import sys

# Those that begin with their size, and those that the library fills in: rill/types.h.
GROWN = re.compile(r"^typedef struct (rill_(?:\w+_options|\w*handlers|\w+_stats|stream_totals|"
                   r"stream_offsets|waiting|event|end|incoming|pay_result|node_account|node_neighbour|spsp_asked|"
                   r"spsp_answer|spsp_result|spsp_posted|op_result|op_assets|op_quote|op_sender_result|"
                   r"receiver_result|incoming_payment|quote_path|quote_terms|payment_state|last_reject|"
                   r"node_identity|trace_answer|trace_range)) \{\n(.*?)^\} \1;",
                   re.MULTILINE | re.DOTALL)
MEMBER = "    uint64_t grown[4];\n"


def grown(match, where):
    name, body = match.groups()
    if where == "end":
        body += MEMBER
    else:
        first = re.search(r";[^\n]*\n", body).end() if body.lstrip().startswith("size_t size") else 0
        body = body[:first] + MEMBER + body[first:]
    return f"typedef struct {name} {{\n{body}}} {name};"


def main():
    source, target, where = sys.argv[1:]
    os.makedirs(target, exist_ok=True)
    count = 0
    for name in sorted(os.listdir(source)):
        if not name.endswith((".h", ".build")):
            continue
        with open(os.path.join(source, name), encoding="utf-8") as file:
            text = file.read()
        text, some = GROWN.subn(lambda m: grown(m, where), text)
        if some and "<stdint.h>" not in text:
            text = text.replace("#include", "#include <stdint.h>\n#include", 1)
        count += some
        with open(os.path.join(target, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(count, "structs")
    return 0 if count >= 15 else 1


if __name__ == "__main__":
    sys.exit(main())
