"""The log of recent events, in their order."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterable
from itertools import chain, takewhile
from operator import attrgetter

from ..core.codec.events import (
    COMPLAINT,
    LOST,
    RATES,
    ROOM,
    STANZA,
    STATE,
    StanzaEvent,
)
from ..core.media.values import Value, toJSON

#: Maximum number of stanzas in the log, and of their characters.
COUNT = 1000
SIZE = 4 * 2**20
#: Maximum number of events of each other kind: of rates, those of 15 minutes.
MAX_OTHER_EVENTS = 180


class Event:
    """
    An event.

    @ivar number: Its position in the order of events.
    @ivar name: One of the names in L{xmpprest.core.codec.events}.
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
        """The event as JSON, made at first use and shared by all subscribers."""
        if self._data is None:
            content = self.content
            value = content.value if isinstance(content, StanzaEvent) else content
            self._data = toJSON(value)
        return self._data


class EventLog:
    """
    The recent events.

    @ivar last: The number of the last event.
    @ivar droppedUpTo: Events about stanzas may have been dropped up to this number.
    """

    def __init__(self) -> None:
        self._stanzas: deque[Event] = deque()
        self._size = 0
        self._others = {
            name: deque[Event](maxlen=MAX_OTHER_EVENTS)
            for name in (STATE, RATES, COMPLAINT, ROOM)
        }
        self._run = secrets.token_hex(4)
        self.last = 0
        self.droppedUpTo = 0

    def addEvent(self, name: str, value: dict[str, Value]) -> None:
        """Add an event that is not a stanza."""
        self._others[name].append(self._event(name, value))

    def addStanza(self, passed: StanzaEvent) -> None:
        """Add a stanza, and drop the oldest beyond the limits."""
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
        """Forget all stanzas, because they are no longer recorded."""
        self._stanzas.clear()
        self._size = 0
        self.last += 1
        self.droppedUpTo = self.last

    def lost(self, number: int, reason: str) -> Event:
        """Make the event that reports missing stanzas up to a number."""
        return Event(number, LOST, {"reason": reason})

    def id(self, event: Event) -> str:
        """Return the id of an event, which differs from those of other processes."""
        return f"{self._run}-{event.number}"

    def number(self, id: str) -> int | None:
        """Return the number of an event; C{None} if no event has had this id."""
        run, _, number = id.partition("-")
        # Numbers have at most 18 digits.
        if run != self._run or not re.fullmatch("[0-9]{1,18}", number):
            return None
        return int(number) if int(number) <= self.last else None

    def after(self, number: int, stanza: int) -> list[Event]:
        """
        Return events in their order.

        @param number: Number of the last event to leave out.
        @param stanza: Number of the last stanza to leave out.
        """
        others = (_after(events, number) for events in self._others.values())
        return sorted(
            chain(_after(self._stanzas, stanza), *others), key=attrgetter("number")
        )


def _after(events: deque[Event], number: int) -> Iterable[Event]:
    """Return the events after a number, searched from the end, where they are few."""
    return takewhile(lambda event: event.number > number, reversed(events))
