# SPDX-License-Identifier: Apache-2.0
"""A stream: money and bytes, both ways at once (RFC 29 section 4.4).

Over 600 lines: it is one class, and half of it is the docstrings that are its reference.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Iterable, NamedTuple, Optional, Union

from ._core import ffi, lib
from ._engine import NEVER, error_or_none
from ._errors import (
    ClosedError,
    RangeError,
    RillError,
    RillTimeoutError,
    check,
    error_of,
)
from ._options import UNLIMITED, amount_of, nanoseconds
from ._signal import Signal

if TYPE_CHECKING:
    from ._connection import Connection

__all__ = ["Sent", "Stream", "StreamTotals", "MoneyIterator", "DataIterator"]

Bytes = Union[bytes, bytearray, memoryview]

EVENT_MONEY = int(lib.RILL_EVENT_MONEY)
EVENT_DATA = int(lib.RILL_EVENT_DATA)
EVENT_OUTGOING_MONEY = int(lib.RILL_EVENT_OUTGOING_MONEY)
EVENT_SEND_TOTAL_END = int(lib.RILL_EVENT_SEND_TOTAL_END)
EVENT_WRITABLE = int(lib.RILL_EVENT_WRITABLE)
ERR_CLOSED, ERR_BLOCKED = -14, -16

# Of bytes that wait in Python, because the core has no room: drain waits for less.
HIGH_WATER = 65536
DEFAULT_LIMIT = 65536
# Of what is moved out of the core at once.
MAX_PIECE = 262144
CLOSE_APPLICATION_ERROR = int(lib.RILL_CLOSE_APPLICATION_ERROR)


class Sent(NamedTuple):
    """What a call of ``send`` has brought. ``sent``: units of our account that arrived.
    ``delivered``: what the other side says that it got of them, in its units."""

    sent: int
    delivered: int


class StreamTotals(NamedTuple):
    """Where the money of a stream is, since it opened: ``rill_stream_totals`` of rill/stream.h.

    Units are those of our account, but ``delivered`` and ``remote_receive_max``, which are the
    other side's.
    """

    send_max: int
    """The most that we send in all, with what is in flight."""
    sent: int
    """Has arrived."""
    in_flight: int
    """On the way, or in doubt."""
    in_doubt: int
    """Part of in_flight: no reply can come any more. It is never sent twice."""
    delivered: int
    """What the other side says that it got."""
    receive_max: int
    """The most that we accept in all."""
    received: int
    """What we got."""
    remote_receive_max: int
    """The most that the other side takes in all; UNLIMITED: it told no limit."""
    in_doubt_for_good: int
    """Part of in_doubt: nobody will tell any more. It is never sent again."""


class Stream:
    """A stream of a connection. Made by ``Connection.open_stream``, or by the other side.

    Money: ``send``, ``receive``, ``money``. Bytes: ``read`` and its kin, as of asyncio.StreamReader,
    ``data``; and ``write``, ``drain``, ``close``, as of asyncio.StreamWriter.

    ``async with stream:`` closes it at the end, and waits until all has arrived.
    """

    def __init__(self, connection: Connection, pointer: Any) -> None:
        self._connection = connection
        self._engine = connection._engine
        self._ptr: Any = pointer
        self._name = self._engine.new_name()
        self._id = int(lib.rill_stream_id(pointer))
        lib.rill_stream_set_user(pointer, ffi.cast("void *", self._name))
        self._changed = Signal()
        self._received = 0
        self._outgoing = 0
        self._send_lock = asyncio.Lock()
        self._goal: Optional[asyncio.Future[int]] = None
        self._goal_open = False
        self._gave_up = False
        self._read_buffer = bytearray()
        self._write_queue: Deque[memoryview] = deque()
        self._write_queued = 0
        self._closing = False
        self._error: Optional[RillError] = None
        self._final: Optional[StreamTotals] = None
        self._receipt: Optional[bytes] = None

    def __repr__(self) -> str:
        state = "closed" if self._ptr is None else "closing" if self._closing else "open"
        return f"<rill.Stream {self._id} {state}>"

    # ---- what it is ----

    @property
    def id(self) -> int:
        """Odd if the client opened it, even if the server did."""
        return self._id

    @property
    def connection(self) -> Connection:
        """The connection that it belongs to."""
        return self._connection

    @property
    def closed(self) -> bool:
        """It is over: nothing can be sent, received, read or written any more."""
        return self._ptr is None

    @property
    def error(self) -> Optional[RillError]:
        """Why it ended; None while it is open, and after a clean end."""
        return self._error

    @property
    def totals(self) -> StreamTotals:
        """Where its money is, also after its end."""
        if self._final is not None:
            return self._final
        self._engine.own()
        return self._read_totals()

    def _read_totals(self) -> StreamTotals:
        t = ffi.new("rill_stream_totals *")
        lib.rill_stream_get_totals(self._ptr, t)
        return StreamTotals(
            t.send_max,
            t.sent,
            t.in_flight,
            t.in_doubt,
            t.delivered,
            t.receive_max,
            t.received,
            t.remote_receive_max,
            t.in_doubt_for_good,
        )

    @property
    def received(self) -> int:
        """Units of our account that have come in: yours for good."""
        return self._received

    @property
    def receipt(self) -> Optional[bytes]:
        """The receiver's latest receipt for what we have sent (RFC 39); None if there is none.
        It is not verified: ``Receipt.verify`` does that, with the verifier's secret."""
        if self._ptr is not None:
            self._engine.own()
            self._receipt = self._read_receipt()
        return self._receipt

    def _read_receipt(self) -> Optional[bytes]:
        out = ffi.new("uint8_t[]", lib.RILL_RECEIPT_LEN)
        if lib.rill_stream_get_receipt(self._ptr, out) != 0:
            return None
        return bytes(ffi.buffer(out))

    def _own(self) -> Any:
        if self._ptr is None:
            raise self._error or ClosedError("the stream is closed")
        self._engine.own()
        return self._ptr

    # ---- money out ----

    async def send(self, amount: int, *, timeout: Optional[float] = None) -> Sent:
        """Sends an amount, units of our account, and returns when all of it has arrived.

        Calls that wait at the same time are done one after the other. timeout: seconds, None: as
        long as the path may take.

        A call that fails or is cancelled sends no more. What it had under way may still arrive:
        ``totals`` says how much did. RillTimeoutError; RateError: below the minimum rate;
        TooLittleError; PathError, UnreachableError, RemoteError, ClosedError, ClockError,
        InDoubtError (rill/error.h says what each means). Each has ``sent``, ``delivered`` and
        ``in_doubt`` of this call. RangeError: not 0 to 2^64 - 1, or more than that in all.
        TypeError: not a whole number.
        """
        amount = amount_of(amount)
        span = nanoseconds(timeout, NEVER, "timeout")
        deadline = NEVER if span == NEVER else lib.rillpy_now().mono_ns + span
        async with self._send_lock:
            await self._settled(deadline)
            if self._ptr is None:
                raise self._nothing_sent(ERR_CLOSED)
            self._engine.own()
            before = self._read_totals()
            if before.send_max > UNLIMITED - amount:
                raise RangeError("a stream sends at most 2^64 - 1 units in all")
            total = before.send_max + amount
            code = lib.rill_stream_send_total(self._ptr, total, deadline)
            if code != 0:
                raise self._nothing_sent(code)
            self._goal = self._engine.loop.create_future()
            self._goal_open = True
            self._engine.schedule()
            try:
                code = await self._goal
            except asyncio.CancelledError:
                self._stop()
                raise
            finally:
                self._goal = None
            return self._sent_since(before, code)

    async def _settled(self, deadline: int) -> None:
        """Waits until it is known what became of what an earlier call had under way, which failed."""

        def known() -> bool:
            if self._ptr is None:
                return True
            now = self._read_totals()
            return not self._goal_open and now.in_flight == now.in_doubt_for_good

        # Money that may be sent little by little (send_max) is nobody's failed call.
        if not self._gave_up:
            return
        left = None
        if deadline != NEVER:
            left = max(0.0, (deadline - lib.rillpy_now().mono_ns) / 1e9)
        if not await self._engine.turned.wait_until(known, left):
            raise RillTimeoutError(sent=0, delivered=0, in_doubt=0)
        self._gave_up = False

    def _nothing_sent(self, code: int) -> RillError:
        """The error of a call of send that has not begun: the stream's own, if it ended by one."""
        end = self._error
        return error_of(
            end.code if end is not None else code,
            "",
            sent=0,
            delivered=0,
            in_doubt=0,
            remote_code=end.remote_code if end is not None else None,
            remote_message=end.remote_message if end is not None else "",
        )

    def _stop(self) -> None:
        """Sends nothing more of what a call of send has not sent."""
        if self._ptr is not None and self._goal_open and not self._engine.closed:
            self._gave_up = True  # its end has not been fetched yet
            lib.rill_stream_stop_sending(self._ptr)
            self._engine.schedule()

    def _sent_since(self, before: StreamTotals, code: int) -> Sent:
        now = self._final if self._ptr is None else self._read_totals()
        assert now is not None
        sent, delivered = now.sent - before.sent, now.delivered - before.delivered
        if code == 0:
            return Sent(sent, delivered)
        in_doubt = max(0, now.in_flight - before.in_flight)
        end = self._error
        raise error_of(
            code,
            "",
            sent=sent,
            delivered=delivered,
            in_doubt=in_doubt,
            remote_code=end.remote_code if end is not None else None,
            remote_message=end.remote_message if end is not None else "",
        )

    @property
    def send_max(self) -> int:
        """The most that this stream sends in all, units of our account: raise it little by little
        to pay by the second. It may be lowered to what is sent and in flight. RangeError: lower
        than that. ClosedError."""
        return self.totals.send_max

    @send_max.setter
    def send_max(self, value: int) -> None:
        check(lib.rill_stream_set_send_max(self._own(), amount_of(value, "send_max")))
        self._engine.schedule()

    def set_weight(self, weight: int) -> None:
        """How much this stream gets of what the connection can send, compared with others: 1 to
        256, at first 1. RangeError, ClosedError."""
        check(lib.rill_stream_set_weight(self._own(), min(amount_of(weight, "a weight"), 1 << 31)))

    def sent_money(self) -> MoneyIterator:
        """Iterates over what has left and arrived, as it is answered: units of our account."""
        return MoneyIterator(self, True)

    # ---- money in ----

    def money(self) -> MoneyIterator:
        """Iterates over the money that comes in, from the stream's beginning on.

        ``async for amount in stream.money():`` gives what came since the last time, units of our
        account, each unit once; it is yours then, for good. It ends with the stream, and raises its
        error if it ended by one. Several iterators each get all of it.
        """
        return MoneyIterator(self, False)

    async def receive(self, total: int, *, timeout: Optional[float] = None) -> int:
        """Waits until so much has come in, since the stream opened; units of our account. timeout:
        seconds; None: no limit. Raises ``receive_max`` to it if that is less. Returns what has come
        in all.

        RillTimeoutError; ClosedError, or the stream's error: it ended before.
        """
        total = amount_of(total, "a total")
        nanoseconds(timeout, NEVER, "timeout")
        if self._ptr is not None and self._read_receive_max() < total:
            self.receive_max = total
        done = await self._changed.wait_until(
            lambda: self._received >= total or self._ptr is None, timeout
        )
        if self._received >= total:
            return self._received
        if not done:
            raise RillTimeoutError(f"{self._received} of {total} units have come")
        raise self._error or ClosedError(f"the stream ended: {self._received} of {total} have come")

    def _read_receive_max(self) -> int:
        self._engine.own()
        return self._read_totals().receive_max

    @property
    def receive_max(self) -> int:
        """The most that we accept in all since it opened, units of our account. It can only be
        raised. A packet may bring 1 % more than what is left. RangeError, ClosedError."""
        return self.totals.receive_max

    @receive_max.setter
    def receive_max(self, value: int) -> None:
        check(lib.rill_stream_set_receive_max(self._own(), amount_of(value, "receive_max")))
        self._engine.schedule()

    # ---- bytes in: as asyncio.StreamReader ----

    def data(self) -> DataIterator:
        """Iterates over the bytes that come, in pieces of any size, in order. It ends with the
        stream, and raises its error if it ended by one."""
        return DataIterator(self)

    def at_eof(self) -> bool:
        """The stream has ended, and all of its bytes were read."""
        return self._ptr is None and not self._read_buffer

    def _fill(self, most: int = DEFAULT_LIMIT) -> None:
        """Moves what has come out of the core, as long as the buffer has less than so many bytes.
        So a stream whose few bytes nobody reads does not wait for its reader when it closes."""
        if self._ptr is None or self._engine.closed:
            return
        buffer = self._read_buffer
        while len(buffer) < most:
            piece = lib.rill_stream_peek(self._ptr)
            length = min(piece.len, MAX_PIECE)
            if length == 0:
                return
            buffer += ffi.buffer(piece.data, length)
            lib.rill_stream_consume(self._ptr, length)
            self._engine.schedule()

    def _take(self, most: int) -> bytes:
        """Up to so many bytes of the buffer. The other side may send as many anew then."""
        buffer = self._read_buffer
        if most >= len(buffer):
            taken = bytes(buffer)
            buffer.clear()
        else:
            taken = bytes(buffer[:most])
            del buffer[:most]
        self._fill()
        return taken

    async def _more(self, most: int) -> bool:
        """Waits until there is more in the buffer than now; False: the stream has ended. Raises its
        error."""
        length = len(self._read_buffer)

        def grown() -> bool:
            self._fill(most)
            return len(self._read_buffer) > length or self._ptr is None

        await self._changed.wait_until(grown)
        if len(self._read_buffer) > length:
            return True
        if self._error is not None:
            raise self._error
        return False

    async def read(self, n: int = -1) -> bytes:
        """Up to n bytes, as soon as there are some; ``b""`` at the stream's end. -1: all, until the
        end. The stream's error, if it ended by one."""
        if n == 0:
            return b""
        if n < 0:
            while await self._more(UNLIMITED):
                pass
            return self._take(UNLIMITED)
        if not self._read_buffer:
            await self._more(1)
        return self._take(n)

    async def readexactly(self, n: int) -> bytes:
        """n bytes. asyncio.IncompleteReadError: the stream ended before; the stream's error."""
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        while len(self._read_buffer) < n:
            if not await self._more(n):
                raise asyncio.IncompleteReadError(self._take(n), n)
        return self._take(n) if n else b""

    async def readline(self, *, limit: int = DEFAULT_LIMIT) -> bytes:
        """A line with its ``\\n``, or what there is before the end. Its other errors are those of
        ``readuntil``."""
        try:
            return await self.readuntil(b"\n", limit=limit)
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def readuntil(self, separator: bytes = b"\n", *, limit: int = DEFAULT_LIMIT) -> bytes:
        """What comes before a separator, with it. asyncio.IncompleteReadError: the stream ended
        before. asyncio.LimitOverrunError: it does not come within limit bytes; what has come can
        still be read."""
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        start = 0
        while True:
            at = self._read_buffer.find(separator, start)
            if at >= 0:
                if at > limit:
                    break
                return self._take(at + len(separator))
            start = max(0, len(self._read_buffer) - len(separator) + 1)
            if start > limit:
                break
            if not await self._more(limit + len(separator) + 1):
                raise asyncio.IncompleteReadError(self._take(UNLIMITED), None)
        raise asyncio.LimitOverrunError("Separator is not found within the limit", start)

    # ---- bytes out: as asyncio.StreamWriter ----

    def write(self, data: Bytes) -> None:
        """Sends bytes, which are copied. Then ``await stream.drain()``, so that a writer is not
        faster than the stream. ClosedError, or the stream's error."""
        pointer = self._own()
        if self._closing:
            raise ClosedError("the stream is closing")
        view = memoryview(data)
        view = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
        taken = 0 if self._write_queue else self._write_some(pointer, view)
        if taken < len(view):
            self._write_queue.append(memoryview(bytes(view[taken:])))
            self._write_queued += len(view) - taken
        self._engine.schedule()

    def writelines(self, data: Iterable[Bytes]) -> None:
        """Writes each of them, as ``write``."""
        for part in data:
            self.write(part)

    def _write_some(self, pointer: Any, view: memoryview) -> int:
        if len(view) == 0:
            return 0
        accepted = ffi.new("size_t *")
        code = lib.rill_stream_write(pointer, ffi.from_buffer(view), len(view), accepted)
        if code == ERR_BLOCKED:
            return 0
        check(code)
        return int(accepted[0])

    def _write_more(self) -> None:
        while self._write_queue and self._ptr is not None:
            view = self._write_queue[0]
            try:
                taken = self._write_some(self._ptr, view)
            except RillError:
                return  # its end comes, and says why
            self._write_queued -= taken
            if taken < len(view):
                self._write_queue[0] = view[taken:]
                break
            self._write_queue.popleft()
        if self._closing and not self._write_queue:
            self._end()

    async def drain(self) -> None:
        """Waits until most of what was written is on its way, or at least in the send buffer.
        The stream's error, or ClosedError, if it ended before."""
        await self._changed.wait_until(
            lambda: self._ptr is None or self._write_queued < HIGH_WATER
        )
        if self._ptr is None and (self._error is not None or self._write_queue):
            raise self._error or ClosedError("the stream ended before all bytes were sent")

    def can_write_eof(self) -> bool:
        """False: a stream closes in both directions (RFC 29 section 4.4)."""
        return False

    # ---- end ----

    def is_closing(self) -> bool:
        """``close`` or ``abort`` was called, or it is closed."""
        return self._closing or self._ptr is None

    def close(self) -> None:
        """Says that we are done. The stream closes, in both directions, when all that was written
        and all money up to ``send_max`` has arrived: ``wait_closed`` waits for that. Nothing the
        second time."""
        if self._ptr is None or self._closing:
            return
        self._engine.own()
        self._closing = True
        if not self._write_queue:
            self._end()

    def _end(self) -> None:
        if self._ptr is not None:
            lib.rill_stream_end(self._ptr)
            self._engine.schedule()

    def abort(self, message: str = "", *, code: int = CLOSE_APPLICATION_ERROR) -> None:
        """Closes at once, in both directions. The other side is told the code (RFC 29 section 5.4)
        and the message, at most 255 bytes. Nothing if it is closed."""
        if self._ptr is None:
            return
        self._engine.own()
        self._closing = True
        self._write_queue.clear()
        self._write_queued = 0
        text = message.encode()[:255].replace(b"\0", b" ")
        lib.rill_stream_close(self._ptr, code, text)
        self._engine.schedule()

    async def wait_closed(self) -> None:
        """Waits for the stream's end. Raises its error if it ended by one."""
        await self._changed.wait_until(lambda: self._ptr is None)
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        """``close`` and ``wait_closed``."""
        self.close()
        await self.wait_closed()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is None:
            await self.aclose()
        else:
            self.abort("the application failed" if issubclass(kind, Exception) else "")

    # ---- from the engine ----

    def _event(self, kind: int, event: Any) -> None:
        if kind == EVENT_MONEY:
            self._received += event.amount
        elif kind == EVENT_OUTGOING_MONEY:
            self._outgoing += event.amount
        elif kind == EVENT_SEND_TOTAL_END:
            self._goal_ended(event.error)
        elif kind == EVENT_DATA:
            self._fill()
        elif kind == EVENT_WRITABLE:
            self._write_more()
        self._changed.notify()

    def _goal_ended(self, code: int) -> None:
        self._goal_open = False
        self._gave_up = code != 0
        if self._goal is not None and not self._goal.done():
            self._goal.set_result(code)

    def _ended(self, event: Any) -> None:
        """The last event: the pointer is valid until the next one is fetched."""
        message = ffi.string(event.message).decode("utf-8", "replace")
        self._over(event.error, event.close_code, bool(event.remote), message, True)

    def _over(self, code: int, close_code: int, remote: bool, message: str, alive: bool) -> None:
        if self._ptr is None:
            return
        self._final = self._read_totals()
        self._receipt = self._read_receipt()
        self._ptr = None
        self._closing = True
        self._connection._streams.pop(self._name, None)
        error = error_or_none(code, message, remote_code=close_code, remote=remote)
        if error is not None:
            error.sent, error.delivered = self._final.sent, self._final.delivered
            error.in_doubt = self._final.in_doubt
        self._error = error
        self._goal_ended(code or ERR_CLOSED)
        self._changed.notify()


class MoneyIterator:
    """An asynchronous iterator over money: what came, or went, since the last time."""

    def __init__(self, stream: Stream, outgoing: bool) -> None:
        self._stream = stream
        self._outgoing = outgoing
        self._seen = 0

    def _total(self) -> int:
        return self._stream._outgoing if self._outgoing else self._stream._received

    def __aiter__(self) -> MoneyIterator:
        return self

    async def __anext__(self) -> int:
        stream = self._stream
        await stream._changed.wait_until(lambda: self._total() > self._seen or stream.closed)
        amount = self._total() - self._seen
        if amount > 0:
            self._seen += amount
            return amount
        if stream.error is not None:
            raise stream.error
        raise StopAsyncIteration


class DataIterator:
    """An asynchronous iterator over bytes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __aiter__(self) -> DataIterator:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._stream.read(DEFAULT_LIMIT)
        if not piece:
            raise StopAsyncIteration
        return piece
