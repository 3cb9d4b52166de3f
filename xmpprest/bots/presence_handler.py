"""Handles the presence and the queries that contacts send to bots."""

from __future__ import annotations

from collections.abc import Callable

from twisted.words.xish.domish import Element

from ..core.bots.answer_limit import AnswerLimiter
from ..core.bots.contact import MAX_TEXT, Resource
from ..core.bots.policy import AVAILABLE, decideRequest, onPresence, onSent
from ..core.bots.subscription import SUBSCRIPTION_TYPES, Half
from ..core.codec.fields_presence import SHOWS
from ..core.errors import RESOURCE_CONSTRAINT
from ..core.stanza import jid
from ..core.stanza import namespaces as ns
from ..core.stanza.build import error, firstChild, isRequest
from ..core.stanza.serializer import toXML
from ..core.stanza.stored import UnparsableStanza, parseStoredHead
from .contact_sender import ContactSender
from .roster import Roster, RosterEntry

#: The types of presence that ask for an answer, and so are limited for each contact.
_ASKING = frozenset({"subscribe", "probe"})


class PresenceHandler:
    """
    Handles stanzas that are for a bot or from it.

    @ivar probes: The number of probes that the bot's presence has answered.
    @ivar limiter: Limits the answers to each contact.
    """

    def __init__(
        self,
        roster: Roster,
        sender: ContactSender,
        write: Callable[[str], None],
        *,
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        """
        @param write: Writes a stanza to the stream, or drops it.
        @param now: Returns seconds since 1970.
        @param steady: Returns seconds that no step of the system clock changes.
        """
        self._roster = roster
        self._sender = sender
        self._write = write
        self._now = now
        self._steady = steady
        self.limiter = AnswerLimiter()
        self.probes = 0

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle a stanza for a bot.

        @return: The stanza, if it is left to the callbacks; C{None} if it is handled.
        """
        if stanza.name == "message":
            return stanza
        entry = self._roster.find(stanza.getAttribute("to", ""))
        sender = stanza.getAttribute("from")
        if entry is None or not sender:
            return stanza
        contact = str(jid.normaliseJID(sender).bare)
        if stanza.name == "iq":
            return self._onQuery(entry, stanza, contact)
        type = stanza.getAttribute("type")
        if type == "probe" or type in SUBSCRIPTION_TYPES:
            return self._onSubscription(entry, stanza, contact, type)
        return self._onState(entry, stanza, contact, type)

    # --- queries ---

    def _onQuery(self, entry: RosterEntry, iq: Element, contact: str) -> Element | None:
        answer = entry.presentation.answer(iq) if isRequest(iq) else None
        if answer is None:
            return iq
        if not self.limiter.admit(contact, self._steady()):
            answer = error(iq, RESOURCE_CONSTRAINT)
        self._write(toXML(answer))
        return None

    # --- subscriptions ---

    def _onSubscription(
        self, entry: RosterEntry, stanza: Element, contact: str, type: str
    ) -> Element | None:
        if type in _ASKING and not self.limiter.admit(contact, self._steady()):
            return None
        policy = entry.presentation.bot.profile.subscriptions
        decision = onPresence(entry.of(contact), type, policy)
        isNew = decision.contact.isStored and contact not in entry.contacts
        if isNew and not self._roster.hasRoomFor(contact):
            self._write(toXML(error(stanza, RESOURCE_CONSTRAINT)))
            return None
        if type == "probe":
            self.probes += AVAILABLE in decision.sends
            self._sender.carryOut(entry, decision, stanza["from"])
        else:
            self._sender.carryOut(entry, decision)
        return stanza if decision.isHandedOn else None

    # --- available, unavailable, error ---

    def _onState(
        self, entry: RosterEntry, stanza: Element, contact: str, type: str | None
    ) -> Element | None:
        """
        Remember a resource of a contact whose presence the bot has subscribed to.
        Presence of others, and of rooms, is left to the callbacks.
        """
        known = entry.contacts.get(contact)
        resource = jid.splitJID(stanza["to"])[2]
        isForBot = resource in (None, entry.presentation.bot.resource)
        isRoom = firstChild(stanza, ns.MUC_USER, "x") is not None
        if known is None or isRoom or not isForBot:
            return stanza
        if type == "error":
            # The contact's server cannot be reached, or the account is gone.
            entry.setUnavailable(contact)
            return None
        if known.subscription.to is not Half.ACTIVE:
            return stanza
        name = jid.splitJID(stanza["from"])[2] or ""
        if type == "unavailable":
            entry.setUnavailable(contact, name)
        else:
            entry.setAvailable(contact, name, self._resourceOf(stanza))
        return None

    def _resourceOf(self, presence: Element) -> Resource:
        show, status = (_textOf(presence, name) for name in ("show", "status"))
        return Resource(show if show in SHOWS else "", status[:MAX_TEXT], self._now())

    # --- what others send from a bot ---

    def onReply(self, reply: Element) -> bool:
        """
        Handle what a callback has responded to a presence.

        @return: Whether it is handled; else it is to be sent.
        """
        if reply.name != "presence":
            return False
        entry = self._roster.find(reply.getAttribute("from", ""))
        if entry is None:
            return False
        contact = entry.of(str(jid.normaliseJID(reply.getAttribute("to", "")).bare))
        type = reply.getAttribute("type")
        if type in ("subscribed", "unsubscribed"):
            self._sender.carryOut(entry, decideRequest(contact, type))
            return True
        # An error would deny a request that stays pending.
        return type == "error" and contact.subscription.from_ is Half.PENDING

    def received(self, stanza: Element) -> None:
        """Do nothing: L{intercept} handles inbound stanzas."""

    def sent(self, xml: str) -> None:
        """
        Follow a subscription presence that a client has sent for a bot.

        @param xml: A stanza that was written.
        """
        if not xml.startswith("<presence") or "subscribe" not in xml:
            return
        try:
            _, attributes = parseStoredHead(xml)
        except UnparsableStanza:
            return
        type = attributes.get("type")
        entry = self._roster.find(attributes.get("from", ""))
        if entry is None or type not in SUBSCRIPTION_TYPES:
            return
        contact = str(jid.normaliseJID(attributes.get("to", "")).bare)
        decision = onSent(entry.of(contact), type)
        if decision.contact != entry.of(contact):
            self._sender.carryOut(entry, decision)


def _textOf(presence: Element, name: str) -> str:
    child = firstChild(presence, ns.CLIENT, name)
    return "" if child is None else str(child)
