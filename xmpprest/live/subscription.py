"""A subscription: a position in the order of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from ..core.codec.events import EventFilter, StanzaEvent
from .event_log import Event, EventLog


class EventSubscription:
    """
    Reads the log of events from a position on.
    """

    def __init__(
        self,
        record: EventLog,
        wanted: EventFilter,
        after: str | None,
        left: Callable[[], None],
    ) -> None:
        """
        @param wanted: Selects the stanzas; other events are always read.
        @param after: The id of the last event that the client has seen; C{None} to
            begin with the current state and the next stanza.
        @param left: Called when the subscription is closed.
        """
        self._record = record
        self._wanted = wanted
        self._left = left
        self._lost: Event | None = None
        self._reason = "old"
        found = None if after is None else record.number(after)
        self._seen = found or 0
        self._stanza = record.last if found is None else found
        if after is not None and found is None:
            self._lost = record.lost(record.last, "unknown")

    def read(self, limit: int) -> Sequence[tuple[str, Event]]:
        """
        Return the next events.

        @param limit: Maximum number of events.
        @return: Pairs of an event's id and the event.
        """
        found: list[tuple[str, Event]] = []
        for event in self._next():
            if len(found) == limit:
                break
            self._seen = event.number
            self._stanza = max(self._stanza, event.number)
            if event is self._lost:
                self._lost = None
            if (
                not isinstance(event.content, StanzaEvent)
                or event.content in self._wanted
            ):
                found.append((self._record.id(event), event))
        return found

    def _next(self) -> list[Event]:
        missing = self._record.droppedUpTo
        if self._stanza < missing:
            self._stanza = missing
            self._lost = self._record.lost(missing, self._reason)
        # Later losses are because the subscriber has not read on.
        self._reason = "slow"
        events = self._record.after(self._seen, self._stanza)
        if self._lost is None:
            return events
        return sorted([*events, self._lost], key=attrgetter("number"))

    def close(self) -> None:
        """End the subscription."""
        self._left()
