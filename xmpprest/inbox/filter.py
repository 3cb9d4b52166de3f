"""Selects the stanzas that a callback receives, and those that are stored for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.words.xish.domish import Element

from ..core.rooms.values import RESOURCE
from ..core.stanza import jid
from ..core.stanza.build import META

#: Forms of the address that a stanza is for.
FORMS = frozenset({"bare", "full", "host"})

#: Types of presence that are stored: they are events (RFC 6121 §3), not a state.
SUBSCRIPTION = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


_OWN_RESOURCE = f"/{RESOURCE}"


class AddressSet(Protocol):
    """A set of addresses."""

    def __contains__(self, address: str, /) -> bool:
        """Check whether the set contains an address."""


@dataclass(frozen=True, slots=True)
class StanzaFilter:
    """
    The stanzas that a callback receives.

    @ivar kinds: Of C{message}, C{presence}, C{iq}.
    @ivar events: Forms of C{to}: C{bare} is user@host, C{full} has a resource,
        C{host} is the domain alone.
    @ivar to: Recipients; C{None} for all.
    @ivar isExcluded: Tells presence that the callback does not receive all the same.
    """

    kinds: frozenset[str]
    events: frozenset[str]
    to: AddressSet | None = None
    isExcluded: Callable[[Element], bool] = lambda presence: False

    def __contains__(self, stanza: Element) -> bool:
        to = stanza.attributes.get("to", "")
        kind = stanza.name
        return (
            (kind in self.kinds or (kind == META and "message" in self.kinds))
            # The address is divided only for a callback that does not get all forms.
            and (self.events == FORMS or _form(to) in self.events)
            and (self.to is None or to in self.to)
            and not (kind == "presence" and self.isExcluded(stanza))
        )


def _form(to: str) -> str:
    """
    Return the form of the address that a stanza is for. The resource under which the
    gateway itself is in a room for a bot stands for the bare address.
    """
    local, _, resource = jid.splitJID(to.removesuffix(_OWN_RESOURCE))
    if resource is not None:
        return "full"
    return "host" if local is None else "bare"


def isDurable(stanza: Element) -> bool:
    """Check whether a stanza is stored, if there is a store."""
    if stanza.name == "presence":
        return stanza.attributes.get("type") in SUBSCRIPTION
    return stanza.name in ("message", META)
