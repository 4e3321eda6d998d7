# SPDX-License-Identifier: Apache-2.0
"""ILP over HTTP (RFC 35), synchronous: each Prepare is a POST, and its reply is the response.

The client is aiohttp: it keeps connections open and has a pool of them. It is asked for only where a
link by HTTP is used (``pip install 'rill[http]'``). Who only asks receives nothing: over such a link
we pay, and nobody can pay us.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Optional, Set

from ._core import ffi, lib
from ._errors import (
    ConnectError,
    InputOutputError,
    NotConnectedError,
    ProtocolError,
    RefusedError,
    RillError,
    UnsupportedError,
)
from ._link import REQUEST_TIMEOUT, Link, LinkURI, ssl_context_of

try:
    import aiohttp
except ImportError:  # it is optional
    HAS_AIOHTTP = False
else:
    HAS_AIOHTTP = True

MAX_REPLY = int(lib.RILL_BTP_MAX_FRAME)
MAX_SOCKETS = 64
MAX_OPEN = 256


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
                await session.close()
