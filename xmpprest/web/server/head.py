"""
Parses the head of an HTTP/1 request (RFC 9112 §2 to §6).

The parser is strict: whatever two servers could read in two ways is refused, because
that is what request smuggling needs (RFC 9112 §11.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, NoReturn

from ...core.errors import Problem, Refusal, badRequest
from .target import HOST, Target, parseTarget

#: The longest head, in bytes, and the most header lines in it.
MAX_HEAD = 16384
MAX_FIELDS = 500
#: The longest head that is remembered when it has been parsed, in bytes.
SHORT_HEAD = 512

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
#: A header line without its end; also a line of a chunked body's trailer.
FIELD = rb"%b++:[\t -~\x80-\xff]*+" % _TOKEN
_REQUEST_LINE = rb"(%b++) ([!-~]++) HTTP/1\.([01])\r\n" % _TOKEN
# The possessive ++ never goes back, so that a mismatch costs no more than a match. A
# client may send one empty line before its request (RFC 9112 §2.2).
_HEAD = re.compile(rb"(?:\r\n)?%b((?:%b\r\n)*+)\r\n" % (_REQUEST_LINE, FIELD))
_FIRST_LINE = re.compile(rb"(?:\r\n)?" + _REQUEST_LINE)
_FIELD = re.compile(FIELD)
_START = re.compile(
    rb"(?:\r(?:\n(?:%b+(?: |\Z)|\Z)|\Z)|%b+(?: |\Z)|\Z)" % (_TOKEN, _TOKEN)
)
_END = b"\r\n\r\n"

_LENGTH = re.compile(rb"[0-9]+")
_HOST = re.compile(rb"%b*" % HOST)
#: A length that no body has: longer ones are not told apart.
_HUGE = 10**18

#: Fields whose members mean something to the connection.
_LISTS = frozenset({b"connection", b"expect"})
#: Fields that two servers could read in two ways if they are repeated.
_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding"})


class RequestHead(NamedTuple):
    """
    A parsed head. Requests share it, so its mappings must not be changed.

    @ivar method: Like C{b"POST"}.
    @ivar version: C{b"HTTP/1.1"} or C{b"HTTP/1.0"}.
    @ivar fields: Values of the header fields by name in lower case; repeated ones are
        joined with a comma (RFC 9110 §5.3).
    @ivar repeated: Values of the fields that are repeated, one for each line.
    @ivar size: Length of the head, in bytes.
    @ivar length: Length of the body, in bytes; C{None} for a chunked body.
    @ivar isPersistent: Whether the connection may stay open after the response.
    @ivar expectsContinue: Whether the client waits for C{100 Continue} before it sends
        the body (RFC 9110 §10.1.1).
    """

    method: bytes
    target: Target
    version: bytes
    fields: Mapping[bytes, bytes]
    repeated: Mapping[bytes, Sequence[bytes]]
    size: int
    length: int | None
    isPersistent: bool
    expectsContinue: bool


_NONE: Mapping[bytes, Sequence[bytes]] = {}

#: Stands for a head that could not be parsed.
UNREADABLE = RequestHead(
    b"-", Target(b"", b"", ()), b"HTTP/1.1", {}, _NONE, 0, 0, False, False
)


def parseHead(data: bytes) -> RequestHead | None:
    """
    Parse a head.

    @param data: What has come of a request, from its beginning.
    @return: C{None} if the head is not complete.
    @raise Refusal: 400 if the head is malformed or ambiguous; 405 for C{CONNECT}; 414
        or 431 if it is too long.
    """
    end = data.find(_END)
    if 0 <= end <= SHORT_HEAD and (known := _parseOnce(data[: end + len(_END)])):
        return known
    return _parse(data)


def _parse(data: bytes) -> RequestHead | None:
    match = _HEAD.match(data, 0, MAX_HEAD)
    if match is None:
        _checkIncomplete(data)
        return None
    method, target, minor, block = match.groups()
    lines = block.split(b"\r\n")
    lines.pop()
    if len(lines) > MAX_FIELDS:
        raise _fieldsTooLarge()
    fields = {}
    for line in lines:
        name, _, value = line.partition(b":")
        fields[_lower(name)] = value.strip(b" \t")
    repeated = _NONE if len(fields) == len(lines) else _combine(lines, fields)
    isNew = minor == b"1"
    _checkHost(fields, isNew)
    parsed = parseTarget(method, target)
    if parsed.authority is not None:
        fields[b"host"] = parsed.authority
    persists, expects = isNew, False
    if not _LISTS.isdisjoint(fields):
        persists = isNew and b"close" not in _tokens(fields, b"connection")
        expects = isNew and b"100-continue" in _tokens(fields, b"expect")
    return RequestHead(
        method,
        parsed,
        b"HTTP/1.1" if isNew else b"HTTP/1.0",
        fields,
        repeated,
        match.end(),
        _bodyLength(fields, isNew),
        persists,
        expects,
    )


#: Clients of one program send the same heads again and again; a head that is refused
#: is not remembered.
_parseOnce = lru_cache(maxsize=128)(_parse)


def _combine(
    lines: Sequence[bytes], fields: dict[bytes, bytes]
) -> dict[bytes, list[bytes]]:
    """
    Join the values of repeated fields.

    @raise Refusal: 400 if one is repeated that must not be.
    """
    values: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        values.setdefault(_lower(name), []).append(value.strip(b" \t"))
    repeated = {name: each for name, each in values.items() if len(each) > 1}
    for name, each in repeated.items():
        if name in _ONCE:
            title = name.decode("ascii").title()
            raise badRequest(f"The header {title} is repeated; send it once.")
        fields[name] = (b"; " if name == b"cookie" else b", ").join(each)
    return repeated


def _checkHost(fields: Mapping[bytes, bytes], isRequired: bool) -> None:
    """Refuse a missing or malformed C{Host} (RFC 9112 §3.2)."""
    host = fields.get(b"host")
    if host is None:
        if isRequired:
            raise badRequest("The header Host is missing (RFC 9112 §3.2).")
    elif not _HOST.fullmatch(host):
        raise badRequest("The header Host must be a host and, if any, a port.")


def _bodyLength(fields: Mapping[bytes, bytes], isNew: bool) -> int | None:
    """
    Return the length of the body (RFC 9112 §6.3).

    @return: C{None} for a chunked body.
    @raise Refusal: 400 if the length is malformed or ambiguous.
    """
    coding = fields.get(b"transfer-encoding")
    text = fields.get(b"content-length")
    if coding is not None:
        if text is not None:
            raise badRequest("Send Content-Length or Transfer-Encoding, not both.")
        if coding.lower() != b"chunked" or not isNew:
            raise badRequest(
                "The only Transfer-Encoding is 'chunked', and only in HTTP/1.1."
            )
        return None
    if text is None:
        return 0
    if not _LENGTH.fullmatch(text):
        raise badRequest("Content-Length must be a number of bytes.")
    return int(text) if len(text) < 19 else _HUGE


def _tokens(fields: Mapping[bytes, bytes], name: bytes) -> set[bytes]:
    """Return the members of a list-valued field, in lower case."""
    return {each.strip(b" \t") for each in fields.get(name, b"").lower().split(b",")}


@lru_cache(maxsize=128)
def _lower(name: bytes) -> bytes:
    """Return a field name in lower case; frequent names are shared objects."""
    return name.lower()


# --- heads that do not match ------------------------------------------------------


def _checkIncomplete(data: bytes) -> None:
    """
    Decide whether more data could complete a head.

    @raise Refusal: It could not.
    """
    end = data.find(_END, 2 if data.startswith(b"\r\n") else 0)
    if 0 <= end <= MAX_HEAD - len(_END):
        _explain(data[:end])
    if len(data) >= MAX_HEAD:
        # Only the first line can make the target too long.
        raise _fieldsTooLarge() if b"\r\n" in data[:MAX_HEAD] else _targetTooLong()
    isHopeless = data.count(b"\n") != data.count(b"\r\n") or data.startswith(_END)
    if isHopeless or not _START.match(data):
        raise _malformedLine()


def _explain(head: bytes) -> NoReturn:
    """Refuse a complete head that is malformed, and name the line."""
    match = _FIRST_LINE.match(head + b"\r\n")
    if match is None:
        raise _malformedLine()
    lines = head[match.end() :].split(b"\r\n")
    number = next((at for at, each in enumerate(lines, 2) if not _isField(each)), 1)
    raise badRequest(f"Line {number} of the head is no header field (RFC 9112 §5).")


def _isField(line: bytes) -> bool:
    return _FIELD.fullmatch(line) is not None


def _malformedLine() -> Refusal:
    return badRequest(
        "The first line must be like 'POST /rest HTTP/1.1', and each line must end with"
        " CR LF (RFC 9112 §3)."
    )


def _fieldsTooLarge() -> Refusal:
    """Refuse a head that is too long (RFC 6585 §5)."""
    text = (
        f"The head is longer than {MAX_HEAD} bytes, or has more than {MAX_FIELDS}"
        " header fields."
    )
    return Refusal(Problem(431, "modify", "resource-constraint", text))


def _targetTooLong() -> Refusal:
    text = f"The request target is longer than {MAX_HEAD} bytes; shorten it."
    return Refusal(Problem(414, "modify", "resource-constraint", text))
