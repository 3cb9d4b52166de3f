"""
Parses, checks and compares XMPP addresses (RFC 7622).

Inbound addresses are opaque text: they are compared, never refused. Outbound addresses
are checked, because a server may close the stream over an invalid one.

Characters beyond ASCII are prepared by the profiles of RFC 6122, as servers do; a few
addresses pass that RFC 7622 forbids.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from stringprep import in_table_a1 as isUnassigned
from typing import NamedTuple
from unicodedata import ucd_3_2_0 as unicode32

from twisted.words.protocols.jabber.xmpp_stringprep import nodeprep, resourceprep

#: The highest length of each part, in bytes of UTF-8 (RFC 7622 §3.1).
MAX_PART = 1023


class JID(NamedTuple):
    """
    An address in its normal form.

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
    Split an address at its separators (RFC 7622 §3.2), without any check.

    @return: Localpart, domainpart and resourcepart; C{None} for a part without its
        separator.
    """
    bare, slash, resource = text.partition("/")
    before, at, after = bare.partition("@")
    local, domain = (before, after) if at else (None, bare)
    return local, domain, resource if slash else None


@lru_cache(maxsize=2048)
def parseJID(text: str) -> JID:
    """
    Parse and check an address to send to or from.

    @return: The normal form, which is sent.
    @raise ValueError: The text is not a valid address; the message says why.
    """
    local, domain, resource = splitJID(text)
    if local == "":
        raise ValueError("there is nothing before its '@'")
    if resource == "":
        raise ValueError("there is nothing after its '/'")
    parts = (local or "", domain, resource or "")
    # Checked before, too, since preparing a long text takes long.
    _checkLength(parts)
    result = JID(_localpart(parts[0]), _domainpart(domain), _resource(parts[2]))
    _checkLength(result)
    return result


@lru_cache(maxsize=2048)
def checkedJID(text: str) -> str:
    """
    Check an address to send to or from.

    @return: The normal form as text, which is sent.
    @raise ValueError: The text is not a valid address; the message says why.
    """
    return str(parseJID(text))


def normaliseJID(text: str) -> JID:
    """
    Normalise an inbound address for comparison. It never fails.

    @return: The normal form; for an invalid address, its parts with their case folded.
    """
    try:
        return parseJID(text)
    except ValueError:
        local, domain, resource = splitJID(text)
        return JID((local or "").casefold(), domain.casefold(), resource or "")


def bareOf(text: str) -> str:
    """
    Return the bare form of an inbound address, as written.

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
        raise ValueError(f"its localpart has the forbidden character {forbidden[0]!r}")
    return text.lower() if text.isascii() else _prepared(nodeprep, text)


def _resource(text: str) -> str:
    if _NO_RESOURCE.search(text):
        raise ValueError("its resource has a control character")
    return text if text.isascii() else _prepared(resourceprep, text)


@lru_cache(maxsize=512)
def _domainpart(text: str) -> str:
    address = _IPV6.fullmatch(text)
    if address:
        IPv6Address(address[1])  # ValueError if it is not an address
        return text.lower()
    domain = ".".join(
        label.lower() if label.isascii() else _prepared(nodeprep, label)
        for label in text.removesuffix(".").split(".")
    )
    if not all(map(_LABEL.fullmatch, domain.split("."))):
        raise ValueError(f"{text!r} is not a domain")
    return domain


def _prepared(profile, text: str) -> str:  # type: ignore[no-untyped-def]  # untyped
    """
    Apply a stringprep profile. Code points that Unicode 3.2 does not have pass, such as
    emoji in room nicknames; servers do the same.
    """
    text = unicode32.normalize("NFKC", "".join(_mapped(profile, c) for c in text))
    # The profile looks up each character in a dozen tables; so only different ones.
    characters = [*dict.fromkeys(text)]
    try:
        for character in characters:
            _checkAllowed(profile, character)
        # Besides which characters there are, only the ends matter (RFC 3454 §6).
        profile.check_bidirectionals("".join([text[:1], *characters, text[-1:]]))
    except UnicodeError as error:
        raise ValueError(f"a part of it is not valid text ({error})") from None
    if not text:
        raise ValueError("a part of it has no visible character")
    return text


@lru_cache(maxsize=8192)
def _mapped(profile, character: str) -> str:  # type: ignore[no-untyped-def]  # untyped
    """Apply the mapping of a stringprep profile to one character."""
    mapped: str = character if isUnassigned(character) else profile.map(character)
    return mapped


@lru_cache(maxsize=8192)
def _checkAllowed(profile, character: str) -> None:  # type: ignore[no-untyped-def]  # untyped
    """
    Check one character by the tables of a stringprep profile.

    @raise UnicodeError: The profile prohibits it.
    """
    profile.check_prohibiteds(character)
