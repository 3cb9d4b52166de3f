"""Somebody who watches: a place in the order of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from ..core.codec.events import EventFilter, StanzaEvent
from .event_log import Event, EventLog


class EventSubscription:
    """
    Reads a record, from a place on.
    """

    def __init__(
        self,
        record: EventLog,
        wanted: EventFilter,
        after: str | None,
        left: Callable[[], None],
    ) -> None:
        """
        @param wanted: Which stanzas; of all else, everything.
        @param after: The id of the event that was seen last; C{None}, with what is
            known now, and with the stanzas that are still to pass.
        @param left: Called when nothing will be read any more.
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
        Read on.

        @param limit: How many events at most.
        @return: They, each behind its id.
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
        # What is lost from now on, is so because nobody has read on.
        self._reason = "slow"
        events = self._record.after(self._seen, self._stanza)
        if self._lost is None:
            return events
        return sorted([*events, self._lost], key=attrgetter("number"))

    def close(self) -> None:
        """Read no more."""
        self._left()
