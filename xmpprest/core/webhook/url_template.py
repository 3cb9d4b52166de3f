"""The URL of a callback: a template that each stanza fills, and its credentials."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

#: What may stand in the URL of a callback, in braces.
PLACEHOLDERS = ("kind", "type", "to", "from")

_PLACEHOLDER = re.compile(rf"\{{(?:{'|'.join(PLACEHOLDERS)})\}}")


class URLTemplate:
    """
    The user's URL: a template, and credentials that are not part of what is asked.
    """

    def __init__(self, url: str) -> None:
        """
        @param url: For example C{"http://bot:pw@127.0.0.1:9999/{kind}?from={from}"}.
        @raise ValueError: It is no http or https URL, or has an unknown placeholder;
            the message does not repeat it, since it may hold a password.
        """
        parts = _split(url)
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("expected a URL of visible ASCII, the rest %-encoded")
        if re.search("[{}]", _PLACEHOLDER.sub("", url)):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"expected a URL whose placeholders are of {known}")
        if "{" in parts.netloc:
            raise ValueError("expected a URL without placeholders before its path")
        userinfo, at, host = parts.netloc.rpartition("@")
        self._template = urlunsplit(parts._replace(netloc=host, fragment=""))
        self._names = [name for name in PLACEHOLDERS if f"{{{name}}}" in self._template]
        self.authorization = _basic(userinfo) if at else None

    def expand(self, values: Mapping[str, str]) -> bytes:
        """
        The URL for one stanza.

        @param values: By placeholder; percent-encoded here.
        """
        url = self._template
        for name in self._names:
            url = url.replace(f"{{{name}}}", quote(values[name], safe=""))
        return url.encode("ascii")

    def __str__(self) -> str:
        """Where it leads, for the log; the query may hold a secret."""
        return self._template.partition("?")[0]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError if it is none
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL like http://127.0.0.1:9999/stanzas")
    return parts


def _basic(userinfo: str) -> str:
    """RFC 7617, from the userinfo of a URL."""
    user, _, password = userinfo.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
