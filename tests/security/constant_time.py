#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No branch and no address depends on a secret. Prints TAP.

Usage: constant_time.py PROGRAM SUPPRESSIONS

Runs PROGRAM below valgrind, which sees the secrets in it as undefined, and reports what depends
on them. First what must be reported: if that is not, the rest proves nothing.
"""
import re
import subprocess
import sys

LEAKS = {
    "memcmp": "a comparison that ends at the first difference",
    "condition": "the same, inlined or not",
    "branch": "a branch on one byte",
    "table": "a table looked up at a secret place",
}
WHOLE = [((), ""), (("fastest",), ", encrypted by the fastest there is")]
FOUND = 9
REPORT = re.compile(r"depends on uninitialised|Use of uninitialised")


def run(program, suppressions, *arguments):
    done = subprocess.run(["valgrind", "--quiet", f"--error-exitcode={FOUND}", "--num-callers=30",
                           f"--suppressions={suppressions}", program, *arguments],
                          capture_output=True, text=True, timeout=300, check=False,
                          env={"CMOCKA_MESSAGE_OUTPUT": "TAP", "PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout, done.stderr


def main(program, suppressions):
    print(f"1..{len(LEAKS) + len(WHOLE)}")
    failed = False
    for number, (leak, what) in enumerate(LEAKS.items(), 1):
        code, _, log = run(program, suppressions, leak)
        good = code == FOUND and REPORT.search(log) is not None
        print(f"{'ok' if good else 'not ok'} {number} - {what} is reported")
        failed |= not good
    for number, (arguments, what) in enumerate(WHOLE, len(LEAKS) + 1):
        code, out, log = run(program, suppressions, *arguments)
        good = code == 0 and "not ok" not in out and out.count("\nok ") >= 5
        print(f"{'ok' if good else 'not ok'} {number} - nothing of ours depends on a secret{what}")
        failed |= not good
        if not good:
            for line in (out + log).splitlines()[:150]:
                print("# " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
