# SPDX-License-Identifier: Apache-2.0
"""Money, over links in memory."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any, List

import pytest

import rill
from support import Both, in_loop, until


@in_loop
async def test_an_amount_arrives() -> None:
    async with Both() as b:
        here, there = await b.streams()
        assert await here.send(100) == rill.Sent(100, 100)
        assert there.received == 100
        assert here.totals.sent == 100 and there.totals.received == 100
        assert b.connection.stats.sent == 100
        assert b.connection.stats.rate == Fraction(1)


@in_loop
async def test_sends_follow_each_other() -> None:
    async with Both() as b:
        here, there = await b.streams()
        results = await asyncio.gather(*(here.send(n) for n in (1, 2, 3)))
        assert [r.sent for r in results] == [1, 2, 3]
        assert there.received == 6


@in_loop
async def test_nothing_is_an_amount() -> None:
    async with Both() as b:
        here, there = await b.streams()
        assert await here.send(0) == rill.Sent(0, 0)


@in_loop
async def test_money_is_iterated_over_once_each_unit() -> None:
    async with Both(rill.Options(min_rate=1, max_packet_amount=10)) as b:
        here, there = await b.streams()
        amounts: List[int] = []

        async def take() -> None:
            async for amount in there.money():
                amounts.append(amount)

        taking = asyncio.ensure_future(take())
        await here.send(95)
        await here.aclose()
        await taking
        assert sum(amounts) == 95
        assert [a async for a in there.money()] == [95]
        assert [a async for a in here.sent_money()] == [95]


@in_loop
async def test_who_iterates_late_gets_all() -> None:
    async with Both() as b:
        here, there = await b.streams()
        await here.send(7)
        money = there.money()
        assert await money.__anext__() == 7
        waiting = asyncio.ensure_future(money.__anext__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await here.send(5)
        assert await money.__anext__() == 5


@in_loop
async def test_either_side_pays() -> None:
    async with Both(server_options=rill.Options(min_rate=1)) as b:
        here, there = await b.streams()
        await asyncio.gather(here.send(30), there.send(20))
        assert (here.received, there.received) == (20, 30)


@in_loop
async def test_a_server_opens_streams_too() -> None:
    async with Both(server_options=rill.Options(min_rate=1)) as b:
        await b.streams()
        ours = await (await b.remote()).open_stream()
        assert ours.id % 2 == 0
        await ours.send(9)
        assert (await b.connection.accept_stream()).received == 9


@in_loop
async def test_receive_waits_for_a_total() -> None:
    async with Both(server_options=rill.Options(receive_max=0)) as b:
        here, there = await b.streams()
        waiting = asyncio.ensure_future(there.receive(50))
        await here.send(20)
        await here.send(30)
        assert await waiting == 50
        assert there.receive_max == 50
        with pytest.raises(rill.RillTimeoutError):
            await there.receive(60, timeout=0.05)


@in_loop
async def test_receive_max_is_kept_and_raised() -> None:
    async with Both(server_options=rill.Options(receive_max=10)) as b:
        here, there = await b.streams()
        with pytest.raises(rill.RillTimeoutError) as caught:
            await here.send(100, timeout=0.3)
        assert isinstance(caught.value, asyncio.TimeoutError)
        assert there.received == caught.value.sent == 10
        assert caught.value.delivered == 10 and caught.value.in_doubt == 0
        there.receive_max = 1000
        assert (await here.send(5)).sent == 5
        assert there.received == 15
        with pytest.raises(rill.RangeError):
            there.receive_max = 5


@in_loop
async def test_by_the_second() -> None:
    async with Both() as b:
        here, there = await b.streams()
        for second in range(1, 4):
            here.send_max = second * 10
            await until(lambda: there.received == second * 10)
        with pytest.raises(rill.RangeError):
            here.send_max = 1
        assert (await here.send(5)).sent == 5


AMOUNTS: List[Any] = [-1, 2**64, 1.0, 1.5, float("nan"), "1", None, True, b"1", 10**30]


@pytest.mark.parametrize("amount", AMOUNTS, ids=repr)
def test_amounts_that_are_none(amount: Any) -> None:
    @in_loop
    async def attempt() -> None:
        async with Both() as b:
            here, there = await b.streams()
            calls: Any = [
                lambda: setattr(here, "send_max", amount),
                lambda: setattr(there, "receive_max", amount),
            ]
            for call in calls:
                with pytest.raises((TypeError, rill.RangeError)):
                    call()
            for wait in (here.send(amount), there.receive(amount)):
                with pytest.raises((TypeError, rill.RangeError)):
                    await wait
            assert here.totals.send_max == 0

    attempt()


@in_loop
async def test_the_largest_amount() -> None:
    async with Both() as b:
        here, there = await b.streams()
        largest = 2**64 - 1
        assert (await here.send(largest)).sent == largest
        assert there.received == largest
        with pytest.raises(rill.RangeError):
            await here.send(1)


@in_loop
async def test_numbers_that_are_whole() -> None:
    class Whole:
        def __index__(self) -> int:
            return 12

    async with Both() as b:
        here, there = await b.streams()
        await here.send(Whole())  # type: ignore[arg-type]
        assert there.received == 12


@in_loop
async def test_below_the_minimum_rate_nothing_is_sent() -> None:
    async with Both(rill.Options(min_rate=2)) as b:
        here, there = await b.streams()
        with pytest.raises(rill.RillError) as caught:
            await here.send(100, timeout=1)
        assert caught.value.sent == 0 and there.received == 0


@in_loop
async def test_decide_takes_or_refuses() -> None:
    asked: List[rill.IncomingPacket] = []

    async def decide(packet: rill.IncomingPacket) -> bool:
        asked.append(packet)
        await asyncio.sleep(0)
        return packet.amount <= 10

    async with Both(rill.Options(min_rate=1, max_packet_amount=10), decide=decide) as b:
        here, there = await b.streams()
        assert (await here.send(25)).sent == 25
        assert sum(packet.amount for packet in asked) == 25
        assert len({packet.packet_id for packet in asked}) == len(asked)
        assert len(asked[0].packet_id) == 32

    async with Both(rill.Options(min_rate=1), decide=decide) as b:
        here, there = await b.streams()
        with pytest.raises(rill.RillError):
            await here.send(11, timeout=0.5)
        assert there.received == 0


@in_loop
async def test_decide_that_fails_refuses() -> None:
    said: List[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))

    def decide(packet: rill.IncomingPacket) -> bool:
        raise ValueError("a fault of the application")

    async with Both(decide=decide) as b:
        here, there = await b.streams()
        with pytest.raises(rill.RillError):
            await here.send(1, timeout=0.5)
        assert there.received == 0
    assert isinstance(said[0]["exception"], ValueError)


@in_loop
async def test_a_reply_that_is_lost_is_in_doubt_and_then_known() -> None:
    async with Both(rill.Options(min_rate=1, packet_lifetime=0.3)) as b:
        here, there = await b.streams()
        lost: List[bytes] = []

        def lose(packet: bytes) -> str:
            if not lost:
                lost.append(packet)
                return "no reply"
            return ""

        b.link.lose = lose
        sending = asyncio.ensure_future(here.send(40))
        await until(lambda: here.totals.in_doubt == 40)
        assert there.received == 40
        assert (await sending).sent == 40
        assert there.received == 40 and here.totals.in_doubt == 0


@in_loop
async def test_money_in_doubt_for_good() -> None:
    async with Both() as b:
        here, there = await b.streams()
        b.link.lose = lambda packet: "no reply"
        sending = asyncio.ensure_future(here.send(40))
        await until(lambda: here.totals.in_doubt == 40)
        b.connection._engine.shutdown()
        with pytest.raises(rill.RillError) as caught:
            await sending
        assert caught.value.in_doubt == 40 and caught.value.sent == 0
        assert here.totals.in_doubt_for_good == 40
        assert "in doubt 40" in str(caught.value)


@in_loop
async def test_receipts() -> None:
    nonce, secret = bytes(16), b"s" * 32
    async with Both(receipt_nonce=nonce, receipt_secret=secret) as b:
        stream, there = await b.streams()
        assert stream.receipt is None
        await stream.send(33)
        assert stream.receipt is not None
        receipt = rill.Receipt.verify(stream.receipt, secret)
        assert receipt == rill.Receipt(nonce, stream.id, 33)
        assert rill.Receipt.decode(stream.receipt) == receipt
        with pytest.raises(rill.AuthenticationError):
            rill.Receipt.verify(stream.receipt, b"t" * 32)
        with pytest.raises(rill.TruncatedError):
            rill.Receipt.decode(b"")
        with pytest.raises(rill.InvalidError):
            rill.Receipt.verify(stream.receipt, b"short")
        await stream.aclose()
        assert stream.receipt is not None
