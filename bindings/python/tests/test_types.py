# SPDX-License-Identifier: Apache-2.0
"""mypy --strict has nothing to say, of the package, its tests, its examples, and of a program that
uses it as it is installed."""

from __future__ import annotations

import inspect
import os
import pathlib
import re
import subprocess
import sys
from typing import Any, Callable, Iterator, List, Tuple

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


# Made by the package alone.
NOT_MADE = {"Connection", "DataIterator", "LinkOwner", "MoneyIterator", "Server", "Stream"}
ERRORS = {name for name in rill.__all__ if name.endswith("Error")}
Described = Tuple[str, Callable[..., Any], str]


def members(name: str, thing: Any) -> Iterator[Described]:
    """Functions that are called, with what is written about them."""
    if inspect.isfunction(thing):
        yield name, thing, thing.__doc__ or ""
    if not isinstance(thing, type):
        return
    made = vars(thing).get("__init__")
    # Those that dataclass and NamedTuple make have no source: their members have words of their own.
    if name not in NOT_MADE and inspect.isfunction(made) and "<" not in made.__code__.co_filename:
        yield name, made, thing.__doc__ or ""
    for part, value in vars(thing).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not part.startswith("_") and inspect.isfunction(function):
            yield f"{name}.{part}", function, function.__doc__ or ""


def public() -> List[Described]:
    return [one for name in rill.__all__ for one in members(name, getattr(rill, name))]


def whole(where: str, doc: str, seen: Tuple[str, ...] = ()) -> str:
    """With what it refers to: "as ``pay``", "as of ``rill.connect``"."""
    for name in re.findall(r"\b(?:[Aa]s|of)(?: of)? ``(?:rill\.)?([\w.]+)``", doc):
        owner = getattr(rill, where.partition(".")[0])
        thing: Any = getattr(owner, name, None) if isinstance(owner, type) else None
        for part in name.split(".") if thing is None else []:
            thing = getattr(rill if thing is None else thing, part, None)
        if name not in seen and thing is not None:
            doc += " " + whole(where, thing.__doc__ or "", (*seen, name))
    return doc


def test_everything_public_has_a_docstring() -> None:
    """Also functions, and what is in classes. Of members that are values the class tells."""
    for name in rill.__all__:
        thing = getattr(rill, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
    described = public()
    assert len(described) > 90
    assert [where for where, _, doc in described if not doc] == []


def test_docstrings_name_what_is_given() -> None:
    """Each argument of a function and of a class that is made; of methods the units and seconds."""
    wrong = []
    for where, function, doc in public():
        text = whole(where, doc)
        words = set(re.findall(r"\w+", text))
        for name in inspect.signature(function).parameters:
            if "." not in where and where not in ERRORS and name not in words | {"self"}:
                wrong.append(f"{where}: {name}")
            if name in ("amount", "deliver", "total") and not re.search(r"\bunits?\b", text):
                wrong.append(f"{where}: {name}: of which units?")
            if name.endswith("timeout") and "seconds" not in words:
                wrong.append(f"{where}: {name}: in seconds?")
    assert wrong == []


def test_docstrings_name_the_errors() -> None:
    """Those that a function raises itself; and some, where it passes on what the core says."""
    wrong = []
    for where, function, doc in public():
        text = whole(where, doc)
        words = set(re.findall(r"\w+", text))
        source = inspect.getsource(function)
        for error in sorted(ERRORS & set(re.findall(r"raise (\w+)\(", source))):
            wrong += [] if error in words else [f"{where}: {error}"]
        if re.search(r"\bcheck\(", source) and not any(word.endswith("Error") for word in words):
            wrong.append(f"{where}: which errors?")
    assert wrong == []
