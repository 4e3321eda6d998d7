# SPDX-License-Identifier: Apache-2.0
"""Bytes, over links in memory."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

import rill
from support import Both, in_loop


@in_loop
async def test_bytes_arrive_in_order() -> None:
    async with Both() as b:
        here, there = await b.streams()
        sent = os.urandom(300_000)

        async def write() -> None:
            for at in range(0, len(sent), 7001):
                here.write(sent[at : at + 7001])
                await here.drain()
            await here.aclose()

        writing = asyncio.ensure_future(write())
        assert b"".join([piece async for piece in there.data()]) == sent
        await writing
        assert there.at_eof() and there.closed and there.error is None


@in_loop
async def test_more_than_all_buffers_hold() -> None:
    options = rill.Options(min_rate=1, stream_send_buffer=65536)
    small = rill.Options(stream_receive_buffer=16384, connection_receive_buffer=65534)
    async with Both(options, small) as b:
        here, there = await b.streams()
        sent = os.urandom(1_000_000)
        here.write(sent)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(here.drain(), 0.1)
        here.close()
        assert await there.read() == sent
        await here.wait_closed()


@in_loop
async def test_what_is_changed_after_write_is_not_sent() -> None:
    async with Both(rill.Options(min_rate=1, stream_send_buffer=16384)) as b:
        here, there = await b.streams()
        data = bytearray(b"a" * 100_000)
        here.write(data)
        data[:] = b"b" * len(data)
        del data
        here.close()
        assert await there.read() == b"a" * 100_000


@in_loop
async def test_kinds_of_buffers() -> None:
    async with Both() as b:
        here, there = await b.streams()
        here.writelines([b"1", bytearray(b"2"), memoryview(b"345")[::2], b""])
        for wrong in ("text", None, 5):
            with pytest.raises(TypeError):
                here.write(wrong)  # type: ignore[arg-type]
        assert await there.readexactly(4) == b"1235"


@in_loop
async def test_reading_as_of_a_stream_reader() -> None:
    async with Both() as b:
        here, there = await b.streams()
        here.write(b"one\ntwo\nthree, and no end")
        assert await there.readline() == b"one\n"
        assert await there.readuntil(b"\n") == b"two\n"
        assert await there.readexactly(5) == b"three"
        assert await there.read(2) == b", "
        assert await there.readexactly(0) == b"" and await there.read(0) == b""
        here.close()
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await there.readexactly(100)
        assert caught.value.partial == b"and no end"
        assert await there.read() == b"" and await there.read(1) == b""
        assert await there.readline() == b""


@in_loop
async def test_separators() -> None:
    async with Both() as b:
        here, there = await b.streams()
        reading = asyncio.ensure_future(there.readuntil(b"--"))
        for piece in (b"a-", b"-b", b"-c-", b"-"):
            here.write(piece)
            await asyncio.sleep(0.01)
        assert await reading == b"a--"
        assert await there.readuntil(b"c--") == b"b-c--"
        here.write(b"x" * 100)
        with pytest.raises(asyncio.LimitOverrunError):
            await there.readuntil(b"\n", limit=50)
        assert await there.readexactly(100) == b"x" * 100
        with pytest.raises(ValueError):
            await there.readuntil(b"")
        with pytest.raises(ValueError):
            await there.readexactly(-1)


@in_loop
async def test_a_read_that_is_cancelled_takes_nothing() -> None:
    async with Both() as b:
        here, there = await b.streams()
        for read in (there.read(10), there.readexactly(4), there.readline(), there.read()):
            reading = asyncio.ensure_future(read)
            await asyncio.sleep(0.01)
            here.write(b"a")
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        here.write(b"\n")
        assert await there.readline() == b"aaaa\n"


@in_loop
async def test_an_abort_is_an_error_on_the_other_side() -> None:
    async with Both() as b:
        here, there = await b.streams()
        reading = asyncio.ensure_future(there.read())
        here.abort("no more\0of it")
        with pytest.raises(rill.RemoteError) as caught:
            await reading
        assert caught.value.remote_code == 9 and caught.value.remote_message == "no more of it"
        assert isinstance(caught.value, ConnectionResetError)
        with pytest.raises(rill.RemoteError):
            async for _ in there.data():
                pass
        with pytest.raises(rill.RemoteError):
            there.write(b"x")


@in_loop
async def test_after_the_end() -> None:
    async with Both() as b:
        here, there = await b.streams()
        await here.send(3)
        await here.aclose()
        await there.wait_closed()
        calls: Any = [
            lambda: here.write(b"x"),
            lambda: setattr(here, "send_max", 5),
            lambda: setattr(here, "receive_max", 5),
            lambda: here.set_weight(2),
        ]
        for call in calls:
            with pytest.raises(rill.ClosedError):
                call()
        with pytest.raises(rill.ClosedError) as caught:
            await here.send(1)
        assert (caught.value.sent, caught.value.delivered, caught.value.in_doubt) == (0, 0, 0)
        with pytest.raises(rill.ClosedError):
            await here.receive(4)
        assert await here.receive(0) == 0
        here.close()
        here.abort()
        await here.aclose()
        assert await here.read() == b"" and here.at_eof()
        assert here.totals.sent == 3 and here.is_closing() and here.id == 1
        assert not here.can_write_eof()
        await here.drain()


@in_loop
async def test_a_block_closes_its_stream() -> None:
    async with Both() as b:
        here, there = await b.streams()
        async with here:
            here.write(b"all of it")
        assert here.closed
        assert await there.read() == b"all of it"
        other, end = await b.streams()
        with pytest.raises(KeyError):
            async with other:
                raise KeyError
        with pytest.raises(rill.RemoteError):
            await end.wait_closed()
