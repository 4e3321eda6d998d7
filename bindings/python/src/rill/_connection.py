# SPDX-License-Identifier: Apache-2.0
"""A connection: two endpoints that share a secret, and any number of streams (RFC 29 section 4)."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from fractions import Fraction
from typing import Any, Awaitable, Callable, Deque, Dict, NamedTuple, Optional, Tuple, Union

from ._core import ffi, lib
from ._engine import NEVER, Account, Engine, error_or_none
from ._errors import ClosedError, RillError, RillTimeoutError, StateError, check
from ._options import Rate, amount_of, nanoseconds, rate_of
from ._signal import Signal
from ._stream import CLOSE_APPLICATION_ERROR, Stream

__all__ = ["Connection", "ConnectionStats", "IncomingPacket", "Decide"]

ERR_STATE = StateError.code
ERR_STREAM_ID = -26
# Streams of the other side that wait for accept_stream; further ones are closed.
STREAM_BACKLOG = 1000
CLOSE_BUSY = 3
# How long the other side may take to answer a close, seconds.
END_PATIENCE = 5.0


class ConnectionStats(NamedTuple):
    """Totals over all streams, and what the connection has learnt of the path:
    ``rill_connection_stats`` of rill/connection.h. Amounts are units of our account, but
    ``delivered``, which is the other side's."""

    sent: int
    in_flight: int
    in_doubt: int
    delivered: int
    received: int
    packets_sent: int
    packets_fulfilled: int
    packets_rejected: int
    packets_lost: int
    packets_received: int
    packets_refused: int
    packets_in_flight: int
    window: int
    """Packets that may be in flight now."""
    max_packet_amount: int
    """The largest packet that is known to pass."""
    rate: Optional[Fraction]
    """Units of the other side for one of ours, of the last reply; None: not known yet."""
    min_rate: Optional[Fraction]
    """Nothing is sent below it; None: not known yet."""
    round_trip: float
    """Seconds; 0: not known yet."""
    last_reject: str
    """The code of the last reject, such as "T04"; "" if there was none."""
    ended_another: bool
    """An earlier connection with the same credentials was ended for this one."""
    rate_below: Optional[Fraction]
    """The rate is less than this, as replies say; None: not known."""


class IncomingPacket(NamedTuple):
    """A packet that brings money and waits for a decision."""

    connection: Connection
    amount: int
    """Units of our account."""
    packet_id: bytes
    """32 bytes, the same for the same packet: so that it is written into one's books once."""
    expires_at: float
    """Seconds since 1970: after that it is refused, whatever is decided."""


Decide = Callable[[IncomingPacket], Union[bool, Awaitable[bool]]]


class Connection:
    """A connection, made by ``rill.connect`` or accepted by a server.

    ``open_stream`` opens a stream; ``async for stream in connection:`` gives those that the other
    side opens. ``async with`` closes it at the end: after all was sent, or at once where the block
    raises.
    """

    def __init__(self, engine: Engine, pointer: Any, decide: Optional[Decide]) -> None:
        self._engine = engine
        self._ptr: Any = pointer
        self._name = engine.new_name()
        lib.rill_connection_set_user(pointer, ffi.cast("void *", self._name))
        engine.connections[self._name] = self
        self._decide = decide
        self._owns_engine = False
        self._streams: Dict[int, Stream] = {}
        self._waiting_streams: Deque[Stream] = deque()
        self._changed = Signal()
        self._connected = False
        # It was asked for, and nobody has been told yet.
        self._rate_is_owed = False
        self._closing = False
        self._error: Optional[RillError] = None
        self._final: Optional[ConnectionStats] = None
        self._tag = str(ffi.string(lib.rill_connection_tag(pointer)).decode("utf-8", "replace"))
        self._remote_address = ""
        self._remote_asset: Optional[Tuple[str, int]] = None

    def __repr__(self) -> str:
        state = "closed" if self._ptr is None else "closing" if self._closing else "open"
        return f"<rill.Connection {state}, {len(self._streams)} streams>"

    # ---- what it is ----

    @property
    def account(self) -> Account:
        """Our account: the asset that our amounts are in."""
        assert self._engine.account is not None
        return self._engine.account

    @property
    def tag(self) -> str:
        """What a server sealed into the client's address (``generate_credentials``); "" if
        nothing, and at a client."""
        return self._tag

    @property
    def remote_address(self) -> str:
        """The other side's ILP address; "" until it has told one."""
        if self._ptr is not None:
            self._engine.own()
            self._read_remote()
        return self._remote_address

    @property
    def remote_asset(self) -> Optional[Tuple[str, int]]:
        """The other side's asset code and scale; None until it has told them."""
        if self._ptr is not None:
            self._engine.own()
            self._read_remote()
        return self._remote_asset

    def _read_remote(self) -> None:
        address = lib.rill_connection_remote_address(self._ptr)
        self._remote_address = ffi.string(address).decode("ascii", "replace")
        code, scale = ffi.new("const char **"), ffi.new("uint8_t *")
        if lib.rill_connection_remote_asset(self._ptr, code, scale):
            text = ffi.string(code[0]).decode("utf-8", "replace")
            self._remote_asset = (text, int(scale[0]))

    @property
    def closed(self) -> bool:
        """It is over."""
        return self._ptr is None

    @property
    def error(self) -> Optional[RillError]:
        """Why it ended; None while it is open, and after a clean end."""
        return self._error

    @property
    def stats(self) -> ConnectionStats:
        """How it does, also after its end."""
        if self._final is not None:
            return self._final
        self._engine.own()
        return self._read_stats()

    def _read_stats(self) -> ConnectionStats:
        s = ffi.new("rill_connection_stats *")
        lib.rill_connection_get_stats(self._ptr, s)

        def ratio(r: Any) -> Optional[Fraction]:
            return Fraction(int(r.num), int(r.den)) if r.num and r.den else None

        return ConnectionStats(
            s.sent,
            s.in_flight,
            s.in_doubt,
            s.delivered,
            s.received,
            s.packets_sent,
            s.packets_fulfilled,
            s.packets_rejected,
            s.packets_lost,
            s.packets_received,
            s.packets_refused,
            s.packets_in_flight,
            s.window,
            s.max_packet_amount,
            ratio(s.rate),
            ratio(s.min_rate),
            s.round_trip_ns / 1e9,
            ffi.string(s.last_reject.text).decode("ascii", "replace"),
            bool(s.ended_another),
            ratio(s.rate_below),
        )

    async def find_rate(self, amount: int, *, timeout: Optional[float] = None) -> Fraction:
        """Finds out what the path makes of our money, and pays nothing: packets that nobody can
        fulfil say what would arrive. amount: units of our account that are to be sent later, 1 at
        least. timeout: seconds; None: no limit. Returns units of the other side for one of ours; ``stats`` has the bounds.

        If the call before was cancelled, or its seconds were over, this one waits for the same answer.

        StateError: the minimum rate was given, or is known already. RillTimeoutError: seconds are
        over. ClosedError, or the connection's error: nothing gets through.
        """
        span = nanoseconds(timeout, NEVER, "timeout")
        code = lib.rill_connection_probe(self._own(), amount_of(amount))
        if code != ERR_STATE or not self._rate_is_owed:
            check(code)
        self._rate_is_owed = True
        self._engine.schedule()

        def found() -> bool:
            return self._ptr is None or self.stats.min_rate is not None

        if not await self._engine.turned.wait_until(found, None if span == NEVER else timeout):
            raise RillTimeoutError("the rate of the path is not found")
        rate = self.stats.rate
        if self._ptr is None or rate is None:
            raise self.error or ClosedError("the connection ended before its rate was known")
        self._rate_is_owed = False
        return rate

    def set_min_rate(self, rate: Rate) -> None:
        """Sends nothing below this rate from now on: units of the other side for one of ours.
        InvalidError, RangeError, TypeError: it is none. ClosedError."""
        least = rate_of(rate, "a rate")
        ratio = ffi.new("rill_ratio *", (least.numerator, least.denominator))
        check(lib.rill_connection_set_min_rate(self._own(), ratio[0]))
        self._rate_is_owed = False
        self._engine.schedule()

    @property
    def waiting_for(self) -> str:
        """One line for people: what it waits for, without a secret."""
        if self._ptr is None:
            return "nothing"
        self._engine.own()
        if not self._engine.link.up:
            why = self._engine.link_error
            return f"the link to the node{f': {why}' if why else ''}"
        w = ffi.new("rill_waiting *")
        lib.rill_connection_get_waiting(self._ptr, w)
        return str(ffi.string(w.text).decode("utf-8", "replace"))

    def _own(self) -> Any:
        if self._ptr is None:
            raise self._error or ClosedError("the connection is closed")
        self._engine.own()
        return self._ptr

    async def connected(self, *, timeout: Optional[float] = None) -> None:
        """Waits for the other side's first answer, timeout seconds at most; None: no limit. Streams can
        be used before that. RillTimeoutError; ClosedError, or the connection's error."""
        done = await self._changed.wait_until(
            lambda: self._connected or self._ptr is None, timeout
        )
        if self._connected:
            return
        if not done:
            raise RillTimeoutError("the receiver has not answered")
        raise self._error or ClosedError("the connection is closed")

    # ---- streams ----

    async def open_stream(self) -> Stream:
        """Opens a stream. The other side learns of it with its first money or bytes.

        It waits while the other side allows no more streams. ClosedError, or the connection's
        error: it has ended or is ending.
        """
        out = ffi.new("rill_stream **")
        while True:
            pointer = self._own()
            code = lib.rill_connection_open_stream(pointer, out)
            if code != ERR_STREAM_ID:
                break
            self._engine.schedule()
            await self._changed.wait()
        check(code)
        self._engine.schedule()
        return self._add(out[0])

    def _add(self, pointer: Any) -> Stream:
        stream = Stream(self, pointer)
        self._streams[stream._name] = stream
        return stream

    async def accept_stream(self) -> Stream:
        """The next stream that the other side has opened. ClosedError, or the connection's error:
        it has ended, and none is left."""
        await self._changed.wait_until(lambda: bool(self._waiting_streams) or self._ptr is None)
        if self._waiting_streams:
            return self._waiting_streams.popleft()
        raise self._error or ClosedError("the connection is closed")

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> Stream:
        """The streams that the other side opens, until the connection ends. Its error, if it ended
        by one."""
        try:
            return await self.accept_stream()
        except ClosedError:
            if self._error is not None:
                raise
            raise StopAsyncIteration from None

    # ---- end ----

    def is_closing(self) -> bool:
        """``close`` or ``abort`` was called, or it is closed."""
        return self._closing or self._ptr is None

    def close(self) -> None:
        """Closes each stream (``Stream.close``), and then the connection: when all that was
        written, and all money up to each stream's ``send_max``, has arrived. ``wait_closed`` waits
        for that. Nothing the second time."""
        if self._ptr is None or self._closing:
            return
        self._engine.own()
        self._closing = True
        self._try_end()

    def _try_end(self) -> None:
        """Streams whose bytes still wait in Python end first."""
        queued = [stream for stream in self._streams.values() if stream._write_queue]
        if not queued:
            lib.rill_connection_end(self._ptr)
            for stream in self._streams.values():
                stream._closing = True
            self._engine.schedule()
            return
        for stream in self._streams.values():
            stream.close()
        self._engine.spawn(self._end_later(queued))

    async def _end_later(self, queued: Any) -> None:
        for stream in queued:
            with contextlib.suppress(RillError):
                await stream.wait_closed()
        if self._ptr is not None and not self._engine.closed:
            lib.rill_connection_end(self._ptr)
            self._engine.schedule()

    def abort(self, message: str = "", *, code: int = CLOSE_APPLICATION_ERROR) -> None:
        """Closes at once. The other side is told the code (RFC 29 section 5.4) and the message, at
        most 255 bytes. Nothing if it is closed."""
        if self._ptr is None:
            return
        self._engine.own()
        self._closing = True
        lib.rill_connection_close(self._ptr, code, message.encode()[:255].replace(b"\0", b" "))
        self._engine.schedule()

    async def wait_closed(self) -> None:
        """Waits for the connection's end; that of ``rill.connect`` closes its link then. Raises
        the connection's error if it ended by one."""
        try:
            await self._changed.wait_until(lambda: self._ptr is None)
        finally:
            if self._owns_engine and self._ptr is None:
                await self._engine.close()
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        """``close`` and ``wait_closed``."""
        self.close()
        await self.wait_closed()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        try:
            if kind is None:
                await self.aclose()
            elif self._ptr is not None:
                self.abort("the application failed" if issubclass(kind, Exception) else "")
                # What is under way is answered, so that its sender knows.
                await self._changed.wait_until(lambda: self._ptr is None, END_PATIENCE)
        finally:
            if self._owns_engine:
                self._engine.shutdown()
                await self._engine.link.close()

    # ---- from the engine ----

    def _is_connected(self) -> None:
        self._connected = True
        self._changed.notify()

    def _stream_opened(self, pointer: Any) -> None:
        stream = self._add(pointer)
        if len(self._waiting_streams) >= STREAM_BACKLOG:
            lib.rill_stream_close(pointer, CLOSE_BUSY, ffi.NULL)
            return
        self._waiting_streams.append(stream)
        self._changed.notify()

    def _asked(self, event: Any) -> None:
        packet = IncomingPacket(
            self, int(event.amount), bytes(ffi.buffer(event.packet_id)), event.expires_at_ms / 1000
        )
        self._engine.spawn(self._answer(packet, int(event.decision_id), int(event.incoming_id)))

    async def _answer(self, packet: IncomingPacket, decision: int, incoming: int) -> None:
        fulfill = False
        try:
            if self._decide is not None:
                answer = self._decide(packet)
                fulfill = bool(await answer if inspect.isawaitable(answer) else answer)
            else:
                fulfill = True
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "decide failed: the packet is refused", "exception": error}
            )
        finally:
            self._engine.decide(decision, incoming, fulfill)

    def _ended(self, code: int, close_code: int, remote: bool, message: str, alive: Any) -> None:
        if self._ptr is None:
            return
        for stream in list(self._streams.values()):
            stream._over(code, close_code, remote, message, True)
        self._read_remote()
        self._final = self._read_stats()
        self._ptr = None
        self._closing = True
        error = error_or_none(code, message, remote_code=close_code, remote=remote)
        if error is not None:
            error.sent, error.delivered = self._final.sent, self._final.delivered
            error.in_doubt = self._final.in_doubt
        self._error = error
        self._changed.notify()

