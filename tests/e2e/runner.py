# SPDX-License-Identifier: Apache-2.0
"""Runs functions as tests and prints TAP. Also waits for things that nothing announces."""

import time
import traceback


def run(tests, call=lambda test: test(), names=()):
    """
    Each function, by `call`, or those alone that `names` names; other names in it are none of ours.
    Returns the exit status.
    """
    tests = [test for test in tests if test.__name__ in names] or tests
    assert tests, "there is nothing to test"
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        start = time.monotonic()
        try:
            call(test)
            print(f"ok {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception:  # every failure is a line of TAP
            failed += 1
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    return 1 if failed else 0


def wait_until(condition, process=None, what=lambda: "it did not happen", limit=60, interval=0.01):
    """
    Until condition() holds: what nobody tells of, as a file that appears, is looked for every
    `interval`. It fails, and says what(), after `limit` seconds, and as soon as `process` has ended.
    """
    end = time.monotonic() + limit
    while not condition():
        assert (process is None or process.poll() is None) and time.monotonic() < end, what()
        time.sleep(interval)
