# SPDX-License-Identifier: Apache-2.0
"""``rill.pay``: one payment, for scripts and notebooks."""

from __future__ import annotations

import asyncio
import threading
from typing import List, NamedTuple, Optional, Union

from ._client import connect
from ._errors import RillTimeoutError
from ._link import Link
from ._options import Options, amount_of
from ._spsp import Receiver

__all__ = ["Payment", "pay", "pay_async"]


class Payment(NamedTuple):
    """What a payment has brought. ``sent``: units of our account that arrived. ``delivered``: what
    the receiver says that it got, in its units. ``data``: bytes that it acknowledged."""

    sent: int
    delivered: int
    data: int


async def pay_async(
    receiver: Receiver,
    amount: int,
    *,
    data: bytes = b"",
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """As ``pay``, for a program with an event loop."""
    amount = amount_of(amount)
    async with connect(receiver, link=link, options=options) as connection:
        stream = await connection.open_stream()
        if data:
            stream.write(data)
        sent, delivered = 0, 0
        if amount:
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
    data: bytes = b"",
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """Connects, pays, sends, closes, and returns when all of it has arrived. It blocks; it works
    inside a running event loop as well, as in a notebook.

    receiver: ``Credentials``; or the path of a file with them; or a payment pointer, or the URL of
    one (``query``). amount: units of our account; 0: no
    money. data: bytes that are sent beside it. link: the URI of the node; None: the environment
    names it. timeout: seconds for the money, and again for the bytes; None: no limit.

    The errors of ``rill.connect`` and of ``Stream.send``, with ``sent``, ``delivered`` and
    ``in_doubt``.
    """
    payment = pay_async(
        receiver, amount, data=data, link=link, options=options, timeout=timeout
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
