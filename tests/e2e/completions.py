#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages have every option, and the completions offer what the programs take: each option that a help lists is in those of each
shell for this command, and none is there that no help lists. bash's are run; those of zsh and fish
are read, and also run by their shell where it is installed.

usage: completions.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES FOLDER_OF_COMPLETIONS

Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys

FOLDER = os.path.abspath(sys.argv.pop(3))

from harness import BIN, RILL, RILLD, environment, run_tests  # noqa: E402

RILLCTL = os.path.join(BIN, "rillctl")
CONTROLS = ["status", "accounts", "peer", "balance", "rates", "routes", "settle", "outstanding", "proposals", "confirm", "reject", "statement", "audit", "backup", "why", "packets", "in-flight", "top", "reload", "drain", "log-level"]

COMMANDS = ["demo", "pay", "quote", "receive", "send", "info", "ping", "trace", "receipt", "keys", "op", "help"]


def text(*args):
    return subprocess.run(args, capture_output=True, text=True, check=True, env=environment()).stdout


def options_in(help_text):
    """The options at the beginning of lines. Other lines only mention some."""
    return {m[1] for m in re.finditer(r"^  (?:-\w, )?(--[a-z-]+)", help_text, re.M)}


def helped(command):
    return options_in(text(RILL, "help", command))


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        return f.read()


def bash(program, *words):
    """The completions that are offered for the last of the words."""
    script = f"""source {FOLDER}/{program}.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{program}; printf '%s\\n' "${{COMPREPLY[@]}}" """
    out = text("bash", "-c", script, "bash", program, *words)
    return {word for word in out.split("\n") if word}


def the_help_lists_every_command(_t):
    listed = set(re.findall(r"^  ([a-z]+) +\w", text(RILL, "help").split("commands:")[1].split("options of")[0], re.M))
    assert listed == set(COMMANDS), listed
    for command in COMMANDS:
        assert "--help" in helped(command) and "--link" in helped(command), helped(command)
    assert {"--amount", "--file"} <= helped("send") and "--amount" not in helped("receive")


def bash_completes_rill(t):
    assert bash("rill", "") == set(COMMANDS)
    assert bash("rill", "-") == {"--help", "--version"}
    assert bash("rill", "help", "") == set(COMMANDS)
    assert bash("rill", "s") == {"send"}
    for command in COMMANDS:
        assert bash("rill", command, "--") == helped(command), command
    assert bash("rill", "send", "--am") == {"--amount"}
    assert bash("rill", "send", "--crypto", "") == {"openssl", "ipsec-mb", "fastest"}
    assert bash("rill", "send", "--crypto", "=", "f") == {"fastest"}
    assert bash("rill", "info", "--color", "a") == {"auto", "always"}
    assert bash("rill", "send", "--amount", "") == set()
    path = t.file("credentials.json", "x")
    for words in (["send", path[:-3]], ["send", "--credentials", path[:-3]], ["send", "--file=".rstrip("="), path[:-3]]):
        assert bash("rill", *words) == {path}, words


def connector_options():
    """Those of run and check, which have one help."""
    assert text(RILLD, "run", "--help") == text(RILLD, "check", "--help")
    return options_in(text(RILLD, "run", "--help"))


def bash_completes_rilld(_t):
    assert bash("rilld", "") == {"local", "run", "check", "help", "--help", "--version"}
    assert bash("rilld", "local", "--") == options_in(text(RILLD, "local", "--help"))
    assert bash("rilld", "help", "") == {"local", "run", "check"}
    assert bash("rilld", "check", "--") == connector_options() - {"--log-format"}
    assert bash("rilld", "run", "--log-format", "") == {"text", "logfmt", "json"}
    assert bash("rilld", "run", "--") == connector_options() - {"--schema"}
    assert "root" in bash("rilld", "local", "--user", "ro")
    assert bash("rilld", "local", "--uplink", "") == {"btp+wss://", "ilp+https://", "@"}


def fish_options(name):
    """The options of each command; under None, those of all commands; under "", those without a command."""
    found = {}
    for line in read(name).splitlines():
        option = re.search(r" -l ([a-z-]+)", line)
        if not option:
            continue
        assert re.search(r" -d ['\"]", line), f"no description: {line}"
        command = re.search(r"__fish_seen_subcommand_from ([\w-]+)", line)
        key = command[1] if command else None if "not __fish_use_subcommand" in line else ""
        found.setdefault(key, set()).add("--" + option[1])
    return found


def fish_completes_both(_t):
    found = fish_options("rill.fish")
    assert found[""] == {"--help", "--version"}
    for command in COMMANDS:
        assert found.get(command, set()) | found[None] == helped(command), command
    assert set(re.findall(r"use_subcommand -a (\w+)", read("rill.fish"))) == set(COMMANDS)
    found = fish_options("rilld.fish")
    assert found.pop("run") | found.pop("check") == connector_options()
    assert found == {"": {"--help", "--version"}, "local": options_in(text(RILLD, "local", "--help"))}, found


def zsh_words(part):
    return set(re.findall(r"(--[a-z-]+)(?==?\[|\}'\[)", part))


def zsh_completes_both(_t):
    page = read("_rill")
    common = zsh_words(page.split("common=(")[1].split("\n    )")[0])
    for command in COMMANDS:
        own = re.search(rf"^    {command}\)\n(.*?);;", page, re.M | re.S)
        assert common | (zsh_words(own[1]) if own else set()) == helped(command), command
    assert set(re.findall(r"^        ['\"]([a-z]+):", page, re.M)) == set(COMMANDS)
    local = re.search(r"^    local\)\n(.*?);;", read("_rilld"), re.M | re.S)[1]
    assert zsh_words(local) == options_in(text(RILLD, "local", "--help"))
    run = re.search(r"^    run \| check\)\n(.*?);;", read("_rilld"), re.M | re.S)[1]
    assert zsh_words(run) == connector_options()


def controlled(command):
    return options_in(text(RILLCTL, "help", command))


def all_complete_rillctl(_t):
    listed = re.findall(r"^  ([a-z-]+) +\w", text(RILLCTL, "help").split("commands:")[1].split("options of")[0], re.M)
    assert listed == [*CONTROLS, "help"], listed
    assert bash("rillctl", "") == {*CONTROLS, "help", "--help", "--version"}
    assert bash("rillctl", "help", "") == set(CONTROLS)
    assert bash("rillctl", "statement", "--step", "d") == {"day"}
    found = fish_options("rillctl.fish")
    page = read("_rillctl")
    common = zsh_words(page.split("common=(")[1].split("\n    )")[0])
    for command in CONTROLS:
        assert bash("rillctl", command, "--") == controlled(command), command
        assert found.get(command, set()) | found[None] == controlled(command), command
        own = re.search(rf"^    {command}\)\n(.*?);;", page, re.M | re.S)
        assert common | (zsh_words(own[1]) if own else set()) == controlled(command), command
    assert found[""] == {"--help", "--version"}
    assert re.findall(r"use_subcommand -a ([\w-]+)", read("rillctl.fish")) == [*CONTROLS, "help"]


def shells_that_are_here_read_them(_t):
    for shell, names in (("bash", ["rill.bash", "rilld.bash", "rillctl.bash"]), ("zsh", ["_rill", "_rilld", "_rillctl"]), ("fish", ["rill.fish", "rilld.fish", "rillctl.fish"])):
        if not shutil.which(shell):
            continue
        for name in names:
            subprocess.run([shell, "-n", os.path.join(FOLDER, name)], check=True)
    if shutil.which("fish"):
        offered = text("fish", "--no-config", "-c", f"set PATH {BIN} $PATH; source {FOLDER}/rill.fish; complete -C 'rill send --'")
        assert {line.split("\t")[0] for line in offered.splitlines()} == helped("send"), offered


def manual_pages_have_every_option(_t):
    for page, helps in (("rill.1", [text(RILL, "help", command) for command in COMMANDS]),
                        ("rillctl.1", [text(RILLCTL, "help", command) for command in CONTROLS]),
                        ("rilld.1", [text(RILLD, "local", "--help"), text(RILLD, "run", "--help")])):
        with open(os.path.join(FOLDER, "..", "..", "man", page), encoding="utf-8") as f:
            words = set(re.findall(r"--[a-z-]+", f.read().replace("\\-", "-").replace("Fl -", "--")))
        options = set().union(*(options_in(h) for h in helps))
        assert options <= words, (page, options - words)
        assert words <= options | {"--version", "--option"}, (page, words - options)


TESTS = [manual_pages_have_every_option, the_help_lists_every_command, bash_completes_rill, bash_completes_rilld, fish_completes_both, zsh_completes_both, all_complete_rillctl,
         shells_that_are_here_read_them]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
