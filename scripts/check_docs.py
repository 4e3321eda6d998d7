#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documents are true, as far as a script can see. The site is built without a warning, and its
links lead somewhere. The C in README.md compiles, and the C in the tutorial is in the examples.
Files, functions, tests, commands and options that a document or a comment names exist."""

import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What the tutorial shows is in these files.
EXAMPLES = {"c": "examples/*.[ch]", "js": "bindings/node/test/tutorial/*.js",
            "python": "bindings/python/examples/*.py"}
# Its tables begin with what things were called before.
RELEASE_NOTES = "docs/release-notes.md"
OLD_NAMES = re.compile(r"^\|[^|]*\|", re.MULTILINE)
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/tutorial.md", "docs/from-ilp-protocol-stream.md", "docs/architecture.md",
         "docs/protocol.md", "docs/security.md", "docs/reliability.md", "docs/performance.md",
         "docs/real-network.md", "docs/connector.md", "docs/reasons.md", "docs/faq.md", "docs/glossary.md", RELEASE_NOTES]
MANUALS = ["man/rill.1", "man/rillctl.1", "man/rilld.1"]
OPTIONS_OF_OTHERS = {"--prefix", "--libdir", "--cflags", "--libs", "--list", "--toggle-collect"}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def site():
    """The documents, man pages and the reference as one site, no link of which is dead."""
    made = subprocess.run(["/usr/bin/python3", "scripts/docs.py", "build/docs"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return [] if made.returncode == 0 else [made.stderr or made.stdout]


def pages():
    """Each document is a page of the site and is checked here; the glossary is in order."""
    site_pages = read("scripts/docs.py")
    for page in sorted(glob.glob("docs/*.md", root_dir=ROOT)):
        if f'"{page}"' not in site_pages:
            yield f"{page}: not in PAGES of scripts/docs.py"
        if page not in PAGES:
            yield f"{page}: not in PAGES of scripts/check_docs.py"
    terms = re.findall(r"^### (.*)$", read("docs/glossary.md"), re.MULTILINE)
    for term, wanted in zip(terms, sorted(terms, key=lambda term: term.lower().replace("-", " "))):
        if term != wanted:
            yield f"docs/glossary.md: {term} stands where {wanted} belongs"
            break


def registry_pages():
    """What npm and PyPI show of a README is not beside the repository's other files."""
    for page in sorted(glob.glob("bindings/*/README.md", root_dir=ROOT)):
        for target in re.findall(r"\]\(([^)\s]*)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]*)\"", read(page), re.M):
            link = "".join(target)
            if not re.match(r"#|https?://|mailto:", link):
                yield f"{page}: leads nowhere on a registry: {link}"


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
    tutorial = read("docs/tutorial.md")
    for language, files in EXAMPLES.items():
        examples = [plain(read(path)) for path in sorted(glob.glob(files, root_dir=ROOT))]
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", tutorial, re.MULTILINE | re.DOTALL)
        if not blocks:
            yield f"docs/tutorial.md: nothing in {language}"
        for block in blocks:
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


# ---- names in documents and comments ----

TOPS = ("bench", "bindings", "docs", "examples", "fuzz", "include", "man", "packaging", "scripts", "src", "tests")
SKIPPED = {"corpus", "node_modules", "__pycache__"}
C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
COMMENTS = {".c": C_COMMENT, ".h": C_COMMENT, ".js": C_COMMENT,
            ".py": re.compile(r'#[^\n]*|""".*?"""', re.DOTALL)}
for kind in (".sh", ".build", ".toml"):
    COMMENTS[kind] = re.compile(r"#[^\n]*")
DOCUMENTS = (".md", ".1", ".dox")
FILE = re.compile(r"(?<![\w./@<-])((?:[\w.-]+/)*[\w-]+\.(?:c|h|py|md|sh|js|toml|svg))\b(?![\w/(>-])")
IDENTIFIER = re.compile(r"\b(?:rill|rilld|cli|test)_\w+|\bRILL_\w+")
# Of other projects, or names of something else.
NOT_OURS = {"Node.js", "test.c"}
# Plans and lists of tasks are no part of the repository.
NOWHERE = re.compile(r"\bdesign(?:\.md|,? section \d| \d)[\d.]*|\bissues? #?\d+", re.IGNORECASE)


def sources():
    """Every text of the project: (path, text)."""
    paths = [name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name))]
    for top in TOPS:
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = [name for name in folders if name not in SKIPPED]
            paths += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    for path in sorted(paths):
        if path != "LICENSE" and os.path.splitext(path)[1] in (*COMMENTS, *DOCUMENTS, ""):
            try:
                yield path, read(path)
            except UnicodeDecodeError:
                pass  # a program or a recording


def prose(path, text):
    """What people read in a file: a document, or the comments of a source."""
    kind = os.path.splitext(path)[1]
    if kind in DOCUMENTS:
        return text
    return "\n".join(COMMENTS[kind].findall(text)) if kind in COMMENTS else ""


def pointers():
    """Each file, function, constant and test that a document or a comment names is there."""
    texts = dict(sources())
    names = {os.path.basename(path) for path in texts} | {
        os.path.basename(name) for text in texts.values() for name in re.findall(r"#include <([^>]+)>", text)}
    names |= {os.path.basename(path) for path in glob.glob("docs/**/*.svg", root_dir=ROOT, recursive=True)}
    # Endings: "wire/frame.c" is a way to say "src/stream/wire/frame.c".
    endings = {path[i:] for path in texts for i in range(len(path)) if i == 0 or path[i - 1] == "/"}
    code = " ".join(C_COMMENT.sub(" ", text) if path.endswith((".c", ".h")) else text
                    for path, text in texts.items() if not path.endswith(DOCUMENTS))
    known = set(re.findall(r"\w+", code)) | {os.path.splitext(name)[0] for name in names}
    for path, text in texts.items():
        said = prose(path, text)
        if path == RELEASE_NOTES:
            said = OLD_NAMES.sub("|", said)
        for name in sorted(set(FILE.findall(said))):
            here = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if "/" in name and name not in endings and not os.path.exists(os.path.join(ROOT, here)) or \
                    "/" not in name and name not in names | NOT_OURS:
                yield f"{path}: there is no {name}"
        for name in sorted(set(IDENTIFIER.findall(said))):
            if name not in known and not (name.endswith("_") and name in code):
                yield f"{path}: there is no {name}"
        if path != "scripts/check_docs.py":
            for match in NOWHERE.finditer(text):
                yield f"{path}: leads nowhere: {match[0]}"


def commands():
    """The commands of each program."""
    rill = [name for path in glob.glob("src/cli/*.c", root_dir=ROOT)
            for name in re.findall(r'^const cli_command cli_\w+ = \{\n    \.name = "(\w+)"', read(path), re.M)]
    dev = re.search(r"^commands=\(([^)]*)\)", read("dev"), re.M)[1].split()
    return {"rill": {*rill, "--version"}, "./dev": set(dev), "rilld": {"local", "run", "check", "help", "--version"}}


def named_commands():
    """What a document says to type is there: a command after a prompt, between backquotes, or at the
    beginning of a line; and every option."""
    known = commands()
    options = set(re.findall(r"--[a-z][a-z-]*", " ".join(
        text for path, text in sources() if not path.endswith(DOCUMENTS)))) | OPTIONS_OF_OTHERS
    for page in PAGES + MANUALS:
        text = read(page).replace("\\-", "-")
        typed = r"^" if page in MANUALS else r"`|^    (?:\$ )?(?:\w+/)*"
        for program, command in re.findall(rf"(?:{typed})(rilld?|\./dev) ([a-z][a-z-]*)", text, re.M):
            if command not in known[program]:
                yield f"{page}: there is no {program} {command}"
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) - options):
            yield f"{page}: there is no option {option}"


REASON = re.compile(r'X\((\w+), \d+, "([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\)')


def reasons():
    """Each reason has a row that says what the header says, in its order."""
    header = read("include/rill/reason.h").replace("\\\n", "")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| .* \|$", read("docs/reasons.md"), re.M)
    if rows != [found[1:] for found in REASON.findall(header)]:
        yield "docs/reasons.md: its table is not that of include/rill/reason.h"


def main():
    problems = [*site(), *pages(), *registry_pages(), *reasons(), *compiles(), *excerpts(), *named_tests(), *pointers(), *named_commands()]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
