# SPDX-License-Identifier: Apache-2.0
"""Interledger STREAM for asyncio, on the core of Rill.

``connect`` opens a connection to a server, ``listen`` opens a server, and ``pay`` makes one payment
and blocks until it is done. Amounts are whole numbers of units of an account: of an asset of scale
9, a unit is 10^-9 of it.
"""

from typing import TYPE_CHECKING, Any

from ._client import connect
from ._connection import Connection, ConnectionStats, Decide, IncomingPacket
from ._core import ffi as _ffi, lib as _lib
from ._credentials import Credentials, Receipt
from ._engine import Account
from ._errors import (
    AddressError,
    AddressInUseError,
    AssetError,
    AuthenticationError,
    BlockedError,
    BufferTooSmallError,
    CancelledByApplicationError,
    ClockError,
    ClosedError,
    ConnectError,
    CryptoError,
    ExhaustedError,
    ExistsError,
    ExpiredError,
    ExposedError,
    FilesError,
    FlowControlError,
    ForgottenError,
    IdleError,
    InDoubtError,
    InputOutputError,
    InvalidError,
    LimitError,
    LinkURIError,
    MalformedError,
    NoMemoryError,
    NotConnectedError,
    NotFoundError,
    PathError,
    ProtocolError,
    RangeError,
    RateError,
    RefusedError,
    RemoteError,
    ResolveError,
    RillError,
    RillTimeoutError,
    StalledError,
    StateError,
    StreamIdError,
    TLSError,
    TooLargeError,
    TooLittleError,
    TruncatedError,
    UnreachableError,
    UnsupportedError,
)
from ._link import Link, LinkOwner, link_uri_from_environment
from ._options import UNLIMITED, Options
from ._pay import Payment, pay, pay_async, resume, resume_async
from ._server import Server, listen
from ._spsp import Receiver, payment_pointer_url, query
from ._state import PaymentState, Save
from ._stream import DataIterator, MoneyIterator, Sent, Stream, StreamTotals

if TYPE_CHECKING:
    from ._http import HTTPServerLink
else:

    def __getattr__(name: str) -> Any:
        """aiohttp is imported for those alone who use it."""
        if name == "HTTPServerLink":
            from ._http import HTTPServerLink

            return HTTPServerLink
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__version__: str = _ffi.string(_lib.rill_version()).decode()

__all__ = [
    "Account",
    "AddressError",
    "AddressInUseError",
    "AssetError",
    "AuthenticationError",
    "BlockedError",
    "BufferTooSmallError",
    "CancelledByApplicationError",
    "ClockError",
    "ClosedError",
    "ConnectError",
    "Connection",
    "ConnectionStats",
    "Credentials",
    "CryptoError",
    "DataIterator",
    "Decide",
    "ExhaustedError",
    "ExistsError",
    "ExpiredError",
    "ExposedError",
    "FilesError",
    "FlowControlError",
    "ForgottenError",
    "HTTPServerLink",
    "IdleError",
    "InDoubtError",
    "IncomingPacket",
    "InputOutputError",
    "InvalidError",
    "LimitError",
    "Link",
    "LinkOwner",
    "LinkURIError",
    "MalformedError",
    "MoneyIterator",
    "NoMemoryError",
    "NotConnectedError",
    "NotFoundError",
    "Options",
    "PathError",
    "Payment",
    "PaymentState",
    "ProtocolError",
    "RangeError",
    "RateError",
    "Receipt",
    "Receiver",
    "RefusedError",
    "RemoteError",
    "ResolveError",
    "RillError",
    "RillTimeoutError",
    "Save",
    "Sent",
    "Server",
    "StalledError",
    "StateError",
    "Stream",
    "StreamIdError",
    "StreamTotals",
    "TLSError",
    "TooLargeError",
    "TooLittleError",
    "TruncatedError",
    "UNLIMITED",
    "UnreachableError",
    "UnsupportedError",
    "connect",
    "link_uri_from_environment",
    "listen",
    "pay",
    "pay_async",
    "payment_pointer_url",
    "query",
    "resume",
    "resume_async",
]
