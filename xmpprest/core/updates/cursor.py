"""
Cursors: opaque texts for places in the updates of one callback.

A cursor holds no state of the process, so it survives a restart of the gateway.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from hashlib import blake2b

from ..errors import Refusal, badRequest

_FIELDS = struct.Struct(">QII")
_CHECK_SIZE = 6


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    A place in the updates of a callback: behind one update, before the next.

    @ivar position: Position of the last stored stanza before it; 0 for none.
    @ivar serial: Number of the last transient stanza before it; 0 for none.
    @ivar run: The run of the gateway that C{serial} belongs to.
    """

    position: int
    serial: int
    run: int


class CursorCodec:
    """
    Writes and reads the cursors of one callback in one store.
    """

    def __init__(self, callback: str, store: int) -> None:
        """
        @param callback: The name of the callback.
        @param store: The identity of the store.
        """
        self._callback = callback
        self._key = f"{store}\0{callback}".encode()

    def encode(self, cursor: Cursor) -> str:
        """Write a cursor as text."""
        fields = _FIELDS.pack(cursor.position, cursor.serial, cursor.run)
        return urlsafe_b64encode(fields + self._check(fields)).decode().rstrip("=")

    def decode(self, text: str) -> Cursor:
        """
        Read a cursor.

        @raise Refusal: 400, the text is no cursor of this callback and this store.
        """
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (Error, ValueError):
            raise self._unknown() from None
        fields, check = raw[: _FIELDS.size], raw[_FIELDS.size :]
        if len(fields) < _FIELDS.size or check != self._check(fields):
            raise self._unknown()
        cursor = Cursor(*_FIELDS.unpack(fields))
        if self.encode(cursor) != text:
            raise self._unknown()  # characters that base64 ignores
        return cursor

    def _check(self, fields: bytes) -> bytes:
        digest = blake2b(fields, digest_size=_CHECK_SIZE, key=_keyOf(self._key))
        return digest.digest()

    def _unknown(self) -> Refusal:
        return unknownCursor(self._callback)


def _keyOf(name: bytes) -> bytes:
    """Return a key of at most 64 bytes, as BLAKE2 takes (RFC 7693 §2.1)."""
    return blake2b(name, digest_size=16).digest()


def unknownCursor(callback: str) -> Refusal:
    """Make the refusal of a cursor that this gateway has not made: 400."""
    return badRequest(
        f"'after' is no cursor of the callback {callback}; leave it out to get all"
        " updates that are not acknowledged."
    )
