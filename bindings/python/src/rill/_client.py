# SPDX-License-Identifier: Apache-2.0
"""``rill.connect``: a connection of our own, over a link of our own."""

from __future__ import annotations

import ssl
from typing import Any, Generator, Optional, Union

from ._btp import BTPLink
from ._connection import Connection, Decide
from ._core import ffi, lib
from ._credentials import Credentials
from ._engine import Account, Engine
from ._errors import check
from ._link import Link, LinkURI, link_uri_from_environment
from ._options import Options
from ._spsp import Receiver, receiver_credentials

__all__ = ["connect"]


def make_link(
    link: Union[str, Link, None],
    context: Optional[ssl.SSLContext],
    connect_timeout: float,
) -> Link:
    if isinstance(link, Link):
        return link
    uri = LinkURI(link_uri_from_environment() if link is None else link)
    if uri.is_btp:
        return BTPLink(uri, context, connect_timeout)
    from ._http import HTTPLink

    return HTTPLink(uri, context, connect_timeout)


def open_connection(
    engine: Engine, credentials: Credentials, options: Any, decide: Optional[Decide]
) -> Connection:
    out = ffi.new("rill_connection **")
    account = credentials.destination_account.encode()
    secret = ffi.new("uint8_t[]", credentials.shared_secret)
    try:
        check(
            lib.rill_endpoint_connect(
                engine.own(),
                lib.rillpy_now(),
                account,
                secret,
                len(credentials.shared_secret),
                options,
                out,
            )
        )
    finally:
        lib.rill_wipe(secret, len(secret))
    engine.schedule()
    return Connection(engine, out[0], decide)


class connect:
    """Connects to a server, by its credentials.

    ``async with rill.connect(credentials) as connection:``, or ``connection = await
    rill.connect(credentials)``, and then ``await connection.aclose()``. It returns when the node is
    reached and our account known: streams can be opened and used, and the server answers meanwhile.

    credentials: ``Credentials``; or the path of a file with them; or a payment pointer or URL, whose
    server is asked for them (``query``). link: the URI of the node; None:
    the environment names it (``link_uri_from_environment``). account: our account; None: the node
    is asked (IL-DCP, RFC 31). options: limits and settings. decide: is asked before a packet that
    brings money is taken; a function of an ``IncomingPacket`` that returns, or whose coroutine
    returns, True or False. ssl: of a link by TLS; None: the system's authorities. timeout: seconds
    to reach the node and learn our account; None: no limit. A node that cannot be connected to is not
    tried again; a link that was up and is lost is.

    ConnectError, ResolveError, TLSError, RefusedError, RillTimeoutError: the node.
    LinkURIError, UnsupportedError, MalformedError: link, or the environment. AddressError,
    InvalidError, RangeError, TypeError: credentials or options. Source: RFC 29 section 4.1.
    """

    def __init__(
        self,
        credentials: Receiver,
        *,
        link: Union[str, Link, None] = None,
        account: Optional[Account] = None,
        options: Optional[Options] = None,
        decide: Optional[Decide] = None,
        ssl: Optional[ssl.SSLContext] = None,
        timeout: Optional[float] = 30.0,
    ) -> None:
        self._credentials = credentials
        self._link = link
        self._account = account
        self._options = options or Options()
        self._decide = decide
        self._ssl = ssl
        self._timeout = timeout
        self._connection: Optional[Connection] = None

    async def _connect(self) -> Connection:
        credentials = await receiver_credentials(self._credentials)
        filled = self._options._fill(self._decide is not None)
        link = make_link(self._link, self._ssl, self._timeout or 3600.0)
        engine = Engine(
            link,
            accept=False,
            server_secret=None,
            max_connections=1000,
            connection_options=filled,
        )
        await engine.start(self._account, self._timeout)
        try:
            connection = open_connection(engine, credentials, filled, self._decide)
        except BaseException:
            await engine.close()
            raise
        connection._owns_engine = True
        return connection

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._connect().__await__()

    async def __aenter__(self) -> Connection:
        self._connection = await self._connect()
        return self._connection

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        assert self._connection is not None
        await self._connection.__aexit__(kind, value, trace)
