# SPDX-License-Identifier: Apache-2.0
"""``rill.listen``: a server, whose clients find it by credentials that it makes."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, Awaitable, Callable, Deque, Generator, Optional, Union

from ._client import make_link, open_connection
from ._connection import END_PATIENCE, Connection, Decide
from ._core import ffi, lib
from ._credentials import Credentials, PathLike, credentials_of
from ._engine import Account, Engine
from ._errors import ClosedError, InvalidError, TooLargeError, UnsupportedError, check
from ._link import Link
from ._options import Options

__all__ = ["Server", "listen"]

CLOSE_BUSY, CLOSE_INTERNAL = 3, 2
Handler = Callable[[Connection], Awaitable[None]]


class Server:
    """Accepts connections. ``async for connection in server:`` gives them."""

    def __init__(
        self, engine: Engine, decide: Optional[Decide], handler: Optional[Handler], backlog: int
    ) -> None:
        self._engine = engine
        self._decide = decide
        self._handler = handler
        self._backlog = backlog
        self._waiting: Deque[Connection] = deque()
        self._closing = False
        engine.accept_connection = self._accepted

    @property
    def account(self) -> Account:
        """The server's account: its address, and the asset that its amounts are in."""
        assert self._engine.account is not None
        return self._engine.account

    @property
    def address(self) -> str:
        """The server's ILP address."""
        return self.account.address

    @property
    def closed(self) -> bool:
        """It is over, and its link too."""
        return self._engine.closed

    def generate_credentials(
        self,
        tag: str = "",
        *,
        receipt_nonce: Optional[bytes] = None,
        receipt_secret: Optional[bytes] = None,
    ) -> Credentials:
        """Makes an address and a secret for one more client (RFC 29 section 4.1). The server keeps
        nothing: all that it must know is sealed in the address.

        tag: is sealed too, and comes back as ``Connection.tag``: at most 255 bytes. receipt_nonce
        and receipt_secret: 16 and 32 bytes of who verifies the receipts (RFC 39), both or neither.
        TooLargeError: the tag does not fit into an address. InvalidError.
        """
        options = ffi.new("rill_credentials_options *")
        lib.rill_credentials_options_init(options)
        text = tag.encode()
        if len(text) > lib.RILL_MAX_TAG:
            raise TooLargeError("a tag has at most 255 bytes")
        if b"\0" in text:
            raise InvalidError("a tag has no NUL in it")
        if (receipt_nonce is None) != (receipt_secret is None):
            raise InvalidError("a receipt's nonce needs its secret, and the other way round")
        kept = [ffi.new("char[]", text)]
        if text:
            options.tag = kept[0]
        if receipt_nonce is not None and receipt_secret is not None:
            if len(receipt_nonce) != 16 or len(receipt_secret) != 32:
                raise InvalidError("a receipt's nonce has 16 bytes, and its secret 32")
            kept += [ffi.new("uint8_t[]", receipt_nonce), ffi.new("uint8_t[]", receipt_secret)]
            options.receipt_nonce, options.receipt_secret = kept[1], kept[2]
        made = ffi.new("rill_credentials *")
        try:
            check(lib.rill_endpoint_generate_credentials(self._engine.own(), options, made))
            account = ffi.string(made.destination_account).decode()
            return Credentials(account, bytes(ffi.buffer(made.shared_secret)))
        finally:
            lib.rill_credentials_wipe(made)

    def connect(
        self,
        credentials: Union[Credentials, PathLike],
        *,
        options: Optional[Options] = None,
        decide: Optional[Decide] = None,
    ) -> Connection:
        """Opens a connection of our own over the server's link. Errors as ``rill.connect``."""
        filled = (options or Options())._fill(decide is not None)
        return open_connection(self._engine, credentials_of(credentials), filled, decide)

    async def accept(self) -> Connection:
        """The next connection of a client. ClosedError: the server is closed."""
        await self._engine.changed.wait_until(
            lambda: bool(self._waiting) or self._engine.closed or self._closing
        )
        if self._waiting:
            return self._waiting.popleft()
        raise ClosedError("the server is closed")

    def __aiter__(self) -> Server:
        return self

    async def __anext__(self) -> Connection:
        """Connections, until the server is closed."""
        try:
            return await self.accept()
        except ClosedError:
            raise StopAsyncIteration from None

    async def serve_forever(self) -> None:
        """Waits until the server is closed, by another task or by cancellation."""
        await self._engine.changed.wait_until(lambda: self._engine.closed)

    def close(self) -> None:
        """Accepts no more, and closes the connections that there are (``Connection.close``)."""
        if self._closing or self._engine.closed:
            return
        self._closing = True
        lib.rill_endpoint_end(self._engine.own())
        for connection in self._engine.connections.values():
            connection._closing = True
        self._engine.schedule()
        self._engine.changed.notify()

    async def wait_closed(self, *, timeout: float = END_PATIENCE) -> None:
        """Waits for the end of all connections, timeout seconds at most, and closes the link."""
        if self._engine.closed:
            return
        try:
            await self._engine.changed.wait_until(
                lambda: not self._engine.connections, timeout
            )
        finally:
            self._engine.shutdown()
            await self._engine.link.close()

    async def aclose(self, *, timeout: float = END_PATIENCE) -> None:
        """``close``, and then as ``wait_closed``."""
        self.close()
        await self.wait_closed(timeout=timeout)

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        await self.aclose()

    # ---- from the engine ----

    def _accepted(self, pointer: Any) -> None:
        connection = Connection(self._engine, pointer, self._decide)
        if self._handler is not None:
            self._engine.spawn(self._handle(connection))
        elif len(self._waiting) >= self._backlog:
            lib.rill_connection_close(pointer, CLOSE_BUSY, ffi.NULL)
        else:
            self._waiting.append(connection)
            self._engine.changed.notify()

    async def _handle(self, connection: Connection) -> None:
        assert self._handler is not None
        try:
            await self._handler(connection)
        except Exception as error:
            if error is not connection.error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a handler of rill.listen failed", "exception": error}
                )
            connection.abort(code=CLOSE_INTERNAL)
        else:
            connection.close()


class listen:
    """Opens a server at the node: ``async with rill.listen() as server:``, or ``server = await
    rill.listen()``, and then ``await server.aclose()``. It returns when our account is known.

    handler: a coroutine function that is run for each connection, as a task of its own; the
    connection is closed when it returns, and aborted when it raises. None: ``async for connection
    in server``. server_secret: the 32 bytes from which credentials are made; None: random ones, so
    that credentials end with the server. backlog: connections that may wait for ``accept``.
    max_connections: open at once; more are refused with T02. The others as of ``rill.connect``.

    Errors: as ``rill.connect``. InvalidError also: the secret has not 32 bytes. UnsupportedError
    also: nothing comes over the link. Source: RFC 29 section 4.1.
    """

    def __init__(
        self,
        handler: Optional[Handler] = None,
        *,
        link: Union[str, Link, None] = None,
        account: Optional[Account] = None,
        options: Optional[Options] = None,
        decide: Optional[Decide] = None,
        server_secret: Optional[bytes] = None,
        max_connections: int = 100000,
        backlog: int = 1000,
        ssl: Optional[ssl.SSLContext] = None,
        timeout: Optional[float] = 30.0,
    ) -> None:
        if server_secret is not None and len(server_secret) != 32:
            raise InvalidError("a server secret has 32 bytes")
        self._handler = handler
        self._link = link
        self._account = account
        self._options = options or Options()
        self._decide = decide
        self._secret = server_secret
        self._max_connections = max_connections
        self._backlog = backlog
        self._ssl = ssl
        self._timeout = timeout
        self._server: Optional[Server] = None

    async def _open(self) -> Server:
        filled = self._options._fill(self._decide is not None)
        link = make_link(self._link, self._ssl, self._timeout or 3600.0)
        if not link.receives:
            raise UnsupportedError("nothing comes over such a link by HTTP: listen by BTP, or by rill.HTTPServerLink")
        engine = Engine(
            link,
            accept=True,
            server_secret=self._secret,
            max_connections=self._max_connections,
            connection_options=filled,
        )
        server = Server(engine, self._decide, self._handler, self._backlog)
        await engine.start(self._account, self._timeout)
        return server

    def __await__(self) -> Generator[Any, None, Server]:
        return self._open().__await__()

    async def __aenter__(self) -> Server:
        self._server = await self._open()
        return self._server

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        assert self._server is not None
        await self._server.__aexit__(kind, value, trace)
