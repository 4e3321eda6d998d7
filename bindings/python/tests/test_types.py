# SPDX-License-Identifier: Apache-2.0
"""mypy --strict has nothing to say, of the package, its tests, its examples, and of a program that
uses it as it is installed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import rill
from support import HERE, ROOT

CACHE = f"--cache-dir={ROOT}/build/python/mypy"


def mypy(folder: pathlib.Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sources() -> None:
    mypy(HERE.parent, CACHE, "src/rill", "tests", "examples")


def test_the_package_as_it_is_installed(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import rill\n"
        "async def f(s: rill.Stream) -> int:\n"
        "    async for amount in s.money():\n"
        "        reveal_type(amount)\n"
        "    reveal_type(await s.read())\n"
        "    return (await s.send(1)).delivered\n",
        encoding="utf-8",
    )
    mypy(tmp_path, CACHE, str(program))


def test_it_says_that_it_is_typed() -> None:
    folder = os.path.dirname(rill.__file__)
    assert os.path.exists(os.path.join(folder, "py.typed"))


def test_everything_public_has_a_docstring() -> None:
    for name in rill.__all__:
        thing = getattr(rill, name)
        if not isinstance(thing, type):
            continue
        assert thing.__doc__, name
        for part, value in vars(thing).items():
            if part.startswith("_") or not (callable(value) or isinstance(value, property)):
                continue
            assert value.__doc__, f"{name}.{part}"
