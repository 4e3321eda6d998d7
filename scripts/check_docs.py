#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documents hold: the site of them is made without a warning, its links lead somewhere, the C
in README.md compiles, and the C in the tutorial is in the examples."""

import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/tutorial.md", "docs/architecture.md",
         "docs/protocol.md", "docs/security.md", "docs/reliability.md", "docs/performance.md",
         "docs/real-network.md", "docs/faq.md", "docs/glossary.md"]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def site():
    """The documents, man pages and the reference as one site, no link of which is dead."""
    made = subprocess.run(["/usr/bin/python3", "scripts/docs.py", "build/docs"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return [] if made.returncode == 0 else [made.stderr or made.stdout]


def compiles():
    for number, block in enumerate(BLOCK.findall(read("README.md"))):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
            file.write(block)
            file.flush()
            said = subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror",
                                   "-fsyntax-only", f"-I{ROOT}/include", file.name],
                                  capture_output=True, text=True, check=False)
        if said.returncode != 0:
            yield f"README.md, block {number + 1}:\n{said.stderr}"


def plain(text):
    """The lines without their indentation: a document may indent differently."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def excerpts():
    examples = [plain(read(path)) for path in sorted(glob.glob("examples/*.[ch]", root_dir=ROOT))]
    for block in BLOCK.findall(read("docs/tutorial.md")):
        for part in re.split(r"^\s*/\* \.\.\. \*/\s*$", block, flags=re.MULTILINE):
            if not any(plain(part) in example for example in examples):
                yield f"docs/tutorial.md: not in any example:\n{part}"


def named_tests():
    """Each test that docs/security.md names is there."""
    for name in re.findall(r"`((?:tests|fuzz|scripts)/[^`\s]+)`", read("docs/security.md")):
        path, _, test = name.partition(":")
        if not os.path.exists(os.path.join(ROOT, path)):
            yield f"docs/security.md: no {path}"
        elif test and not re.search(rf"\b{test}\b", read(path)):
            yield f"docs/security.md: no {test} in {path}"


def commands():
    """Of each program, by its name."""
    rill = [name for path in glob.glob("src/cli/*.c", root_dir=ROOT)
            for name in re.findall(r'^const cli_command cli_\w+ = \{\n    \.name = "(\w+)"', read(path), re.M)]
    dev = re.search(r"^commands=\(([^)]*)\)", read("dev"), re.M)[1].split()
    return {"rill": {*rill, "--version"}, "./dev": set(dev), "rilld": {"local", "help", "--version"}}


def named_commands():
    """What a document says to type is there: a command after a prompt, between backquotes, or a
    line of its own."""
    known = commands()
    for page in PAGES:
        for program, command in re.findall(r"(?:`|^    (?:\$ )?(?:\w+/)*)(rilld?|\./dev) ([a-z-]+)", read(page), re.M):
            if command not in known[program]:
                yield f"{page}: there is no {program} {command}"


def main():
    problems = [*site(), *compiles(), *excerpts(), *named_tests(), *named_commands()]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
