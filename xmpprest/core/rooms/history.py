"""Recognises messages that a room repeats, in its history or its archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import firstChild
from .values import SeenMessage

#: Begin the keys of messages with and without a stanza-id of the room.
_BY_ID, _BY_CONTENT = "s:", "f:"
#: Seconds by which the time in the history may differ from the time of reception. Two
#: messages with the same id and body are the same one if they are not further apart;
#: of messages without an id, people say the same again soon.
TOLERANCE, TOLERANCE_WITHOUT_ID = 3600.0, 60.0
#: Messages of a room that are remembered, at least; rooms repeat 20 by default.
REMEMBERED = 256


def stanzaIDOf(message: Element, room: str) -> str | None:
    """
    Return the id that a room has given to a message (XEP-0359 §3); C{None} without one.
    """
    for each in message.children:
        if (
            isinstance(each, Element)
            and each.name == "stanza-id"
            and each.uri == ns.SID
            and each.getAttribute("by") == room
        ):
            id: str | None = each.getAttribute("id")
            return id
    return None


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
        self._ids: set[str] = set()
        self._times: dict[str, list[float]] = {}
        for each in seen:
            self.add(each.key, each.at)

    def add(self, key: str, at: float) -> None:
        """Add a message that is delivered now."""
        id = archiveIDOf(key)
        if id is None:
            self._times.setdefault(key, []).append(at)
        else:
            self.lastArchiveID = id
            self._ids.add(key)

    def takes(self, key: str, stamp: float) -> bool:
        """
        Tell whether a message is one of those that were delivered. Of messages without
        a stanza-id, each stands for one repetition only.

        @param stamp: When the message was said.
        """
        if archiveIDOf(key) is not None:
            return key in self._ids
        tolerance = TOLERANCE_WITHOUT_ID if key.endswith("-") else TOLERANCE
        times = self._times.get(key, [])
        for each in times:
            if abs(each - stamp) <= tolerance:
                times.remove(each)
                return True
        return False

    def countRepeated(self, keys: Sequence[str | None], stamps: Sequence[float]) -> int:
        """
        Return how many messages at the begin of a history are not new. What was said
        before a message that was delivered was delivered, too, or is from before the
        first join.

        @param keys: Of the messages, in their order.
        @param stamps: When they were said.
        """
        count = 0
        for place, (key, stamp) in enumerate(zip(keys, stamps, strict=True), 1):
            if key is not None and self.takes(key, stamp):
                count = place
        return count


def isSubject(message: Element) -> bool:
    """Whether a message sets the subject, which ends the history (XEP-0045 §8.1)."""
    return (
        firstChild(message, ns.CLIENT, "subject") is not None
        and firstChild(message, ns.CLIENT, "body") is None
        and firstChild(message, ns.CLIENT, "thread") is None
    )


def roomOf(stanza: Element) -> str:
    """Return the bare address of the room that a stanza comes from."""
    return jid.bareOf(stanza.getAttribute("from", ""))
