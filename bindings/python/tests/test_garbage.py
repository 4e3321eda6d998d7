# SPDX-License-Identifier: Apache-2.0
"""Peers and nodes that talk nonsense: an error, and never the end of the process."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable, List

import pytest
from websockets.asyncio.server import ServerConnection, serve

import rill
from rill._core import ffi
from support import Both, in_loop

AUTH_OK = bytes([1]) + b"%s" + bytes([2, 1, 0])


def auth_reply(request: bytes) -> bytes:
    return bytes([1]) + request[1:5] + bytes([2, 1, 0])


@in_loop
async def test_packets_of_chance() -> None:
    chance = random.Random(7)
    async with Both() as b:
        here, there = await b.streams()
        engines = (b.connection._engine, b.server._engine)
        for _ in range(3000):
            kind = bytes([chance.choice([12, 13, 14, chance.randrange(256)])])
            packet = kind + chance.randbytes(chance.choice([0, 1, 5, 40, 300]))
            view = ffi.from_buffer("uint8_t[]", packet)
            engine = chance.choice(engines)
            token = (b.link, asyncio.get_running_loop().create_future())
            engine.link_prepare(token, view, len(packet))
            engine.link_reply(chance.randrange(1 << 32), view, len(packet))
            engine.link_unanswered(chance.randrange(1 << 32), chance.random() < 0.5)
            engine.link_turn()
        assert (await here.send(5)).sent == 5


@in_loop
async def test_replies_that_are_changed() -> None:
    chance = random.Random(8)
    async with Both(rill.Options(min_rate=1, max_packet_amount=5, packet_lifetime=0.2)) as b:
        here, there = await b.streams()
        replied = b.link.replied

        def change(target: Any, packet: bytes) -> None:
            if chance.random() < 0.3:
                changed = bytearray(packet)
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                packet = bytes(changed)[: chance.choice([len(changed), 3, 40])]
            replied(target, packet)

        b.link.replied = change  # type: ignore[method-assign]
        try:
            await here.send(100, timeout=3)
        except rill.RillError:
            pass
        b.link.replied = replied  # type: ignore[method-assign]
        totals = here.totals
        assert totals.sent <= there.received


async def with_server(
    answer: Callable[[ServerConnection, bytes], Any], error: Any, timeout: float = 2.0
) -> None:
    """A node that answers what comes first, our authentication, in some way."""

    async def handle(socket: ServerConnection) -> None:
        request = await socket.recv()
        assert isinstance(request, bytes)
        await answer(socket, request)
        await socket.wait_closed()

    async with serve(handle, "127.0.0.1", 0) as server:
        port = list(server.sockets)[0].getsockname()[1]
        with pytest.raises(error):
            await rill.listen(link=f"btp+ws://:t@127.0.0.1:{port}", timeout=timeout)


ANSWERS: List[bytes] = [
    b"",
    b"\x00",
    b"\x01\x00\x00",
    b"\x63\x00\x00\x00\x00\x02\x01\x00",
    b"\x02\x00\x00\x00\x00\xff\xff\xff",
    bytes(49_000),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda b: repr(b[:8]))
def test_no_frame_for_an_answer(answer: bytes) -> None:
    @in_loop
    async def attempt() -> None:
        async def say(socket: ServerConnection, request: bytes) -> None:
            await socket.send(answer)

        await with_server(say, (rill.RillError,))

    attempt()


@in_loop
async def test_a_frame_that_is_too_long() -> None:
    async def say(socket: ServerConnection, request: bytes) -> None:
        await socket.send(bytes(100_000))

    await with_server(say, rill.RillError)


@in_loop
async def test_a_frame_in_pieces_and_text() -> None:
    """Pieces are put together, and text is nothing; then no account is told."""
    said: List[bytes] = []

    async def say(socket: ServerConnection, request: bytes) -> None:
        await socket.send("a text")
        whole = auth_reply(request)
        await socket.send([whole[:3], whole[3:]])
        message = await socket.recv()
        assert isinstance(message, bytes)
        said.append(message)

    await with_server(say, rill.RillTimeoutError, 1.0)
    assert said[0][0] == 6  # IL-DCP's question


@in_loop
async def test_nonsense_after_the_authentication() -> None:
    chance = random.Random(9)

    async def say(socket: ServerConnection, request: bytes) -> None:
        await socket.send(auth_reply(request))
        for _ in range(300):
            kind = chance.choice([1, 2, 6, 7])
            body = chance.randbytes(chance.randrange(60))
            frame = bytes([kind]) + chance.randbytes(4) + bytes([len(body)]) + body
            await socket.send(frame)

    await with_server(say, rill.RillError, 0.5)


@in_loop
async def test_a_server_of_something_else() -> None:
    for text in (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-x\r\n", b""):

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(text)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for scheme in ("btp+ws", "ilp+http"):
            with pytest.raises(rill.RillError):
                await rill.connect(
                    rill.Credentials("test.a", bytes(32)),
                    link=f"{scheme}://:t@127.0.0.1:{port}",
                    timeout=2,
                )
        server.close()
        await server.wait_closed()
