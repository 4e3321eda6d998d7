# SPDX-License-Identifier: Apache-2.0
"""A program that is cancelled at each of its awaits in turn. Both ends know of the same money."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, List, Optional

import pytest

import rill
from support import CLIENT, SERVER, Both, CancelledAt, Node, in_loop, pair, until

PIECES = rill.Options(min_rate=1, max_packet_amount=7, max_in_flight=3)


class Receiver:
    """A server that counts. What it took is in ``connections``."""

    def __init__(self) -> None:
        self.connections: List[rill.Connection] = []

    async def serve(self, connection: rill.Connection) -> None:
        self.connections.append(connection)
        async for stream in connection:
            asyncio.ensure_future(self.read(stream))

    async def read(self, stream: rill.Stream) -> None:
        with contextlib.suppress(rill.RillError, asyncio.CancelledError):
            async for piece in stream.data():
                stream.write(piece)

    @property
    def received(self) -> int:
        return sum([connection.stats.received for connection in self.connections])


async def work(made: List[rill.Connection], connecting: rill.connect) -> int:
    """What is cancelled: connecting, paying, bytes both ways, and the end. Returns what it sent."""
    async with connecting as connection:
        made.append(connection)
        await connection.connected()
        stream = await connection.open_stream()
        stream.write(b"hello")
        await stream.drain()
        sent = (await stream.send(40)).sent
        assert await stream.readexactly(5) == b"hello"
        other = await connection.open_stream()
        results = await asyncio.gather(stream.send(20), other.send(15))
        sent += sum(result.sent for result in results)
        async with other:
            sent += (await other.send(9)).sent
        await stream.aclose()
    return sent


async def attempt(at: int, server: rill.Server, receiver: Receiver, link: Any, account: Any) -> int:
    """One run that is cancelled at an await: how often it waited, or 0 if it came to its end."""
    made: List[rill.Connection] = []
    connecting = rill.connect(
        server.generate_credentials(), link=link, account=account, options=PIECES
    )
    cancelled = CancelledAt(work(made, connecting), at)
    before = receiver.received

    async def run() -> Optional[int]:
        return await cancelled

    task = asyncio.ensure_future(run())
    with contextlib.suppress(asyncio.CancelledError):
        await task
    took = receiver.received - before
    if not made:
        assert took == 0
        return 1
    stats = made[0].stats
    assert made[0].closed
    if not task.cancelled():
        assert stats.sent == took == task.result() == 84
        return 0
    # Nothing is lost and nothing is made: what the receiver has, the sender knows of.
    assert stats.sent <= took <= stats.sent + stats.in_doubt, (at, stats, took)
    if cancelled.count == at:  # not cancelled a second time while it closed: all is known
        assert stats.in_doubt == 0 and stats.sent == took, (at, stats, took)
    return 1


@in_loop
async def test_at_every_await_in_memory() -> None:
    receiver = Receiver()
    client_link, server_link = pair()
    ends = 0
    async with rill.listen(receiver.serve, link=server_link, account=SERVER) as server:
        for at in range(1, 400):
            client_link = server_link.hub.link("client")
            if await attempt(at, server, receiver, client_link, CLIENT) == 0:
                ends += 1
                break
    assert ends == 1 and at > 8, at


@in_loop
async def test_at_every_await_over_a_node(node: Node) -> None:
    receiver = Receiver()
    ends = 0
    async with rill.listen(receiver.serve, link=node.uri("cancel-server")) as server:
        for at in range(1, 400):
            if await attempt(at, server, receiver, node.uri("cancel-client"), None) == 0:
                ends += 1
                break
    assert ends == 1 and at > 8, at


@in_loop
async def test_a_send_that_is_cancelled_sends_no_more() -> None:
    async with Both(PIECES) as b:
        here, there = await b.streams()
        b.link.lose = lambda packet: "hold"
        sending = asyncio.ensure_future(here.send(1000))
        await until(lambda: len(b.link.held) == 3)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert here.totals.in_flight == 21 and here.totals.send_max == 21
        b.link.lose = None
        b.link.release()
        await until(lambda: here.totals.in_flight == 0)
        assert here.totals.sent == there.received == 21
        # The next one sends what it is asked for, and nothing of the one before.
        assert (await here.send(10)).sent == 10
        assert there.received == 31


@in_loop
async def test_what_was_cancelled_and_comes_back_is_not_sent_with_the_next() -> None:
    async with Both(rill.Options(min_rate=1, max_packet_amount=7, packet_lifetime=0.3)) as b:
        here, there = await b.streams()
        b.link.lose = lambda packet: "drop"
        sending = asyncio.ensure_future(here.send(100))
        await until(lambda: here.totals.in_doubt > 0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        b.link.lose = None
        assert (await here.send(10)).sent == 10
        assert there.received == here.totals.sent == 10


@in_loop
async def test_those_that_wait_for_their_turn() -> None:
    async with Both(PIECES) as b:
        here, there = await b.streams()
        b.link.lose = lambda packet: "hold"
        first = asyncio.ensure_future(here.send(5))
        second = asyncio.ensure_future(here.send(50))
        await until(lambda: b.link.held)
        second.cancel()
        b.link.lose = None
        b.link.release()
        assert (await first).sent == 5
        assert second.cancelled() or second.done()
        assert (await here.send(6)).sent == 6
        assert there.received == 11


@in_loop
async def test_a_time_out_of_asyncio() -> None:
    async with Both(PIECES, rill.Options(receive_max=14)) as b:
        here, there = await b.streams()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(here.send(100), 0.2)
        await until(lambda: here.totals.in_flight == 0)
        assert here.totals.sent == there.received == 14
        there.receive_max = 100
        assert (await here.send(3)).sent == 3 and there.received == 17


@in_loop
async def test_the_next_follows_a_cancelled_one_at_once() -> None:
    async with Both(PIECES, rill.Options(receive_max=14)) as b:
        here, there = await b.streams()
        sending = asyncio.ensure_future(here.send(100))
        await until(lambda: here.totals.sent == 14)

        async def cancel_and_go_on() -> None:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            there.receive_max = 100
            assert (await here.send(3)).sent == 3

        await cancel_and_go_on()
        assert there.received == 17
