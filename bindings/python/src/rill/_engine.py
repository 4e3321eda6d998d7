# SPDX-License-Identifier: Apache-2.0
"""Drives one endpoint of Rill's core on one event loop: a link is its input and output, and one
timer is its deadline.

Nothing here runs code of the application. Events become state and wake tasks that wait for it.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Set

from ._core import ffi, lib
from ._errors import (
    ClosedError,
    NotConnectedError,
    RefusedError,
    RillError,
    RillTimeoutError,
    check,
    error_of,
)
from ._link import Link
from ._signal import Signal

if TYPE_CHECKING:
    from ._connection import Connection

NEVER = 0xFFFFFFFFFFFFFFFF
UNLIMITED = 0xFFFFFFFFFFFFFFFF
NS = 1_000_000_000
# Packets that are written before the link is asked again whether there is room.
BATCH = 64
# Asking for our account, before it is asked again, seconds.
ASK_AGAIN = 2.0
LONGEST_DELAY = 3600.0

EVENT_CONNECTION = int(lib.RILL_EVENT_CONNECTION)
EVENT_CONNECTED = int(lib.RILL_EVENT_CONNECTED)
EVENT_STREAM = int(lib.RILL_EVENT_STREAM)
EVENT_INCOMING = int(lib.RILL_EVENT_INCOMING)
EVENT_STREAMS_AVAILABLE = int(lib.RILL_EVENT_STREAMS_AVAILABLE)
EVENT_STREAM_END = int(lib.RILL_EVENT_STREAM_END)
EVENT_CONNECTION_END = int(lib.RILL_EVENT_CONNECTION_END)
ERR_CANCELLED = -35


class Account(NamedTuple):
    """Our account at the node: an ILP address, and the asset in which our amounts are: a unit is
    10^-asset_scale of asset_code."""

    address: str
    asset_code: str
    asset_scale: int


def address_bytes(value: Any) -> int:
    """A pointer that the core keeps for us: the number that it is."""
    return int(ffi.cast("uintptr_t", value))


class Engine:
    """One endpoint, with its link. It belongs to the loop and the thread that it was made in."""

    def __init__(
        self,
        link: Link,
        *,
        accept: bool,
        server_secret: Optional[bytes],
        max_connections: int,
        connection_options: Any,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        options = ffi.new("rill_endpoint_options *")
        lib.rillpy_options_init(options)
        options.accept = accept
        options.max_connections = max_connections
        options.connection = connection_options
        secret = None
        if server_secret is not None:
            secret = ffi.new("uint8_t[32]", bytes(server_secret))
            options.server_secret = secret
        made = ffi.new("rill_endpoint **")
        try:
            check(lib.rill_endpoint_new(made, options))
        finally:
            if secret is not None:
                lib.rill_wipe(secret, 32)
        self._endpoint: Any = ffi.gc(made[0], lib.rill_endpoint_free)
        self.link = link
        link.owner = self
        self.account: Optional[Account] = None
        self.closed = False
        self.link_error: Optional[Exception] = None
        self.changed = Signal()
        # After each turn: for what has no event.
        self.turned = Signal()
        self.connections: Dict[int, Connection] = {}
        self._next_name = 1
        self.accept_connection: Optional[Callable[[Any], None]] = None
        self._incoming: Dict[int, Any] = {}
        self._next_incoming = 1
        self._timer: Optional[asyncio.TimerHandle] = None
        self._timer_at = math.inf
        self._scheduled = False
        self._in_turn = False
        self._now: Any = None
        self._packet = ffi.new("uint8_t[]", lib.RILL_PACKET_BUFFER)
        self._packet_view = ffi.buffer(self._packet)
        self._length = ffi.new("size_t *")
        self._id = ffi.new("uint64_t *")
        self._event = ffi.new("rill_event *")
        self._tasks: Set[asyncio.Task[None]] = set()
        self._starting: List[Any] = []

    # ---- who may call ----

    def own(self) -> Any:
        """The endpoint, for a call of the application's. RuntimeError: of another thread.
        ClosedError."""
        if threading.get_ident() != self._thread:
            raise RuntimeError(
                "Rill's objects belong to the event loop that they were made in; "
                "use loop.call_soon_threadsafe or asyncio.run_coroutine_threadsafe"
            )
        if self.closed:
            raise ClosedError()
        return self._endpoint

    def new_name(self) -> int:
        name = self._next_name
        self._next_name += 1
        return name

    def spawn(self, work: Any) -> None:
        """A task that is remembered until it is done. It begins after this turn: a loop may run the
        beginning of a task as it is made, and that would be the application's code."""
        self._starting.append(work)
        self.loop.call_soon(self._start)

    def _start(self) -> None:
        starting, self._starting = self._starting, []
        for work in starting:
            task = self.loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # ---- begin and end ----

    async def start(self, account: Optional[Account], timeout: Optional[float]) -> None:
        """Opens the link, and asks for our account where it is not given."""
        end = None if timeout is None else self.loop.time() + timeout
        try:
            await self.link.open()
            while account is None:
                left = None if end is None else end - self.loop.time()
                if left is not None and left <= 0:
                    raise RillTimeoutError("the node does not tell our address (IL-DCP)")
                account = await self._ask(ASK_AGAIN if left is None else min(ASK_AGAIN, left))
            address, code = account.address.encode(), account.asset_code.encode()
            if not 0 <= account.asset_scale <= 255:
                raise error_of(-3, "an asset scale is 0 to 255")
            a, c = ffi.from_buffer("uint8_t[]", address), ffi.from_buffer("uint8_t[]", code)
            check(
                lib.rill_endpoint_set_account(
                    self._endpoint, (a, len(address)), (c, len(code)), account.asset_scale
                )
            )
            self.account = account
        except BaseException:
            self.shutdown()
            await self.link.close()
            raise

    async def _ask(self, timeout: float) -> Optional[Account]:
        """IL-DCP, once: None if there is no answer yet."""
        if not self.link.up:
            await self.changed.wait_until(lambda: self.link.up or self.closed, timeout)
            return None
        request = ffi.new("uint8_t[]", 256)
        expires = int(time.time() * 1000) + 60_000
        check(lib.rill_ildcp_request_encode(expires, request, len(request), self._length))
        waiter: asyncio.Future[bytes] = self.loop.create_future()
        self.link.send(waiter, bytes(ffi.buffer(request, self._length[0])))
        self.link.flush()
        try:
            done, _ = await asyncio.wait({waiter}, timeout=timeout)
        finally:
            waiter.cancel()  # nothing, if it is answered; else nobody waits any more
        if not done:
            return None
        try:
            return read_account(waiter.result())
        except NotConnectedError:
            if self.link.up and self.link_error is not None:
                raise self.link_error from None
            return None

    def shutdown(self) -> None:
        """At once: what has not ended is over, and the memory goes."""
        if self.closed:
            return
        for connection in list(self.connections.values()):
            if connection._ptr is not None:
                lib.rill_connection_abandon(connection._ptr, ERR_CANCELLED)
        self._events()
        self.link.flush()
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self.connections.values()):
            connection._ended(ERR_CANCELLED, 0, False, "", None)
        self._incoming.clear()
        for work in self._starting:
            work.close()
        self._starting.clear()
        for task in list(self._tasks):
            if task is not _current_task():  # a handler may close its server
                task.cancel()
        self.changed.notify()
        self.turned.notify()
        ffi.release(self._endpoint)

    async def close(self) -> None:
        """As shutdown, and waits for the link."""
        self.shutdown()
        await self.link.close()

    # ---- LinkOwner ----

    def link_up(self) -> None:
        self.link_error = None
        self.changed.notify()
        self.schedule()

    def link_down(self, error: Exception) -> None:
        self.link_error = error
        self.changed.notify()
        self.schedule()

    def _clock(self) -> Any:
        if self._now is None:
            self._now = lib.rillpy_now()
        return self._now

    def link_prepare(self, token: Any, packet: Any, length: int) -> None:
        if self.closed or self.account is None:
            return
        name = self._next_incoming
        self._next_incoming += 1
        code = lib.rill_endpoint_receive_prepare(
            self._endpoint, self._clock(), name, packet, length, self._packet, self._length
        )
        if code != 0:
            return
        if self._length[0]:
            self.link.reply(token, self._packet_view[: self._length[0]])
        else:
            self._incoming[name] = token

    def link_reply(self, target: Any, packet: Any, length: int) -> None:
        if type(target) is not int:
            if not target.done():
                target.set_result(bytes(ffi.buffer(packet, length)))
        elif not self.closed:
            # One that is not known, or comes twice, is nothing.
            lib.rill_endpoint_receive_reply(self._endpoint, self._clock(), target, packet, length)

    def link_unanswered(self, target: Any, sent: bool) -> None:
        if type(target) is not int:
            if not target.done():
                target.set_exception(NotConnectedError())
        elif not self.closed:
            lib.rill_endpoint_unanswered(self._endpoint, self._clock(), target, sent)
            self.schedule()

    def link_turn(self) -> None:
        if not self._in_turn:
            self.turn()

    # ---- a turn ----

    def schedule(self) -> None:
        """There is something to do: in the next turn of the loop."""
        if not self._scheduled and not self.closed and not self.loop.is_closed():
            self._scheduled = True
            self.loop.call_soon(self._later)

    def _later(self) -> None:
        self._scheduled = False
        self.turn()

    def turn(self) -> None:
        if self.closed or self.account is None or self._in_turn:
            return
        self._in_turn = True
        try:
            now = self._clock()
            if lib.rill_endpoint_deadline(self._endpoint) <= now.mono_ns:
                lib.rill_endpoint_timeout(self._endpoint, now)
            self._events()
            self._send(now)
            self._set_timer(now)
        finally:
            self._in_turn = False
            self._now = None
            self.turned.notify()

    def _send(self, now: Any) -> None:
        link, endpoint = self.link, self._endpoint
        packet, length, name = self._packet, self._length, self._id
        count = 0
        while link.up and link.writable:
            # What cannot be made is tried again by itself.
            code = lib.rill_endpoint_next_prepare(endpoint, now, packet, length, name)
            if code != 0 or length[0] == 0:
                break
            link.send(int(name[0]), self._packet_view[: length[0]])
            count += 1
            if count % BATCH == 0:
                link.flush()
        link.flush()

    def _set_timer(self, now: Any) -> None:
        deadline = lib.rill_endpoint_deadline(self._endpoint)
        if deadline == NEVER:
            return
        delay = max(0.0, (deadline - now.mono_ns) / NS)
        at = self.loop.time() + min(delay, LONGEST_DELAY)
        if self._timer is not None:
            if self._timer_at <= at:
                return  # it comes early, and is set again then
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        self.turn()

    # ---- events ----

    def _events(self) -> None:
        event = self._event
        next_event = lib.rill_endpoint_next_event
        while next_event(self._endpoint, event):
            kind = event.type
            if kind == EVENT_CONNECTION:
                if self.accept_connection is not None:
                    self.accept_connection(event.connection)
                continue
            name = address_bytes(lib.rill_connection_user(event.connection))
            connection = self.connections.get(name)
            if connection is None:
                if kind == EVENT_INCOMING:
                    self.decide(event.decision_id, event.incoming_id, False)
                continue
            if kind == EVENT_STREAM:
                connection._stream_opened(event.stream)
            elif kind == EVENT_CONNECTED:
                connection._is_connected()
            elif kind == EVENT_STREAMS_AVAILABLE:
                connection._changed.notify()
            elif kind == EVENT_INCOMING:
                connection._asked(event)
            elif kind == EVENT_CONNECTION_END:
                del self.connections[name]
                connection._ended(
                    event.error,
                    event.close_code,
                    event.remote,
                    ffi.string(event.message).decode("utf-8", "replace"),
                    event.connection,
                )
                self.changed.notify()
            elif event.stream != ffi.NULL:
                stream = connection._streams.get(address_bytes(lib.rill_stream_user(event.stream)))
                if stream is None:
                    continue
                if kind == EVENT_STREAM_END:
                    stream._ended(event)
                else:
                    stream._event(kind, event)

    def decide(self, decision: int, incoming: int, fulfill: bool) -> bool:
        """Answers a packet that waits. False: it was refused, whatever fulfill says."""
        token = self._incoming.pop(incoming, None)
        if self.closed or token is None:
            return False
        fulfilled = ffi.new("bool *")
        # Not at the beginning of this turn: a decision may have taken long.
        code = lib.rill_endpoint_decide(
            self._endpoint,
            lib.rillpy_now(),
            decision,
            fulfill,
            self._packet,
            self._length,
            fulfilled,
        )
        if code == 0 and self._length[0]:
            self.link.reply(token, self._packet_view[: self._length[0]])
        self.schedule()
        return code == 0 and bool(fulfilled[0])


def _current_task() -> Optional[asyncio.Task[Any]]:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def read_account(packet: bytes) -> Account:
    """Reads the answer of IL-DCP. RefusedError, ProtocolError."""
    info = ffi.new("rill_ildcp_info *")
    view = ffi.from_buffer("uint8_t[]", packet)
    code = lib.rill_ildcp_response_decode(info, view, len(packet))
    if code != 0:
        if code == RefusedError.code:
            raise RefusedError("the node does not tell our address; give account=rill.Account(...)")
        raise error_of(code, "the node's answer to the question for our account is not valid")

    def text(borrowed: Any) -> str:
        return bytes(ffi.buffer(borrowed.data, borrowed.len)).decode("utf-8", "replace")

    return Account(text(info.address), text(info.asset_code), int(info.asset_scale))


def error_or_none(
    code: int, message: str, *, remote_code: Optional[int] = None, remote: bool = False
) -> Optional[RillError]:
    """Why something ended; None for RILL_OK."""
    if code == 0:
        return None
    return error_of(
        code,
        "",
        remote_code=remote_code if remote else None,
        remote_message=message if remote else "",
    )
