# SPDX-License-Identifier: Apache-2.0
"""Counting the tests of a program that prints TAP."""

import re

PLAN = re.compile(r"^1\.\.(\d+)")
TEST = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)")


class Count:
    """How many tests passed, and the names of those that did not; and of those that are known
    not to pass, each with its reason."""

    def __init__(self, passed=0, failures=()):
        self.passed = passed
        self.failures = list(failures)
        self.known = []

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.known += other.known


def parse(text, name):
    """Counts the tests in TAP. A test that was skipped has failed, and so has a plan not kept, and
    a test that passes though it is marked as known not to (TODO)."""
    count = Count()
    planned = seen = 0
    has_plan = False
    for line in text.splitlines():
        plan = PLAN.match(line)
        test = TEST.match(line)
        if plan:
            has_plan = True
            planned += int(plan.group(1))
        elif test:
            seen += 1
            if test.group(1) and re.search(r"#\s*todo\s+\S", test.group(2), re.IGNORECASE):
                count.known.append(f"{name}: {test.group(2)}")
            elif test.group(1):
                count.failures.append(f"{name}: {test.group(2)}")
            elif re.search(r"#\s*(skip|todo)", test.group(2), re.IGNORECASE):
                count.failures.append(f"{name}: {test.group(2)} (not run, or passes by now)")
            else:
                count.passed += 1
        elif line.startswith("Bail out!"):
            count.failures.append(f"{name}: {line}")
    if not has_plan:
        count.failures.append(f"{name}: printed no TAP plan")
    elif planned != seen:
        count.failures.append(f"{name}: ran {seen} of {planned} tests")
    return count


def without_passed(text):
    """What is left of TAP when the lines of tests that passed are taken out: the reasons of those that
    did not are near each other then, however many there are between them."""
    return "\n".join(line for line in text.splitlines()
                     if not line.startswith("ok ") or re.search(r"#\s*(skip|todo)", line, re.IGNORECASE))


def of_program(text, name, status):
    """As parse; a program that ends badly without saying which test failed counts as one failure."""
    count = parse(text, name)
    if status != 0 and not count.failures:
        count.failures.append(f"{name}: ended with status {status}")
    return count
