"""
The events of the gateway, for the clients that subscribe to them.

Events are kept for a while, and each subscriber reads on from its own position: a slow
or disconnected subscriber delays no other, costs no memory, and is told what it missed.
Without subscribers, stanzas are not recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.words.xish.domish import Element

from ..core.codec.events import (
    COMPLAINT,
    IN,
    OUT,
    RATES,
    ROOM,
    STATE,
    ComplaintEvent,
    EventFilter,
    StanzaEvent,
)
from ..core.errors import serviceUnavailable
from ..core.media.values import Value
from ..core.policy.quota import Limits, Quota
from ..core.stanza.annotate import timestamp
from ..core.stanza.serializer import toXML
from ..core.stanza.stored import UnparsableStanza, parseStoredHead
from .event_log import EventLog
from .subscription import EventSubscription

#: The most characters of a text in the event of a room; no JID has as many.
MAX_TEXT = 4096
#: How many clients may subscribe.
MAX_SUBSCRIBERS = 16
#: Seconds for which stanzas are still recorded after the last subscriber has left, so
#: that a client whose connection broke can read on.
GRACE = 60.0


class EventHub:
    """
    A stream observer that records events for subscribers.

    @ivar isRecording: Whether stanzas are recorded: while there are subscribers, and
        for L{GRACE} seconds after the last one has left.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        """
        @param now: Returns the time of day, in seconds since 1970.
        """
        self._clock = clock
        self._now = now
        self._log = EventLog()
        #: The subscribers, and what each token holds of them.
        self._subscribers: Quota[str] = Quota()
        self._ending: IDelayedCall | None = None
        self._reconnects = 0
        self.isRecording = False
        self._addState("down")

    def sent(self, xml: str) -> None:
        """Record a stanza that has been written to the stream."""
        if not self.isRecording:
            return
        try:
            kind, said = parseStoredHead(xml)
        except UnparsableStanza:
            return  # The sender is told elsewhere.
        sender, to = said.get("from", ""), said.get("to", "")
        self._log.addStanza(StanzaEvent(self._now(), OUT, kind, sender, to, xml))

    def received(self, stanza: Element) -> None:
        """Record a stanza that has arrived."""
        if not self.isRecording:
            return
        said = stanza.attributes
        sender, to = said.get("from", ""), said.get("to", "")
        self._log.addStanza(
            StanzaEvent(self._now(), IN, stanza.name, sender, to, toXML(stanza))
        )

    def connected(self) -> None:
        """Record that the stream to the server is up."""
        self._addState("up")

    def disconnected(self) -> None:
        """Record that the stream to the server is lost."""
        self._reconnects += 1
        self._addState("down")

    def _addState(self, state: str) -> None:
        since = timestamp(self._now())
        self._log.addEvent(
            STATE, {"state": state, "since": since, "reconnects": self._reconnects}
        )

    def complaint(self, event: ComplaintEvent) -> None:
        """Record a fault in a callback's response."""
        self._log.addEvent(COMPLAINT, event.value(self._now()))

    def room(self, value: dict[str, Value]) -> None:
        """
        Record that a bot has entered a room, or was removed from one. Texts beyond
        L{MAX_TEXT} are cut, since a room may send as much as a stanza holds.
        """
        short = {
            key: each[:MAX_TEXT] if isinstance(each, str) else each
            for key, each in value.items()
        }
        self._log.addEvent(ROOM, {"time": timestamp(self._now()), **short})

    @property
    def hasSubscribers(self) -> bool:
        """C{True} while any client is subscribed."""
        return self._subscribers.count > 0

    def rates(self, value: dict[str, Value]) -> None:
        """Record how much has happened, and how fast."""
        self._log.addEvent(RATES, {"time": timestamp(self._now()), **value})

    def subscribe(
        self, wanted: EventFilter, after: str | None = None, token: str = ""
    ) -> EventSubscription:
        """
        Add a subscriber.

        @param wanted: Selects the stanzas, as L{EventSubscription} takes it.
        @param after: The id of the last event that the client has seen; C{None} to
            begin with the current state.
        @param token: The name of the token that subscribes; empty for credentials.
        @return: The subscription, which its owner must close.
        @raise Refusal: 503 if there are L{MAX_SUBSCRIBERS} already, or if the token
            has as many as are free.
        """
        holders = (token,) if token else ()
        excess = self._subscribers.excess(Limits(MAX_SUBSCRIBERS), holders)
        if excess is not None and excess.holder is None:
            raise serviceUnavailable(
                "resource-constraint",
                f"{MAX_SUBSCRIBERS} clients watch the events already; try again when"
                " one of them has left.",
                retryAfter=30,
            )
        if excess is not None:
            raise serviceUnavailable(
                "resource-constraint",
                f"The token {token!r} watches the events as often as others still can;"
                " try again when one of its clients has left.",
                retryAfter=30,
            )
        self._subscribers.add(holders)
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self.isRecording = True
        return EventSubscription(self._log, wanted, after, partial(self._left, holders))

    def _left(self, holders: tuple[str, ...]) -> None:
        self._subscribers.remove(holders)
        if not self._subscribers.count:
            self._ending = self._clock.callLater(GRACE, self._end)

    def _end(self) -> None:
        """Stop recording: no client has come back."""
        self._ending = None
        self._log.forget()
        self.isRecording = False
