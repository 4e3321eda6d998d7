# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one for each number of the C header."""

from __future__ import annotations

import asyncio
import re

import pytest

import rill
from rill._errors import CLASSES, error_of
from support import ROOT


def test_each_number_has_a_class() -> None:
    header = (ROOT / "include/rill/error.h").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"(RILL_ERR_\w+) = (-\d+)", header))
    assert len(numbers) >= 45
    assert sorted(CLASSES) == sorted(int(number) for number in numbers.values())
    assert len(set(CLASSES.values())) == len(CLASSES)
    for name, number in numbers.items():
        error = error_of(int(number))
        assert error.code == int(number) and error.name == name
        assert type(error) is CLASSES[int(number)] and type(error).code == int(number)
        assert getattr(rill, type(error).__name__) is type(error)
        assert type(error).__doc__ and str(error)


def test_all_are_exported() -> None:
    for name in rill.__all__:
        assert getattr(rill, name) is not None


def test_where_the_money_is() -> None:
    error = error_of(-39, sent=5, delivered=4, in_doubt=2)
    assert (error.sent, error.delivered, error.in_doubt) == (5, 4, 2)
    assert str(error).endswith("(sent 5, delivered 4, in doubt 2)")
    assert isinstance(error, rill.InDoubtError) and error.name == "RILL_ERR_IN_DOUBT"
    assert str(rill.RateError("words", sent=0)) == "words (sent 0)"
    assert error_of(-999).code == -999


def test_pythons_own_classes() -> None:
    for ours, theirs in (
        (rill.RillTimeoutError, asyncio.TimeoutError),
        (rill.RillTimeoutError, TimeoutError),
        (rill.RefusedError, ConnectionRefusedError),
        (rill.ConnectError, ConnectionError),
        (rill.NoMemoryError, MemoryError),
        (rill.RangeError, ValueError),
        (rill.NotFoundError, LookupError),
    ):
        with pytest.raises(theirs):
            raise ours("for once")
