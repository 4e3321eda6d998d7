# SPDX-License-Identifier: Apache-2.0
"""Programs of chance over a way that loses packets: calls of all kinds, cancelled at any time, in
both directions. What one end has got, the other knows of. A failure is a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import List, Tuple

import pytest

import rill
from support import Both, MemoryLink, in_loop, until

OPTIONS = rill.Options(
    min_rate=1, max_packet_amount=9, packet_lifetime=0.2, max_in_flight=8, idle_timeout=None
)


def losing(chance: random.Random, link: MemoryLink) -> None:
    def lose(packet: bytes) -> str:
        return chance.choices(["", "hold", "unsent", "drop", "no reply"], [80, 8, 4, 4, 4])[0]

    link.lose = lose


async def pay(chance: random.Random, stream: rill.Stream) -> None:
    """Some calls; each may be cancelled."""
    for _ in range(6):
        amount = chance.randrange(60)
        calling = asyncio.ensure_future(stream.send(amount, timeout=chance.choice([None, 0.05])))
        if chance.random() < 0.5:
            for _ in range(chance.randrange(30)):
                await asyncio.sleep(0)
            calling.cancel()
        before = stream.totals.sent
        with contextlib.suppress(asyncio.CancelledError, rill.RillTimeoutError):
            result = await calling
            assert result.sent == amount and stream.totals.sent >= before


@pytest.mark.parametrize("seed", range(8))
def test_money_of_chance(seed: int) -> None:
    chance = random.Random(seed)

    @in_loop
    async def run() -> None:
        async with Both(OPTIONS, OPTIONS) as b:
            pairs: List[Tuple[rill.Stream, rill.Stream]] = []
            for _ in range(2):
                pairs.append(await b.streams())
            links = (b.link, b.server_link)
            for link in links:
                losing(chance, link)
            releasing = asyncio.ensure_future(release(links))
            await asyncio.gather(*(pay(chance, stream) for both in pairs for stream in both))
            releasing.cancel()
            for link in links:
                link.lose = None
                link.release()

            def known() -> bool:
                return all(
                    s.totals.in_flight == s.totals.in_doubt_for_good for both in pairs for s in both
                )

            await until(known)
            for both in pairs:
                for here, there in (both, both[::-1]):
                    totals = here.totals
                    assert totals.sent <= there.received <= totals.sent + totals.in_doubt, seed
                    assert totals.delivered <= there.received

    run()


async def release(links: Tuple[MemoryLink, MemoryLink]) -> None:
    while True:
        await asyncio.sleep(0.02)
        for link in links:
            link.release()
