"""Parses the request target, the second word of a request (RFC 9112 §3.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ...core.errors import Problem, Refusal, badRequest

#: The characters of a host and its port (RFC 3986 §3.2.2); userinfo is refused
#: (RFC 9110 §4.2.4).
HOST = rb"[A-Za-z0-9\-._~!$&'()*+;=:%\[\]]"

_ABSOLUTE = re.compile(rb"https?://(%b+)(/[^?]*)?(?:\?(.*))?" % HOST, re.IGNORECASE)
_AUTHORITY = re.compile(rb"%b+:[0-9]+" % HOST)
#: The longest target that is kept when it has been parsed, in bytes.
_SHORT = 64
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Target(NamedTuple):
    """
    A parsed request target.

    @ivar path: The path as the client has encoded it; C{*} for the server as a whole.
    @ivar query: Everything behind the question mark, still encoded.
    @ivar segments: The parts of the path between its slashes, percent-decoded once.
    @ivar authority: Host and port, if the target names them; they replace the field
        C{Host} (RFC 9112 §3.2.2).
    """

    path: bytes
    query: bytes
    segments: tuple[bytes, ...]
    authority: bytes | None = None

    @property
    def uri(self) -> bytes:
        """Path and query, as in the origin form."""
        return b"%b?%b" % (self.path, self.query) if self.query else self.path


def parseTarget(method: bytes, text: bytes) -> Target:
    """
    Parse a request target; a short one only once.

    @param text: Printable ASCII, not empty.
    @raise Refusal: 400 if the target has none of the forms that its method allows, or
        a malformed percent-encoding; 405 for C{CONNECT}.
    """
    return (_parseOnce if len(text) <= _SHORT else _parse)(method, text)


def _parse(method: bytes, text: bytes) -> Target:
    if b"%" in text and _BAD_PERCENT.search(text):
        raise badRequest(
            "In the request target, a percent sign has no two hexadecimal digits behind"
            " it; write it as %25."
        )
    if b"#" in text:
        raise badRequest("The request target contains a #; write it as %23.")
    if method == b"CONNECT":
        raise _connect(text)
    if text[:1] == b"/":
        path, _, query = text.partition(b"?")
        return Target(path, query, _segments(path))
    if text == b"*":
        if method == b"OPTIONS":
            return Target(text, b"", ())
        raise badRequest("Only OPTIONS takes the request target *.")
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise badRequest(
            "The request target must be a path such as /rest, or a URL with http or"
            " https (RFC 9112 §3.2)."
        )
    authority, path, query = match.groups(b"")
    if not path and not query and method == b"OPTIONS":
        return Target(b"*", b"", (), authority)  # RFC 9112 §3.2.4
    path = path or b"/"
    return Target(path, query, _segments(path), authority)


_parseOnce = lru_cache(maxsize=128)(_parse)


def _segments(path: bytes) -> tuple[bytes, ...]:
    segments = path[1:].split(b"/")
    return tuple(map(unquote_to_bytes, segments) if b"%" in path else segments)


def _connect(text: bytes) -> Refusal:
    """Refuse C{CONNECT} (RFC 9110 §9.3.6), whose target is a host and a port."""
    if not _AUTHORITY.fullmatch(text):
        return badRequest("The request target of CONNECT must be HOST:PORT.")
    problem = Problem(
        405,
        "cancel",
        "unsupported-feature",
        "This server is no proxy: CONNECT is not allowed.",
        (("Allow", "GET, HEAD, POST, OPTIONS"),),
    )
    return Refusal(problem)
