#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests, all or those that pytest's arguments name, and reports in TAP.

RILL_BIN and RILL_EXAMPLES are the folders of rilld and of the tutorial in C.
"""

from __future__ import annotations

import pathlib
import sys
from typing import List, Tuple

import pytest

HERE = pathlib.Path(__file__).resolve().parent


class Tap:
    """Collects what became of each test."""

    def __init__(self) -> None:
        self.results: List[Tuple[bool, str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.replace("#", "%")
        if report.failed:
            self.results.append((False, f"{name} ({report.when})", report.longreprtext))
        elif report.skipped:
            self.results.append((False, f"{name} (skipped)", str(report.longrepr)))
        elif report.when == "call":
            self.results.append((True, f"{name} ({report.duration:.1f} s)", ""))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.results.append((False, report.nodeid or "collection", report.longreprtext))


def main() -> int:
    tap = Tap()
    arguments = sys.argv[1:] or [str(HERE)]
    status = int(pytest.main(["-p", "no:cacheprovider", "-p", "no:terminal", *arguments], [tap]))
    print(f"1..{len(tap.results)}")
    for number, (good, name, why) in enumerate(tap.results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        for line in why.splitlines()[-40:]:
            print(f"#   {line[:200]}")
    return status


sys.exit(main())
