"""The bots and their contacts in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..core.bots.contact import MAX_RESOURCES, Contact, Resource
from ..core.bots.presentation import Presentation
from ..core.bots.subscription import Half
from ..core.stanza import jid

#: Contacts of all bots together. A new contact is refused, too, if its domain would
#: then have more contacts than are still free.
MAX_CONTACTS = 100_000


class RosterEntry:
    """
    A bot in memory.

    @ivar presentation: The bot as its contacts see it.
    @ivar contacts: The contacts by their bare addresses. To be changed by L{Roster}.
    """

    __slots__ = ("_resources", "contacts", "presentation")

    def __init__(self, presentation: Presentation) -> None:
        self.presentation = presentation
        self.contacts: dict[str, Contact] = {}
        #: Available resources by contact and name.
        self._resources: dict[str, dict[str, Resource]] = {}

    @property
    def jid(self) -> str:
        """The bare address of the bot."""
        return self.presentation.bot.jid

    def resourcesOf(self, contact: str) -> Mapping[str, Resource]:
        """Return the available resources of a contact, by name."""
        return self._resources.get(contact, {})

    def setAvailable(self, contact: str, name: str, resource: Resource) -> None:
        """Remember an available resource; forget the oldest of too many."""
        known = self._resources.setdefault(contact, {})
        known.pop(name, None)
        known[name] = resource
        if len(known) > MAX_RESOURCES:
            del known[next(iter(known))]

    def setUnavailable(self, contact: str, name: str = "") -> None:
        """Forget a resource of a contact, or without a name all of them."""
        known = self._resources.get(contact)
        if known is None:
            return
        known.pop(name, None)
        if not name or not known:
            del self._resources[contact]

    def of(self, contact: str) -> Contact:
        """Return a contact; one without a subscription if it is unknown."""
        return self.contacts.get(contact) or Contact(contact)


class Roster:
    """
    The bots by their addresses.

    @ivar states: The number of contacts by the state of their subscription, and the
        number of pending requests under C{in} and C{out}.
    """

    def __init__(self) -> None:
        self._entries: dict[str, RosterEntry] = {}
        self._domains: Counter[str] = Counter()
        self._total = 0
        self.states: Counter[str] = Counter()

    def __iter__(self) -> Iterator[RosterEntry]:
        return iter([*self._entries.values()])

    def __len__(self) -> int:
        """Return the number of bots."""
        return len(self._entries)

    def get(self, bot: str) -> RosterEntry | None:
        """Return a bot by its address in normal form; C{None} if there is none."""
        return self._entries.get(bot)

    def find(self, address: str) -> RosterEntry | None:
        """
        Return the bot that a stanza is for.

        @param address: An address as written, with or without a resource.
        @return: C{None} if it is none of a bot.
        """
        if not self._entries:
            return None
        bare = jid.bareOf(address)
        found = self._entries.get(bare)
        return found or self._entries.get(str(jid.normaliseJID(bare)))

    def set(self, presentation: Presentation) -> RosterEntry:
        """Add a bot, or change how it is presented."""
        entry = self._entries.get(presentation.bot.jid)
        if entry is None:
            entry = RosterEntry(presentation)
            self._entries[entry.jid] = entry
        entry.presentation = presentation
        return entry

    def remove(self, entry: RosterEntry) -> Sequence[Contact]:
        """Remove a bot; return the contacts that it had."""
        del self._entries[entry.jid]
        contacts = [*entry.contacts.values()]
        entry.contacts = {}
        for each in contacts:
            self._count(each, -1)
        return contacts

    def update(self, entry: RosterEntry, contact: Contact) -> None:
        """Set the state of a contact; forget it if there is nothing to store."""
        before = entry.contacts.pop(contact.jid, None)
        if before is not None:
            self._count(before, -1)
        if contact.isStored:
            entry.contacts[contact.jid] = contact
            self._count(contact, 1)
        if contact.subscription.to is not Half.ACTIVE:
            entry.setUnavailable(contact.jid)

    def hasRoomFor(self, contact: str) -> bool:
        """Whether a contact that is unknown so far may be added."""
        free = MAX_CONTACTS - self._total
        return self._domains[_domainOf(contact)] < free

    def _count(self, contact: Contact, number: int) -> None:
        self._total += number
        state = contact.subscription
        for name in (state.name, *state.pending):
            self.states[name] += number
        domain = _domainOf(contact.jid)
        self._domains[domain] += number
        if not self._domains[domain]:
            del self._domains[domain]


def _domainOf(bare: str) -> str:
    return bare.rpartition("@")[2]
