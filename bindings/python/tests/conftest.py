# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import faulthandler
import pathlib
import sys
from typing import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from support import Node

faulthandler.enable()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("node"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def http_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("http-node"), http=True)
    yield made
    made.end()
