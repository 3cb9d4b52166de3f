"""
Encodes stanzas for the stream: only characters of XML, no longer than servers accept,
and padded so that none delays their parser.
"""

from __future__ import annotations

import re

from ..core.errors import Problem, Refusal, unprocessable
from ..core.stanza.parser import ILLEGAL

#: Bytes above which a tag can delay the server's parser; L{_padding} says how.
LONG_TAG = 1024
#: Maximum bytes of a stanza on the stream; Prosody closes the stream at 512 KiB.
MAX_STANZA_BYTES = 500_000
#: Bytes reserved for a delay stamp, which contains the component domain.
DELAY_RESERVE = 2048


def encodeStanza(xml: str, limit: int) -> bytes:
    """
    Encode a stanza.

    @param limit: Maximum number of bytes.
    @raise Refusal: 413 if it is longer; 422 if it has a character that XML does not
        allow, for which a server would close the stream.
    """
    # Almost every stanza is printable, which is cheaper to find out.
    if not xml.isprintable() and (found := ILLEGAL.search(xml)):
        raise unprocessable(
            "not-well-formed",
            f"XML does not allow the character U+{ord(found[0]):04X}; leave it out.",
        )
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
    Return white space to write after a stanza with a long tag (RFC 6120 §4.6.1).

    A server reads a long tag in pieces. Since CVE-2023-52425 its expat may hold back
    the tag, and everything after it, until twice as many bytes have arrived.
    """
    longest = max(map(len, _TAG.findall(data)))
    return b" " * longest if longest > LONG_TAG else b""
