"""Parsers of settings. Each returns the value, or says what it expects instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..core.media import formats
from ..core.stanza import jid
from ..core.updates import PULL_URL
from ..core.webhook.url_template import URLTemplate
from . import database_url

#: Parses a text; raises ValueError("expected …").
Parser = Callable[[str], Any]

#: Replaces a secret in messages.
MASK = "****"

#: Control characters, and characters that XML forbids (XML 1.0 §2.2).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def singleLine(written: str) -> str:
    """Parse a name, a path or an endpoint description."""
    if not written.strip() or _UNFIT.search(written):
        raise ValueError("expected one line of text that is not empty")
    return written


def adminEndpoint(written: str) -> str:
    """Parse an endpoint description; a bare port means loopback."""
    if re.fullmatch(r"[0-9]{1,5}", written):
        return f"tcp:{written}:interface=127.0.0.1"
    return singleLine(written)


def domain(written: str) -> str:
    """Parse an XMPP domain and return its normalised form."""
    try:
        address = jid.parseJID(written)
    except ValueError:
        address = None
    if address is None or address.local or address.resource:
        raise ValueError("expected a domain like gateway.example.org")
    return address.domain


def duration(unit: str) -> Parser:
    """Return a parser of durations."""

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
    """Parse a number; 0 if the text is none."""
    return int(written) if re.fullmatch(r"[0-9]{1,12}", written) else 0


def boolean(written: str) -> bool:
    """Parse C{true} or C{false}, also C{yes} or C{no}."""
    value = {"true": True, "yes": True, "false": False, "no": False}.get(
        written.lower()
    )
    if value is None:
        raise ValueError("expected true or false")
    return value


def positiveInteger(written: str) -> int:
    """Parse an integer of at least 1."""
    if not (number := _number(written)):
        raise ValueError("expected a whole number above 0")
    return number


def integerUpTo(most: int) -> Parser:
    """Return a parser of integers from 1 to a maximum."""

    def read(written: str) -> int:
        if not 1 <= (number := _number(written)) <= most:
            raise ValueError(f"expected a whole number from 1 to {most}")
        return number

    return read


def optionalChoices(*known: str) -> Parser:
    """
    Return a parser of comma-separated words from a fixed set. The list may be empty.
    """
    read = choices(*known)
    return lambda written: read(written) if written.strip() else frozenset()


def choices(*known: str) -> Parser:
    """
    Return a parser of comma-separated words from a fixed set, with at least one of
    them.
    """

    def read(written: str) -> frozenset[str]:
        chosen = frozenset(re.split(r"[,\s]+", written.strip()))
        if not chosen <= set(known):
            raise ValueError(f"expected a comma-separated list of {', '.join(known)}")
        return chosen

    return read


def hashOf(command: str) -> Parser:
    """
    Return a parser of the SHA-256 of a secret in hexadecimal.

    @param command: The command that prints it, for messages.
    """

    def read(written: str) -> str:
        if not re.fullmatch("[0-9A-Fa-f]{64}", written):
            raise ValueError(
                f"expected the 64 hexadecimal digits that '{command}' prints"
            )
        return written.lower()

    return read


def redactHash(written: str) -> str:
    """Redact a text that may be a secret itself instead of its hash."""
    return written if re.fullmatch("[0-9A-Fa-f]{1,128}", written) else MASK


def shortName(written: str) -> str:
    """Parse the name of a token, a callback or a hook, a bare key in TOML."""
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", written):
        raise ValueError("expected up to 64 letters, digits, dashes and underscores")
    return written


def oneOf(*known: str) -> Parser:
    """Return a parser of one word from a fixed set."""

    def read(written: str) -> str:
        if written not in known:
            raise ValueError(f"expected {' or '.join(known)}")
        return written

    return read


def url(written: str) -> str:
    """Parse the URL of a callback: http, https, or C{pull:}."""
    if written == PULL_URL:
        return written
    URLTemplate(written)
    if MASK in written:
        raise ValueError(
            f"expected the secret itself, not the {MASK} that --print-config prints"
        )
    return written


def outputType(written: str) -> str:
    """Parse a media type for output, or its short name."""
    name = formats.SHORT_NAMES.get(written, written)
    if name not in formats.OUTPUT_TYPES:
        raise ValueError(f"expected {' or '.join(formats.OUTPUT_TYPES)}")
    return name


def store(written: str) -> str:
    """Parse C{--store}: C{sqlite:PATH}, C{postgresql:…} or C{memory}."""
    kind, colon, path = (part.strip() for part in written.partition(":"))
    if kind == "memory" and not colon:
        return kind
    if kind in ("postgresql", "postgres") and colon and not _UNFIT.search(path):
        if MASK in path:
            raise ValueError(
                f"expected the password itself, not the {MASK} that --print-config"
                " prints"
            )
        return database_url.parse(written)
    # SQLite would read a URL, or its words for "no file", as something else.
    isPath = path != ":memory:" and not path.startswith("//")
    if kind != "sqlite" or not path or not isPath or _UNFIT.search(path):
        raise ValueError(
            "expected sqlite:PATH, as in sqlite:/var/lib/xmpprest/store.db,"
            " postgresql://ROLE@HOST/DATABASE, or memory"
        )
    return f"sqlite:{path}"


def origin(written: str) -> str:
    """Parse the origin of a web page (RFC 6454 §6.2), or C{*}."""
    if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/\s]+", written):
        raise ValueError("expected an origin like https://app.example, or *")
    return written


#: The userinfo of a URL (RFC 3986 §3.2.1).
_USERINFO = re.compile(r"(\w+://)([^/?#]*)@")
#: A literal value in the query of a URL.
_QUERY_VALUE = re.compile(r"(?<==)[^&{}]+(?=&|$)")


def hasUserinfo(written: str) -> bool:
    """Return whether a text is a URL with a user name or a password."""
    return _USERINFO.match(written) is not None


def maskSecrets(written: str) -> str:
    """
    Mask the secrets in a URL: its userinfo, and literal values in its query, such as
    API keys. Return any other text unchanged.
    """
    if database_url.isDatabase(written):
        return database_url.mask(written, MASK)
    if "://" not in written:
        return written
    match = _USERINFO.match(written)
    if match is not None:
        user, colon, _ = match[2].partition(":")
        shown = f"{user if colon else ''}:{MASK}@"
        written = f"{match[1]}{shown}{written[match.end() :]}"
    head, mark, query = written.partition("?")
    return f"{head}{mark}{_QUERY_VALUE.sub(MASK, query)}"


def redactSecrets(written: str) -> str:
    """Redact everything in a text that may be a secret in a malformed URL."""
    _, at, rest = written.rpartition("@")
    head, mark, _ = rest.partition("?")
    query = f"?{MASK}" if mark else ""
    return f"{MASK if at else ''}{at}{head}{query}"


def redactStore(written: str) -> str:
    """Redact the passwords in a malformed location of a store."""
    if database_url.hasPassword(written):
        return MASK
    return redactSecrets(written)
