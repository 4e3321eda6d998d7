# SPDX-License-Identifier: Apache-2.0
"""Whatever waits is cancelled at each of its awaits in turn: as it begins to wait, and in the moment
in which it would go on. Nothing of what has come is lost, nothing is left open, and the books of both
ends agree to the unit."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import pathlib
import socket
import threading
from typing import Any, Awaitable, Callable, Coroutine, Iterator, List, Optional, Set, Tuple

import pytest

import rill
from support import CLIENT, SERVER, Both, CancelledAt, Node, in_loop, pair, until

PIECES = rill.Options(min_rate=1, max_packet_amount=7, max_in_flight=3)
MOMENTS = pytest.mark.parametrize("ready", [False, True], ids=["as it waits", "as it goes on"])
MOST = 600


def sockets() -> int:
    """How many this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


async def cancelled_at(work: Coroutine[Any, Any, Any], at: int, ready: bool) -> bool:
    """False: it came to its end before its nth await."""
    cancelled = CancelledAt(work, at, ready)

    async def run() -> Any:
        return await cancelled

    task = asyncio.ensure_future(run())
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return cancelled.count >= at


async def each_await(
    attempt: Callable[[int], Awaitable[bool]], least: int, most: int = MOST
) -> None:
    """Until one comes to its end; it has so many awaits at least."""
    for at in range(1, most):
        if not await attempt(at):
            assert at > least, f"it had {at - 1} awaits"
            return
    raise AssertionError("it does not come to its end")


class Books:
    """What connections have, also when they are over."""

    def __init__(self) -> None:
        self.connections: List[rill.Connection] = []

    def add(self, connection: rill.Connection) -> rill.Connection:
        self.connections.append(connection)
        return connection

    def add_all(self, server: rill.Server) -> None:
        """Those too that nobody accepts: they take money as well."""
        accept = server._engine.accept_connection
        assert accept is not None

        def noted(pointer: Any) -> None:
            accept(pointer)
            self.add(list(server._engine.connections.values())[-1])

        server._engine.accept_connection = noted

    @property
    def received(self) -> int:
        return sum(connection.stats.received for connection in self.connections)

    @property
    def sent(self) -> int:
        return sum(connection.stats.sent for connection in self.connections)

    @property
    def in_doubt(self) -> int:
        return sum(connection.stats.in_doubt for connection in self.connections)


async def pays(books: Books, server: rill.Server, link: Any, account: Any) -> None:
    """Money and bytes on two streams, for as long as the other side takes them."""
    connection = await rill.connect(
        server.generate_credentials(), link=link, account=account, options=PIECES
    )
    books.add(connection)
    try:
        first, second = await connection.open_stream(), await connection.open_stream()
        for _ in range(3):
            first.write(b"a" * 10)
            await first.send(10)
            # Each is a wait of its own at the other side.
            await asyncio.sleep(0.002)
        await first.aclose()
        await asyncio.sleep(0.002)
        second.write(b"b" * 50)
        await asyncio.sleep(0.002)
        second.write(b"b" * 50)
        await second.send(20)
        await asyncio.sleep(0.002)
        await second.aclose()
        await connection.aclose()
    finally:
        await connection.__aexit__(Exception, None, None)


async def serves(
    books: Books, listening: rill.listen, opened: asyncio.Future[rill.Server]
) -> Tuple[int, bytes]:
    """One connection, and all that it brings: every way in which a server waits."""
    money, data = 0, b""
    async with listening as server:
        books.add_all(server)
        opened.set_result(server)
        async for connection in server:
            async with connection:
                stream = await connection.accept_stream()
                await stream.receive(7)
                async for amount in stream.money():
                    money += amount
                async for piece in stream.data():
                    data += piece
                async for other in connection:
                    data += await other.readexactly(100)
                    await other.receive(20)
            return money, data
    return money, data


async def server_attempt(at: int, ready: bool, link: Any, payer: Any, account: Any) -> bool:
    """The server is cancelled. What it took, the payer has sent, or may have."""
    theirs, ours = Books(), Books()
    opened: asyncio.Future[rill.Server] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(
        cancelled_at(serves(theirs, rill.listen(link=link, account=account), opened), at, ready)
    )
    both: Set[asyncio.Future[Any]] = {serving, opened}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not opened.done():
        return await serving
    paying = asyncio.ensure_future(pays(ours, opened.result(), payer, CLIENT if account else None))
    was = await serving
    if was:
        assert opened.result().closed
        paying.cancel()
    await asyncio.wait({paying})
    if not paying.cancelled():
        assert paying.exception() is None or isinstance(paying.exception(), rill.RillError)
    assert ours.sent <= theirs.received <= ours.sent + ours.in_doubt, (at, ours.sent, ours.in_doubt)
    if not was:
        assert ours.sent == theirs.received == 50 and ours.in_doubt == 0
    return was


@MOMENTS
@in_loop
async def test_a_server_in_memory(ready: bool) -> None:
    """``listen``, ``async for``, ``accept_stream``, ``receive``, ``money``, ``data``, ``readexactly``."""
    client, server = pair()

    async def attempt(at: int) -> bool:
        link = server.hub.link("server")
        was = await server_attempt(at, ready, link, server.hub.link("client"), SERVER)
        assert not link.up
        return was

    await each_await(attempt, 8)


@MOMENTS
@in_loop
async def test_a_server_over_a_node(node: Node, ready: bool) -> None:
    """And what it opened is closed."""
    before = sockets()

    async def attempt(at: int) -> bool:
        name = f"everywhere-{ready}"
        return await server_attempt(at, ready, node.uri(name), node.uri(f"{name}-payer"), None)

    await each_await(attempt, 8)
    await until(lambda: sockets() <= before)


@MOMENTS
@in_loop
async def test_accepting_again_misses_nothing(ready: bool) -> None:
    """``accept``, ``async for``, ``accept_stream``: who was cancelled has taken nothing with him."""
    ways: List[Callable[[rill.Server], Coroutine[Any, Any, rill.Connection]]] = [
        lambda server: server.accept(),
        lambda server: server.__anext__(),
    ]
    for way in ways:
        client, server = pair()
        async with rill.listen(link=server, account=SERVER) as listening:
            waiting = asyncio.ensure_future(cancelled_at(way(listening), 1, ready))
            await asyncio.sleep(0.01)
            assert ready is not waiting.done()
            credentials = listening.generate_credentials()
            async with rill.connect(
                credentials, link=client, account=CLIENT, options=PIECES
            ) as here:
                stream = await here.open_stream()
                stream.write(b"x")
                assert await waiting
                connection = await asyncio.wait_for(way(listening), 10)
                there = await connection.accept_stream()
                assert await there.readexactly(1) == b"x"
                for once_more in (connection.accept_stream, connection.__anext__):
                    waiting = asyncio.ensure_future(cancelled_at(once_more(), 1, ready))
                    await asyncio.sleep(0.01)
                    another = await here.open_stream()
                    another.write(b"y")
                    assert await waiting
                    found = await asyncio.wait_for(once_more(), 10)
                    assert await found.readexactly(1) == b"y"


@MOMENTS
@in_loop
async def test_reading_again_misses_nothing(ready: bool) -> None:
    """``receive``, ``money`` and the ways to read: money and bytes come once each."""
    async with Both(PIECES) as b:
        here, there = await b.streams()
        sending = asyncio.ensure_future(here.send(70))
        money, iterator = 0, there.money()
        while money < 70:
            with contextlib.suppress(asyncio.CancelledError):
                money += await _cancelled_once(iterator.__anext__(), ready)
            if money < 70:
                money += await iterator.__anext__()
        assert (await sending).sent == money == there.received == 70

        sending = asyncio.ensure_future(here.send(30))
        with contextlib.suppress(asyncio.CancelledError):
            await _cancelled_once(there.receive(100), ready)
        assert await there.receive(100) >= 100
        assert (await sending).sent == 30 and there.received == 100

        async def write() -> None:
            for number in range(40):
                here.write(bytes([number]) * 50)
                await asyncio.sleep(0)

        writing, got, data = asyncio.ensure_future(write()), b"", there.data()
        ways: List[Callable[[], Coroutine[Any, Any, bytes]]] = [
            lambda: there.read(64), lambda: there.readexactly(25), data.__anext__,
        ]  # fmt: skip
        for number in range(1000):
            if len(got) >= 1950:
                break
            with contextlib.suppress(asyncio.CancelledError):
                got += await _cancelled_once(ways[number % 3](), ready)
            if len(got) < 1950:
                got += await ways[number % 3]()
        got += await there.readexactly(2000 - len(got))
        await writing
        assert got == b"".join(bytes([number]) * 50 for number in range(40))


async def _cancelled_once(work: Coroutine[Any, Any, Any], ready: bool) -> Any:
    """Of a task of its own; CancelledError where it had to wait."""

    async def run() -> Any:
        return await CancelledAt(work, 1, ready)

    return await asyncio.ensure_future(run())


@MOMENTS
@in_loop
async def test_a_rate_that_is_looked_for(ready: bool) -> None:
    """``find_rate``: it pays nothing, and whoever asks again is told."""

    async def attempt(at: int) -> bool:
        async with Both(rill.Options(max_packet_amount=7)) as b:
            was = await cancelled_at(b.connection.find_rate(70), at, ready)
            assert b.connection.stats.sent == b.connection.stats.in_flight == 0
            if was:
                assert await asyncio.wait_for(b.connection.find_rate(70), 10) == 1
            assert b.connection.stats.rate == 1
            with pytest.raises(rill.StateError):
                await b.connection.find_rate(70)
            stream = await b.connection.open_stream()
            sending = asyncio.ensure_future(stream.send(70))
            remote = await b.remote()
            assert (await sending).sent == 70
            assert remote.stats.received == b.connection.stats.sent == 70
            return was

    await each_await(attempt, 1)


class Shop:
    """A server over a node that takes all money."""

    def __init__(self, uri: Any, account: Optional[rill.Account] = None) -> None:
        self.books = Books()
        self.listening = rill.listen(self.serve, link=uri, account=account)

    async def serve(self, connection: rill.Connection) -> None:
        self.books.add(connection)
        async for stream in connection:
            await stream.read()


def least(state: Optional[rill.PaymentState]) -> Tuple[int, int]:
    """What has left by a state, and what may have."""
    return (0, 0) if state is None else (state.sent, state.sent + state.in_doubt)


@MOMENTS
@pytest.mark.parametrize("deliver", [None, 40], ids=["an amount", "a delivery"])
@in_loop
async def test_a_payment(node: Node, tmp_path: pathlib.Path, deliver: Optional[int], ready: bool) -> None:
    """``pay_async`` is cancelled at each await, and ``resume_async`` goes on with what it kept."""
    shop = Shop(node.uri(f"pay-shop-{ready}-{deliver}"))
    file, payer = tmp_path / "state", node.uri(f"pay-payer-{ready}-{deliver}")
    before = sockets()
    async with shop.listening as server:

        async def attempt(at: int) -> bool:
            file.unlink(missing_ok=True)
            had = shop.books.received
            credentials = server.generate_credentials()
            paying = rill.pay_async(
                credentials, 40, deliver=deliver, save=file, link=payer,
                options=rill.Options(max_packet_amount=7),
            )  # fmt: skip
            was = await cancelled_at(paying, at, ready)
            took = shop.books.received - had
            kept = rill.PaymentState.load(file) if file.exists() else None
            low, high = least(kept)
            assert low <= took <= high, (at, took, kept)
            assert not (tmp_path / "state.lock").exists()
            if kept is None or (kept.in_doubt and not kept.complete):
                return was
            payment = await rill.resume_async(file, link=payer)
            assert payment.sent == shop.books.received - had == 40, (at, kept)
            return was

        await each_await(attempt, 8)
    await until(lambda: sockets() <= before)


@MOMENTS
@in_loop
async def test_a_payment_that_is_gone_on_with(node: Node, tmp_path: pathlib.Path, ready: bool) -> None:
    """``resume_async`` is cancelled at each await, and gone on with to its end."""
    shop = Shop(node.uri(f"resume-shop-{ready}"))
    file, payer = tmp_path / "state", node.uri(f"resume-payer-{ready}")
    before = sockets()
    async with shop.listening as server:

        async def attempt(at: int) -> bool:
            had = shop.books.received
            new = rill.PaymentState(server.generate_credentials(), 50, 0, None, 10, 0, 10, False)
            new.save(file)
            was = await cancelled_at(rill.resume_async(file, link=payer), at, ready)
            took = 10 + shop.books.received - had
            kept = rill.PaymentState.load(file)
            low, high = least(kept)
            assert low <= took <= high, (at, took, kept)
            assert not (tmp_path / "state.lock").exists()
            if not kept.in_doubt:
                assert (await rill.resume_async(file, link=payer)).sent == 50
                assert 10 + shop.books.received - had == 50, (at, kept)
            return was

        await each_await(attempt, 8)
    await until(lambda: sockets() <= before)


class SlowAnswer(http.server.BaseHTTPRequestHandler):
    """SPSP, for one payment each time."""

    def do_GET(self) -> None:
        body = json.dumps(
            {"destination_account": "test.a", "shared_secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/spsp4+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def spsp() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowAnswer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@MOMENTS
@in_loop
async def test_a_query(spsp: str, ready: bool) -> None:
    """``query``: nothing is left open, and the next one is answered."""
    before = sockets()

    async def attempt(at: int) -> bool:
        was = await cancelled_at(rill.query(spsp), at, ready)
        assert await rill.query(spsp) == rill.Credentials("test.a", bytes(range(32)))
        return was

    await each_await(attempt, 1)
    await until(lambda: sockets() <= before)


@MOMENTS
@in_loop
async def test_a_server_by_http(ready: bool) -> None:
    """``HTTPServerLink``, at both ends: its port is free at once, and no unit is lost."""
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])

    def link(ours: int, theirs: int) -> rill.HTTPServerLink:
        uri = f"ilp+http://:token@127.0.0.1:{theirs}"
        return rill.HTTPServerLink(uri, token="token", port=ours)

    async def attempt(at: int) -> bool:
        before = sockets()
        was = await server_attempt(at, ready, link(*ports), link(*ports[::-1]), SERVER)
        for port in ports:
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                free.bind(("127.0.0.1", port))
        await until(lambda: sockets() <= before)
        return was

    await each_await(attempt, 8)
