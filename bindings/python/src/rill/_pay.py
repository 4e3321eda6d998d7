# SPDX-License-Identifier: Apache-2.0
"""``rill.pay``: one payment, for scripts and notebooks."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import threading
import time
from fractions import Fraction
from typing import List, NamedTuple, Optional, Union

from ._client import connect
from ._connection import Connection
from ._errors import InvalidError, RateError, RillError, RillTimeoutError
from ._link import Link
from ._options import Options, amount_of, rate_of
from ._spsp import Receiver
from ._stream import Stream

__all__ = ["Payment", "pay", "pay_async"]


class Payment(NamedTuple):
    """What a payment has brought. ``sent``: units of our account that arrived. ``delivered``: what
    the receiver says that it got, in its units. ``data``: bytes that it acknowledged."""

    sent: int
    delivered: int
    data: int


def estimate(low: Fraction, below: Optional[Fraction], wanted: int) -> int:
    """So much of ours brings ``wanted``, or a little less: what is missing then is known better."""
    enough = math.ceil(wanted / low)
    if below is None or math.ceil(below * enough) - 1 <= wanted:
        return enough
    fewest = int(wanted / below)
    return fewest if int(low * fewest) > 0 else enough


class _Delivery:
    """Sends in steps until so much has arrived: each brings no more than is missing, as far as the
    rate is known."""

    def __init__(self, connection: Connection, stream: Stream, most: int, wanted: int) -> None:
        self.connection = connection
        self.stream = stream
        self.most = most
        self.wanted = wanted
        self.sent = 0
        self.delivered = 0

    def next_step(self) -> int:
        stats = self.connection.stats
        assert stats.rate is not None
        step = estimate(stats.rate, stats.rate_below, self.wanted - self.delivered)
        return min(step, self.most - self.sent)

    async def run(self, min_rate: Optional[Fraction], end: Optional[float]) -> None:
        def left() -> Optional[float]:
            return None if end is None else max(0.0, end - time.monotonic())

        found = await self.connection.find_rate(self.most, timeout=left())
        if min_rate is not None:
            if found < min_rate:
                raise RateError(sent=0, delivered=0, in_doubt=0)
            self.connection.set_min_rate(min_rate)
        while self.delivered < self.wanted:
            step = self.next_step()
            if step <= 0:
                raise RateError(
                    f"{self.most} units have brought {self.delivered}, and not {self.wanted}",
                    sent=self.sent, delivered=self.delivered, in_doubt=0,
                )
            try:
                sent, delivered = await self.stream.send(step, timeout=left())
            except RillError as error:
                error.sent = self.sent + (error.sent or 0)
                error.delivered = self.delivered + (error.delivered or 0)
                raise
            self.sent += sent
            self.delivered += delivered


async def pay_async(
    receiver: Receiver,
    amount: int,
    *,
    deliver: Optional[int] = None,
    data: bytes = b"",
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """As ``pay``, for a program with an event loop."""
    amount = amount_of(amount)
    wanted = 0 if deliver is None else amount_of(deliver, "deliver")
    if deliver is not None and not (amount and wanted):
        raise InvalidError("deliver is at least 1 unit, and so is amount, the most that it may cost")
    min_rate = None
    if wanted and options is not None and options.min_rate is not None:
        # It is what the path is asked about, and holds for the payment.
        min_rate = rate_of(options.min_rate, "min_rate")
        options = dataclasses.replace(options, min_rate=None)
    end = None if timeout is None else time.monotonic() + timeout
    async with connect(receiver, link=link, options=options) as connection:
        stream = await connection.open_stream()
        if data:
            stream.write(data)
        sent, delivered = 0, 0
        if wanted:
            delivery = _Delivery(connection, stream, amount, wanted)
            await delivery.run(min_rate, end)
            sent, delivered = delivery.sent, delivery.delivered
        elif amount:
            sent, delivered = await stream.send(amount, timeout=timeout)
        try:
            await asyncio.wait_for(stream.aclose(), timeout)
        except asyncio.TimeoutError:
            raise RillTimeoutError(sent=sent, delivered=delivered, in_doubt=0) from None
    return Payment(sent, delivered, len(data))


def pay(
    receiver: Receiver,
    amount: int,
    *,
    deliver: Optional[int] = None,
    data: bytes = b"",
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """Connects, pays, sends, closes, and returns when all of it has arrived. It blocks; it works
    inside a running event loop as well, as in a notebook.

    receiver: ``Credentials``; or the path of a file with them; or a payment pointer, or the URL of
    one (``query``). amount: units of our account; 0: no money. deliver: units of the receiver's
    account; it is paid in steps until so much has arrived, and amount is the most that it may cost.
    A unit of ours that is worth several of the receiver's can bring a little more. data: bytes that
    are sent beside it. link: the URI of the node; None: the environment names it. timeout: seconds
    for the money, and again for the bytes; None: no limit.

    The errors of ``rill.connect`` and of ``Stream.send``; RateError also: amount has not brought
    what was to be delivered, or the path gives less than ``options.min_rate``. With ``sent``,
    ``delivered`` and ``in_doubt``.
    """
    payment = pay_async(
        receiver, amount, deliver=deliver, data=data, link=link, options=options, timeout=timeout
    )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(payment)
    result: List[Payment] = []
    error: List[BaseException] = []

    def run() -> None:
        try:
            result.append(asyncio.run(payment))
        except BaseException as raised:
            error.append(raised)

    thread = threading.Thread(target=run, name="rill.pay")
    thread.start()
    thread.join()
    if error:
        raise error[0]
    return result[0]
