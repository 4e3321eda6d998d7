# SPDX-License-Identifier: Apache-2.0
"""Servers, connections, credentials, and their ends."""

from __future__ import annotations

import asyncio
import os
import pathlib
from typing import Any, List

import pytest

import rill
from support import CLIENT, SERVER, Both, account, in_loop, pair, until


@in_loop
async def test_what_a_connection_knows() -> None:
    async with Both() as b:
        here, there = await b.streams()
        remote = await b.remote()
        await b.connection.connected()
        assert b.connection.account == CLIENT and b.server.account == SERVER
        assert b.server.address == "test.server"
        assert remote.tag == "a tag" and b.connection.tag == ""
        assert remote.remote_address.startswith("test.client")
        assert b.connection.remote_asset == ("ABC", 2)
        assert not b.connection.is_closing() and b.connection.error is None
        assert isinstance(b.connection.waiting_for, str)
        assert here.connection is b.connection and there.id == here.id == 1
        assert "open" in repr(here) and "open" in repr(b.connection)
        await b.connection.aclose()
        await remote.wait_closed()
        assert b.connection.closed and remote.closed
        assert b.connection.stats.packets_sent > 0 and remote.remote_address
        assert b.connection.waiting_for == "nothing"


@in_loop
async def test_a_handler_has_each_connection() -> None:
    seen: List[str] = []

    async def handle(connection: rill.Connection) -> None:
        seen.append(connection.tag)
        async for stream in connection:
            assert await stream.receive(5) == 5

    client, server = pair()
    async with rill.listen(handle, link=server, account=SERVER) as listening:
        async with rill.connect(
            listening.generate_credentials("one"),
            link=client,
            account=CLIENT,
            options=rill.Options(min_rate=1),
        ) as connection:
            stream = await connection.open_stream()
            await stream.send(5)
    assert seen == ["one"]


@in_loop
async def test_a_handler_that_raises_ends_its_connection() -> None:
    said: List[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))

    async def handle(connection: rill.Connection) -> None:
        raise ValueError("a fault of the application")

    client, server = pair()
    async with rill.listen(handle, link=server, account=SERVER) as listening:
        connection = await rill.connect(
            listening.generate_credentials(), link=client, account=CLIENT
        )
        stream = await connection.open_stream()
        stream.write(b"x")
        with pytest.raises(rill.RemoteError):
            await connection.wait_closed()
        with pytest.raises(rill.RemoteError):
            await stream.send(1)
    assert isinstance(said[0]["exception"], ValueError)


@in_loop
async def test_a_server_that_closes_ends_all_waits() -> None:
    async with Both() as b:
        here, there = await b.streams()
        accepting = asyncio.ensure_future(b.server.accept())
        iterating = asyncio.ensure_future(b.server.__anext__())
        reading = asyncio.ensure_future(here.read())
        streams = asyncio.ensure_future((await b.remote()).accept_stream())
        await asyncio.sleep(0)
        await b.server.aclose()
        with pytest.raises(rill.ClosedError):
            await accepting
        with pytest.raises(StopAsyncIteration):
            await iterating
        with pytest.raises(rill.ClosedError):
            await streams
        assert await reading == b""
        await b.connection.wait_closed()
        with pytest.raises(rill.ClosedError):
            b.server.generate_credentials()
        assert b.server.closed
        await b.server.aclose()


@in_loop
async def test_the_same_secret_makes_the_same_server() -> None:
    client, server = pair()
    secret = os.urandom(32)
    async with rill.listen(link=server, account=SERVER, server_secret=secret) as listening:
        credentials = listening.generate_credentials()
    client, server = pair()
    async with rill.listen(link=server, account=SERVER, server_secret=secret) as listening:
        async with rill.connect(
            credentials, link=client, account=CLIENT, options=rill.Options(min_rate=1)
        ) as connection:
            assert (await (await connection.open_stream()).send(4)).sent == 4
    with pytest.raises(rill.InvalidError):
        rill.listen(server_secret=b"short")


@in_loop
async def test_more_streams_than_are_allowed_wait() -> None:
    async with Both() as b:
        await b.streams()
        opened: List[rill.Stream] = []

        async def open_many() -> None:
            for _ in range(15):
                stream = await b.connection.open_stream()
                stream.write(b"x")
                opened.append(stream)

        opening = asyncio.ensure_future(open_many())
        await until(lambda: len(opened) >= 9)
        await asyncio.sleep(0.05)
        assert not opening.done()
        remote = await b.remote()

        async def close_all() -> None:
            async for stream in remote:
                await stream.read(1)
                stream.close()

        closing = asyncio.ensure_future(close_all())
        await opening
        await b.connection.aclose()
        await closing


@in_loop
async def test_tags_and_credentials(tmp_path: pathlib.Path) -> None:
    async with Both() as b:
        for tag, error in (("x" * 256, rill.TooLargeError), ("a\0b", rill.InvalidError)):
            with pytest.raises(error):
                b.server.generate_credentials(tag)
        with pytest.raises(rill.InvalidError):
            b.server.generate_credentials(receipt_nonce=bytes(16))
        with pytest.raises(rill.InvalidError):
            b.server.generate_credentials(receipt_nonce=bytes(5), receipt_secret=bytes(32))
        credentials = b.server.generate_credentials("ü")
    assert "secret>" in repr(credentials) and repr(credentials.shared_secret) not in repr(credentials)
    assert rill.Credentials.from_json(credentials.to_json()) == credentials
    assert rill.Credentials.from_json(credentials.to_json().encode()) == credentials
    file = tmp_path / "credentials.json"
    credentials.save(file)
    assert rill.Credentials.load(file) == credentials
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    with pytest.raises(rill.ExposedError) as caught:
        rill.Credentials.load(str(file))
    assert isinstance(caught.value, PermissionError)
    for text in ("", "{}", "null", '{"destination_account":"test.a"}', "x" * 5000, b"\xff\0"):
        with pytest.raises(rill.RillError):
            rill.Credentials.from_json(text)
    with pytest.raises(FileNotFoundError):
        rill.Credentials.load(tmp_path / "none")
    assert not list(tmp_path.glob(".*"))


@in_loop
async def test_options_that_cannot_be() -> None:
    wrong: List[Any] = [
        {"slippage": 1},
        {"slippage": 0.5},
        {"min_rate": 0.5},
        {"min_rate": -1},
        {"min_rate": "much"},
        {"min_rate": (1, 0)},
        {"receive_max": -1},
        {"receive_max": 1.5},
        {"max_in_flight": 0},
        {"max_in_flight": 2**40},
        {"stream_receive_buffer": 1},
        {"packet_lifetime": "long"},
        {"packet_lifetime": 0.001},
        {"idle_timeout": -1},
    ]
    client, server = pair()
    for options in wrong:
        with pytest.raises((rill.RillError, TypeError)):
            await rill.listen(link=server, account=SERVER, options=rill.Options(**options))
    for options in ({"min_rate": "1/2"}, {"min_rate": (1, 3)}, {"slippage": "0.05"}):
        async with rill.listen(link=server, account=SERVER, options=rill.Options(**options)):
            pass


@in_loop
async def test_credentials_that_are_none() -> None:
    link, _ = pair()
    for credentials, error in (
        (rill.Credentials("not an address!", bytes(32)), rill.AddressError),
        (rill.Credentials("test.a", b""), rill.InvalidError),
        (5, rill.MalformedError),
    ):
        with pytest.raises(error):
            await rill.connect(credentials, link=link, account=CLIENT)  # type: ignore[arg-type]
    with pytest.raises(rill.AddressError):
        await rill.listen(link=link, account=rill.Account("no", "X", 2))
    with pytest.raises(rill.RangeError):
        await rill.listen(link=link, account=rill.Account("test.a", "X", 256))


@in_loop
async def test_who_knows_the_secret_of_another() -> None:
    async with Both() as b:
        other = b.server.generate_credentials()._replace(shared_secret=bytes(32))
        link = b.link.hub.link("thief")
        connection = await rill.connect(
            other, link=link, account=account("thief"), options=rill.Options(min_rate=1, connect_timeout=0.3)
        )
        stream = await connection.open_stream()
        with pytest.raises(rill.RillError) as caught:
            await stream.send(1)
        assert caught.value.sent == 0
        with pytest.raises(rill.RillError):
            await connection.__aexit__(None, None, None)


@in_loop
async def test_too_many_that_nobody_accepts() -> None:
    client, server = pair()
    async with rill.listen(link=server, account=SERVER, backlog=1) as listening:
        connections = []
        for name in ("a", "b"):
            connection = await rill.connect(
                listening.generate_credentials(), link=client.hub.link(name), account=account(name)
            )
            connections.append(connection)
            (await connection.open_stream()).write(b"x")
            await asyncio.sleep(0.02)
        with pytest.raises(rill.RemoteError) as caught:
            await connections[1].wait_closed()
        assert caught.value.remote_code == 3
        accepted = await listening.accept()
        assert await (await accepted.accept_stream()).read(1) == b"x"
        await connections[0].aclose()
