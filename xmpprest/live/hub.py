"""
What the gateway does, as it does it, for those who watch.

Events are kept for a while, and whoever watches reads on from where they are: so who
is slow, or was away, holds up nobody, costs no memory, and is told what was lost. While
nobody watches, stanzas leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.words.xish.domish import Element

from ..core.codec.events import IN, OUT, RATES, STATE, EventFilter, StanzaEvent
from ..core.errors import serviceUnavailable
from ..core.media.values import Value
from ..core.stanza.annotate import timestamp
from ..core.stanza.serializer import toXML
from ..core.stanza.stored import UnparsableStanza, parseStoredHead
from .event_log import EventLog
from .subscription import EventSubscription

#: How many may watch.
MAX_SUBSCRIBERS = 16
#: Seconds for which stanzas are recorded when nobody watches any more, so that who was
#: cut off can read on.
GRACE = 60.0


class EventHub:
    """
    Takes down what happens.

    @ivar onSubscribersChanged: Called with C{True} when stanzas are wanted, and with
        C{False} when they no longer are. Set by the composition root, which sees to it
        that L{sent}
        and L{received} are called between the two.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        """
        self._clock = clock
        self._now = now
        self._record = EventLog()
        self._watching = 0
        self._ending: IDelayedCall | None = None
        self._reconnects = 0
        self.onSubscribersChanged: Callable[[bool], None] = lambda isWatched: None
        self._tellState("down")

    def sent(self, xml: str) -> None:
        """A stanza has been written to the stream."""
        try:
            kind, said = parseStoredHead(xml)
        except UnparsableStanza:
            return  # Whoever has written it does not hear of it.
        sender, to = said.get("from", ""), said.get("to", "")
        self._record.addStanza(StanzaEvent(self._now(), OUT, kind, sender, to, xml))

    def received(self, stanza: Element) -> None:
        """A stanza has come."""
        said = stanza.attributes
        sender, to = said.get("from", ""), said.get("to", "")
        self._record.addStanza(
            StanzaEvent(self._now(), IN, stanza.name, sender, to, toXML(stanza))
        )

    def streamConnected(self) -> None:
        """There is a stream to the server."""
        self._tellState("up")

    def streamLost(self) -> None:
        """It is gone."""
        self._reconnects += 1
        self._tellState("down")

    def _tellState(self, state: str) -> None:
        since = timestamp(self._now())
        self._record.addEvent(
            STATE, {"state": state, "since": since, "reconnects": self._reconnects}
        )

    @property
    def hasSubscribers(self) -> bool:
        """Whether anybody watches."""
        return self._watching > 0

    def rates(self, value: dict[str, Value]) -> None:
        """How much has happened, and how fast."""
        self._record.addEvent(RATES, {"time": timestamp(self._now()), **value})

    def subscribe(
        self, wanted: EventFilter, after: str | None = None
    ) -> EventSubscription:
        """
        Begin to watch.

        @param wanted: See L{EventSubscription}, as for C{after}.
        @return: To be closed in the end.
        @raise Refusal: 503, too many watch already.
        """
        if self._watching >= MAX_SUBSCRIBERS:
            raise serviceUnavailable(
                "resource-constraint",
                f"{MAX_SUBSCRIBERS} clients watch the events already; try again when "
                "one of"
                " them has left.",
                retryAfter=30,
            )
        self._watching += 1
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        elif self._watching == 1:
            self.onSubscribersChanged(True)
        return EventSubscription(self._record, wanted, after, self._left)

    def _left(self) -> None:
        self._watching -= 1
        if not self._watching:
            self._ending = self._clock.callLater(GRACE, self._end)

    def _end(self) -> None:
        """Nobody has come back."""
        self._ending = None
        self._record.forget()
        self.onSubscribersChanged(False)
