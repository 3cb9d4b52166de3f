"""The URL of a callback: a template that each stanza fills, and its credentials."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

#: The placeholders that a callback's URL may contain, in braces.
PLACEHOLDERS = ("kind", "type", "to", "from")

_PLACEHOLDER = re.compile(rf"\{{(?:{'|'.join(PLACEHOLDERS)})\}}")

#: A percent sign without two hexadecimal digits (RFC 3986 §2.1).
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class URLTemplate:
    """
    The URL template of a callback.

    @ivar names: Its placeholders, such as C{"from"}.
    @ivar authorization: The C{Authorization} header made from the URL's userinfo;
        C{None} if there is none.
    """

    def __init__(self, url: str) -> None:
        """
        @param url: For example C{"http://bot:pw@127.0.0.1:9999/{kind}?from={from}"}.
        @raise ValueError: The URL is not an http or https URL, or has an unknown
            placeholder. The message does not repeat it, since it may hold a password.
        """
        parts = _split(url)
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("expected a URL of visible ASCII, the rest %-encoded")
        if re.search("[{}]", _PLACEHOLDER.sub("", url)):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"expected a URL whose placeholders are of {known}")
        if "{" in parts.netloc:
            raise ValueError("expected a URL without placeholders before its path")
        if _BAD_PERCENT.search(parts.path + "?" + parts.query):
            raise ValueError(
                "expected a URL with two hexadecimal digits after each '%'; write the"
                " character '%' itself as '%25'"
            )
        userinfo, at, host = parts.netloc.rpartition("@")
        # Without a path the request line would begin with the query.
        bare = parts._replace(netloc=host, fragment="", path=parts.path or "/")
        self._template = urlunsplit(bare)
        self.names = [name for name in PLACEHOLDERS if f"{{{name}}}" in self._template]
        self.authorization = _basic(userinfo) if at else None

    def expand(self, values: Mapping[str, str]) -> bytes:
        """
        Make the URL for one stanza.

        Each value is percent-encoded. In the path, the dots of a segment C{..} or C{.}
        within a value are encoded twice, so that the path stays below the template's
        even on a server that decodes C{%2F} and then resolves dot segments.

        @param values: The values by placeholder, not encoded.
        """
        path, mark, query = self._template.partition("?")
        for name in self.names:
            placeholder, value = f"{{{name}}}", values[name]
            path = path.replace(placeholder, _quotePath(value))
            query = query.replace(placeholder, quote(value, safe=""))
        return f"{path}{mark}{query}".encode("ascii")

    def __str__(self) -> str:
        """Return the URL for the log, without its query, which may hold a secret."""
        return self._template.partition("?")[0]


#: A segment that servers resolve as "." or "..", some of them also with a parameter
#: behind it (Tomcat) or after a backslash (IIS).
_DOT_SEGMENT = re.compile(r"(^|[/\\])(\.{1,2})(?=$|[/\\;])")


def _quotePath(value: str) -> str:
    """Percent-encode a value for a path, so that no dot segment can arise from it."""
    hidden = _DOT_SEGMENT.sub(lambda found: found[1] + "%2E" * len(found[2]), value)
    return quote(hidden, safe="")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError if it is not a number
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL like http://127.0.0.1:9999/stanzas")
    return parts


def _basic(userinfo: str) -> str:
    """Make Basic credentials (RFC 7617) from the userinfo of a URL."""
    user, _, password = userinfo.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
