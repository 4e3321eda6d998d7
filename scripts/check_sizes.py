#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No function over 70 lines, and no file over 600 that does not say why, in what we ship.

A longer file says it in the comment that it begins with: "Over 600 lines: " and the reason. In
bindings of JavaScript and Python the files are looked at, and not the functions.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILE_LINES = 600
FUNCTION_LINES = 70
REASON = re.compile(r"Over 600 lines: +\w.{10,}", re.DOTALL)


def sources():
    for top in ("src", "include", "examples", "bindings/node/addon", "bindings/node/lib",
                "bindings/python/src"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".js", ".py")):
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


def says_why(text):
    """One of the comments before the first line of code gives the reason."""
    first = re.match(r'''(?:\s*/\*.*?\*/|\s*//[^\n]*|\s*'use strict')+|(?:#[^\n]*\n)*""".*?"""''', text,
                     re.DOTALL)
    return first is not None and REASON.search(first.group()) is not None


def main():
    failed = False
    for path in sources():
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        name = os.path.relpath(path, ROOT)
        if len(lines) > FILE_LINES and not says_why("".join(lines)):
            failed = True
            print(f"{name}: {len(lines)} lines, and it does not say why (CONTRIBUTING.md)")
        for function, start, length in functions(lines):
            if length > FUNCTION_LINES:
                failed = True
                print(f"{name}:{start}: {length} lines: {function}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
