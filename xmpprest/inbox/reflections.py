"""Recognises messages that a room sends back to their author (XEP-0045)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..core.records import StoreUnavailable
from ..core.stanza import jid
from ..core.stanza import namespaces as ns
from ..core.stanza.build import firstChild
from ..core.stanza.stored import UnparsableStanza, parseStoredHead

_K = TypeVar("_K")
_V = TypeVar("_V")

#: Number of sent room messages, and of occupants, that are remembered in memory.
MAX_REMEMBERED = 10_000

#: Presence with this status is the occupant's own (XEP-0045 §7.2.2).
_SELF = "110"

#: In presence that enters a room (XEP-0045 §7.2.1).
_MUC = "http://jabber.org/protocol/muc'"

_OCCUPANT_ID = "urn:xmpp:occupant-id:0"


class SentMessage(NamedTuple):
    """
    A groupchat message that the gateway has sent.

    @ivar room: Bare address of the room.
    @ivar sender: Address of this gateway that sent it.
    """

    id: str
    room: str
    sender: str


class _Occupant(NamedTuple):
    """An occupant of a room, as the room shows it."""

    nick: str
    occupantID: str | None


#: Looks up in the store whether a message was sent.
SentLookup = Callable[[SentMessage], Deferred[bool]]


class ReflectionFilter:
    """
    Knows the groupchat messages that the gateway has sent, and its own occupants.

    An observer of the stream.
    """

    def __init__(self, wasSent: SentLookup | None = None) -> None:
        """
        @param wasSent: Looks up messages that are not in memory; C{None} if there is no
            store.
        """
        self._wasSent = wasSent
        self._sent: OrderedDict[SentMessage, None] = OrderedDict()
        #: Rooms and senders of presence with which the gateway has asked to enter.
        self._entered: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._occupants: OrderedDict[tuple[str, str], _Occupant] = OrderedDict()

    # --- stream observer ---

    def sent(self, xml: str) -> None:
        """
        Remember a groupchat message that has been written to the stream, or a presence
        that enters a room.
        """
        isMessage = xml.startswith("<message") and "groupchat" in xml
        if not isMessage and not (xml.startswith("<presence") and _MUC in xml):
            return
        try:
            _, attributes = parseStoredHead(xml)
        except UnparsableStanza:
            return
        id, to, sender = map(attributes.get, ("id", "to", "from"))
        if not (to and sender):
            return
        room = jid.bareOf(to)
        if not isMessage:
            _remember(self._entered, (room, sender), None)
        elif attributes.get("type") == "groupchat" and id:
            _remember(self._sent, SentMessage(id, room, sender), None)

    def received(self, stanza: Element) -> None:
        """
        Remember which occupant of a room is this gateway's own. Only rooms that the
        gateway has asked to enter are believed.
        """
        if stanza.name != "presence":
            return
        room, _, nick = stanza.attributes.get("from", "").partition("/")
        key = (room, stanza.attributes.get("to", ""))
        if key not in self._entered or not _isOwn(stanza):
            return
        if stanza.getAttribute("type") == "unavailable":
            self._occupants.pop(key, None)
        elif not stanza.getAttribute("type"):
            _remember(self._occupants, key, _Occupant(nick, _occupantID(stanza)))

    # --- queries ---

    def mayBe(self, stanza: Element) -> bool:
        """Check whether a stanza is a message of the bot's own occupant in a room."""
        return self._candidate(stanza) is not None

    def isKnown(self, stanza: Element) -> bool:
        """Check whether a stanza is the reflection of a message that is in memory."""
        message = self._candidate(stanza)
        return message is not None and self._isSent(stanza, message)

    async def isReflection(self, stanza: Element) -> bool:
        """
        Check whether a stanza is a reflection.

        @return: C{False} also if the store, which had to be asked, is unavailable.
        """
        message = self._candidate(stanza)
        if message is None:
            return False
        if self._isSent(stanza, message):
            return True
        if self._wasSent is None:
            return False
        try:
            isSent = await self._wasSent(message)
        except StoreUnavailable:
            return False
        if isSent:
            _remember(self._sent, message, None)
        return isSent and self._isSent(stanza, message)

    def _candidate(self, stanza: Element) -> SentMessage | None:
        """
        Return the message that a stanza would be the reflection of; C{None} if it is
        from another occupant, or not from a room.
        """
        attributes = stanza.attributes
        type, id = attributes.get("type"), attributes.get("id")
        if stanza.name != "message" or type != "groupchat" or not id:
            return None
        room, _, nick = attributes["from"].partition("/")
        own = self._occupants.get((room, attributes["to"]))
        if own is not None:
            occupantID = _occupantID(stanza)
            if own.occupantID is not None and occupantID is not None:
                isOther = own.occupantID != occupantID
            else:
                isOther = own.nick != nick
            if isOther:
                return None
        return SentMessage(id, room, attributes["to"])

    def _isSent(self, stanza: Element, message: SentMessage) -> bool:
        """
        Check whether a message is in memory. If the own occupant is not known, the
        first message with its id tells: a room sends it before any imitation.
        """
        if message not in self._sent:
            return False
        nick = stanza["from"].partition("/")[2]
        key = (message.room, message.sender)
        if key not in self._occupants:
            _remember(self._occupants, key, _Occupant(nick, _occupantID(stanza)))
        return True


def _isOwn(presence: Element) -> bool:
    extension = firstChild(presence, ns.MUC_USER, "x")
    return extension is not None and any(
        each.getAttribute("code") == _SELF
        for each in extension.elements(ns.MUC_USER, "status")
    )


def _occupantID(stanza: Element) -> str | None:
    """Return the occupant's id (XEP-0421); C{None} if the room gives none."""
    found = firstChild(stanza, _OCCUPANT_ID, "occupant-id")
    return None if found is None else found.getAttribute("id")


def _remember(memory: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    """Add an entry; drop the oldest one if there are too many."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MAX_REMEMBERED:
        memory.popitem(last=False)
