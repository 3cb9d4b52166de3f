"""Events, kept for a while, in their order."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterable
from itertools import chain, takewhile
from operator import attrgetter

from ..core.codec.events import COMPLAINT, LOST, RATES, STANZA, STATE, StanzaEvent
from ..core.media.values import Value, toJSON

#: How many stanzas are kept, and of how many characters.
COUNT = 1000
SIZE = 4 * 2**20
#: How many events of each other kind: of rates, those of 15 minutes.
MAX_OTHER_EVENTS = 180


class Event:
    """
    Something that has happened.

    @ivar number: Its place in the order of events.
    @ivar name: See L{xmpprest.core.codec.events}.
    """

    __slots__ = ("_data", "content", "name", "number")

    def __init__(
        self, number: int, name: str, content: StanzaEvent | dict[str, Value]
    ) -> None:
        self.number = number
        self.name = name
        self.content = content
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """As JSON; made when somebody wants it, and only once for all of them."""
        if self._data is None:
            content = self.content
            value = content.value if isinstance(content, StanzaEvent) else content
            self._data = toJSON(value)
        return self._data


class EventLog:
    """
    What has happened of late.

    @ivar last: The number of the last event.
    @ivar droppedUpTo: That of the last up to which stanzas may be missing.
    """

    def __init__(self) -> None:
        self._stanzas: deque[Event] = deque()
        self._size = 0
        self._others = {
            name: deque[Event](maxlen=MAX_OTHER_EVENTS)
            for name in (STATE, RATES, COMPLAINT)
        }
        self._run = secrets.token_hex(4)
        self.last = 0
        self.droppedUpTo = 0

    def addEvent(self, name: str, value: dict[str, Value]) -> None:
        """Something has happened that is no stanza."""
        self._others[name].append(self._event(name, value))

    def addStanza(self, passed: StanzaEvent) -> None:
        """A stanza has passed."""
        self._stanzas.append(self._event(STANZA, passed))
        self._size += len(passed.xml)
        while len(self._stanzas) > COUNT or self._size > SIZE:
            gone = self._stanzas.popleft()
            assert isinstance(gone.content, StanzaEvent)
            self._size -= len(gone.content.xml)
            self.droppedUpTo = gone.number

    def _event(self, name: str, content: StanzaEvent | dict[str, Value]) -> Event:
        self.last += 1
        return Event(self.last, name, content)

    def forget(self) -> None:
        """Nobody knows what stanzas have passed."""
        self._stanzas.clear()
        self._size = 0
        self.last += 1
        self.droppedUpTo = self.last

    def lost(self, number: int, reason: str) -> Event:
        """What there is to say about stanzas that are missing up to a number."""
        return Event(number, LOST, {"reason": reason})

    def id(self, event: Event) -> str:
        """The id of an event; those of another process are others."""
        return f"{self._run}-{event.number}"

    def number(self, id: str) -> int | None:
        """The number of an event; C{None}, there never was one with that id."""
        run, _, number = id.partition("-")
        # No number has more digits than that.
        if run != self._run or not re.fullmatch("[0-9]{1,18}", number):
            return None
        return int(number) if int(number) <= self.last else None

    def after(self, number: int, stanza: int) -> list[Event]:
        """
        What has happened, in its order.

        @param number: Of the last event that is left out.
        @param stanza: The same of stanzas.
        """
        others = (_after(events, number) for events in self._others.values())
        return sorted(
            chain(_after(self._stanzas, stanza), *others), key=attrgetter("number")
        )


def _after(events: deque[Event], number: int) -> Iterable[Event]:
    """Those behind a number; looked for from the end, since few are."""
    return takewhile(lambda event: event.number > number, reversed(events))
