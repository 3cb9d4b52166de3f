"""
Checks and compares XMPP addresses (RFC 7622).

Addresses that arrive are opaque text: they are compared, never refused. Addresses
that are sent are checked, because a server may close the stream over a bad one.

What is beyond ASCII is prepared by the profiles of RFC 6122, as servers still do;
so a few addresses pass that RFC 7622 would not allow.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from stringprep import in_table_a1 as isUnassigned
from typing import NamedTuple
from unicodedata import ucd_3_2_0 as unicode32

from twisted.words.protocols.jabber.xmpp_stringprep import nodeprep, resourceprep

#: RFC 7622 §3.1: the limit of each part, in bytes of UTF-8.
MAX_PART = 1023


class JID(NamedTuple):
    """
    An address in its normal form, to compare and to write.

    @ivar local: The localpart, or empty.
    @ivar domain: The domainpart.
    @ivar resource: The resourcepart, or empty.
    """

    local: str
    domain: str
    resource: str

    @property
    def bare(self) -> JID:
        """The address without its resource."""
        return JID(self.local, self.domain, "")

    def __str__(self) -> str:
        local = f"{self.local}@" if self.local else ""
        resource = f"/{self.resource}" if self.resource else ""
        return f"{local}{self.domain}{resource}"


def splitJID(text: str) -> tuple[str | None, str, str | None]:
    """
    Take an address apart, as RFC 7622 §3.2 says; nothing is checked.

    @return: Localpart, domainpart and resourcepart; a part that is not there is
        C{None}, one that is there and empty is empty.
    """
    bare, slash, resource = text.partition("/")
    before, at, after = bare.partition("@")
    local, domain = (before, after) if at else (None, bare)
    return local, domain, resource if slash else None


@lru_cache(maxsize=2048)
def parseJID(text: str) -> JID:
    """
    Read an address that somebody wants to send to, or from.

    @return: Its normal form, as a server will write it.
    @raise ValueError: It is no address; the message says why.
    """
    local, domain, resource = splitJID(text)
    if local == "":
        raise ValueError("there is nothing before its '@'")
    if resource == "":
        raise ValueError("there is nothing after its '/'")
    parts = (local or "", domain, resource or "")
    # Before, too: to prepare a long text takes long.
    _checkLength(parts)
    result = JID(_localpart(parts[0]), _domainpart(domain), _resource(parts[2]))
    _checkLength(result)
    return result


def normaliseJID(text: str) -> JID:
    """
    An address that arrived, to compare; it never fails.

    @return: The normal form, or for what is no proper address, its parts with
        their case folded.
    """
    try:
        return parseJID(text)
    except ValueError:
        local, domain, resource = splitJID(text)
        return JID((local or "").casefold(), domain.casefold(), resource or "")


def bareOf(text: str) -> str:
    """
    The bare address of one that arrived, as it was written.

    @param text: For example C{"room@rooms.example.org/nick"}.
    """
    return text.partition("/")[0]


def _checkLength(parts: tuple[str, str, str]) -> None:
    if any(len(part.encode("utf-8", "surrogatepass")) > MAX_PART for part in parts):
        raise ValueError(f"a part of it is longer than {MAX_PART} bytes")


#: RFC 7622 §3.3.1, with the controls and the space.
_NO_LOCALPART = re.compile(r"[\x00-\x20\"&'/:<>@\x7f]")
_NO_RESOURCE = re.compile(r"[\x00-\x1f\x7f]")
#: A label of letters, digits and hyphens, or of anything beyond ASCII.
_LABEL = re.compile(r"(?!-)[a-z0-9_\-\u0080-\U0010ffff]{1,63}(?<!-)")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]+)\]")


def _localpart(text: str) -> str:
    forbidden = _NO_LOCALPART.search(text)
    if forbidden:
        raise ValueError(f"its localpart has {forbidden[0]!r}, which none may have")
    return text.lower() if text.isascii() else _prepared(nodeprep, text)


def _resource(text: str) -> str:
    if _NO_RESOURCE.search(text):
        raise ValueError("its resource has a control character")
    return text if text.isascii() else _prepared(resourceprep, text)


@lru_cache(maxsize=512)
def _domainpart(text: str) -> str:
    address = _IPV6.fullmatch(text)
    if address:
        IPv6Address(address[1])  # ValueError if it is none
        return text.lower()
    domain = ".".join(
        label.lower() if label.isascii() else _prepared(nodeprep, label)
        for label in text.removesuffix(".").split(".")
    )
    if not all(map(_LABEL.fullmatch, domain.split("."))):
        raise ValueError(f"{text!r} is no domain")
    return domain


def _prepared(profile, text: str) -> str:  # type: ignore[no-untyped-def]  # untyped
    """
    Run a stringprep profile, but let code points pass that Unicode 3.2 did not
    know: emoji in room nicknames, for one. Servers do the same.
    """
    mapped = (c if isUnassigned(c) else profile.map(c) for c in text)
    text = unicode32.normalize("NFKC", "".join(mapped))
    try:
        profile.check_prohibiteds(text)
        profile.check_bidirectionals(text)
    except UnicodeError as error:
        raise ValueError(f"a part of it is no proper text ({error})") from None
    if not text:
        raise ValueError("a part of it has nothing that is visible")
    return text
