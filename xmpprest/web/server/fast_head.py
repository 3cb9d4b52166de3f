"""
Reads the head of a plain request at once; every other is for Twisted to read.

What is plain is a part of what RFC 9112 allows, on which no two servers can disagree: a
path, fields of one line that each stand there once, and a length in a few digits or no
body at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

#: How long a plain head may be, in bytes, and how many fields it may have; more may be
#: in order, but is for Twisted to count.
MAX_HEAD = 8192
MAX_FIELDS = 100

# Without a way back (++), so that what does not match costs no more than what does.
_HEAD = re.compile(
    rb"([A-Z]++) (/[!-~]*+) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n)++)\r\n"
)
_LENGTH = re.compile(rb"[0-9]{1,9}")

#: What asks for something that is not plain.
_SPECIAL = frozenset({b"cookie", b"expect", b"transfer-encoding", b"upgrade"})


class RequestHead(NamedTuple):
    """
    A head.

    @ivar fields: By their names in lower case.
    @ivar size: Of the head itself, in bytes.
    @ivar length: Of the body that follows.
    """

    method: bytes
    uri: bytes
    fields: Mapping[bytes, bytes]
    size: int
    length: int


def parseSimpleHead(data: bytes) -> RequestHead | None:
    """
    Read a head.

    @param data: What has come of a request, from its beginning.
    @return: C{None}, it is not plain, not in order, or not complete.
    """
    match = _HEAD.match(data, 0, MAX_HEAD)
    if match is None:
        return None
    method, uri, block = match.groups()
    lines = block.split(b"\r\n")
    lines.pop()
    fields = {}
    for line in lines:
        name, _, value = line.partition(b":")
        fields[_lower(name)] = value.strip(b" \t")
    length = fields.get(b"content-length", b"0")
    isPlain = (
        b"host" in fields
        and len(fields) == len(lines) <= MAX_FIELDS
        and _SPECIAL.isdisjoint(fields)
        and fields.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and _LENGTH.fullmatch(length)
    )
    return (
        RequestHead(method, uri, fields, match.end(), int(length)) if isPlain else None
    )


@lru_cache(maxsize=128)
def _lower(name: bytes) -> bytes:
    """A name in lower case: the same few at all times, which all requests share."""
    return name.lower()
