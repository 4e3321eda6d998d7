# SPDX-License-Identifier: Apache-2.0
"""Payment pointers (RFC 26) and SPSP (RFC 9), the client's side: whom to pay, as people write it.

The query is Python's own http.client's, in a thread: it is asked once for a payment.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import http.client
import json
import re
import socket
import ssl
from typing import Any, NamedTuple, Optional, Union
from urllib.parse import urljoin, urlsplit

from ._credentials import Credentials, PathLike, credentials_of
from ._errors import (
    ConnectError,
    MalformedError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    ResolveError,
    RillTimeoutError,
    TLSError,
    TooLargeError,
    UnsupportedError,
)

__all__ = ["Receiver", "payment_pointer_url", "query"]

Receiver = Union[Credentials, PathLike]

ACCEPT = "application/spsp4+json, application/spsp+json"
MAX_URL = 2047
MAX_ANSWER = 65536
MAX_REDIRECTS = 5
HOST = r"(?:\[[0-9a-fA-F:.]{2,}\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9a-fA-F]{2})+)"
PATH = r"(?:/|[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*"
POINTER = re.compile(rf"\$(?P<host>{HOST})(?P<path>(?:/{PATH})?)")
LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]+){3}|::1", re.IGNORECASE)


def payment_pointer_url(pointer: str) -> str:
    """The URL that a payment pointer stands for (RFC 26): ``$wallet.example`` is
    ``https://wallet.example/.well-known/pay``, and ``$wallet.example/alice`` is
    ``https://wallet.example/alice``. MalformedError."""
    found = POINTER.fullmatch(pointer)
    if found is None:
        raise MalformedError(
            'not a payment pointer: "$", a host, and a path, without port, user name, query and fragment'
        )
    path = found["path"]
    return _checked(f"https://{found['host']}{'/.well-known/pay' if path in ('', '/') else path}")


def _checked(url: str) -> str:
    """An https URL; http is for this machine alone, whose packets nobody else sees."""
    if len(url) > MAX_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f]", url):
        raise MalformedError("not a URL")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise MalformedError("not a URL") from None
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc:
        raise MalformedError("the URL of a receiver is https, a host, and a path")
    if parts.scheme == "http" and not LOOPBACK.fullmatch(host):
        raise UnsupportedError("the URL of a receiver is https: others could read the secret")
    return url


def is_receiver(text: Any) -> bool:
    """It is a payment pointer or a URL, and not the name of a file."""
    return isinstance(text, str) and bool(re.match(r"\$|https?://", text, re.IGNORECASE))


class _Answer(NamedTuple):
    status: int
    content_type: str
    location: str
    body: bytes


def _get(url: str, timeout: float, context: Optional[ssl.SSLContext]) -> _Answer:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": ACCEPT, "User-Agent": "rill-python"})
        response = connection.getresponse()
        body = response.read(MAX_ANSWER + 1)
        return _Answer(
            response.status,
            response.getheader("Content-Type", ""),
            response.getheader("Location", ""),
            body,
        )
    except ssl.SSLError as error:
        raise TLSError(f"{parts.netloc} cannot prove who it is: {error}") from error
    except socket.gaierror as error:
        raise ResolveError(f"the host {parts.hostname} is not known: {error}") from error
    except (socket.timeout, TimeoutError) as error:
        raise RillTimeoutError(f"{parts.netloc} does not answer") from error
    except OSError as error:
        raise ConnectError(f"cannot connect to {parts.netloc}: {error}") from error
    except http.client.HTTPException as error:
        raise ProtocolError(f"{parts.netloc} does not speak HTTP: {error!r}") from error
    finally:
        connection.close()


def _ask(url: str, timeout: float, context: Optional[ssl.SSLContext]) -> Credentials:
    for _ in range(MAX_REDIRECTS + 1):
        answer = _get(url, timeout, context)
        if answer.status not in (301, 302, 303, 307, 308):
            return _read(url, answer)
        following = urljoin(url, answer.location)
        if url.startswith("https:") and not following.startswith("https:"):
            raise ProtocolError("the receiver's server redirects to a URL that is not https")
        url = _checked(following)
    raise ProtocolError("the receiver's server redirects too often")


def _read(url: str, answer: _Answer) -> Credentials:
    host = urlsplit(url).netloc
    if answer.status == 404:
        raise NotFoundError(f"{host} knows no such receiver")
    if answer.status != 200:
        raise RefusedError(f"{host} answers with status {answer.status}")
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind not in ("application/spsp4+json", "application/spsp+json"):
        raise UnsupportedError(f"the answer of {host} is not one of SPSP")
    if len(answer.body) > MAX_ANSWER:
        raise TooLargeError(f"the answer of {host} is too long")
    try:
        read = json.loads(answer.body)
        account, secret = read["destination_account"], read["shared_secret"]
        text = secret.replace("-", "+").replace("_", "/").rstrip("=")
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise MalformedError(f"the answer of {host} has no address and secret") from None
    if len(key) != 32 or not isinstance(account, str):
        raise MalformedError(f"the answer of {host} has no address and secret")
    return Credentials(account, key)


async def query(
    receiver: str, *, timeout: float = 30.0, ssl: Optional[ssl.SSLContext] = None
) -> Credentials:
    """Asks the server of a payment pointer, or of an https URL, for credentials (RFC 9). Each
    answer is for one payment. timeout: seconds. ssl: None: the system's authorities.

    MalformedError: not a receiver, or an answer without credentials; UnsupportedError: http, or no
    answer of SPSP; NotFoundError, RefusedError, ResolveError, ConnectError, TLSError,
    RillTimeoutError, TooLargeError, ProtocolError: the server.
    """
    url = payment_pointer_url(receiver) if receiver.startswith("$") else _checked(receiver)
    loop = asyncio.get_running_loop()
    try:
        return await asyncio.wait_for(
            loop.run_in_executor(None, _ask, url, timeout, ssl), timeout + 1
        )
    except RillTimeoutError:
        raise
    except asyncio.TimeoutError:
        raise RillTimeoutError("the receiver's server does not answer") from None


async def receiver_credentials(receiver: Receiver) -> Credentials:
    """Credentials as they are, of a file, or of whom a payment pointer or a URL names."""
    if is_receiver(receiver):
        assert isinstance(receiver, str)
        return await query(receiver)
    return credentials_of(receiver)
