"""
Reads what somebody wrote for a setting, or says what was expected instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..core.media import formats
from ..core.stanza import jid
from ..core.webhook.url_template import URLTemplate

#: Makes a value of a text; raises ValueError("expected …").
Parser = Callable[[str], Any]

#: What a shown URL has in the place of its password.
MASK = "****"

#: Control characters, and what no XML may hold (XML 1.0 §2.2).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def singleLine(written: str) -> str:
    """A name, a path, the description of an endpoint."""
    if not written.strip() or _UNFIT.search(written):
        raise ValueError("expected one line of text that is not empty")
    return written


def adminEndpoint(written: str) -> str:
    """The description of an endpoint; of a port alone, on loopback."""
    if re.fullmatch(r"[0-9]{1,5}", written):
        return f"tcp:{written}:interface=127.0.0.1"
    return singleLine(written)


def domain(written: str) -> str:
    """An XMPP domain, in its normal form."""
    try:
        address = jid.parseJID(written)
    except ValueError:
        address = None
    if address is None or address.local or address.resource:
        raise ValueError("expected a domain like gateway.example.org")
    return address.domain


def duration(unit: str) -> Parser:
    """A reader of how long something takes."""

    def read(written: str) -> float:
        try:
            number = float(written)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise ValueError(f"expected a number of {unit} above 0")
        return number

    return read


seconds = duration("seconds")
days = duration("days")


def _number(written: str) -> int:
    """How many; 0, if that is no number."""
    return int(written) if re.fullmatch(r"[0-9]{1,12}", written) else 0


def positiveInteger(written: str) -> int:
    """How many, at least one."""
    if not (number := _number(written)):
        raise ValueError("expected a whole number above 0")
    return number


def integerUpTo(most: int) -> Parser:
    """A reader of how many, at least one."""

    def read(written: str) -> int:
        if not 1 <= (number := _number(written)) <= most:
            raise ValueError(f"expected a whole number from 1 to {most}")
        return number

    return read


def optionalChoices(*known: str) -> Parser:
    """The same as C{choices}, but there may be none."""
    read = choices(*known)
    return lambda written: read(written) if written.strip() else frozenset()


def choices(*known: str) -> Parser:
    """A reader of comma-separated words, of which it knows all that may stand."""

    def read(written: str) -> frozenset[str]:
        chosen = frozenset(re.split(r"[,\s]+", written.strip()))
        if not chosen <= set(known):
            raise ValueError(f"expected a comma-separated list of {', '.join(known)}")
        return chosen

    return read


def sha256Hex(written: str) -> str:
    """The SHA-256 of a token, in hexadecimal."""
    if not re.fullmatch("[0-9A-Fa-f]{64}", written):
        raise ValueError(
            "expected the 64 hexadecimal digits that 'python -m xmpprest token NAME'"
            " prints"
        )
    return written.lower()


def shortName(written: str) -> str:
    """What a token or a callback is called, which is a bare key of TOML."""
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", written):
        raise ValueError("expected up to 64 letters, digits, dashes and underscores")
    return written


def oneOf(*known: str) -> Parser:
    """A reader of one word, of which it knows all that may stand."""

    def read(written: str) -> str:
        if written not in known:
            raise ValueError(f"expected {' or '.join(known)}")
        return written

    return read


def url(written: str) -> str:
    """The URL of a callback."""
    URLTemplate(written)
    if urlsplit(written).password == MASK:
        raise ValueError(f"expected the password where --print-config has {MASK}")
    return written


def outputType(written: str) -> str:
    """A media type that stanzas are written as, or its short name."""
    name = formats.SHORT_NAMES.get(written, written)
    if name not in formats.OUTPUT_TYPES:
        raise ValueError(f"expected {' or '.join(formats.OUTPUT_TYPES)}")
    return name


def store(written: str) -> str:
    """What keeps that which must survive: a file, or nothing that does."""
    kind, colon, path = (part.strip() for part in written.partition(":"))
    if kind == "memory" and not colon:
        return kind
    # A URL, or what SQLite takes for "no file", means something else.
    isPath = path != ":memory:" and not path.startswith("//")
    if kind != "sqlite" or not path or not isPath or _UNFIT.search(path):
        raise ValueError(
            "expected sqlite:PATH, as in sqlite:/var/lib/xmpprest/store.db, or memory"
        )
    return f"sqlite:{path}"


def origin(written: str) -> str:
    """The origin of a web page (RFC 6454 §6.2), or all of them."""
    if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/\s]+", written):
        raise ValueError("expected an origin like https://app.example, or *")
    return written


def maskPassword(written: str) -> str:
    """A URL without the credentials that it may hold; any other text as it is."""
    match = re.match(r"(\w+://)([^/?#]*)@", written)
    if match is None:
        return written
    user, colon, _ = match[2].partition(":")
    return f"{match[1]}{user if colon else ''}:{MASK}@{written[match.end() :]}"


def redactUserinfo(written: str) -> str:
    """What somebody wrote, without all that may be credentials in a URL gone wrong."""
    _, at, rest = written.rpartition("@")
    return f"{MASK}@{rest}" if at else written
