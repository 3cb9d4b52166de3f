"""
Patterns of XMPP addresses, such as C{*@example.org}.

A C{*} matches any text within its part of the address, so that C{*@example.org} does
not match C{user@evil.example/@example.org}. A pattern without a resource matches every
resource; C{*} alone matches every address.
"""

from __future__ import annotations

import re

from . import jid

#: Stands for a C{*} while an address is prepared: a code point that Unicode never
#: assigns, so that preparation leaves it unchanged.
_MARK = "\u0378"

#: A regular expression that matches nothing.
_NEVER = "(?!)"


class JIDPatterns:
    """
    A set of addresses, given by patterns.

    @ivar patterns: The patterns in their normal form.
    """

    def __init__(self, *patterns: str) -> None:
        """
        @raise ValueError: A pattern is malformed; the message says what is expected.
        """
        self.patterns = tuple(map(normalisePattern, patterns))
        expression = "|".join(map(_expression, self.patterns)) or _NEVER
        self._match = re.compile(expression).fullmatch
        self._isAll = "*" in self.patterns

    def __contains__(self, address: str) -> bool:
        return self._isAll or bool(self._match(str(jid.normaliseJID(address))))

    def __str__(self) -> str:
        return ", ".join(self.patterns) or "none"


def normalisePattern(written: str) -> str:
    """
    Normalise a pattern.

    @return: Its normal form, to be matched with the normal form of addresses.
    @raise ValueError: It is malformed; the message says what is expected.
    """
    try:
        if _MARK in written:
            raise ValueError
        return str(jid.parseJID(written.replace("*", _MARK))).replace(_MARK, "*")
    except ValueError:
        raise ValueError(
            "expected an address like user@example.org, or a pattern like"
            " *@example.org or *"
        ) from None


def canMatchDomain(pattern: str, domain: str) -> bool:
    """
    Whether a pattern can match an address at a domain.

    @param pattern: A pattern in its normal form.
    """
    host = jid.splitJID(pattern)[1]
    return bool(re.fullmatch(_part(host, "."), domain))


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern, for the normal form of addresses."""
    local, host, resource = jid.splitJID(pattern)
    before = "" if local is None else f"{_part(local, '[^@/]')}@"
    after = "(/.*)?" if resource is None else f"/{_part(resource, '.')}"
    return f"(?s:{before}{_part(host, '[^@/]')}{after})"


def _part(written: str, any: str) -> str:
    """
    Return the regular expression of one part. It takes the text between two C{*} at its
    first occurrence and never backtracks, which could take very long.
    """
    first, *others = map(re.escape, written.split("*"))
    if not others:
        return first
    between = "".join(f"(?>{any}*?{each})" for each in others[:-1])
    return f"{first}{between}{any}*{others[-1]}"


#: Every address.
ANY_JID = JIDPatterns("*")
