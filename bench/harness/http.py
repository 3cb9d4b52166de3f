"""A minimal HTTP client: numbered requests, and a response parser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.support.process import LOOPBACK

#: Placeholder in a body for the number of the request or of the recipient.
NUMBER = "{number}"
#: Digits of a number, so that all requests have the same length.
DIGITS = 6

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding: *chunked")


@dataclass(frozen=True)
class Request:
    """
    A POST request in the dialect of one candidate.

    @ivar path: The path. Either the path or the body may hold L{NUMBER} once.
    """

    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbered(self) -> bool:
        """Return whether the request holds a number."""
        return NUMBER in self.path or NUMBER in self.body

    @cached_property
    def parts(self) -> tuple[bytes, bytes]:
        """Return the bytes before the number and the bytes after it."""
        body = self.body.replace(NUMBER, "0" * DIGITS)
        head = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {LOOPBACK}",
            f"Content-Length: {len(body.encode())}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        before, _, after = "\r\n".join([*head, "", self.body]).partition(NUMBER)
        return before.encode(), after.encode()

    def written(self, number: int) -> bytes:
        """Return the bytes of the request with a number."""
        before, after = self.parts
        digits = b"%0*d" % (DIGITS, number % 10**DIGITS) if self.numbered else b""
        return before + digits + after


class Reader:
    """
    Parses the responses of one connection, one response at a time.
    """

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> int | None:
        """
        Parse further bytes.

        @return: The status once the response is complete; C{None} before.
        """
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return None
        if _CHUNKED.search(head):
            isWhole = body.endswith(b"0\r\n\r\n")
        else:
            length = _LENGTH.search(head)
            isWhole = len(body) >= (int(length[1]) if length else 0)
        if not isWhole:
            return None
        self._data = b""
        status = _STATUS.match(head)
        return int(status[1]) if status else 0
