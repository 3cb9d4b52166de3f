"""
Runs operations in the order of the calls, over one connection at a time. Those of
leases run before all others.

All calls of one reactor turn share a transaction with those that came while the
transaction before ran (group commit). If the connection is lost while a transaction
runs, it is in doubt whether it was committed: it is repeated after the reconnection,
which has no further effect if it was (see L{operation}), and only then its callers get
their results. All other calls fail until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...concurrency.timers import cancel
from ...core.cluster.role import BEAT, TTL
from ...core.errors import REPORT_BUG
from ...core.histogram import CommitMetrics
from ...core.records import StoreUnavailable, StoreUnusable
from . import leases
from .batch import Batch, Call
from .connection import Reactor, Results
from .errors import DIVISION_BY_ZERO, ConnectionFailed, ServerError, describe
from .link import Link
from .operation import Coalescable, Operation

_log = Logger()
_T = TypeVar("_T")

#: Maximum operations in a transaction. Their callbacks run in one reactor turn.
BATCH_LIMIT = 256
#: Maximum operations that wait for a slow database.
QUEUE_LIMIT = 10_000
#: Maximum delay in seconds, and maximum number, of changes without a waiting caller.
REST, REST_LIMIT = 0.1, 256
#: Seconds that a transaction may take until new calls fail.
SLOW = 5.0
#: Seconds that a transaction may take until another connection is tried; doubled each
#: time, since the server may still work on it.
STALLED = 30.0
#: Seconds that closing waits for the database.
CLOSE_TIMEOUT = 5.0
#: Attempts for a transaction that meets a deadlock.
ATTEMPTS = 5
_STANDBY = "this instance is on standby"
#: Errors after which another connection is tried, perhaps to another server.
_MOVED = ("25006", "57P01", "57P02", "57P03")


class Session:
    """
    Runs operations.

    @ivar commits: Metrics of the transactions.
    @ivar isAdmitted: Whether the instance holds the lease, or needs none.
    @ivar onResolved: Called when a transaction in doubt has ended.
    @ivar onFenced: Called when a transaction was refused because the instance has lost
        its lease.
    """

    def __init__(self, link: Link, reactor: Reactor, lease: str | None = None) -> None:
        """
        @param lease: The lease that all operations but those of leases need; C{None}
            if they only need a registered instance.
        """
        self.commits = CommitMetrics()
        self.onResolved: Callable[[], object] = lambda: None
        self.onFenced: Callable[[], object] = lambda: None
        self._lease = lease
        self.isAdmitted = lease is None
        self._link = link
        self._opener = link.opener
        self._reactor = reactor
        link.onReady = self._ready
        link.onDown = self._down
        self._isOpen = False
        self._started: Deferred[None] | None = None
        self._stopped: Deferred[None] = succeed(None)
        #: Operations that are not in the queue yet; whether one of them waits for the
        #: end of this turn; the number of delayed changes; the timer of the delay.
        self._asked: list[Call] = []
        self._isUrgent = False
        self._resting = 0
        self._rest: IDelayedCall | None = None
        self._queue: deque[Call] = deque()
        #: Operations of leases.
        self._first: deque[Call] = deque()
        #: The batch that runs or is in doubt, and those that run before the queue.
        self._batch: Batch | None = None
        self._batches: deque[Batch] = deque()
        self._stalls = 0
        self._closing: IDelayedCall | None = None
        self._beating = LoopingCall(self._tick)
        self._beating.clock = reactor  # type: ignore[assignment]  # the part it uses

    # --- opening and closing ---

    def start(self) -> Deferred[None]:
        """
        Open the database.

        @return: Fires also if the database cannot be reached, so that the gateway can
            start; it is opened later. Fails with L{StoreUnusable}.
        """
        started = self._started = Deferred()
        self._stopped = Deferred()
        self._isOpen = True
        self._stalls = 0
        self._link.connect()
        return started

    def stop(self) -> Deferred[None]:
        """Close the database after the calls made so far."""
        if self._isOpen:
            self._isOpen = False
            self._closing = self._reactor.callLater(CLOSE_TIMEOUT, self._end)
            self._handOver()
            if not self._link.isReady and self._batch is None:
                self._end()
        return self._stopped

    def _end(self) -> None:
        """Close the connection, and fail what is left."""
        cancel(self._closing)
        if self._beating.running:
            self._beating.stop()
        self._isOpen = False
        batch, self._batch = self._batch, None
        self._link.close()
        closed = StoreUnavailable("the store is closed")
        if batch is not None:
            batch.fail(closed)
        self._failQueued(closed)
        if not self._stopped.called:
            self._stopped.callback(None)

    def _ready(self) -> None:
        """Begin with the transaction in doubt."""
        if not self._beating.running:
            self._beating.start(BEAT, now=False)
        if self._batch is not None:
            self._send(self._batch)
        # The caller may make calls at once.
        self._fireStarted()
        self._pump()

    def _down(self, reason: str, isLasting: bool) -> None:
        """
        Fail the calls that wait. If the database has never been open, give up for a
        reason that will last.
        """
        started = self._started
        if started is not None and isLasting:
            self._started = None
            self._end()
            started.errback(Failure(StoreUnusable(reason)))
            return
        self._fireStarted()
        self._failQueued(StoreUnavailable(reason.rstrip(".")))
        if not self._isOpen and self._batch is None:
            self._end()
        else:
            self._link.retry()

    def _fireStarted(self) -> None:
        started, self._started = self._started, None
        if started is not None:
            started.callback(None)

    def _failQueued(self, error: StoreUnavailable) -> None:
        """Fail the calls that were not sent to the database."""
        first, self._first = self._first, deque()
        for _, deferred in first:
            deferred.errback(Failure(error))
        self._failStanding(error)

    def _failStanding(self, error: StoreUnavailable) -> None:
        """Fail the calls that were not sent, but those of leases."""
        self._takeAsked()
        batches, self._batches = self._batches, deque()
        queue, self._queue = self._queue, deque()
        for batch in batches:
            batch.fail(error)
        for _, deferred in queue:
            deferred.errback(Failure(error))

    def admit(self, isAdmitted: bool) -> None:
        """
        Tell whether the instance holds its lease. Without it, no operations are
        accepted but those of leases, and those that wait fail.
        """
        self.isAdmitted = isAdmitted
        if not isAdmitted:
            self._failStanding(StoreUnavailable(_STANDBY))

    # --- calls ---

    def submit(
        self,
        work: Coalescable[Any, _T] | Callable[[], Operation[_T]],
        rests: int = 0,
        *,
        isAtOnce: bool = False,
        isGuarded: bool = True,
    ) -> Deferred[_T]:
        """
        Run an operation.

        @param rests: The number of changes that it makes, if no caller waits for it.
            Such an operation runs before later ones, but is delayed until the next
            transaction, L{REST} seconds, or L{REST_LIMIT} changes.
        @param isAtOnce: Whether to run it now, with the operations of this reactor turn
            so far, instead of at the end of the turn.
        @param isGuarded: Whether it needs an epoch and the lease of this instance, as
            all operations but those of leases do.
        @return: Fires once the transaction is committed. Fails with
            L{StoreUnavailable}, with what decoding the results raised, or with
            L{ServerError} if the statements are at fault.
        """
        refusal = self._refusal(isGuarded)
        if refusal is not None:
            return fail(StoreUnavailable(refusal))
        deferred: Deferred[_T] = Deferred()
        if not isGuarded:
            self._first.append((work, deferred))
            self._reactor.callLater(0, self._pump)
            return deferred
        self._asked.append((work, deferred))
        self._resting += rests
        if isAtOnce:
            self._handOver()
        elif rests and self._resting < REST_LIMIT:
            self._rest = self._rest or self._reactor.callLater(REST, self._handOver)
        elif not self._isUrgent:
            self._isUrgent = True
            self._reactor.callLater(0, self._handOver)
        return deferred

    def _refusal(self, isGuarded: bool) -> str | None:
        """Return why no call is accepted; C{None} if it is."""
        if not self._isOpen:
            return "the store is closed"
        if not self._link.isReady:
            # Calls before the first opening wait for it.
            return None if self._started is not None else self._link.trouble.reason
        return self._refusalOfWork() if isGuarded else None

    def _refusalOfWork(self) -> str | None:
        """Return why no call is accepted but those of leases; C{None} if it is."""
        if not self._opener.epoch:
            return "this instance is not registered in the database"
        if not self.isAdmitted:
            return _STANDBY
        if len(self._queue) + len(self._asked) >= QUEUE_LIMIT:
            return "the database does not keep up"
        if self._batch is not None:
            waited = self._reactor.seconds() - self._batch.startedAt
            if waited > SLOW:
                return f"the database has not answered for {waited:.0f} s"
        return None

    def _takeAsked(self) -> None:
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        self._rest, self._resting, self._isUrgent = None, 0, False
        self._queue.extend(self._asked)
        self._asked = []

    def _handOver(self) -> None:
        """Move the calls of this reactor turn, and the delayed ones, to the queue."""
        self._takeAsked()
        self._pump()

    # --- transactions ---

    def _pump(self) -> None:
        """Run the next batch, unless one runs."""
        if not self._link.isReady or self._batch is not None:
            return
        if self._first:
            calls = [*self._first]
            self._first.clear()
            self._send(Batch(calls, None))
        elif self._batches:
            self._send(self._batches.popleft())
        elif self._queue:
            size = min(len(self._queue), BATCH_LIMIT)
            calls = [self._queue.popleft() for _ in range(size)]
            # A repeated batch keeps the epoch of its first attempt.
            guard = leases.guard(self._opener.epoch, self._lease)
            try:
                batch = Batch(calls, guard)
            except Exception:
                failure = Failure()
                for _, deferred in calls:
                    deferred.errback(failure)
                self._pump()
            else:
                self._send(batch)
        elif not self._isOpen:
            self._resign()

    def _send(self, batch: Batch) -> None:
        self._batch = batch
        batch.attempts += 1
        batch.startedAt = self._reactor.seconds()
        guard = () if batch.guard is None else (batch.guard,)
        running = self._link.run([*batch.statements, *guard])
        running.addCallbacks(self._committed, self._failed)
        running.addErrback(_crashed)

    def _committed(self, results: Results) -> None:
        batch = self._batch
        if batch is None:
            return
        self._stalls = 0
        self._link.trouble.end()
        seconds = self._reactor.seconds() - batch.startedAt
        self.commits.seconds.observe(seconds)
        self.commits.calls.observe(len(batch.calls))
        # The database has answered: it is not slow for the callers that are told.
        batch.startedAt = self._reactor.seconds()
        batch.succeed(results)
        # Not before, so that the next calls of all its callers share a transaction.
        self._batch = None
        if batch.attempts > 1:
            self.onResolved()
        self._pump()

    def _failed(self, failure: Failure) -> None:
        batch, error = self._batch, failure.value
        if batch is None:
            return
        if isinstance(error, ConnectionFailed):
            # It stays the current batch, and is sent again.
            self._link.drop(str(error))
            return
        assert isinstance(error, ServerError), error
        self._batch = None
        words = describe(error)
        if error.code == DIVISION_BY_ZERO and error.index == len(batch.statements):
            reason = "another gateway has taken the database over"
            if self._opener.isAlone:
                self._link.drop(reason)
            self.onFenced()
            batch.fail(StoreUnavailable(reason))
            self._pump()
        elif error.isTransient and batch.attempts < ATTEMPTS:
            self._send(batch)
        elif words is not None or error.isTransient:
            reason = words or str(error)
            if error.code in _MOVED:
                self._link.drop(reason)
            self._link.trouble.begin(reason)
            batch.fail(StoreUnavailable(reason))
            self._pump()
        elif len(batch.calls) == 1:
            batch.fail(error)
            self._pump()
        else:
            # One operation is at fault: run each alone, in their order.
            self._batches.extendleft(reversed(batch.split()))
            self._pump()

    def _tick(self) -> None:
        """Renew the lease, and give up a connection without an answer."""
        batch = self._batch
        if not self._link.isReady:
            return
        if batch is None and self._opener.isAlone:
            renewing = self.submit(
                lambda: leases.beat(self._opener.epoch, TTL), isGuarded=False
            )
            renewing.addErrback(_ignoreUnavailable)
        elif (
            batch is not None
            and self._reactor.seconds() - batch.startedAt > STALLED * 2**self._stalls
        ):
            self._stalls = min(self._stalls + 1, 5)
            self._link.interrupt("the database does not answer")

    def _resign(self) -> None:
        """Release the database for other gateways, and close the connection."""
        self._link.isReady = False
        resigning = self._link.run(leases.resign(self._opener.epoch).statements)
        resigning.addBoth(lambda _: self._end())


def _ignoreUnavailable(failure: Failure) -> None:
    failure.trap(StoreUnavailable)


def _crashed(failure: Failure) -> None:
    _log.failure("The store crashed. " + REPORT_BUG, failure=failure)
