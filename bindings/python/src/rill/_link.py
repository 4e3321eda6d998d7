# SPDX-License-Identifier: Apache-2.0
"""A link: the way to one neighbour, over which packets travel in both directions."""

from __future__ import annotations

import abc
import json
import os
import secrets
import ssl
from typing import Any, Optional, Protocol, Union
from urllib.parse import urlsplit, urlunsplit

from ._errors import LinkURIError, MalformedError, UnsupportedError

__all__ = ["Link", "LinkOwner", "link_uri_from_environment"]

DEFAULT_URI = "btp+ws://localhost:7768"
# How long a neighbour is waited for that does not answer, seconds: longer than any packet lives.
REQUEST_TIMEOUT = 35.0
# Before it is connected to again, seconds.
DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)


class LinkOwner(Protocol):
    """What a link tells. Called from the event loop. A packet is a C pointer and a length, which
    are borrowed until the call returns."""

    def link_up(self) -> None:
        """Packets can be sent."""

    def link_down(self, error: Exception) -> None:
        """They cannot any more; error is for people."""

    def link_prepare(self, token: Any, packet: Any, length: int) -> None:
        """A Prepare came: Link.reply answers it, with this token."""

    def link_reply(self, target: Any, packet: Any, length: int) -> None:
        """The reply to the Prepare that was sent with this target."""

    def link_unanswered(self, target: Any, sent: bool) -> None:
        """No reply can come. sent False: the packet certainly never left."""

    def link_turn(self) -> None:
        """That was all for now; or there is room again."""


class Link(abc.ABC):
    """Packets out, packets in. ``up``: packets can be sent. ``writable``: and there is room.
    ``receives``: Prepares come over it, too."""

    owner: LinkOwner
    up: bool = False
    writable: bool = True
    receives: bool = True

    @abc.abstractmethod
    async def open(self) -> None:
        """Connects and authenticates for the first time. RillError."""

    @abc.abstractmethod
    def send(self, target: Any, packet: bytes) -> None:
        """Sends a Prepare. target comes back with the reply, or with link_unanswered."""

    @abc.abstractmethod
    def reply(self, token: Any, packet: bytes) -> None:
        """Answers a Prepare; nothing if the way it came by is gone."""

    @abc.abstractmethod
    def flush(self) -> None:
        """The end of a turn: what was written leaves."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Ends it. What is unanswered is reported first."""


class LinkURI:
    """The parts of a link's URI: scheme://[account]:[token]@host[:port][/path].

    Account and token are as they stand, as other implementations take them.
    """

    def __init__(self, uri: str) -> None:
        if not isinstance(uri, str):
            raise LinkURIError("the URI of a link is a string")
        try:
            parts = urlsplit(uri)
            port = parts.port
        except ValueError:
            raise LinkURIError("the URI of a link has no valid host and port") from None
        if parts.scheme not in ("btp+ws", "btp+wss", "ilp+http", "ilp+https"):
            raise UnsupportedError(
                f"a link's URI begins with btp+ws, btp+wss, ilp+http or ilp+https, not {parts.scheme!r}"
            )
        if not parts.hostname:
            raise LinkURIError("the URI of a link has no host")
        self.scheme = parts.scheme
        self.account = parts.username or ""
        self.token = parts.password or ""
        self.host = parts.hostname
        self.secure = parts.scheme in ("btp+wss", "ilp+https")
        self.port = port if port is not None else (443 if self.secure else 80)
        self.path = parts.path
        self.query = parts.query
        self.explicit_port = port

    @property
    def is_btp(self) -> bool:
        return self.scheme.startswith("btp+")

    def plain(self) -> str:
        """The URL without account and token."""
        scheme = {"btp+ws": "ws", "btp+wss": "wss", "ilp+http": "http", "ilp+https": "https"}
        host = f"[{self.host}]" if ":" in self.host else self.host
        netloc = host if self.explicit_port is None else f"{host}:{self.explicit_port}"
        return urlunsplit((scheme[self.scheme], netloc, self.path or "/", self.query, ""))

    def __repr__(self) -> str:
        return f"LinkURI({self.plain()!r})"


def with_new_token(uri: str) -> str:
    """The URI with a random token in the place of its account and token."""
    parts = urlsplit(uri)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        (parts.scheme, f":{secrets.token_hex(16)}@{netloc}", parts.path, parts.query, "")
    )


def link_uri_from_environment() -> str:
    """The URI of the node that the environment names, as ilp-plugin reads it.

    ``ILP_CREDENTIALS`` is JSON with ``server``, and maybe ``btpAccount`` and ``btpToken``. Else
    ``ILP_BTP_SERVER`` is a URI, and else it is ``btp+ws://localhost:7768``; both get a new random
    token, so that each program has an account of its own. The result holds a secret.
    MalformedError, UnsupportedError.
    """
    module = os.environ.get("ILP_PLUGIN") or "ilp-plugin-btp"
    if module != "ilp-plugin-btp":
        raise UnsupportedError(f"ILP_PLUGIN names {module!r}, and not ilp-plugin-btp")
    text = os.environ.get("ILP_CREDENTIALS")
    if text:
        return _from_credentials(text)
    return with_new_token(os.environ.get("ILP_BTP_SERVER") or DEFAULT_URI)


def _from_credentials(text: str) -> str:
    try:
        given = json.loads(text)
        server = given["server"]
        account, token = given.get("btpAccount") or "", given.get("btpToken") or ""
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MalformedError("ILP_CREDENTIALS is not JSON with a member server") from None
    if not all(isinstance(word, str) for word in (server, account, token)):
        raise MalformedError("ILP_CREDENTIALS has a member that is not a string")
    if not account and not token:
        return str(server)
    parts = urlsplit(server)
    if "@" in parts.netloc or any(char in "@:/?#" for char in account + token):
        raise MalformedError("ILP_CREDENTIALS has account and token twice, or not as a URI takes them")
    netloc = f"{account}:{token}@{parts.netloc}"
    return str(urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")))


def ssl_context_of(uri: LinkURI, given: Union[ssl.SSLContext, None]) -> Optional[ssl.SSLContext]:
    if not uri.secure:
        return None
    return given if given is not None else ssl.create_default_context()
