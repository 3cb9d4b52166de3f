"""Series of presence: what the contacts of a bot get, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..core.bots.contact import Contact
from ..core.bots.policy import AVAILABLE, UNAVAILABLE, onStream
from ..core.bots.subscription import Half
from .contact_sender import presenceXML
from .roster import RosterEntry

#: Returns the types of presence that a contact gets.
TypesFor = Callable[[RosterEntry, Contact], Sequence[str]]


def series(entry: RosterEntry, typesFor: TypesFor) -> Iterator[Iterable[str]]:
    """
    Make the presence for each contact of a bot, by its state at that time.

    @return: For each contact, the stanzas as XML.
    """
    for contact in [*entry.contacts.values()]:
        known = entry.contacts.get(contact.jid)
        if known is not None:
            types = typesFor(entry, known)
            yield [presenceXML(entry, known.jid, type) for type in types]


def newStream(entry: RosterEntry, contact: Contact) -> Sequence[str]:
    """
    Return what a contact gets on a new stream. Its resources are forgotten: the answers
    to the probes say which are still available.
    """
    entry.setUnavailable(contact.jid)
    return onStream(contact)


def online(entry: RosterEntry, contact: Contact) -> Sequence[str]:
    """Return the bot's presence for a subscriber."""
    return (AVAILABLE,) if contact.subscription.from_ is Half.ACTIVE else ()


def offline(entry: RosterEntry, contact: Contact) -> Sequence[str]:
    """Return the presence by which the bot goes offline for a subscriber."""
    return (UNAVAILABLE,) if contact.subscription.from_ is Half.ACTIVE else ()
