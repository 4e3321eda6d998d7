#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the C source of the module rill._core: cffi's, in API mode.

The compiler checks each declaration against Rill's public headers. Structs end with "...", so that
what a later version adds to them is no matter.

usage: build_ffi.py FOLDER OUTPUT, where FOLDER has core.cdef and glue.c
"""

import pathlib
import sys

import cffi


def main() -> None:
    folder, output = pathlib.Path(sys.argv[1]), sys.argv[2]
    builder = cffi.FFI()
    builder.cdef((folder / "core.cdef").read_text(encoding="utf-8"))
    builder.set_source("rill._core", (folder / "glue.c").read_text(encoding="utf-8"))
    builder.emit_c_code(output)


main()
