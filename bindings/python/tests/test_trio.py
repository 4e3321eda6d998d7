# SPDX-License-Identifier: Apache-2.0
"""Under trio, by trio-asyncio: an asyncio loop that trio runs. Cancelling is trio's."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine, List

import trio
import trio_asyncio  # type: ignore[import-untyped]

import rill
from support import CLIENT, SERVER, Node, pair

PIECES = rill.Options(min_rate=1, max_packet_amount=7, max_in_flight=3)


def in_trio(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with trio.fail_after(60):
            async with trio_asyncio.open_loop():
                await test()

    trio.run(run)


def of_asyncio(work: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    return trio_asyncio.aio_as_trio(work)  # type: ignore[no-any-return]


def test_it_pays(node: Node) -> None:
    got: List[Any] = []

    async def serve(connection: rill.Connection) -> None:
        async for stream in connection:
            got.append((await stream.read(), stream.received))

    async def pays() -> rill.Payment:
        async with rill.listen(serve, link=node.uri("trio")) as server:
            return await rill.pay_async(
                server.generate_credentials(), 1000, data=b"tea", link=node.uri("trio-payer")
            )

    async def test() -> None:
        assert await of_asyncio(pays)() == rill.Payment(1000, 1000, 3)

    in_trio(test)
    assert got == [(b"tea", 1000)]


def test_what_trio_cancels_loses_nothing() -> None:
    sent: List[rill.ConnectionStats] = []
    took: List[int] = []

    async def work() -> None:
        client_link, server_link = pair()
        server = await rill.listen(link=server_link, account=SERVER)
        connection = await rill.connect(
            server.generate_credentials(), link=client_link, account=CLIENT, options=PIECES
        )
        try:
            async with connection:
                stream = await connection.open_stream()
                await stream.send(10**9)
        finally:
            sent.append(connection.stats)
            there = await asyncio.wait_for(server.accept(), 5)
            took.append(there.stats.received)
            await server.aclose(timeout=0.5)

    async def test() -> None:
        with trio.move_on_after(0.5) as scope:
            await of_asyncio(work)()
        assert scope.cancelled_caught

    in_trio(test)
    assert 0 < sent[0].sent == took[0] < 10**9 and sent[0].in_doubt == 0
