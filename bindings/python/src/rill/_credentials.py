# SPDX-License-Identifier: Apache-2.0
"""What a server hands to a client (RFC 29 section 4.1): an address and a secret."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from ._core import ffi, lib
from ._errors import ExposedError, InvalidError, MalformedError, check, error_of

__all__ = ["Credentials", "Receipt"]

PathLike = Union[str, "os.PathLike[str]"]


class Credentials(NamedTuple):
    """The address to connect to, and the secret that the two share.

    Whoever has them can connect, and read what is sent over the connection. So they travel over a
    channel that is encrypted and authenticated. ``repr`` does not show the secret.

    ``destination_account``: an ILP address. ``shared_secret``: 32 bytes.
    """

    destination_account: str
    shared_secret: bytes

    def __repr__(self) -> str:
        return f"Credentials({self.destination_account!r}, <secret>)"

    def to_json(self) -> str:
        """One line of JSON, as ``rill`` reads and writes it, and SPSP: the secret is in base64.
        InvalidError: the address is none, or the secret has not 32 bytes."""
        filled = _fill(self)
        text = ffi.new("char[]", lib.RILL_CREDENTIALS_TEXT_MAX)
        length = ffi.new("size_t *")
        try:
            check(lib.rill_credentials_encode(filled, text, len(text), length))
            return str(ffi.string(text, length[0]).decode())
        finally:
            lib.rill_credentials_wipe(filled)
            lib.rill_wipe(text, len(text))

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Credentials:
        """Reads what ``to_json`` writes. MalformedError says what is wrong, without the secret."""
        data = text.encode() if isinstance(text, str) else bytes(text)
        read = ffi.new("rill_credentials *")
        problem = ffi.new("const char **")
        try:
            code = lib.rill_credentials_decode(read, data, len(data), problem)
            if code != 0:
                why = ffi.string(problem[0]).decode() if problem[0] else ""
                raise error_of(code, why)
            account = ffi.string(read.destination_account).decode()
            return cls(account, bytes(ffi.buffer(read.shared_secret)))
        finally:
            lib.rill_credentials_wipe(read)

    def save(self, path: PathLike) -> None:
        """Writes them to a file that only its owner can read, in place of what was there. OSError;
        InvalidError as ``to_json``."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(self.to_json())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise

    @classmethod
    def load(cls, path: PathLike) -> Credentials:
        """Reads them from a file. OSError; MalformedError; ExposedError: others can read the file."""
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if sys.platform != "win32" and stat.S_ISREG(mode) and mode & 0o077:
                raise ExposedError(f"{path}: others can read it; chmod 600 {path}")
            return cls.from_json(file.read())


def _fill(credentials: Credentials) -> Any:
    """A rill_credentials; the caller wipes it."""
    account = credentials.destination_account.encode()
    if len(account) > lib.RILL_ILP_MAX_ADDRESS or b"\0" in account:
        raise InvalidError("the destination account is not an ILP address")
    if len(credentials.shared_secret) != lib.RILL_SHARED_SECRET_LEN:
        raise InvalidError("the shared secret does not have 32 bytes")
    filled = ffi.new("rill_credentials *")
    filled.destination_account = account
    ffi.memmove(filled.shared_secret, credentials.shared_secret, lib.RILL_SHARED_SECRET_LEN)
    return filled


class Receipt(NamedTuple):
    """A STREAM receipt (RFC 39): a receiver's proof of what a stream has received in total.

    ``nonce``: 16 bytes, of the verifier's. ``stream_id``: 1 to 255. ``total_received``: units of
    the receiver's account.
    """

    nonce: bytes
    stream_id: int
    total_received: int

    @classmethod
    def decode(cls, receipt: bytes) -> Receipt:
        """Reads a receipt without a look at its proof. TruncatedError, MalformedError."""
        return cls._read(receipt, None)

    @classmethod
    def verify(cls, receipt: bytes, receipt_secret: bytes) -> Receipt:
        """Reads a receipt, and checks its proof with the 32 bytes of the verifier's secret.

        That the nonce is the verifier's own is for the caller to check. TruncatedError,
        MalformedError; AuthenticationError: made with another secret, or changed. InvalidError: the
        secret has not 32 bytes.
        """
        if len(receipt_secret) != lib.RILL_RECEIPT_SECRET_LEN:
            raise InvalidError("a receipt secret has 32 bytes")
        return cls._read(receipt, receipt_secret)

    @classmethod
    def _read(cls, receipt: bytes, secret: Optional[bytes]) -> Receipt:
        data = bytes(receipt)
        view = ffi.from_buffer("uint8_t[]", data)
        out = ffi.new("rill_receipt *")
        if secret is None:
            check(lib.rill_receipt_decode(out, (view, len(data))))
        else:
            check(lib.rill_receipt_verify(out, (view, len(data)), secret))
        return cls(bytes(ffi.buffer(out.nonce)), int(out.stream_id), int(out.total_received))


def credentials_of(value: Union[Credentials, PathLike]) -> Credentials:
    """Credentials as they are, or those of a file."""
    if isinstance(value, Credentials):
        return value
    if isinstance(value, (str, os.PathLike)):
        return Credentials.load(value)
    raise MalformedError("credentials are rill.Credentials, or the path of a file with them")
