"""
Patterns of XMPP addresses, such as C{*@example.org}.

A C{*} stands for any text, but never beyond the part that it is in: otherwise
C{*@example.org} would hold for C{user@evil.example/@example.org}, too. A pattern
without a resource holds for every resource; C{*} alone, for every address.
"""

from __future__ import annotations

import re

from . import jid

#: Stands for a C{*} while an address is prepared: no Unicode has it, so that all that
#: is done to an address leaves it as it is.
_MARK = "\u0378"

#: The regular expression that nothing matches.
_NEVER = "(?!)"


class JIDPatterns:
    """
    All addresses for which one of some patterns holds.

    @ivar patterns: In their normal form.
    """

    def __init__(self, *patterns: str) -> None:
        """
        @raise ValueError: One is no pattern; the message says what was expected.
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
    Read a pattern.

    @return: Its normal form, to be compared with that of addresses.
    @raise ValueError: It is none; the message says what was expected.
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
    Whether an address at a domain may be one of those for which a pattern holds.

    @param pattern: In its normal form.
    """
    host = jid.splitJID(pattern)[1]
    return bool(re.fullmatch(_part(host, "."), domain))


def _expression(pattern: str) -> str:
    """A regular expression for the normal form of addresses."""
    local, host, resource = jid.splitJID(pattern)
    before = "" if local is None else f"{_part(local, '[^@/]')}@"
    after = "(/.*)?" if resource is None else f"/{_part(resource, '.')}"
    return f"(?s:{before}{_part(host, '[^@/]')}{after})"


def _part(written: str, any: str) -> str:
    """
    A regular expression for one part. What stands between two C{*} is taken where it
    first is, once and for all, or a long address could take very long.
    """
    first, *others = map(re.escape, written.split("*"))
    if not others:
        return first
    between = "".join(f"(?>{any}*?{each})" for each in others[:-1])
    return f"{first}{between}{any}*{others[-1]}"


#: Every address.
ANY_JID = JIDPatterns("*")
