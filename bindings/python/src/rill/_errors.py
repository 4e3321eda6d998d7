# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one class for each number of rill/error.h.

Each is a RillError, and where Python has a class for what happened, that too: RillTimeoutError is
a TimeoutError, RefusedError a ConnectionRefusedError, and so on. One that is about money says where
the money is: ``sent``, ``delivered`` and ``in_doubt``.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Dict, Optional, Type

from ._core import ffi, lib



class RillError(Exception):
    """Something failed, with a number of rill/error.h.

    ``code``: the number. ``name``: its name, such as ``"RILL_ERR_RATE"``.

    ``sent``, ``delivered``, ``in_doubt``: where the money of the call is that failed; None where it
    was not about money. ``sent``: units of our account that arrived. ``delivered``: what the other
    side says that it got of them, in its units. ``in_doubt``: units of our account that may have
    arrived or not, since no reply came; they are never sent twice.

    ``remote_code``, ``remote_message``: where the other side closed: its code (RFC 29 section 5.4)
    and its words, which are text of a stranger.
    """

    code: int = 0

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[int] = None,
        sent: Optional[int] = None,
        delivered: Optional[int] = None,
        in_doubt: Optional[int] = None,
        remote_code: Optional[int] = None,
        remote_message: str = "",
    ) -> None:
        if code is not None:
            self.code = code
        self.sent = sent
        self.delivered = delivered
        self.in_doubt = in_doubt
        self.remote_code = remote_code
        self.remote_message = remote_message
        super().__init__(message or text_of(self.code))

    @property
    def name(self) -> str:
        """The name of the number: ``"RILL_ERR_RATE"``."""
        return str(ffi.string(lib.rill_error_name(self.code)).decode())

    def __str__(self) -> str:
        text = super().__str__()
        money = []
        if self.sent is not None:
            money.append(f"sent {self.sent}")
        if self.delivered is not None:
            money.append(f"delivered {self.delivered}")
        if self.in_doubt:
            money.append(f"in doubt {self.in_doubt}")
        return f"{text} ({', '.join(money)})" if money else text


def text_of(code: int) -> str:
    """What rill/error.h says of a number."""
    return str(ffi.string(lib.rill_strerror(code)).decode())


class NoMemoryError(RillError, MemoryError):
    """Out of memory. What was asked has not been done."""


class InvalidError(RillError, ValueError):
    """An argument that can never be right."""


class RangeError(RillError, ValueError):
    """A number outside the range that is allowed."""


class TruncatedError(RillError, ValueError):
    """The input ends before what it announces."""


class MalformedError(RillError, ValueError):
    """The input is not what it should be."""


class TooLargeError(RillError, ValueError):
    """Larger than the protocol or an option allows."""


class BufferTooSmallError(RillError):
    """A buffer is too small for the output."""


class AddressError(RillError, ValueError):
    """Not a valid ILP address."""


class LinkURIError(RillError, ValueError):
    """Not a valid URI of a link."""


class UnsupportedError(RillError, NotImplementedError):
    """Valid, and not supported by this version or this build."""


class CryptoError(RillError):
    """The cryptography library failed."""


class AuthenticationError(RillError):
    """A token, a secret or a packet is not authentic."""


class StateError(RillError):
    """Not possible in the state that the object is in."""


class ClosedError(RillError):
    """The object has been closed before."""


class LimitError(RillError):
    """A limit that was configured is reached."""


class BlockedError(RillError):
    """No room now, or nothing of what was to be sent has passed for too long."""


class NotFoundError(RillError, LookupError):
    """There is no such thing."""


class ExistsError(RillError):
    """There is such a thing already."""


class ExpiredError(RillError):
    """The time of a packet or of a decision is over."""


if sys.version_info >= (3, 11):

    class RillTimeoutError(RillError, TimeoutError):
        """The time that a call was given is over."""

else:

    class RillTimeoutError(RillError, asyncio.TimeoutError, TimeoutError):
        """The time that a call was given is over."""


class RateError(RillError):
    """The path gives less than the minimum exchange rate."""


class PathError(RillError):
    """The path refuses the payment with an error that is final."""


class UnreachableError(RillError, ConnectionError):
    """No packet gets to the receiver."""


class ProtocolError(RillError):
    """The peer broke the protocol."""


class FlowControlError(RillError):
    """The peer sent more than a flow control limit allows."""


class StreamIdError(RillError):
    """The peer used a stream id that is not its own, or too high; or it allows no more streams."""


class AssetError(RillError):
    """The peer's asset changed within a connection."""


class NotConnectedError(RillError, ConnectionError):
    """There is no connection or no link yet, or no longer."""


class ConnectError(RillError, ConnectionError):
    """The link could not be connected."""


class ResolveError(RillError, ConnectionError):
    """The name of the host could not be resolved."""


class TLSError(RillError, ConnectionError):
    """TLS failed: the certificate or the protocol."""


class InputOutputError(RillError, ConnectionError):
    """Input or output failed."""


class AddressInUseError(RillError, OSError):
    """Another program listens on this address and port."""


class RefusedError(RillError, ConnectionRefusedError):
    """The peer refused it."""


class CancelledByApplicationError(RillError):
    """The application cancelled it."""


class RemoteError(RillError, ConnectionResetError):
    """The peer closed the connection or stream with an error."""


class IdleError(RillError, ConnectionError):
    """Nothing arrived for the idle time, and it was closed."""


class ExhaustedError(RillError):
    """The connection's packet numbers (2^31) are used up."""


class InDoubtError(RillError):
    """Replies never came: a part of the money may have arrived or not."""


class ForgottenError(RillError, ConnectionError):
    """The other side no longer knows this connection."""


class TooLittleError(RillError):
    """What would arrive is less than one unit, so nothing is sent."""


class StalledError(RillError):
    """There was no progress for the time that was set."""


class ClockError(RillError):
    """This machine's clock and the peer's differ too much."""


class FilesError(RillError, OSError):
    """The process, or the system, may open no more files or sockets."""


class ExposedError(RillError, PermissionError):
    """A file with a secret can be read by others."""


CLASSES: Dict[int, Type[RillError]] = {
    -1: NoMemoryError,
    -2: InvalidError,
    -3: RangeError,
    -4: TruncatedError,
    -5: MalformedError,
    -6: TooLargeError,
    -7: BufferTooSmallError,
    -8: AddressError,
    -9: LinkURIError,
    -10: UnsupportedError,
    -11: CryptoError,
    -12: AuthenticationError,
    -13: StateError,
    -14: ClosedError,
    -15: LimitError,
    -16: BlockedError,
    -17: NotFoundError,
    -18: ExistsError,
    -19: ExpiredError,
    -20: RillTimeoutError,
    -21: RateError,
    -22: PathError,
    -23: UnreachableError,
    -24: ProtocolError,
    -25: FlowControlError,
    -26: StreamIdError,
    -27: AssetError,
    -28: NotConnectedError,
    -29: ConnectError,
    -30: ResolveError,
    -31: TLSError,
    -32: InputOutputError,
    -33: AddressInUseError,
    -34: RefusedError,
    -35: CancelledByApplicationError,
    -36: RemoteError,
    -37: IdleError,
    -38: ExhaustedError,
    -39: InDoubtError,
    -40: ForgottenError,
    -41: TooLittleError,
    -42: StalledError,
    -43: ClockError,
    -44: FilesError,
    -45: ExposedError,
}

for _code, _class in CLASSES.items():
    _class.code = _code


def error_of(
    code: int,
    message: str = "",
    *,
    sent: Optional[int] = None,
    delivered: Optional[int] = None,
    in_doubt: Optional[int] = None,
    remote_code: Optional[int] = None,
    remote_message: str = "",
) -> RillError:
    """The exception for a number of rill/error.h; a number that is not known gives a RillError."""
    return CLASSES.get(code, RillError)(
        message,
        code=code,
        sent=sent,
        delivered=delivered,
        in_doubt=in_doubt,
        remote_code=remote_code,
        remote_message=remote_message,
    )


def check(code: int, message: str = "") -> None:
    """Raises the exception for a number that is not RILL_OK (0)."""
    if code != 0:
        raise error_of(code, message)
