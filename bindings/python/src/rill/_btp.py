# SPDX-License-Identifier: Apache-2.0
"""BTP over WebSocket (RFC 23), the client's end.

The WebSocket protocol is that of the package websockets, without its input and output: what one
turn of the loop writes leaves in one piece, and frames go from the socket to the core without
queues and tasks between.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from typing import Any, Dict, List, Optional, Tuple, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from ._core import ffi, lib
from ._errors import (
    ConnectError,
    NotConnectedError,
    ProtocolError,
    RefusedError,
    RillError,
    RillTimeoutError,
    ResolveError,
    TLSError,
)
from ._link import DELAYS, Link, LinkURI, REQUEST_TIMEOUT, ssl_context_of

MAX_FRAME = int(lib.RILL_BTP_MAX_FRAME)
RESPONSE, ERROR = int(lib.RILL_BTP_RESPONSE), int(lib.RILL_BTP_ERROR)
MESSAGE, TRANSFER = int(lib.RILL_BTP_MESSAGE), int(lib.RILL_BTP_TRANSFER)
PING_EVERY = 20.0
# After so long without a word the connection is taken for lost, seconds.
SILENCE = 60.0
CLOSE_TIME = 1.0
FIRST_TRIES = 3
# A connection that has lasted so long, seconds, is lost by accident: it is tried again at once.
STEADY = 10.0


class BTPLink(Link):
    """A neighbour by BTP. It connects again after it was lost, until it is closed."""

    def __init__(
        self, uri: LinkURI, context: Optional[ssl.SSLContext], connect_timeout: float
    ) -> None:
        self.uri = uri
        self.context = ssl_context_of(uri, context)
        self.connect_timeout = connect_timeout
        self._session: Optional[Session] = None
        self._closed = False
        self._task: Optional[asyncio.Task[None]] = None

    async def open(self) -> None:
        for delay in DELAYS[1:FIRST_TRIES]:
            try:
                session = await self._connect()
                break
            except NotConnectedError:  # it was there, and ended the connection: it may be busy
                await asyncio.sleep(delay)
        else:
            session = await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._keep(session))

    async def _connect(self) -> Session:
        try:
            return await asyncio.wait_for(self._connect_once(), self.connect_timeout)
        except RillTimeoutError:
            raise
        except asyncio.TimeoutError:
            raise RillTimeoutError(f"the node at {self.uri.plain()} does not answer") from None

    async def _connect_once(self) -> Session:
        loop = asyncio.get_running_loop()
        name = self.uri.plain()
        try:
            _, session = await loop.create_connection(
                lambda: Session(self), self.uri.host, self.uri.port, ssl=self.context
            )
        except ssl.SSLError as error:
            raise TLSError(f"TLS with {name} failed: {error}") from error
        except OSError as error:
            kind = ResolveError if type(error).__name__ == "gaierror" else ConnectError
            raise kind(f"cannot connect to the node at {name}: {error}") from error
        try:
            await session.authenticate()
        except BaseException:
            session.abort()
            raise
        if self._closed or session.lost.is_set():
            session.abort()
            raise NotConnectedError(f"the node at {name} ended the connection")
        self._session = session
        session.ready = True
        self.up = True
        self.writable = session.writable
        self.owner.link_up()
        return session

    async def _keep(self, session: Session) -> None:
        """Waits for the end of each session, and makes the next one."""
        tries = 0
        while not self._closed:
            began = time.monotonic()
            await session.lost.wait()
            if self._closed:
                return
            tries = 0 if time.monotonic() - began > STEADY else tries
            while not self._closed:
                delay = DELAYS[min(tries, len(DELAYS) - 1)]
                tries += 1
                await asyncio.sleep(delay)
                try:
                    session = await self._connect()
                    break
                except RillError as error:
                    self.owner.link_down(error)

    def session_lost(self, session: Session, error: Exception) -> None:
        if session is not self._session:
            return
        self._session = None
        self.up = False
        self.owner.link_down(error)

    def send(self, target: Any, packet: bytes) -> None:
        if self._session is None:
            self.owner.link_unanswered(target, False)
        else:
            self._session.request(target, packet)

    def reply(self, token: Any, packet: bytes) -> None:
        session, request_id = token
        if session is self._session and session is not None:
            session.say_ilp(RESPONSE, request_id, packet)

    def flush(self) -> None:
        if self._session is not None:
            self._session.flush()

    async def close(self) -> None:
        self._closed = True
        session, self._session = self._session, None
        self.up = False
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
        finally:
            if session is not None:
                session.give_up(NotConnectedError("the link was closed"))
                await session.close()


class Session(asyncio.Protocol):
    """One connection to the neighbour."""

    def __init__(self, link: BTPLink) -> None:
        self.link = link
        self.protocol = ClientProtocol(parse_uri(link.uri.plain()), max_size=MAX_FRAME)
        self.transport: Optional[asyncio.Transport] = None
        self.ready = False
        self.writable = True
        self.lost = asyncio.Event()
        self._requests: Dict[int, Tuple[Any, float]] = {}
        self._next_id = secrets.randbits(32)
        self._handshake: Optional[asyncio.Future[None]] = None
        self._auth: Optional[asyncio.Future[None]] = None
        self._parts: List[bytes] = []
        self._parts_length = 0
        self._decoded = ffi.new("rill_btp_frame *")
        self._header = ffi.new("uint8_t[]", lib.RILL_BTP_ILP_HEADER_MAX)
        self._header_view = ffi.buffer(self._header)
        self._timer: Optional[asyncio.TimerHandle] = None
        self._heard = time.monotonic()
        self._loop = asyncio.get_running_loop()

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # other loops have other classes
        self.protocol.send_request(self.protocol.connect())
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self.protocol.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._take()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.give_up(NotConnectedError(f"the connection to the node was lost: {exc or 'it ended'}"))
        self.lost.set()

    def pause_writing(self) -> None:
        self._set_writable(False)

    def resume_writing(self) -> None:
        self._set_writable(True)

    def _set_writable(self, writable: bool) -> None:
        self.writable = writable
        if self.ready and self.link._session is self:
            self.link.writable = writable
            if writable:
                self.link.owner.link_turn()

    # ---- WebSocket ----

    def _take(self) -> None:
        """What has come, and then what leaves because of it."""
        frames = False
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                frames = True
                self._frame(event)
            elif isinstance(event, Response):
                self._answered()
        if self.protocol.state is not State.OPEN and self.protocol.state is not State.CONNECTING:
            self.give_up(NotConnectedError("the node ended the connection, or broke the protocol"))
        if frames and self.ready and self.link._session is self:
            self.link.owner.link_turn()
        self.flush()
        if self.transport is not None and self.protocol.close_expected():
            self.transport.close()

    def _answered(self) -> None:
        waiter, error = self._handshake, self.protocol.handshake_exc
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(_handshake_error(self.link.uri.plain(), error))

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.BINARY and frame.fin:
            self._message(frame.data)
        elif opcode in (Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            self._parts_length += len(frame.data)
            if self._parts_length > MAX_FRAME:
                self.abort()
            elif frame.fin:
                whole, self._parts, self._parts_length = b"".join(self._parts), [], 0
                self._message(whole)
        # Text is nothing in BTP. Pings are answered by the protocol.

    def flush(self) -> None:
        out = self.protocol.data_to_send()
        if out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def close(self) -> None:
        """What was written leaves first."""
        try:
            if self.protocol.state is State.OPEN:
                self.protocol.send_close()
            self.flush()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.lost.wait(), CLOSE_TIME)
        finally:
            self.abort()

    def _tick(self) -> None:
        """Pings, and requests that nobody has answered."""
        now = time.monotonic()
        if now - self._heard > SILENCE:
            return self.abort()
        old = now - REQUEST_TIMEOUT
        late = []
        for request_id, (_, at) in self._requests.items():  # in the order in which they were made
            if at > old:
                break
            late.append(request_id)
        for request_id in late:
            self.link.owner.link_unanswered(self._requests.pop(request_id)[0], True)
        self.protocol.send_ping(b"")
        self.flush()
        self._timer = self._loop.call_later(PING_EVERY, self._tick)

    # ---- BTP ----

    async def authenticate(self) -> None:
        self._handshake = self._loop.create_future()
        self._auth = self._loop.create_future()
        await self._handshake
        uri = self.link.uri
        # Peers take them as they stand in the URI: no escape is decoded.
        self._say(
            MESSAGE,
            self._new_id(),
            [
                (b"auth", 0, b""),
                (b"auth_username", 1, uri.account.encode()),
                (b"auth_token", 1, uri.token.encode()),
            ],
        )
        self.flush()
        await self._auth
        self._timer = self._loop.call_later(PING_EVERY, self._tick)

    def _new_id(self) -> int:
        request_id = self._next_id
        while request_id in self._requests:
            request_id = (request_id + 1) & 0xFFFFFFFF
        self._next_id = (request_id + 1) & 0xFFFFFFFF
        return request_id

    def request(self, target: Any, packet: bytes) -> None:
        request_id = self._new_id()
        self._requests[request_id] = (target, time.monotonic())
        self.say_ilp(MESSAGE, request_id, packet)

    def say_ilp(self, kind: int, request_id: int, packet: bytes) -> None:
        if self.protocol.state is not State.OPEN:
            return  # it is given up in this turn
        length = lib.rill_btp_ilp_header(kind, request_id, len(packet), self._header)
        self.protocol.send_binary(self._header_view[:length] + packet)

    def _say(
        self, kind: int, request_id: int, entries: List[Tuple[bytes, int, bytes]], **error: bytes
    ) -> None:
        kept = []  # what the frame borrows

        def borrow(data: bytes) -> Tuple[Any, int]:
            view = ffi.from_buffer("uint8_t[]", data)
            kept.append(view)
            return (view, len(data))

        frame = ffi.new("rill_btp_frame *")
        frame.type = kind
        frame.request_id = request_id
        for name, value in error.items():
            setattr(frame, name, borrow(value))
        frame.entry_count = len(entries)
        for at, (name_, content, data) in enumerate(entries):
            frame.entries[at] = (borrow(name_), content, borrow(data))
        if self.protocol.state is not State.OPEN:
            return
        room = lib.rill_btp_size(frame)
        out = ffi.new("uint8_t[]", room)
        length = ffi.new("size_t *")
        if lib.rill_btp_encode(frame, out, room, length) == 0:
            self.protocol.send_binary(bytes(ffi.buffer(out, length[0])))

    def _refuse(self, request_id: int, why: bytes) -> None:
        now = time.strftime("%Y%m%d%H%M%S.000Z", time.gmtime()).encode()
        self._say(
            ERROR, request_id, [], code=b"F00", name=b"NotAcceptedError", triggered_at=now, data=why
        )

    def _message(self, data: Any) -> None:
        view = ffi.from_buffer("uint8_t[]", data)
        frame = self._decoded
        if lib.rill_btp_decode(frame, view, len(data)) != 0:
            self.protocol.fail(1002, "not a BTP frame")
            return
        kind, request_id = frame.type, frame.request_id
        if kind == RESPONSE or kind == ERROR:
            self._answer(kind, request_id)
        elif kind == MESSAGE:
            ilp = lib.rill_btp_find(frame, b"ilp")
            if not self.ready or ilp == ffi.NULL:
                self._refuse(request_id, b"no ILP packet")
            else:
                self.link.owner.link_prepare((self, request_id), ilp.data.data, ilp.data.len)
        else:
            self._refuse(request_id, b"there is no settlement")

    def _answer(self, kind: int, request_id: int) -> None:
        if not self.ready:
            self._authenticated(kind)
            return
        found = self._requests.pop(request_id, None)
        if found is None:
            return  # unsolicited, or too late
        ilp = lib.rill_btp_find(self._decoded, b"ilp") if kind == RESPONSE else ffi.NULL
        if ilp == ffi.NULL:
            self.link.owner.link_unanswered(found[0], True)
        else:
            self.link.owner.link_reply(found[0], ilp.data.data, ilp.data.len)

    def _authenticated(self, kind: int) -> None:
        waiter = self._auth
        if waiter is None or waiter.done():
            return
        if kind == RESPONSE:
            waiter.set_result(None)
            return
        code = _text(self._decoded.code)
        waiter.set_exception(
            RefusedError(f"the node at {self.link.uri.plain()} refuses our token ({code})")
        )

    def give_up(self, error: Exception) -> None:
        """No answer can come any more."""
        self.ready = False
        for waiter in (self._handshake, self._auth):
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # nobody may be waiting any more
        requests, self._requests = self._requests, {}
        for target, _ in requests.values():
            self.link.owner.link_unanswered(target, True)
        self.link.session_lost(self, error)


def _text(borrowed: Any) -> str:
    if borrowed.len == 0:
        return ""
    return bytes(ffi.buffer(borrowed.data, borrowed.len)).decode("ascii", "replace")


def _handshake_error(name: str, error: Exception) -> RillError:
    if isinstance(error, InvalidStatus):
        return RefusedError(f"the node at {name} answers with HTTP status {error.response.status_code}")
    if isinstance(error, InvalidHandshake):
        return ProtocolError(f"the node at {name} does not speak WebSocket: {error}")
    return NotConnectedError(f"the node at {name} ended the connection: {error}")
