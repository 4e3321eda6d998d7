# SPDX-License-Identifier: Apache-2.0
"""ILP over HTTP (RFC 35), synchronous: each Prepare is a POST, and its reply is the response.

The client is aiohttp: it keeps connections open and has a pool of them. It is asked for only where a
link by HTTP is used (``pip install 'rill[http]'``). Who only asks receives nothing: over such a link
we pay, and nobody can pay us. ``HTTPServerLink`` also listens, for a node that knows our URL.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ssl
from typing import Any, Coroutine, Optional, Set

from ._core import ffi, lib
from ._errors import (
    AddressInUseError,
    ConnectError,
    InputOutputError,
    InvalidError,
    NotConnectedError,
    ProtocolError,
    RefusedError,
    RillError,
    UnsupportedError,
)
from ._link import REQUEST_TIMEOUT, Link, LinkURI, ssl_context_of

try:
    import aiohttp
    from aiohttp import web
except ImportError:  # it is optional
    HAS_AIOHTTP = False
else:
    HAS_AIOHTTP = True

MAX_REPLY = int(lib.RILL_BTP_MAX_FRAME)
MAX_SOCKETS = 64
MAX_OPEN = 256
# Prepares of the neighbour that wait for our reply.
MAX_WAITING = 1024


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Where it is cancelled, that is told when the work is done: aiohttp and asyncio, cancelled while
    they begin to listen or end, leave sockets open, and nobody who could close them."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # what was cancelled is not told of it
        raise


class HTTPLink(Link):
    """A neighbour by HTTP/1.1."""

    receives = False

    def __init__(
        self, uri: LinkURI, context: Optional[ssl.SSLContext], connect_timeout: float
    ) -> None:
        if not HAS_AIOHTTP:
            raise UnsupportedError("a link by HTTP needs aiohttp: pip install 'rill[http]'")
        if uri.account:
            raise UnsupportedError("a link by HTTP has a token, and no account before the colon")
        self.uri = uri
        self.context = ssl_context_of(uri, context)
        self.connect_timeout = connect_timeout
        self._session: Any = None
        self._tasks: Set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        headers = {
            "Authorization": f"Bearer {self.uri.token}",
            "Content-Type": "application/octet-stream",
            "Accept": "application/octet-stream",
        }
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(
                limit=MAX_SOCKETS, ssl=self.context if self.context is not None else True
            ),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=self.connect_timeout),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.up = True

    def send(self, target: Any, packet: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._post(target, packet))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        self.writable = len(self._tasks) < MAX_OPEN

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.writable = len(self._tasks) < MAX_OPEN
        self.owner.link_turn()

    async def _post(self, target: Any, packet: bytes) -> None:
        sent = True
        try:
            body = await self._ask(packet)
        except asyncio.CancelledError:
            self.owner.link_unanswered(target, True)
            raise
        except RillError as error:
            sent = not isinstance(error, ConnectError)
            self.owner.link_down(error)
        except Exception as error:
            self.owner.link_down(InputOutputError(f"{self.uri.plain()}: {error!r}"))
        else:
            self.owner.link_reply(target, ffi.from_buffer("uint8_t[]", body), len(body))
            return
        self.owner.link_unanswered(target, sent)

    async def _ask(self, packet: bytes) -> bytes:
        name = self.uri.plain()
        if self._session is None:
            raise ConnectError("the link is closed")
        try:
            async with self._session.post(name, data=packet, allow_redirects=False) as response:
                if response.status in (401, 403):
                    raise RefusedError(f"the node at {name} refuses our token ({response.status})")
                if response.status != 200:
                    raise ProtocolError(f"the node at {name} answers with status {response.status}")
                body = bytearray()
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > MAX_REPLY:
                        raise ProtocolError(f"the answer of the node at {name} is too long")
                return bytes(body)
        except aiohttp.ClientConnectorError as error:
            raise ConnectError(f"cannot connect to the node at {name}: {error}") from error

    def reply(self, token: Any, packet: bytes) -> None:
        raise NotConnectedError("nothing comes over a link by HTTP")

    def flush(self) -> None:
        pass  # each request leaves by itself

    async def close(self) -> None:
        self.up = False
        session, self._session = self._session, None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            if session is not None:
                await _whole(session.close())


class HTTPServerLink(HTTPLink):
    """A neighbour by HTTP/1.1, in both directions: it is asked, and asks us.

    uri: of the neighbour, ``ilp+http://:TOKEN@HOST:PORT/PATH`` or ``ilp+https``. token: what it has
    to show us; not empty. host, port: where we listen; port 0: any, which ``port`` says once the link
    is open. path: of our URL. ssl: of what we ask; None: the system's authorities. server_ssl: the
    certificate that we show; None: no TLS, for one machine, or behind what does TLS for us.
    connect_timeout: seconds.

    InvalidError, UnsupportedError, LinkURIError: what is given is wrong, or aiohttp is missing.
    AddressInUseError, InputOutputError: when it is opened, and nothing can listen there. Source:
    RFC 35.
    """

    receives = True

    def __init__(
        self,
        uri: str,
        *,
        token: str,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/",
        ssl: Optional[ssl.SSLContext] = None,
        server_ssl: Optional[ssl.SSLContext] = None,
        connect_timeout: float = 30.0,
    ) -> None:
        read = LinkURI(uri)
        if read.is_btp:
            raise UnsupportedError("the URI of such a link begins with ilp+http or ilp+https")
        if not token or not token.isascii() or not path.startswith("/"):
            raise InvalidError("token is not empty and is ASCII, and path begins with a slash")
        super().__init__(read, ssl, connect_timeout)
        self.host = host
        self.port = port
        self.path = path
        self._expected = f"Bearer {token}".encode()
        self._server_ssl = server_ssl
        self._runner: Any = None
        self._waiting: Set[asyncio.Future[bytes]] = set()

    async def open(self) -> None:
        """Listens. AddressInUseError, InputOutputError: nothing can listen there."""
        server = web.Server(self._serve)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._server_ssl)
            await _whole(site.start())
        except OSError as error:
            await self._stop()
            if error.errno == errno.EADDRINUSE:
                raise AddressInUseError(f"{self.host}:{self.port} is in use") from error
            raise InputOutputError(f"cannot listen at {self.host}:{self.port}: {error}") from error
        self.port = self._runner.addresses[0][1]
        await super().open()

    async def _serve(self, request: Any) -> Any:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._expected):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        if request.path != self.path:
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        if len(self._waiting) >= MAX_WAITING:
            return web.Response(status=503)
        packet = bytearray()
        async for piece in request.content.iter_any():
            packet += piece
            if len(packet) > MAX_REPLY:
                return web.Response(status=413)
        body = bytes(packet)
        decoded = lib.rill_prepare_decode(
            ffi.new("rill_prepare *"), ffi.from_buffer("uint8_t[]", body), len(body)
        )
        if decoded != 0:
            return web.Response(status=400, text="not an ILP Prepare")
        reply = await self._answer(body)
        if reply is None:
            return web.Response(status=502)
        return web.Response(body=reply, content_type="application/octet-stream")

    async def _answer(self, packet: bytes) -> Optional[bytes]:
        """None: nobody has decided about it in time, or we end."""
        if self._runner is None:
            return None  # nobody answers any more, and the end waits for this one
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            self.owner.link_prepare(waiting, ffi.from_buffer("uint8_t[]", packet), len(packet))
            self.owner.link_turn()
            done, _ = await asyncio.wait([waiting], timeout=REQUEST_TIMEOUT)
            return waiting.result() if done and not waiting.cancelled() else None
        finally:
            self._waiting.discard(waiting)

    def reply(self, token: Any, packet: bytes) -> None:
        """Answers a Prepare; nothing if who asked has gone."""
        if not token.done():
            token.set_result(bytes(packet))

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        for waiting in list(self._waiting):
            waiting.cancel()
        if runner is not None:
            await _whole(runner.cleanup())

    async def close(self) -> None:
        """Listens no more. What waits for a reply is told that there is none (502)."""
        try:
            await self._stop()
        finally:
            await super().close()
