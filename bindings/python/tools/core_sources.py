#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the C sources of Rill's core, those without input and output, one a line.

usage: core_sources.py ROOT, where ROOT has src/ and include/
"""

import pathlib
import sys

# Of another library than OpenSSL.
LEFT_OUT = {"gcm_ipsec_mb.c"}

for part in ("base", "ilp", "crypto", "stream"):
    for path in sorted((pathlib.Path(sys.argv[1]) / "src" / part).rglob("*.c")):
        if path.name not in LEFT_OUT:
            print(path)
