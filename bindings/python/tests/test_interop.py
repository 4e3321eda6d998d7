# SPDX-License-Identifier: Apache-2.0
"""With ilp-protocol-stream, the JavaScript implementation, in both roles over a node."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, List

import pytest

import rill
from support import HERE, ROOT, Node, in_loop

PEER = HERE / "peer.js"


class Peer:
    """peer.js: says a line of JSON for each thing that happens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> Any:
        assert self.process.stdout is not None
        text = await self.process.stdout.readline()
        assert text, "the peer has ended"
        return json.loads(text)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def peer(*arguments: str) -> Peer:
    assert (ROOT / "tests/interop/node_modules").exists(), "run tests/interop/install first"
    return Peer(
        await asyncio.create_subprocess_exec(
            "node", str(PEER), *arguments, stdout=asyncio.subprocess.PIPE, env={**os.environ}
        )
    )


@in_loop
async def test_we_pay_a_server_in_javascript(node: Node) -> None:
    them = await peer("server", node.uri("js-server"))
    try:
        credentials = rill.Credentials.from_json(json.dumps(await them.line()))
        async with rill.connect(credentials, link=node.uri("py-client")) as connection:
            stream = await connection.open_stream()
            stream.write(b"from Python")
            assert (await stream.send(5000)).sent == 5000
            # They pay 7 back, and echo the bytes.
            assert await stream.receive(7) == 7
            assert await stream.readexactly(11) == b"from Python"
        money: List[int] = []
        while sum(money) < 5000:
            said = await them.line()
            if "money" in said:
                money.append(said["money"])
    finally:
        await them.end()


@in_loop
async def test_a_client_in_javascript_pays_us(node: Node) -> None:
    async with rill.listen(link=node.uri("py-server")) as server:
        credentials = server.generate_credentials("from js").to_json()
        them = await peer("client", node.uri("js-client"), credentials)
        try:
            connection = await server.accept()
            assert connection.tag == "from js"
            stream = await connection.accept_stream()
            assert await stream.readexactly(15) == b"from JavaScript"
            assert await stream.receive(3000) == 3000
            stream.write(b"thank you")
            assert (await stream.send(11)).sent == 11
            said = {}
            while "ended" not in said:
                said.update(await them.line())
            assert said["sent"] == 3000 and said["received"] == 11 and said["data"] == "thank you"
        finally:
            await them.end()


@in_loop
async def test_a_server_in_javascript_that_is_killed(node: Node) -> None:
    them = await peer("server", node.uri("js-server-2"))
    credentials = rill.Credentials.from_json(json.dumps(await them.line()))
    connection = await rill.connect(
        credentials,
        link=node.uri("py-client-2"),
        options=rill.Options(min_rate=1, idle_timeout=1, connect_timeout=1, packet_lifetime=3),
    )
    stream = await connection.open_stream()
    await stream.send(100)
    await them.end()
    with pytest.raises(rill.RillError) as caught:
        await stream.send(5, timeout=1)
    assert caught.value.sent == 0
    await connection._engine.close()
