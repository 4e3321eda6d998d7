#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public headers of all three libraries speak one dialect (CONTRIBUTING.md).

What can fail must be checked. Results come first, and what is wrong last. Options and handlers say
their size, and have their _init. Whatever is passed with its size has an inline function that does
it. A time says its unit, and a comment says "Default:" of what an option is when nobody sets it.
All of them are installed.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = os.path.join(ROOT, "include", "rill")

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
FUNCTION = re.compile(r"RILL_API (RILL_MUST_CHECK )?([^;{}#()]*?)(\w+)\(((?:[^()]|\([^()]*\))*)\);")
INLINE = re.compile(r"static inline [^;{}#()]*?(\w+)\(")
STRUCT = re.compile(r"typedef struct (\w+) \{(.*?)\} \1;")
TIMES = r"uint64_t (\w*(?:time|timeout|deadline|until|interval|delay|window|age|expires|duration|waited)\w*)"
TIME = re.compile(TIMES + ";")
TIME_ARGUMENT = re.compile(TIMES + "$")
UNIT = re.compile(r"_(?:ns|ms|s)$|_at$")
WORDS = {
    re.compile(r"[Bb]y default\b"): 'write "Default:"',
    re.compile(r"\bat first, and"): 'write "Default:"',
    re.compile(r"[;,] default\b(?! of)"): 'write "Default:"',
    re.compile(r"\bdefault (?:NULL|false|true|\d)"): 'write "Default:"',
}

# The loop's own, whose failure is told where it matters: what was asked of it goes on.
MAY_BE_IGNORED = {"rill_loop_free", "rill_loop_run", "rill_spsp_server_refuse"}
# Their results come last. Names and arguments stay (tests/abi), so nothing may come to these.
RESULT_LAST = {
    "rill_amount_parse", "rill_ratio_parse", "rill_connection_open_stream",
    "rill_endpoint_connect", "rill_endpoint_generate_credentials",
    "rill_server_generate_credentials", "rill_payment_state_settle", "rill_payment_state_load",
    "rill_json_rewrite", "rill_jwk_write", "rill_jwks_write",
}
# Of a protocol's, not of a clock's.
NO_TIME = {"max_packet_time"}


def flat(text):
    return re.sub(r"\s+", " ", text)


def arguments(text):
    return [arg.strip() for arg in re.split(r",(?![^()]*\))", text)]


def gives_what_is_there(name):
    """Getters are asked of an object: it comes first."""
    return "_get_" in name or "_next_" in name


def function_problems(code, inlines):
    for must, result, name, args in FUNCTION.findall(code):
        args = arguments(args)
        outs = [i for i, arg in enumerate(args) if re.search(r"\*out$", arg)]
        if result.strip() == "int" and not must and name not in MAY_BE_IGNORED:
            yield f"{name} can fail, and is not RILL_MUST_CHECK"
        if outs and outs[0] != 0 and not gives_what_is_there(name) and name not in RESULT_LAST:
            yield f"{name}: the result comes first"
        if any(arg.endswith("**problem") for arg in args[:-1]):
            yield f"{name}: problem comes last"
        for time in filter(None, map(TIME_ARGUMENT.search, args)):
            if not UNIT.search(time.group(1)):
                yield f"{name}: {time.group(1)} does not say its unit"
        if name.endswith("_sized") and name[:-len("_sized")] not in inlines:
            yield f"{name}: there is no inline function for C that passes the size"


def struct_problems(code, functions):
    for name, body in STRUCT.findall(code):
        growing = name.endswith(("_options", "handlers"))
        if growing and not re.match(r" size_t size\b", body):
            yield f"{name} does not begin with its size"
        if name.endswith("_options") and f"{name}_init_sized" not in functions:
            yield f"{name} has no {name}_init_sized"
        for member in TIME.findall(body):
            if not UNIT.search(member) and member not in NO_TIME:
                yield f"{name}: {member} does not say its unit"


def word_problems(text):
    for comment in COMMENT.findall(text):
        for pattern, advice in WORDS.items():
            found = pattern.search(flat(comment))
            if found:
                yield f'"{found.group(0)}": {advice}'


def uncommented(text):
    """Functions at the beginning of a paragraph without a comment."""
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.lstrip().startswith(("RILL_API", "RILL_MUST_CHECK static inline")):
            name = re.search(r"(\w+)\(", paragraph).group(1)
            # The inline function after it has the comment.
            if not name.endswith("_init_sized"):
                yield f"{name} has no comment"


def problems(text, all_functions, all_inlines):
    code = flat(COMMENT.sub("", text))
    yield from function_problems(code, all_inlines)
    yield from struct_problems(code, all_functions)
    yield from word_problems(text)
    yield from uncommented(text)


def not_installed(names):
    """Those that a program finds here, and not where Rill is installed."""
    with open(os.path.join(INCLUDE, "meson.build"), encoding="utf-8") as file:
        return sorted(set(names) - set(re.findall(r"'(\w+\.h)'", file.read())))


def main():
    texts = {}
    for name in sorted(os.listdir(INCLUDE)):
        if name.endswith(".h"):
            with open(os.path.join(INCLUDE, name), encoding="utf-8") as file:
                texts[name] = file.read()
    code = flat(COMMENT.sub("", "\n".join(texts.values())))
    functions = {found[2] for found in FUNCTION.findall(code)}
    inlines = set(INLINE.findall(code))
    status = 0
    for stale in RESULT_LAST | MAY_BE_IGNORED:
        if stale not in functions:
            print(f"scripts/check_headers.py: there is no {stale}")
            status = 1
    for name in not_installed(texts):
        print(f"include/rill/{name}: is not installed (include/rill/meson.build)")
        status = 1
    for name, text in texts.items():
        for problem in problems(text, functions, inlines):
            print(f"include/rill/{name}: {problem}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
