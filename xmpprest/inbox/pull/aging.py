"""Makes stored stanzas dead letters that no client fetches in time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...concurrency import timers
from ...core.errors import REPORT_BUG
from ...core.policy.retry import RETRY_WINDOW
from ...core.records import StoreUnavailable
from ...core.updates.queue import UpdateQueue
from ..options import InboxOptions
from ..trusted_clock import TrustedClock
from .settlement import UpdateSettlement
from .stored import StoredUpdates

_log = Logger()

#: Seconds between two looks for stanzas that are too old.
WATCH_INTERVAL = 3600.0


class UpdateAging:
    """
    Looks for old stanzas from time to time.
    """

    def __init__(
        self,
        queue: UpdateQueue,
        stored: StoredUpdates,
        settlement: UpdateSettlement,
        options: InboxOptions,
    ) -> None:
        self._queue = queue
        self._stored = stored
        self._settlement = settlement
        self._clock = options.clock
        self._trusted = TrustedClock(options.clock, options.now)
        self._alarm: IDelayedCall | None = None

    def stop(self) -> None:
        """Look for old stanzas no longer."""
        timers.cancel(self._alarm)
        self._alarm = None

    def watch(self) -> None:
        """Set the timer that looks for old stanzas, if there are any stanzas."""
        if self._alarm is None and self._queue.oldest is not None:
            self._alarm = self._clock.callLater(WATCH_INTERVAL, self._look)

    def _look(self) -> None:
        self._alarm = None
        burying = Deferred.fromCoroutine(self._buryOld())
        burying.addErrback(_notBuried)
        burying.addBoth(lambda _: self.watch())

    async def _buryOld(self) -> None:
        """Make stanzas dead letters that no client has fetched in time."""
        while self._isOld(self._queue.oldest):
            position = self._queue.firstStored
            assert position is not None
            for each in (await self._stored.read([position])).values():
                days = RETRY_WINDOW / 86400
                await self._settlement.die(each, f"Not acknowledged in {days:g} days.")

    def _isOld(self, since: float | None) -> bool:
        return since is not None and self._trusted.now() >= since + RETRY_WINDOW


def _notBuried(reason: Failure) -> None:
    if not reason.check(StoreUnavailable):
        _log.failure(
            "Looking for old updates crashed; it is repeated later. " + REPORT_BUG,
            failure=reason,
        )
