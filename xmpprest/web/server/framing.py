"""Finds where the body of a request ends (RFC 9112 §6, §7.1)."""

from __future__ import annotations

import re
from typing import Protocol

from .head import FIELD, MAX_HEAD

#: The longest line with the size of a chunk, in bytes, its extensions included.
MAX_SIZE_LINE = 1024

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]*+)?\r\n")
_FIELD_LINE = re.compile(FIELD + rb"\r\n")
_CRLF = b"\r\n"


class Framing(Protocol):
    """
    Separates a body from what follows it.

    @ivar isComplete: Whether the end of the body has come.
    @ivar isMalformed: Whether the body is malformed, so that it is unknown where it
        ends.
    @ivar rest: Data behind the end.
    """

    isComplete: bool
    isMalformed: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of data; return the part of the body in it."""


def framingOf(length: int | None) -> Framing:
    """
    Make the framing of a body.

    @param length: In bytes; C{None} for a chunked body.
    """
    return ChunkedFraming() if length is None else LengthFraming(length)


class LengthFraming:
    """
    A L{Framing} by C{Content-Length}.
    """

    def __init__(self, length: int) -> None:
        self._left = length
        self.isComplete = not length
        self.isMalformed = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return the part of the body in a piece of data; see L{Framing.feed}."""
        body, self.rest = data[: self._left], data[self._left :]
        self._left -= len(body)
        self.isComplete = not self._left
        return body


class _Malformed(Exception):
    """A line between chunks is malformed."""


class ChunkedFraming:
    """
    A L{Framing} by chunks. Extensions and trailer fields are checked and dropped.
    """

    def __init__(self) -> None:
        self.isComplete = False
        self.isMalformed = False
        self.rest = b""
        #: The start of a line that is not complete.
        self._held = b""
        #: How many bytes of the current chunk are missing.
        self._left = 0
        #: What must stand before the next line with a size: the end of a chunk.
        self._separator = b""
        #: Size of the trailer so far, in bytes; C{None} before the last chunk.
        self._trailerSize: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the decoded part of the body in a piece of data."""
        data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        while not self.isComplete:
            step = self._takeChunk if self._left else self._takeLine
            try:
                after = step(data, at, pieces)
            except _Malformed:
                self.isMalformed = True
                break
            if after is None:
                self._held = data[at:]
                break
            at = after
        else:
            self.rest = data[at:]
        return b"".join(pieces)

    def _takeChunk(self, data: bytes, at: int, pieces: list[bytes]) -> int | None:
        """Take what there is of a chunk; return where it ends, if there is any."""
        piece = data[at : at + self._left]
        if not piece:
            return None
        pieces.append(piece)
        self._left -= len(piece)
        self._separator = _CRLF
        return at + len(piece)

    def _takeLine(self, data: bytes, at: int, pieces: list[bytes]) -> int | None:
        """Take a line between chunks; return where it ends, if it is complete."""
        if self._trailerSize is not None:
            return self._takeTrailer(data, at)
        separator = data[at : at + 2] if self._separator else b""
        if not self._separator.startswith(separator):
            raise _Malformed
        begin = at + len(separator)
        match = _SIZE.match(data, begin, begin + MAX_SIZE_LINE)
        if match is None or separator != self._separator:
            _checkHeld(data, begin, MAX_SIZE_LINE)
            return None
        self._left = int(match[1], 16)
        if not self._left:
            self._trailerSize = 0
        return match.end()

    def _takeTrailer(self, data: bytes, at: int) -> int | None:
        """Take a line of the trailer, or the empty one that ends the body."""
        assert self._trailerSize is not None
        if data.startswith(_CRLF, at):
            self.isComplete = True
            return at + 2
        match = _FIELD_LINE.match(data, at)
        room = MAX_HEAD - self._trailerSize
        if match is None:
            _checkHeld(data, at, room)
            return None
        self._trailerSize += match.end() - at
        if self._trailerSize > MAX_HEAD:
            raise _Malformed
        return match.end()


def _checkHeld(data: bytes, at: int, limit: int) -> None:
    """Refuse a line that did not match, and that more data cannot complete."""
    if data.find(b"\n", at) >= 0 or len(data) - at > limit:
        raise _Malformed
