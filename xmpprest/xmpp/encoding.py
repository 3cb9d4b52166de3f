"""
A stanza as bytes on the stream: no more than servers take, and none that holds up their
parser.
"""

from __future__ import annotations

import re

from ..core.errors import Problem, Refusal

#: Bytes of a tag that may hold up the server's parser; see L{_padding}.
LONG_TAG = 1024
#: Bytes of a stanza as it is written; Prosody closes the stream at 512 KiB.
MAX_STANZA_BYTES = 500_000
#: Bytes that a stamp may take; it has the component domain.
DELAY_RESERVE = 2048


def encodeStanza(xml: str, limit: int) -> bytes:
    """
    The bytes of a stanza.

    @raise Refusal: 413, there are more of them than that.
    """
    data = xml.encode("utf-8")
    if len(data) > LONG_TAG:
        data += _padding(data)
    if len(data) > limit:
        raise Refusal(
            Problem(
                413,
                "modify",
                "resource-constraint",
                f"On its way the stanza takes {len(data)} bytes, and XMPP servers take"
                f" {limit}: each < becomes &lt; there, and a long tag counts twice;"
                " shorten it.",
            )
        )
    return data


_TAG = re.compile(rb"<[^>]*>")


def _padding(data: bytes) -> bytes:
    """
    White space to follow a stanza with a long tag (RFC 6120 §4.6.1 allows it).

    A server reads a long tag in pieces; since CVE-2023-52425 its expat may then hold
    back the tag, and all that comes after it, until twice as much has come.
    """
    longest = max(map(len, _TAG.findall(data)))
    return b" " * longest if longest > LONG_TAG else b""
