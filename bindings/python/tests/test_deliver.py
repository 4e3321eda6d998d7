# SPDX-License-Identifier: Apache-2.0
"""Payments whose delivery is fixed."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, List, Optional, Tuple

import pytest

import rill
from rill._pay import _Paying, estimate
from support import Both, Node, in_loop

RATES = [Fraction(1), Fraction(1, 3), Fraction(7, 2), Fraction(999, 1000), Fraction(1, 1000)]


def paying(
    both: Both, stream: rill.Stream, most: int, deliver: int, least: Optional[Fraction] = None
) -> _Paying:
    nobody = rill.Credentials("test.nobody", bytes(32))
    state = rill.PaymentState(nobody, most, deliver, least, 0, 0, 0, False)
    return _Paying(both.connection, stream, state)


@pytest.mark.parametrize("rate", RATES, ids=str)
@in_loop
async def test_so_much_arrives(rate: Fraction) -> None:
    async with Both(rill.Options()) as b:
        b.link.hub.rates["server"] = rate
        stream = await b.connection.open_stream()
        delivery = paying(b, stream, 10**9, 12345)
        await delivery.run()
        sums = delivery.sums()
        # No more than a unit of ours brings is too much.
        assert 12345 <= sums.delivered < 12345 + max(1, math.ceil(rate))
        assert sums.sent <= math.ceil(12345 / rate) * Fraction(101, 100) + 10
        there = await (await b.remote()).accept_stream()
        assert there.received == sums.delivered
        assert stream.totals.sent == sums.sent and stream.totals.in_flight == 0


@in_loop
async def test_what_cannot_be_delivered() -> None:
    async with Both(rill.Options()) as b:
        b.link.hub.rates["server"] = Fraction(1, 2)
        stream = await b.connection.open_stream()
        with pytest.raises(rill.RateError) as caught:
            await paying(b, stream, 100, 60).run()
        assert (caught.value.sent, caught.value.delivered) == (100, 50)
    async with Both(rill.Options()) as b:
        b.link.hub.rates["server"] = Fraction(1, 2)
        stream = await b.connection.open_stream()
        with pytest.raises(rill.RateError) as caught:
            await paying(b, stream, 100, 10, Fraction(51, 100)).run()
        assert caught.value.sent == 0 and stream.totals.sent == 0
    async with Both(rill.Options()) as b:
        b.link.hub.rates["server"] = Fraction(1, 2)
        stream = await b.connection.open_stream()
        await paying(b, stream, 100, 10, Fraction(49, 100)).run()
        assert b.connection.stats.min_rate == Fraction(49, 100)


@in_loop
async def test_a_rate_that_gets_worse() -> None:
    """Steps that were estimated with a better rate bring less: more follow, up to the most."""
    async with Both(rill.Options(slippage=Fraction(9, 10), max_packet_amount=100)) as b:
        hub = b.link.hub
        hub.rates["server"] = Fraction(1, 2)
        stream = await b.connection.open_stream()
        found = await b.connection.find_rate(10000)
        assert Fraction(49, 100) < found <= Fraction(1, 2)
        hub.rates["server"] = Fraction(1, 4)
        sent = await stream.send(100)
        assert sent == rill.Sent(100, 25)
        with pytest.raises(rill.StateError):
            await b.connection.find_rate(10000)


def test_over_a_node(node: Node) -> None:
    @in_loop
    async def both() -> None:
        async def take(connection: rill.Connection) -> None:
            async for stream in connection:
                await stream.read()

        async with rill.listen(take, link=node.uri("fixed")) as server:
            link = node.uri("payer of so much")
            paid = await rill.pay_async(
                server.generate_credentials(), 5000, deliver=1234, data=b"tea", link=link, timeout=30
            )
            assert paid == rill.Payment(1234, 1234, 3)
            paid = await rill.pay_async(
                server.generate_credentials(), 5000, deliver=7, link=link,
                options=rill.Options(min_rate="0.9"),
            )
            assert paid == rill.Payment(7, 7, 0)
            with pytest.raises(rill.RateError):
                await rill.pay_async(
                    server.generate_credentials(), 5000, deliver=7, link=link,
                    options=rill.Options(min_rate="1.1"),
                )

    both()


WRONG: List[Tuple[Any, Any]] = [(0, 5), (5, 0)]


@pytest.mark.parametrize("amount, deliver", WRONG)
def test_arguments(amount: Any, deliver: Any) -> None:
    nobody = rill.Credentials("test.nobody", bytes(32))
    with pytest.raises(rill.InvalidError):
        rill.pay(nobody, amount, deliver=deliver, link="btp+ws://127.0.0.1:1")
    with pytest.raises(TypeError):
        rill.pay(nobody, 5, deliver=1.5, link="btp+ws://127.0.0.1:1")  # type: ignore[arg-type]


def test_estimates() -> None:
    """What a step brings is never more than is missing, where a unit is worth no more than one."""
    for low in (Fraction(1, 3), Fraction(2, 3), Fraction(998, 1000)):
        for below in (None, low + Fraction(1, 1000), low + Fraction(1, 10)):
            for wanted in (1, 2, 3, 10, 999, 10**9):
                step = estimate(low, below, wanted)
                assert step >= 1
                if below is not None and int(low * int(wanted / below)) > 0:
                    assert math.ceil(below * step) - 1 <= wanted
