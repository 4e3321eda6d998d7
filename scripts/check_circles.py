#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No circle of files: what a file calls does not call it, not even by way of others.

A file is a .c and the .h of the same name. It calls another where it names a function that the
other defines. Types do not count, and neither do declarations: structs may point at each other,
and a folder may have one header for several files. A reader has to find what a file promises. In
STREAM, what others may call of a file is declared in the header of its name, or a public one.
Elsewhere a header of its folder will do.

Usage: check_circles.py [--show]
"""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Calls that close a circle and are known, as (who, whom). None may be added; one that is gone goes
# from here too.
KNOWN = set()

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
# At the beginning of a line: a type, a name, its arguments, and a body.
DEFINITION = re.compile(
    r"^(?P<before>[A-Za-z_][\w\s\*\(\),]*?)\b(?P<name>[a-z]\w*)\((?P<args>[^;{}]*)\)\s*\{",
    re.MULTILINE)
WORD = re.compile(r"\b[a-z]\w*\b")
# At the beginning of a line too: the same without a body.
DECLARATION = re.compile(r"^[A-Za-z_][^;{}=#]*\)\s*;", re.MULTILINE)
ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)")
KEYWORDS = {"main", "if", "for", "while", "switch", "return", "sizeof"}


def module(path):
    return os.path.splitext(os.path.relpath(path, os.path.join(ROOT, "src")))[0]


def code(path):
    with open(path, encoding="utf-8") as file:
        text = ATTRIBUTE.sub(" ", COMMENT.sub(" ", file.read()))
    return re.sub(r"^\s*#.*(?:\\\n.*)*$", "", TEXT.sub('""', text), flags=re.MULTILINE)


def definitions(text, header):
    """Names of the functions that other files can call."""
    for found in DEFINITION.finditer(text):
        static = re.search(r"\bstatic\b", found["before"])
        if found["name"] not in KEYWORDS and (header or not static):
            yield found["name"]


def read():
    """{module: its texts}, and {function: the module that defines it}"""
    texts, home = {}, {}
    for path in sorted(glob.glob(os.path.join(ROOT, "src", "**", "*.[ch]"), recursive=True)):
        text = code(path)
        texts.setdefault(module(path), []).append(DECLARATION.sub("", text))
        for name in definitions(text, path.endswith(".h")):
            home.setdefault(name, module(path))
    return texts, home


def calls_of(texts, home):
    """{module: modules that it calls, each with a function that it calls}"""
    calls = {}
    for who, parts in texts.items():
        calls[who] = {}
        for name in sorted(set(WORD.findall("\n".join(parts)))):
            whom = home.get(name)
            if whom and whom != who:
                calls[who].setdefault(whom, name)
    return calls


def undeclared(texts, home):
    """Functions that neither a header where they belong nor a public one has."""
    public = "\n".join(code(path) for path in
                       glob.glob(os.path.join(ROOT, "include", "rill", "*.h")))
    for name, where in sorted(home.items()):
        own = os.path.join(ROOT, "src", where + ".h")
        if not where.startswith("stream/"):
            own = os.path.join(ROOT, "src", os.path.dirname(where), "*.h")
        own = "\n".join(code(path) for path in glob.glob(own))
        if not re.search(r"\b%s\b" % name, own + public):
            yield name, where


def circles(calls):
    """The sets of modules that call each other, by Tarjan's algorithm."""
    number, low, stack, found = {}, {}, [], []

    def visit(at):
        number[at] = low[at] = len(number)
        stack.append(at)
        for to in calls[at]:
            if to not in number:
                visit(to)
                low[at] = min(low[at], low[to])
            elif to in stack:
                low[at] = min(low[at], number[to])
        if low[at] == number[at]:
            circle = set()
            while at not in circle:
                circle.add(stack.pop())
            if len(circle) > 1:
                found.append(circle)

    for at in calls:
        if at not in number:
            visit(at)
    return found


def main():
    sys.setrecursionlimit(10000)
    texts, home = read()
    calls = calls_of(texts, home)
    failed = False
    for name, where in undeclared(texts, home):
        failed = True
        print(f"{where}.c: {name} is in no header where a reader looks for it")
    for who, whom in sorted(KNOWN):
        if whom not in calls.get(who, {}):
            failed = True
            print(f"check_circles.py: {who} does not call {whom} any more: take it off the list")
        calls.get(who, {}).pop(whom, None)
    for circle in circles(calls):
        failed = True
        print("a circle of files:")
        for who in sorted(circle):
            for whom, name in sorted(calls[who].items()):
                if whom in circle:
                    print(f"  {who} calls {whom} ({name})")
    if "--show" in sys.argv:
        for who in sorted(calls):
            print(who, "->", " ".join(sorted(calls[who])))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
