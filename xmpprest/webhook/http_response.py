"""Parses HTTP/1.1 responses (RFC 9112) within limits, without any input or output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

#: Bytes that a response may have beyond those of its body: its head, interim responses,
#: the framing of chunks.
HEAD_LIMIT = 65536
#: Number of interim responses (RFC 9110 §15.2) that may come before a response.
INTERIM_LIMIT = 100

#: A line break may be a bare LF (RFC 9112 §2.2).
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LENGTH = re.compile(rb"[0-9]{1,18}")
#: Chunk size and extensions (RFC 9112 §7.1).
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?")
_SWITCHING_PROTOCOLS = 101


class InvalidResponse(Exception):
    """The bytes of a response are not HTTP."""


class ResponseTooLarge(Exception):
    """A response is longer than it may be."""


@dataclass(frozen=True, slots=True)
class HTTPResponse:
    """
    A whole response.

    @ivar fields: Values of the header fields by their names in lower case; the lines of
        one field are joined (RFC 9110 §5.3).
    """

    status: int
    fields: Mapping[bytes, bytes]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header field; C{None} if there is none."""
        value = self.fields.get(name.lower().encode())
        return None if value is None else value.decode("latin-1")


class _State(Enum):
    """Part of a response that comes next."""

    HEAD = auto()
    #: A body of known length.
    BODY = auto()
    CHUNKS = auto()
    TRAILERS = auto()
    #: A body that ends with its connection.
    REST = auto()
    DONE = auto()


class ResponseParser:
    """
    Parses one response.

    @ivar keepsAlive: Whether the connection can carry another request. Known once the
        response is complete.
    """

    def __init__(self, bodyLimit: int) -> None:
        """@param bodyLimit: Limit on the bytes of the body."""
        self._bodyLimit = bodyLimit
        self._state = _State.HEAD
        self._data = bytearray()
        #: Position up to which there is no end of a head.
        self._searched = 0
        self._received = 0
        self._interim = 0
        self._status = 0
        self._fields: dict[bytes, bytes] = {}
        self._length = 0
        #: Body of a chunked response so far.
        self._body = bytearray()
        self.keepsAlive = False

    @property
    def hasHead(self) -> bool:
        """Whether the head is complete."""
        return self._state is not _State.HEAD

    @property
    def hasBegun(self) -> bool:
        """Whether any bytes have come."""
        return self._received > 0

    def feed(self, data: bytes) -> HTTPResponse | None:
        """
        Parse bytes that have arrived.

        @return: The response; C{None} if it is not complete.
        @raise InvalidResponse: The bytes are not HTTP.
        @raise ResponseTooLarge: The response exceeds a limit.
        """
        self._received += len(data)
        if self._received > HEAD_LIMIT + self._bodyLimit:
            raise ResponseTooLarge
        self._data += data
        if self._state is _State.HEAD:
            self._parseHeads()
        if self._state is _State.CHUNKS:
            self._parseChunks()
        if self._state is _State.TRAILERS:
            self._parseTrailers()
        if self._state is _State.REST and len(self._data) > self._bodyLimit:
            raise ResponseTooLarge
        if self._state is _State.BODY and len(self._data) >= self._length:
            self._body = self._data[: self._length]
            del self._data[: self._length]
            self._state = _State.DONE
        if self._state is not _State.DONE:
            return None
        if self._data:
            # Bytes behind the response answer nothing.
            self.keepsAlive = False
        return HTTPResponse(self._status, self._fields, bytes(self._body))

    def end(self) -> HTTPResponse | None:
        """
        Parse the end of the connection.

        @return: The response; C{None} if it is not complete.
        """
        if self._state is not _State.REST:
            return None
        return HTTPResponse(self._status, self._fields, bytes(self._data))

    # --- the head ---

    def _parseHeads(self) -> None:
        """Parse the head, and pass over interim responses."""
        while found := _HEAD_END.search(self._data, self._searched):
            head = bytes(self._data[: found.start()])
            del self._data[: found.end()]
            self._searched = 0
            isPersistent = self._parseHead(head)
            if self._status >= 200:
                self._begin(isPersistent)
                return
            self._interim += 1
            if self._interim > INTERIM_LIMIT:
                raise ResponseTooLarge
        # The longest end of a head has four bytes.
        self._searched = max(0, len(self._data) - 3)
        # Other protocols may never send the end of a head.
        if not b"HTTP/1.".startswith(bytes(self._data[:7])):
            raise InvalidResponse

    def _parseHead(self, head: bytes) -> bool:
        """
        Parse the status line and the header fields.

        @return: Whether the version of HTTP keeps connections open by itself.
        """
        first, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
        line = _STATUS_LINE.fullmatch(first)
        if line is None:
            raise InvalidResponse
        self._status = int(line[2])
        if self._status == _SWITCHING_PROTOCOLS:
            raise InvalidResponse
        fields: dict[bytes, bytes] = {}
        name = b""
        for each in lines:
            if each[:1] in (b" ", b"\t") and name:
                # RFC 9112 §5.2: a line that goes on.
                fields[name] += b" " + each.strip()
                continue
            name, colon, value = each.partition(b":")
            if not (colon and _FIELD_NAME.fullmatch(name)):
                raise InvalidResponse
            name, value = name.lower(), value.strip()
            fields[name] = fields[name] + b", " + value if name in fields else value
        self._fields = fields
        return line[1] == b"1"

    def _begin(self, isPersistent: bool) -> None:
        """Find out how long the body is (RFC 9112 §6.3)."""
        fields = self._fields
        options = fields.get(b"connection", b"").lower().replace(b" ", b"").split(b",")
        self.keepsAlive = b"close" not in options and (
            isPersistent or b"keep-alive" in options
        )
        length = fields.get(b"content-length")
        coding = fields.get(b"transfer-encoding")
        if self._status in (204, 304):
            self._state = _State.DONE
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise InvalidResponse
            # With both, one of the two sides may be deceived.
            self.keepsAlive = self.keepsAlive and length is None
            self._state = _State.CHUNKS
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise InvalidResponse
            self._length = int(length)
            if self._length > self._bodyLimit:
                raise ResponseTooLarge
            self._state = _State.BODY
        else:
            self.keepsAlive = False
            self._state = _State.REST

    # --- chunks (RFC 9112 §7.1) ---

    def _parseChunks(self) -> None:
        """Move chunks that have come to the body."""
        while (end := self._data.find(b"\n")) >= 0:
            line = _CHUNK.fullmatch(self._data[:end].removesuffix(b"\r"))
            if line is None:
                raise InvalidResponse
            size = int(line[1], 16)
            if len(self._body) + size > self._bodyLimit:
                raise ResponseTooLarge
            if size == 0:
                del self._data[: end + 1]
                self._state = _State.TRAILERS
                return
            begin, end = end + 1, end + 1 + size
            if len(self._data) < end + 2:
                return
            if self._data[end : end + 2] != b"\r\n":
                raise InvalidResponse
            self._body += self._data[begin:end]
            del self._data[: end + 2]

    def _parseTrailers(self) -> None:
        """Skip the lines behind the last chunk, up to an empty one."""
        while (end := self._data.find(b"\n")) >= 0:
            line = self._data[:end].removesuffix(b"\r")
            del self._data[: end + 1]
            if not line:
                self._state = _State.DONE
                return
