# SPDX-License-Identifier: Apache-2.0
"""The saved state of a payment, so that another process can go on with it (rill/payment.h)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import json
import math
import os
import stat
import tempfile
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional
from typing import Tuple, Union

from ._credentials import Credentials, PathLike
from ._errors import (
    ExistsError,
    InputOutputError,
    InvalidError,
    MalformedError,
    StateError,
    UnsupportedError,
)
from ._options import UNLIMITED

__all__ = ["PaymentState", "Save"]

VERSION = 1
# RILL_PAYMENT_STATE_MAX.
MOST_BYTES = 4096
# Nanoseconds of a second.
SECOND = 10**9
# Of packets whose state does not say how long they live: the most that Options takes, in seconds.
LONGEST_LIFETIME = 3600.0
# Of a file system that cannot put a folder on the disk, and of a folder that may not be opened.
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES)


class PaymentState(NamedTuple):
    """What is known of a payment, for a process that goes on with it: ``rill_payment_state`` of
    rill/payment.h. It is text, the same as that of ``rill pay --save``, and holds the receiver's
    secret. ``repr`` does not show the secret.
    """

    credentials: Credentials
    """The receiver's."""
    amount: int
    """Units of our account: the most that is sent in all."""
    deliver: int
    """Units of the receiver's: the payment ends when they have arrived; 0: not set."""
    min_rate: Optional[Fraction]
    """Units of the receiver's for one of ours; None: none was set."""
    sent: int
    """Units of ours that have certainly arrived."""
    in_doubt: int
    """Units of ours that may have arrived beside them. They are not sent again."""
    delivered: int
    """Units of the receiver's, as it said, for those that have certainly arrived."""
    complete: bool
    """Nothing is left to pay."""
    incoming_payment: str = ""
    """The URL of the Open Payments wallet's incoming payment, where ``rill pay`` has noted one."""
    packet_lifetime: float = LONGEST_LIFETIME
    """Seconds: no packet that is in doubt lives longer (``Options.packet_lifetime``). An hour where
    the text does not say it, as one of an earlier version. ``math.inf``: nobody knows."""

    def to_json(self) -> str:
        """One line of text, as ``rill pay`` reads it."""
        rate = self.min_rate or Fraction(0)
        members: Dict[str, Any] = {
            **json.loads(self.credentials.to_json()),
            "rill_payment": VERSION,
            "amount": str(self.amount),
            "deliver": str(self.deliver),
            "min_rate": f"{rate.numerator}/{rate.denominator}",
            "sent": str(self.sent),
            "in_doubt": str(self.in_doubt),
            "delivered": str(self.delivered),
            "packet_lifetime_ns": str(_nanoseconds(self.packet_lifetime)),
            "complete": self.complete,
        }
        if self.incoming_payment:
            members["incoming_payment"] = self.incoming_payment
        return json.dumps(members, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> PaymentState:
        """Reads what ``to_json`` and ``rill pay`` write. MalformedError: it is none, and says why,
        without the secret. UnsupportedError: of a later version."""
        try:
            members = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict) or "rill_payment" not in members:
            raise MalformedError("this is not the saved state of a payment")
        version = members["rill_payment"]
        if isinstance(version, bool) or version != VERSION:
            raise UnsupportedError("the payment was saved by a later version")
        credentials = Credentials.from_json(text)
        members.setdefault("packet_lifetime_ns", str(_nanoseconds(LONGEST_LIFETIME)))
        names = ("amount", "deliver", "sent", "in_doubt", "delivered", "packet_lifetime_ns")
        numbers = [_number(members.get(name)) for name in names]
        rate = [_number(part) for part in _halves(members.get("min_rate"))]
        complete = members.get("complete")
        if None in numbers or None in rate or rate[1] == 0 or not isinstance(complete, bool):
            raise MalformedError(
                "the saved state of the payment lacks a number, or has one that is none"
            )
        amount, deliver, sent, in_doubt, delivered, lifetime = (n or 0 for n in numbers)
        if sent + in_doubt > amount:
            raise MalformedError(
                "the saved state of the payment says that more was sent than might be"
            )
        least = Fraction(rate[0] or 0, rate[1] or 1)
        incoming = members.get("incoming_payment", "")
        return cls(
            credentials,
            amount,
            deliver,
            least or None,
            sent,
            in_doubt,
            delivered,
            complete,
            incoming if isinstance(incoming, str) else "",
            math.inf if lifetime == UNLIMITED else lifetime / SECOND,
        )

    def save(self, path: PathLike) -> None:
        """Writes it to a file that only its owner can read, in place of what was there, and returns
        when it is on the disk. OSError."""
        target = Path(path)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name + ".")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(self.to_json())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(target.parent)

    @classmethod
    def load(cls, path: PathLike) -> PaymentState:
        """Reads it from a file. OSError; MalformedError, UnsupportedError."""
        with open(path, "rb") as file:
            text = file.read(MOST_BYTES)
        if len(text) == MOST_BYTES:
            raise MalformedError("it is too long to be the saved state of a payment")
        return cls.from_json(text)


Save = Union[PathLike, Callable[[PaymentState], Union[None, Awaitable[None]]]]
"""Where the state of a payment is kept: the path of a file, or a function, also a coroutine
function, that returns when the state is safe, and raises if it is not kept."""


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _number(value: Any) -> Optional[int]:
    """Of an amount as text; None: it is none."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()) or len(value) > 20:
        return None
    number = int(value)
    return number if number <= UNLIMITED else None


def _nanoseconds(seconds: float) -> int:
    return UNLIMITED if seconds == math.inf else min(round(seconds * SECOND), UNLIMITED)


def _halves(value: Any) -> Tuple[Any, Any]:
    first, _, second = value.partition("/") if isinstance(value, str) else ("", "", "")
    return first, second


def _sync_folder(path: Path) -> None:
    """That the new name is on the disk too; a file system that cannot say so is believed. OSError:
    it may not be on the disk."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def save_of(state: PathLike, save: Optional[Save]) -> Save:
    """Where a payment is kept that is gone on with from a file: there alone. Elsewhere, the file
    would stay as it is, without a lock, and whoever reads it next would pay again. InvalidError."""
    if save is None:
        return state
    if callable(save) or os.path.realpath(save) != os.path.realpath(state):
        raise InvalidError(f"{state}: a payment that is in a file is kept there: save is another")
    return save


def _check_name(path: Path) -> None:
    """Another name of the same file would have another lock. InvalidError; OSError."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise InvalidError(f"{path}: it is a link: give the name of the file itself")
    if not stat.S_ISREG(mode):
        raise InvalidError(f"{path}: it is no file that the state of a payment can be in")


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _is_there(handle: int, lock: Path) -> bool:
    """The file with that name is still the one that is locked. OSError: nobody can say."""
    try:
        held, named = os.fstat(handle), os.stat(lock)
    except FileNotFoundError:
        return False
    return (held.st_ino, held.st_dev) == (named.st_ino, named.st_dev)


def _take_lock(path: Path) -> int:
    """Two processes that go on with one payment would pay it twice. The state itself is replaced
    again and again, so that the lock is on a file beside it, as ``rill pay`` has it."""
    import fcntl  # not on each system

    lock = _lock_of(path)
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(handle, lock):
                return handle
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise StateError(f"{path}: another process pays with this file now") from None
            raise
        os.close(handle)  # whoever had it has removed it


class Keeper:
    """Keeps the states of one payment, one after the other. ``with keeper:`` nobody else pays with
    its file meanwhile. StateError: somebody does. InvalidError: it is no file. OSError."""

    def __init__(self, save: Save) -> None:
        self._save = save
        self._path = None if callable(save) else Path(save)
        self._turn = asyncio.Lock()
        self._writing = threading.Lock()
        self._handle = -1

    def __enter__(self) -> Keeper:
        if self._path is not None:
            _check_name(self._path)
            self._handle = _take_lock(self._path)
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if self._path is None:
            return
        with self._writing:  # what another thread still writes is ours
            lock = _lock_of(self._path)
            with contextlib.suppress(OSError):
                if _is_there(self._handle, lock):  # else it is somebody else's
                    os.unlink(lock)
            os.close(self._handle)
            self._handle = -1

    def _read(self) -> Optional[PaymentState]:
        """What is in the file; None: there is none. ExistsError: it holds no payment."""
        if self._path is None or not os.path.lexists(self._path):
            return None
        try:
            return PaymentState.load(self._path)
        except (MalformedError, UnsupportedError, OSError):
            raise ExistsError(f"{self._path}: it is there, and holds no payment") from None

    def check_free(self) -> None:
        """For a new payment: there is no file, or it holds a payment that is complete."""
        old = self._read()
        if old is not None and not old.complete:
            raise ExistsError(
                f"{self._path}: its payment is not complete: go on with it by rill.resume"
            )

    def check_latest(self, state: PaymentState) -> PaymentState:
        """For a payment that is gone on with by a state that was read before the lock: the file
        holds the same state, or is free. Returns it, with what is noted in the file alone.
        StateError: somebody has gone on with it since."""
        old = self._read()
        if old is None or old.credentials != state.credentials:
            self.check_free()
            return state
        if (old.sent, old.in_doubt, old.complete) != (
            state.sent,
            state.in_doubt,
            state.complete,
        ):
            raise StateError(f"{self._path}: a newer state is in the file: go on with that")
        return state._replace(
            incoming_payment=state.incoming_payment or old.incoming_payment,
            packet_lifetime=max(state.packet_lifetime, old.packet_lifetime),
        )

    async def keep(self, state: Callable[[], PaymentState]) -> None:
        """The state as it is when its turn comes. It is kept also where the caller is cancelled
        meanwhile. InputOutputError: it was not kept."""
        await asyncio.shield(self._keep(state))

    async def _keep(self, state: Callable[[], PaymentState]) -> None:
        async with self._turn:
            now = state()
            try:
                if callable(self._save):
                    kept = self._save(now)
                    if inspect.isawaitable(kept):
                        await kept
                else:
                    await asyncio.get_running_loop().run_in_executor(None, self._write, now)
            except Exception as error:
                why = f"the state of the payment cannot be saved: {error}"
                raise InputOutputError(why) from error

    def _write(self, state: PaymentState) -> None:
        assert self._path is not None
        with self._writing:
            if self._handle < 0:
                return
            if not _is_there(self._handle, _lock_of(self._path)):
                raise StateError(f"{self._path}: somebody has removed the file that locks it")
            state.save(self._path)
