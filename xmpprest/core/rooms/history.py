"""Recognises messages that a room repeats, in its history or its archive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import firstChild, make
from .values import SeenMessage

#: Begin the keys of messages with and without a stanza-id of the room.
_BY_ID, _BY_CONTENT = "s:", "f:"
#: Seconds by which the time in the history may differ from the time of reception. Two
#: equal messages without a stanza-id are the same one if they are not further apart.
TOLERANCE = 60.0
#: Messages of a room that are remembered, at least; rooms repeat 20 by default.
REMEMBERED = 256


def stanzaIDOf(message: Element, room: str) -> str | None:
    """
    Return the id that a room has given to a message (XEP-0359 §3); C{None} without one.
    """
    for each in message.children:
        if _isStanzaID(each) and each.getAttribute("by") == room:
            id: str | None = each.getAttribute("id")
            return id
    return None


def withoutStanzaID(message: Element, room: str) -> Element:
    """
    Return a message without ids in the name of a room that assigns none: an occupant
    has written them (XEP-0359 §6).
    """
    children = [
        each
        for each in message.children
        if not _isStanzaID(each)
        or str(jid.normaliseJID(each.getAttribute("by", ""))) != room
    ]
    if len(children) == len(message.children):
        return message
    return make("message", message.attributes, children, message.localPrefixes)


def _isStanzaID(child: Element | str) -> bool:
    return isinstance(child, Element) and (child.name, child.uri) == (
        "stanza-id",
        ns.SID,
    )


def keyOf(message: Element, room: str) -> str | None:
    """
    Return a key by which a message is recognised when the room repeats it.

    @return: The room's stanza-id, or else a hash of occupant, id and body; C{None} for
        a message that no room repeats.
    """
    id = stanzaIDOf(message, room)
    if id is not None:
        return _BY_ID + id
    body = firstChild(message, ns.CLIENT, "body")
    if body is None:
        return None
    own = message.getAttribute("id") or ""
    nick = message.getAttribute("from", "").partition("/")[2]
    text = "\0".join((nick, own, str(body)))
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=9).hexdigest()
    return f"{_BY_CONTENT}{digest}{'' if own else '-'}"


def archiveIDOf(key: str) -> str | None:
    """Return the stanza-id in a key; C{None} if the key is a hash."""
    return key.removeprefix(_BY_ID) if key.startswith(_BY_ID) else None


class RepeatFilter:
    """
    The messages of a room that were delivered before the bot entered again.

    @ivar lastArchiveID: The stanza-id of the last of them that has one.
    """

    def __init__(self, seen: Iterable[SeenMessage]) -> None:
        """@param seen: In the order in which they were delivered."""
        self.lastArchiveID: str | None = None
        self._times: list[float] = []
        #: The places of the messages with a key, in L{_times}.
        self._places: dict[str, list[int]] = {}
        #: The place behind the last message that the history has repeated.
        self._next = 0
        for each in seen:
            self.add(each.key, each.at)

    def add(self, key: str, at: float) -> None:
        """Add a message that is delivered now."""
        self.lastArchiveID = archiveIDOf(key) or self.lastArchiveID
        self._places.setdefault(key, []).append(len(self._times))
        self._times.append(at)

    def takes(self, key: str) -> bool:
        """Tell whether a message with a stanza-id is one of those delivered."""
        return archiveIDOf(key) is not None and key in self._places

    def countRepeated(
        self, keys: Sequence[str | None], stamps: Sequence[float], joinedAt: float
    ) -> int:
        """
        Return how many messages at the begin of a history are not new: they are from
        before the first join, or follow one another as those that were delivered. All
        from the first other one on are new, because the bot was away then; an equal
        message behind it is another one, and hides nothing.

        @param keys: Of the messages, in their order.
        @param stamps: When they were said.
        @param joinedAt: When the bot entered first; 0.0 if that is just now.
        """
        if len(self._times) >= REMEMBERED:
            # Those delivered before are forgotten.
            joinedAt = max(joinedAt, self._times[0] - TOLERANCE)
        count = 0
        for place, (key, stamp) in enumerate(zip(keys, stamps, strict=True), 1):
            isSeen = key is not None and self._repeats(key, stamp)
            # Rooms stamp whole seconds.
            if isSeen or stamp < int(joinedAt):
                count = place
            elif key is not None and stamp > joinedAt:
                break
        return count

    def _repeats(self, key: str, stamp: float) -> bool:
        """Tell whether a message is a later one of those delivered than the last."""
        places = self._places.get(key, [])
        for place in places[bisect_left(places, self._next) :]:
            isNear = abs(self._times[place] - stamp) <= TOLERANCE
            if isNear or archiveIDOf(key) is not None:
                self._next = place + 1
                return True
        return False


def isSubject(message: Element) -> bool:
    """Whether a message sets the subject, which ends the history (XEP-0045 §8.1)."""
    return (
        firstChild(message, ns.CLIENT, "subject") is not None
        and firstChild(message, ns.CLIENT, "body") is None
        and firstChild(message, ns.CLIENT, "thread") is None
    )
