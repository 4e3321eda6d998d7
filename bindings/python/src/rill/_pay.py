# SPDX-License-Identifier: Apache-2.0
"""``rill.pay``: one payment, for scripts and notebooks."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import signal
import sys
import threading
import time
from fractions import Fraction
from typing import Any, Coroutine, List, NamedTuple, Optional, Union

from ._client import connect
from ._connection import Connection
from ._credentials import PathLike
from ._errors import (
    InDoubtError,
    InvalidError,
    RateError,
    RillError,
    RillTimeoutError,
    TooLittleError,
)
from ._link import Link
from ._options import UNLIMITED, Options, amount_of, rate_of
from ._spsp import Receiver, receiver_credentials
from ._state import Keeper, PaymentState, Save, save_of
from ._stream import Stream

__all__ = ["Payment", "pay", "pay_async", "resume", "resume_async"]

# A payment whose state is kept is sent in so many steps at least.
STEPS = 8
# Seconds from one note of what has arrived to the next.
NOTED_EACH = 1.0


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


class _Paying:
    """One payment over one connection: what an earlier process has sent, or may have, is counted
    and not sent again.

    With a fixed delivery it sends in steps, each of which brings no more than is missing, as far as
    the rate is known. If its state is kept, a step is at most an eighth, unless that is less than a
    packet: so much is in doubt at most if the process is killed.
    """

    def __init__(
        self,
        connection: Connection,
        stream: Stream,
        state: PaymentState,
        keeper: Optional[Keeper] = None,
    ) -> None:
        self.connection = connection
        self.stream = stream
        self.state = state
        self.keeper = keeper if state.amount else None
        # Of this stream's money: what may have left by now.
        self.allowed = 0
        # The step is all that there is: smaller ones bring nothing.
        self.pushed = False
        self.noted = 0
        self.end = state

    def sums(self) -> PaymentState:
        """Where the money is: what may still leave is in doubt."""
        now, before = self.stream.totals, self.state
        away = max(self.allowed, now.sent + now.in_flight) - now.sent
        return before._replace(
            sent=before.sent + now.sent,
            in_doubt=before.in_doubt + away,
            # What a receiver says has no bound; what a state can hold has.
            delivered=min(before.delivered + now.delivered, UNLIMITED),
        )

    async def _keep(self) -> None:
        assert self.keeper is not None
        self.noted = self.stream.totals.sent
        await self.keeper.keep(self.sums)

    def over(self, complete: bool) -> PaymentState:
        """After the connection's end: nothing leaves any more."""
        self.allowed = 0
        sums = self.sums()
        done = sums.delivered >= sums.deliver if sums.deliver else sums.sent == sums.amount
        self.end = sums._replace(complete=not sums.in_doubt and (complete or done))
        return self.end

    async def keep_end(self) -> None:
        if self.keeper is not None:
            await self.keeper.keep(lambda: self.end)

    def _left(self) -> int:
        """What still has to leave, at the most; with a fixed delivery: what has to arrive, if all
        that may have arrived has."""
        sums, stats = self.sums(), self.connection.stats
        if not self.state.deliver:
            return sums.amount - sums.sent - sums.in_doubt
        best = stats.rate_below or stats.rate
        assert best is not None
        return max(0, sums.deliver - sums.delivered - int(best * sums.in_doubt))

    def _next_step(self) -> int:
        """0: all that may be sent is."""
        sums, stats = self.sums(), self.connection.stats
        left = sums.amount - sums.sent - sums.in_doubt
        step = left
        if self.state.deliver:
            assert stats.rate is not None
            step = min(left, estimate(stats.rate, stats.rate_below, self._left()))
        if self.keeper is not None and step > stats.max_packet_amount and not self.pushed:
            step = min(step, -(-sums.amount // STEPS))
        return step

    async def _send(self, step: int, timeout: Optional[float]) -> None:
        if self.keeper is None:
            await self.stream.send(step, timeout=timeout)
            return
        self.allowed = self.stream.totals.sent + step
        await self._keep()
        sending = asyncio.ensure_future(self.stream.send(step, timeout=timeout))
        try:
            while not (await asyncio.wait({sending}, timeout=NOTED_EACH))[0]:
                if self.stream.totals.sent != self.noted:
                    await self._keep()
        finally:
            sending.cancel()
            await asyncio.wait({sending})
            failure = None if sending.cancelled() else sending.exception()
        if failure is not None:
            raise failure

    async def _find_terms(self, timeout: Optional[float]) -> None:
        least = self.state.min_rate
        left = self.state.amount - self.state.sent - self.state.in_doubt
        found = await self.connection.find_rate(left, timeout=timeout)
        if least is None:
            self.state = self.state._replace(min_rate=self.connection.stats.min_rate)
            return
        if found < least:
            raise RateError("the path gives less than the minimum rate")
        self.connection.set_min_rate(least)

    async def run(self, end: Optional[float] = None) -> None:
        """Until all has arrived. end: of time.monotonic. Errors have the sums as far as they are
        known then."""

        def left() -> Optional[float]:
            return None if end is None else max(0.0, end - time.monotonic())

        try:
            if self.state.deliver:
                await self._find_terms(left())
            while self._left() > 0:
                await self._step(left())
        except RillError as error:
            tell(error, self.sums())
            raise

    async def _step(self, timeout: Optional[float]) -> None:
        step = self._next_step()
        if step <= 0:
            sums = self.sums()
            if sums.in_doubt:
                raise InDoubtError()
            raise RateError(too_little(sums))
        is_all = bool(self.state.deliver) or step == self._left()
        try:
            await self._send(step, timeout)
        except (RateError, TooLittleError):
            # The step may be too small for the path: what else may be sent can be enough.
            if is_all:
                raise
            self.pushed = True
        finally:
            self.allowed = 0


def too_little(sums: PaymentState) -> str:
    return f"{sums.amount} units have brought {sums.delivered}, and not {sums.deliver}"


def tell(error: RillError, sums: PaymentState) -> None:
    error.sent, error.delivered, error.in_doubt = sums.sent, sums.delivered, sums.in_doubt


async def _carry_out(
    state: PaymentState,
    keeper: Optional[Keeper],
    data: bytes,
    link: Union[str, Link, None],
    options: Optional[Options],
    timeout: Optional[float],
) -> Payment:
    """Its errors say where the money of the whole payment is."""
    end = None if timeout is None else time.monotonic() + timeout
    # With a fixed delivery it is what the path is asked about, and holds for the payment.
    min_rate = None if state.deliver else state.min_rate
    options = dataclasses.replace(options or Options(), min_rate=min_rate)
    # Of packets that are in doubt, the longest.
    of_before = state.packet_lifetime if state.in_doubt else 0.0
    state = state._replace(packet_lifetime=max(of_before, options.packet_lifetime))
    paying = None
    try:
        async with connect(state.credentials, link=link, options=options) as connection:
            stream = await connection.open_stream()
            paying = _Paying(connection, stream, state, keeper)
            if data:
                stream.write(data)
            await paying.run(end)
            try:
                await asyncio.wait_for(stream.aclose(), timeout)
            except asyncio.TimeoutError:
                raise RillTimeoutError() from None
        sums = paying.over(True)
        if sums.in_doubt:
            raise InDoubtError()
    except (Exception, asyncio.CancelledError) as error:
        if paying is not None:
            sums = paying.over(False)
            if isinstance(error, RillError):
                tell(error, sums)
            # What was kept before says no less than what has left.
            with contextlib.suppress(RillError):
                await paying.keep_end()
        raise
    try:
        await paying.keep_end()
    except RillError as error:
        tell(error, sums)
        raise
    return Payment(sums.sent, sums.delivered, len(data))


async def pay_async(
    receiver: Receiver,
    amount: int,
    *,
    deliver: Optional[int] = None,
    data: bytes = b"",
    save: Optional[Save] = None,
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
    if options is not None and options.min_rate is not None:
        min_rate = rate_of(options.min_rate, "min_rate") or None
    with contextlib.ExitStack() as stack:
        keeper = None
        if save is not None:
            keeper = stack.enter_context(Keeper(save))
            keeper.check_free()
        credentials = await receiver_credentials(receiver)
        state = PaymentState(credentials, amount, wanted, min_rate, 0, 0, 0, False)
        return await _carry_out(state, keeper, data, link, options, timeout)


def nothing_left(state: PaymentState) -> bool:
    """Nothing more may be sent. InDoubtError, RateError: and it is not known to be enough."""
    if state.sent + state.in_doubt < state.amount:
        return False
    error: RillError
    if state.in_doubt:
        error = InDoubtError()
    elif state.delivered < state.deliver:
        error = RateError(too_little(state))
    else:
        return True
    tell(error, state)
    raise error


async def resume_async(
    state: Union[PaymentState, PathLike],
    *,
    save: Optional[Save] = None,
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """As ``resume``, for a program with an event loop."""
    if not isinstance(state, PaymentState):
        save = save_of(state, save)
    with contextlib.ExitStack() as stack:
        keeper = None if save is None else stack.enter_context(Keeper(save))
        if not isinstance(state, PaymentState):
            state = PaymentState.load(state)
        elif keeper is not None:
            state = keeper.check_latest(state)
        if state.complete or nothing_left(state):
            return Payment(state.sent, state.delivered, 0)
        return await _carry_out(state, keeper, b"", link, options, timeout)


def pay(
    receiver: Receiver,
    amount: int,
    *,
    deliver: Optional[int] = None,
    data: bytes = b"",
    save: Optional[Save] = None,
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
    are sent beside it. save: the path of a file in which the payment's state is kept, or a function
    that keeps it (``Save``), so that ``resume`` can go on with it if this process ends before it.
    link: the URI of the node; None: the environment names it. timeout: seconds for the money, and
    again for the bytes; None: no limit.

    The errors of ``rill.connect`` and of ``Stream.send``; RateError also: amount has not brought
    what was to be delivered, or the path gives less than ``options.min_rate``. With ``sent``,
    ``delivered`` and ``in_doubt``. Of save: ExistsError: there is something else, or a payment that
    is not complete; StateError: another process pays with this file now; InvalidError: it is a link,
    or no file; InputOutputError: a state could not be kept, or somebody has removed the file that
    locks it, so that nothing more was sent; OSError.
    """
    return run_blocking(
        pay_async(
            receiver,
            amount,
            deliver=deliver,
            data=data,
            save=save,
            link=link,
            options=options,
            timeout=timeout,
        )
    )


def resume(
    state: Union[PaymentState, PathLike],
    *,
    save: Optional[Save] = None,
    link: Union[str, Link, None] = None,
    options: Optional[Options] = None,
    timeout: Optional[float] = None,
) -> Payment:
    """Goes on with a payment of a process that has ended, and returns when all of it has arrived.
    It blocks, as ``pay``. What that process may have sent is not sent again.

    state: the path of a file that ``pay`` or ``rill pay`` has kept, or a ``PaymentState``: the
    latest one. save: as of ``pay``. With a file as state it is that file, also where it is None, and
    nothing else: InvalidError. With a ``PaymentState`` it may be a file that has that state already;
    None: the state is not kept. Of options the minimum rate is not looked at: the state has it.

    Returns the sums of all processes. Bytes are not in a state, and are not sent again. Errors as
    of ``pay``; InDoubtError also: all else has been sent, and ``in_doubt`` units may have arrived or
    not, of a process that was killed. StateError also: a newer state than the ``PaymentState`` is in
    the file of save. MalformedError, UnsupportedError: not a state of this version.
    """
    return run_blocking(
        resume_async(state, save=save, link=link, options=options, timeout=timeout)
    )


async def _interruptible(work: Coroutine[Any, Any, Payment]) -> Payment:
    """Ctrl-C cancels, as asyncio does it since Python 3.11: before, it stops the loop in the middle
    of whatever it does, and nobody hears what became of the money that is under way."""
    if (
        sys.version_info >= (3, 11)
        or sys.platform == "win32"
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        return await work
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    pressed = []

    def cancel() -> None:
        pressed.append(True)
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, cancel)
    try:
        return await work
    except asyncio.CancelledError:
        if pressed:
            raise KeyboardInterrupt() from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def run_blocking(work: Coroutine[Any, Any, Payment]) -> Payment:
    """Also inside a running event loop: in another thread, with a loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_interruptible(work))
    result: List[Payment] = []
    error: List[BaseException] = []

    def run() -> None:
        try:
            result.append(asyncio.run(work))
        except BaseException as raised:
            error.append(raised)

    thread = threading.Thread(target=run, name="rill.pay")
    thread.start()
    thread.join()
    if error:
        raise error[0]
    return result[0]
