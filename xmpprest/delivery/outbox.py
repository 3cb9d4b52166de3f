"""
The way out with a store: what is accepted is kept until the server has taken it.

A message is committed, written, and confirmed by a barrier that comes back behind it
(behaviour.md §5). Whatever is not confirmed when the stream breaks, or the gateway
ends, is written again, with the same id, before all that was accepted later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core import jid
from ..core.errors import Refusal, unavailable
from ..core.parser import parseDocument
from ..core.records import (
    BOUNCED,
    CONFIRMED,
    QUEUED,
    SENT,
    Accepted,
    Answered,
    Change,
    Depth,
    Outgoing,
    StoreUnavailable,
)
from ..core.stamps import delayed, identified
from ..core.writer import toXML
from .backlog import Backlog, Held
from .recorder import Recorder

_log = Logger()

#: How many messages may be on their way without a confirmation in the store, so that
#: no more are sent twice when the gateway or the server dies.
WINDOW = 512
#: Seconds after which a message says that it was held back.
DELAY = 30.0
#: Seconds between a barrier that has come back and the next.
PAUSE = 0.005
#: Seconds until something that failed is tried again.
RETRY = 1.0
#: Seconds that the messages on their way have to be confirmed when the gateway stops.
STOP_TIMEOUT = 5.0


class Stream(Protocol):
    """The stream to the XMPP server."""

    def check(self, xml: str) -> None:
        """Raise L{Refusal} if a message is too long to be written."""

    def write(self, xml: str) -> None:
        """Write a message; raises L{Refusal} if that cannot be done now."""

    def send(self, stanza: Element) -> None:
        """Write any stanza; the same."""


class Barrier(Protocol):
    """Tells what the server has taken."""

    def cross(self) -> Awaitable[bool]:
        """
        Wait until it has taken all that was written before; C{False}, it cannot be
        found out. Raises L{Refusal} if the stream was lost.
        """


class OutgoingStore(Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def accept(
        self, id: str, to: str, stanza: str, at: float, answered: Answered | None = None
    ) -> Deferred[int | Answered]:
        """Keep a message that is to be sent."""

    def outgoing(self, after: int, limit: int) -> Deferred[Sequence[Outgoing]]:
        """Those queued, from after one."""

    def change(self, changes: Sequence[Change]) -> Deferred[None]:
        """Let messages come into other states."""

    def outgoingByID(self, id: str) -> Deferred[Outgoing | None]:
        """The newest with an id."""

    def outgoingDepth(self) -> Deferred[Depth]:
        """Of those queued."""


class Outbox(Service):
    """
    The way out with a store.

    @ivar waiting: How many messages are not confirmed yet.
    """

    def __init__(
        self,
        store: OutgoingStore,
        stream: Stream,
        barrier: Barrier,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        domain: str,
        limit: int,
        maxAge: float,
    ) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        @param domain: The component domain.
        @param limit: How many messages may wait.
        @param maxAge: For how long, in seconds, before others are refused.
        """
        self._store = store
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._now = now
        self._domain = domain
        self._limit = limit
        self._maxAge = maxAge
        self._backlog = Backlog(store.outgoing, self._pump, self._retry)
        self._recorder = Recorder(store.change, self._recorded, clock)
        #: Those written and not confirmed, by number, in order.
        self._wire: dict[int, Held] = {}
        self._outcomes: dict[int, Deferred[Element | None]] = {}
        self._timer: IDelayedCall | None = None
        self._pause: IDelayedCall | None = None
        self._isOnline = False
        self._streams = 0
        self._isCrossing = False
        self._stopping: Deferred[None] | None = None
        self.waiting = 0

    # --- accepting ---

    def keeps(self, stanza: Element) -> bool:
        """Whether a stanza is kept until it is confirmed: every message is."""
        return bool(stanza.name == "message")

    async def accept(
        self, stanza: Element, answered: Answered | None = None
    ) -> Accepted | Answered:
        """
        Take a message or a presence. A message is kept once this returns.

        @param stanza: Complete, as L{submission<xmpprest.core.rules.submission>}
            makes it.
        @param answered: Kept with a message, or not at all.
        @return: What there was with that key already; then nothing is sent.
        @raise Refusal: 503, it was not accepted; 413, it is too long.
        """
        if not self.keeps(stanza):
            self._stream.send(stanza)
            return Accepted()
        xml = identified(stanza, toXML(stanza))
        self._stream.check(xml)
        self._requireRoom()
        held = Held(0, stanza["id"], stanza["to"], xml, self._now())
        keeping = self._store.accept(held.id, held.to, xml, held.acceptedAt, answered)
        # Who waits may leave, and the message is sent all the same.
        kept: Deferred[int | Answered] = Deferred()
        keeping.addCallback(self._kept, held).addCallbacks(kept.callback, kept.errback)
        try:
            found = await kept
        except StoreUnavailable as error:
            raise unavailable(
                "resource-constraint",
                f"The message cannot be kept, and so it was not accepted: {error}.",
                retryAfter=5,
            ) from None
        return Accepted(found) if isinstance(found, int) else found

    def _requireRoom(self) -> None:
        oldest = next(iter(self._wire.values()), self._backlog.head)
        isLate = oldest and oldest.acceptedAt < self._now() - self._maxAge
        if isLate or self.waiting >= self._limit:
            raise unavailable(
                "resource-constraint",
                f"{self.waiting} messages wait for the XMPP server already"
                f"{', the oldest for too long' if isLate else ''}; try again.",
                retryAfter=30,
            )

    def _kept(self, found: int | Answered, held: Held) -> int | Answered:
        if isinstance(found, int):
            held.number = found
            self.waiting += 1
            self._backlog.add(held)
            self._pump()
        return found

    # --- telling ---

    def outcome(self, number: int, timeout: float) -> Deferred[Element | None]:
        """
        Wait until a message that was accepted just now is confirmed or bounced.

        @param timeout: Seconds.
        @return: Fires with the error that came back; or with C{None}, there is none
            yet.
        """
        outcome: Deferred[Element | None] = Deferred()
        self._outcomes[number] = outcome
        timer = self._clock.callLater(timeout, outcome.callback, None)

        def over(result: object) -> object:
            if timer.active():
                timer.cancel()
            self._outcomes.pop(number, None)
            return result

        outcome.addBoth(over)
        return outcome

    async def status(self, id: str) -> Outgoing | None:
        """
        What has become of a message.

        @raise StoreUnavailable: Nobody can tell at the moment.
        """
        found = await self._store.outgoingByID(id)
        written = self._wire.get(found.number) if found else None
        if found is None or written is None or found.state != QUEUED:
            return found
        return replace(found, state=SENT, changedAt=written.writtenAt)

    # --- what the stream tells ---

    def online(self) -> None:
        """The stream is up."""
        self._isOnline = True
        self._pump()

    def offline(self) -> None:
        """The stream is gone, and who knows what the server has read of it."""
        self._isOnline = False
        self._streams += 1
        self._backlog.putBack(self._wire.values())
        self._wire.clear()
        self._checkStopped()

    def notice(self, stanza: Element) -> None:
        """
        See whether an inbound stanza is an error in answer to a message.
        """
        id = stanza.getAttribute("id")
        isError = stanza.getAttribute("type") == "error"
        if stanza.name != "message" or not isError or not id:
            return
        for held in self._wire.values():
            if held.id == id and _isAnswer(stanza, held.to):
                self._settle([held.number], BOUNCED, stanza)
                return
        noting = Deferred.fromCoroutine(self._noteLate(stanza, id))
        noting.addErrback(
            lambda reason: _log.failure("A bounce was not recorded.", failure=reason)
        )

    async def _noteLate(self, error: Element, id: str) -> None:
        """An error has come for a message that was confirmed already."""
        with suppress(StoreUnavailable):
            found = await self._store.outgoingByID(id)
            if found and found.state != BOUNCED and _isAnswer(error, found.to):
                change = Change(found.number, BOUNCED, self._now(), toXML(error))
                self._recorder.record([change])

    # --- sending ---

    def startService(self) -> None:
        """Send what there is."""
        super().startService()
        self._store.outgoingDepth().addCallbacks(self._count, lambda reason: None)
        self._pump()

    def stopService(self) -> Deferred[None] | None:
        """
        Write nothing more.

        @return: Fires once all that was written is confirmed, and that is recorded,
            or after L{STOP_TIMEOUT}: then it will be sent again.
        """
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        stopping = self._stopping = Deferred()
        timeout = self._clock.callLater(STOP_TIMEOUT, stopping.callback, None)

        def stopped(result: None) -> None:
            self._stopping = None
            if timeout.active():
                timeout.cancel()
            if self._pause is not None:
                self._pause.cancel()
                self._pause = None
            self._recorder.stop()

        stopping.addCallback(stopped)
        self._checkStopped()
        return stopping

    def _checkStopped(self) -> None:
        isDone = not (self._wire and self._isOnline) and not self._recorder.pending
        if self._stopping is not None and isDone:
            self._stopping.callback(None)

    def _count(self, depth: Depth) -> None:
        """Add what an earlier process has left."""
        self.waiting += depth.count

    def _retry(self) -> None:
        """Try again, later."""
        if self.running and not (self._timer and self._timer.active()):
            self._timer = self._clock.callLater(RETRY, self._pump)

    def _pump(self) -> None:
        """Write as much as may be on its way, and let a barrier follow."""
        if self.running:
            self._write()
            self._backlog.refill()
        if self._wire and not self._isCrossing and self._pause is None:
            self._isCrossing = True
            crossing = Deferred.fromCoroutine(self._cross(next(reversed(self._wire))))
            crossing.addErrback(
                lambda reason: _log.failure("A barrier broke.", failure=reason)
            )

    def _write(self) -> None:
        try:
            while self._isOnline and (held := self._next()) is not None:
                self._stream.write(self._stamped(held))
                held.writtenAt = self._now()
                self._wire[held.number] = self._backlog.pop()
        except Refusal:
            # The server does not keep up.
            self._retry()

    def _next(self) -> Held | None:
        onTheirWay = len(self._wire) + self._recorder.pending
        return self._backlog.head if onTheirWay < WINDOW else None

    def _stamped(self, held: Held) -> str:
        if self._now() - held.acceptedAt <= DELAY:
            return held.xml
        try:
            message = parseDocument(held.xml.encode())
        except Refusal:
            return held.xml  # It is as large as one may be.
        return toXML(delayed(message, self._domain, held.acceptedAt))

    async def _cross(self, last: int) -> None:
        """
        Send a barrier behind a message, and confirm all up to that when it is back.
        """
        streams = self._streams
        try:
            isTaken = await self._barrier.cross()
        except Refusal:
            self._retry()
            return
        finally:
            self._isCrossing = False
        if streams == self._streams:
            state = CONFIRMED if isTaken else SENT
            self._settle([n for n in self._wire if n <= last], state)
        # So that under load there is one for many, and one record of them.
        self._pause = self._clock.callLater(PAUSE, self._goOn)
        self._pump()
        self._checkStopped()

    def _goOn(self) -> None:
        self._pause = None
        self._pump()

    def _settle(
        self, numbers: Sequence[int], state: str, error: Element | None = None
    ) -> None:
        """Messages are no longer on their way."""
        at, report = self._now(), toXML(error) if error else None
        for number in numbers:
            del self._wire[number]
            if number in self._outcomes:
                self._outcomes[number].callback(error)
        self.waiting -= len(numbers)
        self._recorder.record([Change(n, state, at, report) for n in numbers])

    def _recorded(self) -> None:
        self._pump()
        self._checkStopped()


def _isAnswer(error: Element, to: str) -> bool:
    """Whether an error may be from whom a message was for, or from their server."""
    sender, peer = jid.normalise(error.getAttribute("from", "")), jid.normalise(to)
    return sender in (peer, peer.bare, jid.JID("", peer.domain, ""))
