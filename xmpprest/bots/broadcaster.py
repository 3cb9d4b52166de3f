"""
Sends long series of stanzas in slices, so that the reactor and the server keep up.

Behind each slice goes a barrier: the next one is written when the server has read it. A
server that is flooded without waiting stops reading other stanzas, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.errors import REPORT_BUG, Refusal
from .interfaces import PresenceStream, StreamBarrier

_log = Logger()

#: Steps of a series in one reactor turn; each writes a stanza or two.
SLICE = 250
#: Seconds between slices if the server answers no barrier, or is too slow.
PAUSE = 0.1


class Broadcaster:
    """
    Sends series of stanzas, one after the other.
    """

    def __init__(
        self, stream: PresenceStream, barrier: StreamBarrier, clock: IReactorTime
    ) -> None:
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        #: Series by their names; the first one is being sent.
        self._queue: deque[tuple[object, Iterator[Iterable[str]]]] = deque()
        self._sending: Deferred[None] = succeed(None)
        self._isSending = False

    def send(self, name: object, series: Iterator[Iterable[str]]) -> None:
        """
        Send a series after those before it.

        @param name: Replaces a series of the same name that has not begun.
        @param series: Makes stanzas as XML when they are to be written.
        """
        for at, (known, _) in enumerate(self._queue):
            if known == name and (at or not self._isSending):
                self._queue[at] = (name, series)
                return
        self._queue.append((name, series))
        if not self._isSending:
            self._isSending = True
            self._sending = Deferred.fromCoroutine(self._send())
            self._sending.addErrback(self._failed)

    def cancel(self) -> None:
        """Send nothing more of all series: the stream is lost."""
        self._queue.clear()
        self._sending.cancel()

    def whenDone(self) -> Deferred[None]:
        """Return a Deferred that fires when all series are sent or cancelled."""
        done: Deferred[None] = Deferred()
        self._sending.addBoth(lambda _: done.callback(None))
        return done

    async def _send(self) -> None:
        try:
            while self._queue:
                _, series = self._queue[0]
                while steps := [*islice(series, SLICE)]:
                    await self._write([xml for step in steps for xml in step])
                    await self._settle()
                self._queue.popleft()
        finally:
            self._isSending = False

    async def _write(self, stanzas: list[str]) -> None:
        for xml in stanzas:
            try:
                self._stream.write(xml)
            except Refusal as refusal:
                if refusal.problem.status != 503:
                    raise
                await self._stream.whenDrained()
                if not self._stream.ready:
                    raise CancelledError from None
                self._stream.write(xml)

    async def _settle(self) -> None:
        """Wait until the server has read the last slice."""
        try:
            if await self._barrier.wait():
                return
        except Refusal:
            if not self._stream.ready:
                raise CancelledError from None
        await deferLater(self._clock, PAUSE)
        await self._stream.whenDrained()

    def _failed(self, reason: Failure) -> None:
        self._queue.clear()
        if not reason.check(CancelledError):
            _log.failure(
                "Sending presence to contacts crashed; a new stream repeats it. "
                + REPORT_BUG,
                failure=reason,
            )
