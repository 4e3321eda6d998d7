#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One set of credentials again and again: payment after payment, and several programs at once.

usage: repeated.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES REPEAT [TEST...]

Prints TAP. Nothing here sleeps: it waits for lines and for ends of processes.
"""

import re
import signal
import sys

from harness import run_with_node

REPEAT = sys.argv[3]
CASES = []


def case(function):
    CASES.append(function)
    return function


def repeat(t, r, who, count):
    return t.start([REPEAT, t.link(who), r.path, str(count)])


def totals(p):
    [line] = [line for line in p.lines() if line.startswith("paid ")]
    words = line.split()
    return dict(zip(words[::2], map(int, words[1::2])))


def received(r):
    """What the receiver has booked, once it has ended."""
    r.process.send_signal(signal.SIGTERM)
    assert r.end() == 0, r.text
    return sum(int(line.split()[4]) for line in r.lines() if "received" in line and "in all" in line)


@case
def one_after_the_other(t):
    """Each begins after the one before has ended, though maybe within the same millisecond."""
    r = t.receive()
    r.read_along()
    p = repeat(t, r, "payer", 1000)
    assert p.end() == 0, p.lines()[-20:]
    assert totals(p) == {"paid": 1000, "failed": 0, "sent": 1000, "delivered": 1000, "in_doubt": 0}, totals(p)
    assert received(r) == 1000


@case
def several_programs_at_once(t):
    """Some end each other's payments. They are told so, and what all of them count is what has arrived."""
    r = t.receive()
    r.read_along()
    programs = [repeat(t, r, f"payer{i}", 100) for i in range(3)]
    for p in programs:
        assert p.end() in (0, 1), p.text
    sums = [totals(p) for p in programs]
    for p in programs:
        for line in p.lines():
            if line.startswith("failed "):
                assert re.match(r"failed RILL_ERR_(REMOTE|IN_DOUBT): .*(another program has begun|in doubt)", line), line
    assert sum(s["paid"] for s in sums) > 0, sums
    got = received(r)
    sure = sum(s["delivered"] for s in sums)
    assert sure <= got <= sure + sum(s["in_doubt"] for s in sums), (got, sums)


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
