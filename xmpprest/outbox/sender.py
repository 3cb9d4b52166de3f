"""
Writes messages to the stream, and finds out that the server has taken them.

What is not known to be taken when the stream breaks is written again, before all else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.records import BOUNCED, CONFIRMED, SENT, OutboxRecord, StateChange
from ..core.stanza.annotate import withDelay
from ..core.stanza.serializer import toXML
from .backlog import Backlog, QueuedMessage
from .recorder import RETRY, Recorder

_log = Logger()

#: How many messages may be on their way without a confirmation in the store, so that
#: no more are sent twice when the gateway or the server dies.
MAX_IN_FLIGHT = 512
#: Seconds after which a message says that it was held back.
DELAY_STAMP_AFTER = 30.0
#: Seconds between a barrier that has come back and the next.
BARRIER_INTERVAL = 0.005


class OutboundStream(Protocol):
    """The stream to the XMPP server."""

    def checkSize(self, xml: str) -> None:
        """Raise L{Refusal} if a message is too long to be written."""

    def write(self, xml: str) -> None:
        """Write a message; raises L{Refusal} if that cannot be done now."""

    def send(self, stanza: Element) -> None:
        """Write any stanza; the same."""


class DeliveryBarrier(Protocol):
    """Tells what the server has taken."""

    def wait(self) -> Awaitable[bool]:
        """
        Wait until it has taken all that was written before; C{False}, it cannot be
        found out. Raises L{Refusal} if the stream was lost, or the server is slow.
        """


class SenderStore(Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        """Those queued, from after one."""

    def updateStates(self, changes: Sequence[StateChange]) -> Deferred[None]:
        """Let messages come into other states."""


#: Hears that messages are no longer on their way: their numbers, their state, and the
#: error if one came back.
OnSettled = Callable[[Sequence[int], str, Element | None], None]


class OutboxSender:
    """
    Messages on their way, from the store to the server.

    @ivar last: The highest number that was ever written.
    """

    def __init__(
        self,
        store: SenderStore,
        stream: OutboundStream,
        barrier: DeliveryBarrier,
        settled: OnSettled,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        domain: str,
    ) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        @param domain: The component domain.
        """
        self._stream = stream
        self._barrier = barrier
        self._settled = settled
        self._clock = clock
        self._now = now
        self._domain = domain
        self._backlog = Backlog(store.queuedMessages, self.flush, self._retry)
        self._recorder = Recorder(store.updateStates, self.flush, clock)
        #: Those written and not known to be taken, by number, in order.
        self._written: dict[int, QueuedMessage] = {}
        self._retrying: IDelayedCall | None = None
        self._pausing: IDelayedCall | None = None
        self._isCrossing = False
        self._isOnline = False
        self._streams = 0
        self._closing: Deferred[None] | None = None
        self._isOpen = False
        self.last = 0

    @property
    def oldest(self) -> QueuedMessage | None:
        """The first of those in memory."""
        return next(iter(self._written.values()), self._backlog.head)

    @property
    def pendingChanges(self) -> int:
        """How many changes are not in the store yet."""
        return self._recorder.pending

    def open(self, isOnline: bool) -> None:
        """
        Begin to write.

        @param isOnline: Whether there is a stream already.
        """
        self._isOpen = True
        self._isOnline = isOnline
        self.flush()

    def online(self) -> None:
        """There is a stream."""
        self._isOnline = True
        self.flush()

    def offline(self) -> None:
        """The stream is gone, and who knows what the server has read of it."""
        self._isOnline = False
        self._streams += 1
        self._backlog.putBack(self._written.values())
        self._written.clear()
        self._checkClosed()

    def add(self, *held: QueuedMessage) -> None:
        """The newest messages have been kept."""
        for each in held:
            self._backlog.add(each)
        self.flush()

    def written(self, number: int) -> QueuedMessage | None:
        """A message, if it is on its way."""
        return self._written.get(number)

    def bounce(
        self, error: Element, id: str, isAnswer: Callable[[Element, str], bool]
    ) -> bool:
        """
        See whether an error is about a message on its way.

        @param isAnswer: Tells whether the error may be about a message to somebody.
        """
        for held in self._written.values():
            if held.id == id and isAnswer(error, held.to):
                self._settle([held.number], BOUNCED, error)
                return True
        return False

    def record(
        self, numbers: Sequence[int], state: str, error: Element | None = None
    ) -> None:
        """Record what has become of messages."""
        at, report = self._now(), toXML(error) if error else None
        self._recorder.record([StateChange(n, state, at, report) for n in numbers])

    def close(self) -> Deferred[None]:
        """
        Write nothing more.

        @return: Fires once all that was written is taken, and that is recorded; or the
            stream is gone.
        """
        self._isOpen = False
        closing = self._closing = Deferred()
        self._checkClosed()
        return closing

    def end(self) -> None:
        """Leave the rest to the store."""
        for timer in (self._retrying, self._pausing):
            if timer is not None and timer.active():
                timer.cancel()
        self._pausing = None
        self._closing = None
        self._recorder.stop()

    def flush(self) -> None:
        """Write as much as may be on its way, and let a barrier follow."""
        if self._isOpen:
            self._write()
            self._backlog.refill()
        if self._written and not self._isCrossing and self._pausing is None:
            self._isCrossing = True
            last = next(reversed(self._written))
            crossing = Deferred.fromCoroutine(self._cross(last))
            crossing.addErrback(
                lambda reason: _log.failure("A barrier broke.", failure=reason)
            )
        self._checkClosed()

    def _write(self) -> None:
        try:
            while self._isOnline and (held := self._next()) is not None:
                self._stream.write(self._stamped(held))
                held.writtenAt = self._now()
                self._written[held.number] = self._backlog.pop()
                self.last = max(self.last, held.number)
        except Refusal:
            # The server does not keep up.
            self._retry()

    def _next(self) -> QueuedMessage | None:
        onTheirWay = len(self._written) + self._recorder.pending
        return self._backlog.head if onTheirWay < MAX_IN_FLIGHT else None

    def _stamped(self, held: QueuedMessage) -> str:
        if self._now() - held.acceptedAt <= DELAY_STAMP_AFTER:
            return held.xml
        return withDelay(held.xml, self._domain, held.acceptedAt)

    async def _cross(self, last: int) -> None:
        """
        Send a barrier behind a message, and settle all up to that when it is back.
        """
        streams = self._streams
        try:
            isTaken = await self._barrier.wait()
        except Refusal:
            self._retry()
            return
        except BaseException:
            self._retry()
            raise
        finally:
            self._isCrossing = False
        if streams == self._streams:
            numbers = [number for number in self._written if number <= last]
            self._settle(numbers, CONFIRMED if isTaken else SENT)
        # So that under load there is one for many, and one record of them.
        self._pausing = self._clock.callLater(BARRIER_INTERVAL, self._goOn)
        self.flush()

    def _settle(
        self, numbers: Sequence[int], state: str, error: Element | None = None
    ) -> None:
        """Messages are no longer on their way."""
        for number in numbers:
            del self._written[number]
        self._settled(numbers, state, error)
        self.record(numbers, state, error)

    def _goOn(self) -> None:
        self._pausing = None
        self.flush()

    def _retry(self) -> None:
        """Try again, later."""
        if self._retrying is None or not self._retrying.active():
            self._retrying = self._clock.callLater(RETRY, self.flush)

    def _checkClosed(self) -> None:
        isEmpty = not self._written and not self._recorder.pending
        if self._closing is not None and isEmpty:
            closing, self._closing = self._closing, None
            closing.callback(None)
