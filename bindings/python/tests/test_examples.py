# SPDX-License-Identifier: Apache-2.0
"""The examples run as a person runs them. Those of the tutorial say what those in C say."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any, Dict, List, Tuple

from support import HERE, Node

EXAMPLES = HERE.parent / "examples"
SERVER_SAYS = [
    "server got connection",
    "server got a new stream: 1",
    "server got a new stream: 3",
    "server stream 1 got data: hello there!",
    "server stream 1 got incoming payment for: 100",
    "server stream 3 got data: hello there!",
    "server stream 3 got incoming payment for: 200",
]
CLIENT_SAYS = [
    "sending data to server on stream 1",
    "sending data to server on stream 3",
    "sending money to server on stream 1",
    "sent 100 units",
    "sending money to server on stream 3",
    "sent 200 units",
]


def environment(node: Node) -> Dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ILP_")}
    return {**kept, "ILP_BTP_SERVER": f"btp+ws://127.0.0.1:{node.port}", "PYTHONUNBUFFERED": "1"}


def start(node: Node, *command: str) -> Any:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(node),
    )


def run(node: Node, *command: str) -> str:
    process = start(node, *command)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    return str(said)


def script(name: str) -> Tuple[str, str]:
    return sys.executable, str(EXAMPLES / name)


def wait_for(file: pathlib.Path) -> str:
    end = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < end, f"{file} does not come"
        time.sleep(0.01)
    return str(file)


def tutorial(node: Node, file: pathlib.Path, server: List[str], client: List[str]) -> None:
    serving = start(node, *server, str(file))
    said = run(node, *client, wait_for(file))
    heard, _ = serving.communicate(timeout=30)
    assert serving.returncode == 0, heard
    assert said.splitlines() == CLIENT_SAYS
    assert sorted(heard.splitlines()) == sorted(SERVER_SAYS)


def test_the_tutorial(node: Node, tmp_path: pathlib.Path) -> None:
    tutorial(node, tmp_path / "c.json", [*script("server.py")], [*script("client.py")])


def test_the_tutorial_with_a_client_in_c(node: Node, tmp_path: pathlib.Path) -> None:
    client = os.environ["RILL_EXAMPLES"] + "/client"
    tutorial(node, tmp_path / "c.json", [*script("server.py")], [client])


def test_the_tutorial_with_a_server_in_c(node: Node, tmp_path: pathlib.Path) -> None:
    server = os.environ["RILL_EXAMPLES"] + "/server"
    tutorial(node, tmp_path / "c.json", [server], [*script("client.py")])


def test_pay_and_by_the_second_and_decide(node: Node, tmp_path: pathlib.Path) -> None:
    file, books = tmp_path / "c.json", tmp_path / "books"
    serving = start(node, *script("decide.py"), str(file), str(books))
    said = run(node, *script("pay.py"), wait_for(file), "250")
    assert said == "sent 250 units, the receiver got 250\n"
    said = run(node, *script("by_the_second.py"), str(file), "7", "2")
    assert said.splitlines()[-1] == "14 units in all"
    serving.send_signal(signal.SIGINT)
    heard, _ = serving.communicate(timeout=30)
    assert sorted(heard.splitlines()[:2]) == ["invoice 1: 14 units", "invoice 1: 250 units"]
    with sqlite3.connect(books) as reading:
        assert reading.execute("select sum(units) from packets").fetchone() == (264,)


def test_the_program_of_the_readme(node: Node, tmp_path: pathlib.Path) -> None:
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    file = tmp_path / "readme.py"
    file.write_text(blocks[0], encoding="utf-8")
    assert run(node, sys.executable, str(file)).splitlines()[-1] == "sent 100, delivered 100"
