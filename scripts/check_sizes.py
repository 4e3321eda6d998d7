#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No file over 600 lines, no function over 70, in what we ship."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILE_LINES = 600
FUNCTION_LINES = 70


def sources():
    for top in ("src", "include", "examples"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(folder, name)


def functions(lines):
    """(name, first line, number of lines) of each; the format puts a function's braces first in
    their lines, and the opening one after a line that ends a parameter list."""
    start = None
    for number, line in enumerate(lines):
        before = lines[number - 1].rstrip() if number else ""
        if line.rstrip() == "{" and before.endswith(")"):
            start = number
        elif line.rstrip() == "}" and start is not None:
            yield lines[start - 1].strip(), start, number - start + 1
            start = None


def main():
    failed = False
    for path in sources():
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        name = os.path.relpath(path, ROOT)
        if len(lines) > FILE_LINES:
            failed = True
            print(f"{name}: {len(lines)} lines")
        for function, start, length in functions(lines):
            if length > FUNCTION_LINES:
                failed = True
                print(f"{name}:{start}: {length} lines: {function}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
