# SPDX-License-Identifier: Apache-2.0
"""Settings of connections, and arguments that are amounts, rates and times."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Optional, Tuple, Union

from ._core import ffi, lib
from ._errors import InvalidError, RangeError, error_of

__all__ = ["Options", "UNLIMITED"]

UNLIMITED = 0xFFFFFFFFFFFFFFFF
"""Of amounts: no limit (2^64 - 1)."""

Rate = Union[Fraction, int, str, Tuple[int, int]]


def amount_of(value: Any, what: str = "an amount") -> int:
    """A whole number of units, 0 to 2^64 - 1. TypeError: a float, a bool, or no number."""
    if isinstance(value, bool):
        raise TypeError(f"{what} is a whole number of units, not a bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what} is a whole number of units (int), not {type(value).__name__}"
        ) from None
    if not 0 <= number <= UNLIMITED:
        raise RangeError(f"{what} is 0 to 2^64 - 1 units")
    return number


def rate_of(value: Rate, what: str) -> Fraction:
    """An exact quotient. A float is refused: it is not the number that was written."""
    if isinstance(value, bool) or isinstance(value, float):
        raise TypeError(f"{what} is a Fraction, an int, or a text such as '0.985' or '3/4'")
    try:
        if isinstance(value, tuple):
            rate = Fraction(value[0], value[1])
        else:
            rate = Fraction(value)
    except (ValueError, ZeroDivisionError, TypeError, IndexError):
        raise InvalidError(f"{what} is a Fraction, an int, or a text such as '0.985'") from None
    if rate < 0 or rate.numerator > UNLIMITED or rate.denominator > UNLIMITED:
        raise RangeError(f"{what} is not exact in two numbers of 64 bits")
    return rate


def nanoseconds(seconds: Optional[float], none: int, what: str) -> int:
    """none: what None stands for."""
    if seconds is None:
        return none
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e9:
        raise InvalidError(f"{what} is a number of seconds, or None")
    return int(seconds * 1_000_000_000)


@dataclass(frozen=True)
class Options:
    """Limits and settings of connections: ``rill_connection_options`` of rill/connection.h.

    Amounts are units of our account. Times are seconds. Buffers are bytes.
    """

    receive_max: Optional[int] = None
    """The most that each new stream accepts in all. None: no limit."""
    max_packet_amount: Optional[int] = None
    """The largest amount that we put into one packet. None: no limit."""
    min_rate: Optional[Rate] = None
    """The lowest rate at which we send: units of the other side for one of ours. None: the path is
    probed first, and slippage is taken off the rate that is found."""
    slippage: Rate = Fraction(1, 100)
    """The part of the probed rate that we accept to lose, less than 1."""
    stream_receive_buffer: int = 262144
    """The most bytes that wait for the reader of one stream; at least 16384."""
    connection_receive_buffer: int = 1048576
    """... and of all streams of a connection; at least 65534."""
    stream_send_buffer: int = 4194304
    """The most bytes of a stream that are written and not acknowledged."""
    max_remote_streams: int = 10
    """The most streams that the other side may have open, 10 to 1000000."""
    max_in_flight: int = 4096
    """The most packets in flight, 1 to 65536."""
    idle_timeout: Optional[float] = 60.0
    """A connection that has heard nothing for so long ends with IdleError. None: never."""
    packet_lifetime: float = 30.0
    """From the sending of a packet to its expiry, 0.1 to 3600."""
    connect_timeout: float = 30.0
    """How long the rate is probed, or a path is tried that cannot be reached."""
    padding: bool = False
    """Pads every packet to the largest size, which hides lengths."""
    tell_address: bool = True
    """Tells the other side our address, so that it can pay us and write to us."""
    keep_alive: bool = False
    """Keeps a connection with an open stream from being idle."""

    def _fill(self, ask: bool = False) -> Any:
        """The C struct. InvalidError, RangeError, TypeError."""
        o = ffi.new("rill_connection_options *")
        lib.rill_connection_options_init(o)
        if self.receive_max is not None:
            o.default_receive_max = amount_of(self.receive_max, "receive_max")
        if self.max_packet_amount is not None:
            o.max_packet_amount = amount_of(self.max_packet_amount, "max_packet_amount")
        if self.min_rate is not None:
            rate = rate_of(self.min_rate, "min_rate")
            o.min_rate = (rate.numerator, rate.denominator)
        slippage = rate_of(self.slippage, "slippage")
        o.slippage = (slippage.numerator, slippage.denominator)
        for name in (
            "stream_receive_buffer",
            "connection_receive_buffer",
            "stream_send_buffer",
            "max_remote_streams",
            "max_in_flight",
        ):
            number = amount_of(getattr(self, name), name)
            if number > 0xFFFFFFFF:
                raise RangeError(f"{name} has at most 32 bits")
            setattr(o, name, number)
        o.idle_timeout_ns = nanoseconds(self.idle_timeout, 0, "idle_timeout")
        o.packet_lifetime_ns = nanoseconds(self.packet_lifetime, 0, "packet_lifetime")
        o.connect_timeout_ns = nanoseconds(self.connect_timeout, 0, "connect_timeout")
        o.padding = bool(self.padding)
        o.tell_address = bool(self.tell_address)
        o.keep_alive = bool(self.keep_alive)
        o.ask_before_fulfill = ask
        problem = ffi.new("const char **")
        code = lib.rill_connection_options_check(o, problem)
        if code != 0:
            raise error_of(code, ffi.string(problem[0]).decode() if problem[0] else "")
        return o
