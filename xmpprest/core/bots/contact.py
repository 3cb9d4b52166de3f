"""The contacts of a bot, and what is known of the devices they are logged in with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .subscription import NO_SUBSCRIPTION, Subscription


@dataclass(frozen=True, slots=True)
class Contact:
    """
    A contact of a bot.

    @ivar jid: The bare address, in its normal form.
    @ivar subscription: The state of both directions.
    @ivar isApproved: Whether a client has approved the contact, perhaps before it asks
        (RFC 6121 §3.4).
    @ivar name: The name that a client has given the contact, or empty.
    """

    jid: str
    subscription: Subscription = NO_SUBSCRIPTION
    isApproved: bool = False
    name: str = ""

    @property
    def isStored(self) -> bool:
        """Whether there is anything to store; a contact without is forgotten."""
        return self.isApproved or self.subscription != NO_SUBSCRIPTION


class ContactRecord(NamedTuple):
    """A contact and the bare address of its bot, as the store has them."""

    bot: str
    contact: Contact


class Resource(NamedTuple):
    """
    A resource of a contact that is available (RFC 6121 §4.7.2).

    @ivar show: C{away}, C{chat}, C{dnd}, C{xa}, or empty.
    @ivar status: The text of the contact, or empty.
    @ivar since: The time of the presence, in seconds since 1970.
    """

    show: str
    status: str
    since: float


#: Resources of one contact that are remembered, and characters of their texts.
MAX_RESOURCES = 20
MAX_TEXT = 1023
