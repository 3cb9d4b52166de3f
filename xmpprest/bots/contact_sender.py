"""Carries out decisions about contacts: stores the state, then tells the contact."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..core.bots.contact import ContactRecord
from ..core.bots.policy import AVAILABLE, UNAVAILABLE, Decision
from ..core.bots.presentation import subscription
from ..core.errors import Refusal
from ..core.stanza.serializer import toXML
from .contact_writer import ContactWriter
from .interfaces import PresenceStream
from .roster import Roster, RosterEntry

_log = Logger()


class ContactSender:
    """
    Changes contacts, and sends them what follows.
    """

    def __init__(
        self, roster: Roster, writer: ContactWriter, stream: PresenceStream
    ) -> None:
        self._roster = roster
        self._writer = writer
        self._stream = stream

    def carryOut(
        self, entry: RosterEntry, decision: Decision, to: str | None = None
    ) -> None:
        """
        Carry out a decision; if the state changes, once it is stored.

        @param to: The address that gets the bot's presence; C{None} for the contact's
            bare address.
        """
        contact = decision.contact
        if contact == entry.of(contact.jid):
            self.send(entry, contact.jid, decision.sends, to)
        else:
            self._roster.update(entry, contact)
            self._writer.save(
                ContactRecord(entry.jid, contact), self._later(entry, decision, to)
            )

    def carryOutNow(self, entry: RosterEntry, decision: Decision) -> Deferred[None]:
        """
        Carry out a decision for a client that waits.

        @return: Fires once it is stored; fails with L{StoreUnavailable} if it cannot be
            at the moment. It is stored later, then.
        """
        self._roster.update(entry, decision.contact)
        return self._writer.saveNow(
            ContactRecord(entry.jid, decision.contact), self._later(entry, decision)
        )

    def _later(
        self, entry: RosterEntry, decision: Decision, to: str | None = None
    ) -> Callable[[], None]:
        contact, sends = decision.contact.jid, decision.sends
        return lambda: self.send(entry, contact, sends, to)

    def send(
        self,
        entry: RosterEntry,
        contact: str,
        sends: Sequence[str],
        to: str | None = None,
    ) -> None:
        """
        Send a contact some types of presence. What the stream does not take is dropped:
        the next login of the contact repeats it.
        """
        try:
            for type in sends:
                self._stream.write(presenceXML(entry, contact, type, to))
        except Refusal as refusal:
            _log.debug(
                "Presence from {bot} to {contact} dropped: {reason}",
                bot=entry.jid,
                contact=contact,
                reason=refusal.problem.text,
            )


def presenceXML(
    entry: RosterEntry, contact: str, type: str, to: str | None = None
) -> str:
    """
    Return a presence of a bot.

    @param type: A type of subscription presence such as C{subscribe}, or C{probe};
        these
        go to the contact. L{AVAILABLE} or L{UNAVAILABLE}: the presence of the bot
        itself.
    @param to: The recipient of available presence; C{None} for the contact.
    """
    presentation = entry.presentation
    if type == AVAILABLE:
        return presentation.availableXML(to or contact)
    if type == UNAVAILABLE:
        return toXML(presentation.unavailable(contact))
    return toXML(subscription(presentation.bot, contact, type))
