#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of the packet path and compares them with a budget.

Usage: check.py BUDGET.json {PROGRAM KIND...}... [--update]

Runs each program under valgrind's callgrind and counts, for each kind of
packet, the instructions a packet in our own code (the program; not libc or
libcrypto, whose versions differ from machine to machine), and the allocations.
Fails where instructions are more than 3 % over the stored budget, or where
anything is allocated. Where they are more than 3 % under it, it says so: then
store the new one with --update.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

KINDS = {"money": 400, "data": 64, "forward": 400}  # packets
TOLERANCE = 0.03


def name_of(names, text):
    """The name of '(id) name' or '(id)'."""
    number, _, name = text.partition(" ")
    if name:
        names[number] = name
    return names.get(number, number)


def count(path, program):
    """Instructions of the program itself."""
    objects = {}
    own = 0
    current = ""
    skip = False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("ob="):
                current = name_of(objects, line[3:].strip())
            elif line.startswith("cob="):
                name_of(objects, line[4:].strip())
            elif line.startswith("calls="):
                skip = True  # the line after it is the cost of what was called
            elif re.match(r"[0-9+*-]", line):
                if not skip and current == program:
                    own += int(line.split()[1])
                skip = False
    return own


def measure(program, kind, packets):
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "callgrind.out")
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=budget_measured",
             "--callgrind-out-file=" + out, program, kind, str(packets)],
            check=True, capture_output=True, text=True, timeout=120)
        own = count(out, program)
    allocations = int(re.search(r"^allocations (\d+)$", run.stdout, re.M).group(1))
    return {"instructions": round(own / packets), "allocations": allocations}


def compare(kind, found, budget):
    """What is wrong: a list of texts."""
    wrong = []
    if found["allocations"] != 0:
        wrong.append(f"{kind}: {found['allocations']} allocations")
    limit = budget["instructions"]
    if found["instructions"] > limit * (1 + TOLERANCE):
        wrong.append(f"{kind}: {found['instructions']} instructions a packet, budget {limit}")
    elif found["instructions"] < limit * (1 - TOLERANCE):
        print(f"{kind}: well under the budget of {limit}: lower it")
    return wrong


def main(arguments):
    budget_file = arguments[0]
    program = None
    found = {}
    for word in arguments[1:]:
        if word in KINDS:
            found[word] = measure(program, word, KINDS[word])
        elif word != "--update":
            program = os.path.realpath(word)
    print(json.dumps(found, indent=2))
    if "--update" in arguments:
        with open(budget_file, "w", encoding="utf-8") as out:
            json.dump(found, out, indent=2)
            out.write("\n")
        return 0
    with open(budget_file, encoding="utf-8") as stored:
        budget = json.load(stored)
    wrong = [text for kind in KINDS for text in compare(kind, found[kind], budget[kind])]
    for text in wrong:
        print("over budget:", text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
