"""
Runs operations in the order of the calls, over one connection at a time.

All calls of one reactor turn share a transaction with those that came while the
transaction before ran (group commit). If the connection is lost while a transaction
runs, it is in doubt whether it was committed: it is repeated after the reconnection,
which has no further effect if it was (see L{operation}), and only then its callers get
their results. All other calls fail until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...concurrency.timers import cancel
from ...core.errors import REPORT_BUG
from ...core.histogram import CommitMetrics
from ...core.records import StoreUnavailable, StoreUnusable
from . import leases
from .batch import Batch, Call
from .connection import Connection, Reactor, Results
from .errors import DIVISION_BY_ZERO, ConnectionFailed, ServerError, describe
from .opening import BEAT, TTL, Opener, run
from .operation import Coalescable, Operation, bind
from .trouble import Trouble

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
#: Seconds that it may take to open the database over a new connection.
OPEN_TIMEOUT = 30.0
#: Seconds until the next attempts to connect.
BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
#: Seconds that closing waits for the database.
CLOSE_TIMEOUT = 5.0
#: Attempts for a transaction that meets a deadlock.
ATTEMPTS = 5
#: Errors after which another connection is tried, perhaps to another server.
_MOVED = ("25006", "57P01", "57P02", "57P03")
_NO_GUARD = bind(b"SELECT 1")


class Session:
    """
    Runs operations.

    @ivar commits: Metrics of the transactions.
    @ivar opener: Prepares the database.
    """

    def __init__(
        self,
        place: str,
        nextConninfo: Callable[[], Awaitable[bytes]],
        opener: Opener,
        prepare: Callable[[Connection], Awaitable[None]],
        reactor: Reactor,
    ) -> None:
        """
        @param place: The beginning of sentences about the database.
        @param nextConninfo: Returns what to connect to next.
        @param prepare: Called with each connection once the database is open.
        """
        self.commits = CommitMetrics()
        self.opener = opener
        self._place = place
        self._nextConninfo = nextConninfo
        self._prepare = prepare
        self._reactor = reactor
        self._trouble = Trouble(place, reactor.seconds)
        self._connection: Connection | None = None
        self._isOpen = self._isReady = False
        self._started: Deferred[None] | None = None
        self._stopped: Deferred[None] = succeed(None)
        #: Operations that are not in the queue yet; whether one of them waits for the
        #: end of this turn; the number of delayed changes; the timer of the delay.
        self._asked: list[Call] = []
        self._isUrgent = False
        self._resting = 0
        self._rest: IDelayedCall | None = None
        self._queue: deque[Call] = deque()
        #: The batch that runs or is in doubt, and those that run before the queue.
        self._batch: Batch | None = None
        self._batches: deque[Batch] = deque()
        self._attempt = self._stalls = 0
        self._retry: IDelayedCall | None = None
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
        self._attempt = self._stalls = 0
        self._connect()
        return started

    def stop(self) -> Deferred[None]:
        """Close the database after the calls made so far."""
        if self._isOpen:
            self._isOpen = False
            self._handOver()
            self._closing = self._reactor.callLater(CLOSE_TIMEOUT, self._end)
            if not self._isReady and self._batch is None:
                self._end()
            else:
                self._pump()
        return self._stopped

    def _end(self) -> None:
        """Close the connection, and fail what is left."""
        cancel(self._closing)
        cancel(self._retry)
        if self._beating.running:
            self._beating.stop()
        self._isOpen = self._isReady = False
        connection, self._connection = self._connection, None
        batch, self._batch = self._batch, None
        if connection is not None:
            connection.close()
        self.opener.epoch = 0
        closed = StoreUnavailable("the store is closed")
        if batch is not None:
            batch.fail(closed)
        self._failQueued(closed)
        if not self._stopped.called:
            self._stopped.callback(None)

    def _connect(self) -> None:
        opening = Deferred.fromCoroutine(self._open())
        opening.addCallbacks(self._opened, self._openFailed)
        opening.addErrback(self._crashed)

    async def _open(self) -> None:
        """Connect, and open the database."""
        conninfo = await self._nextConninfo()
        connection = self._connection = Connection(conninfo, self._reactor)
        timer = self._reactor.callLater(
            OPEN_TIMEOUT, connection.close, f"no answer within {OPEN_TIMEOUT:g} s"
        )
        try:
            await connection.connect()
            await self.opener.open(connection)
            await self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        finally:
            cancel(timer)
        connection.onLost = lambda reason: self._drop(str(reason))

    def _opened(self, result: None) -> None:
        if self._connection is None:
            return  # it was closed in the meantime
        self._attempt = 0
        self._isReady = True
        self._trouble.end()
        if not self._beating.running:
            self._beating.start(BEAT, now=False)
        self._fireStarted(None)
        if self._batch is not None:
            self._send(self._batch)
        else:
            self._pump()

    def _openFailed(self, failure: Failure) -> None:
        error = failure.value
        if self._stopped.called:
            return
        isFirst = self._started is not None
        if isFirst and isinstance(error, ConnectionFailed) and error.isRefusal:
            error = StoreUnusable(
                f"{self._place} refuses the connection: {error}. Check the role, its"
                " password and the name of the database."
            )
        if isinstance(error, StoreUnusable):
            reason = str(error).rstrip(".")
        elif isinstance(error, ServerError):
            reason = describe(error) or str(error)
        elif isinstance(error, ConnectionFailed):
            reason = str(error)
        else:
            reason = "the gateway has a bug"
            _log.failure("Opening the store crashed. " + REPORT_BUG, failure=failure)
        if isFirst and isinstance(error, StoreUnusable):
            started, self._started = self._started, None
            self._end()
            assert started is not None
            started.errback(Failure(error))
            return
        self._trouble.begin(reason)
        self._fireStarted(None)
        self._failQueued(StoreUnavailable(reason))
        if not self._isOpen and self._batch is None:
            self._end()
            return
        delay = BACKOFF[min(self._attempt, len(BACKOFF) - 1)]
        self._attempt += 1
        self._retry = self._reactor.callLater(delay, self._connect)

    def _crashed(self, failure: Failure) -> None:
        _log.failure("The store crashed. " + REPORT_BUG, failure=failure)

    def _fireStarted(self, result: None) -> None:
        started, self._started = self._started, None
        if started is not None:
            started.callback(result)

    def _drop(self, reason: str) -> None:
        """Give the connection up, and connect again."""
        self._isReady = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._trouble.begin(reason)
        self._failQueued(StoreUnavailable(reason))
        if not self._isOpen and self._batch is None:
            self._end()
        else:
            self._retry = self._reactor.callLater(BACKOFF[0], self._connect)

    def _failQueued(self, error: StoreUnavailable) -> None:
        """Fail the calls that were not sent to the database."""
        self._takeAsked()
        batches, self._batches = self._batches, deque()
        queue, self._queue = self._queue, deque()
        for batch in batches:
            batch.fail(error)
        for _, deferred in queue:
            deferred.errback(Failure(error))

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
        @param isGuarded: Whether it fails while this instance has no epoch.
        @return: Fires once the transaction is committed. Fails with
            L{StoreUnavailable}, with what decoding the results raised, or with
            L{ServerError} if the statements are at fault.
        """
        refusal = self._refusal(isGuarded)
        if refusal is not None:
            return fail(StoreUnavailable(refusal))
        deferred: Deferred[_T] = Deferred()
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
        if not self._isReady:
            # Calls before the first opening wait for it.
            return None if self._started is not None else self._trouble.reason
        if isGuarded and not self.opener.epoch:
            return "this instance is not registered in the database"
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
        if not self._isReady or self._batch is not None:
            return
        if self._batches:
            self._send(self._batches.popleft())
        elif self._queue:
            size = min(len(self._queue), BATCH_LIMIT)
            calls = [self._queue.popleft() for _ in range(size)]
            try:
                batch = Batch(calls)
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
        assert self._connection is not None
        self._batch = batch
        batch.attempts += 1
        batch.startedAt = self._reactor.seconds()
        # A batch in doubt may be left by an instance that has lost its epoch.
        guard = (
            bind(leases.GUARD, self.opener.epoch) if self.opener.epoch else _NO_GUARD
        )
        running = self._connection.run([guard, *batch.statements])
        running.addCallbacks(self._committed, self._failed)
        running.addErrback(self._crashed)

    def _committed(self, results: Results) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        self._stalls = 0
        self._trouble.end()
        seconds = self._reactor.seconds() - batch.startedAt
        self.commits.seconds.observe(seconds)
        self.commits.calls.observe(len(batch.calls))
        batch.succeed(results[1:])
        self._pump()

    def _failed(self, failure: Failure) -> None:
        batch, error = self._batch, failure.value
        if batch is None:
            return
        if isinstance(error, ConnectionFailed):
            # It stays the current batch, and is sent again.
            self._drop(str(error))
            return
        assert isinstance(error, ServerError), error
        self._batch = None
        words = describe(error)
        if error.code == DIVISION_BY_ZERO and error.index == 0:
            reason = "another gateway has taken the database over"
            self._drop(reason)
            batch.fail(StoreUnavailable(reason))
        elif error.isTransient and batch.attempts < ATTEMPTS:
            self._send(batch)
        elif words is not None or error.isTransient:
            reason = words or str(error)
            if error.code in _MOVED:
                self._drop(reason)
            self._trouble.begin(reason)
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
        if not self._isReady or self._connection is None:
            return
        if batch is None and self.opener.isAlone:
            renewing = self.submit(lambda: leases.beat(self.opener.epoch, TTL))
            renewing.addErrback(_ignoreUnavailable)
        elif (
            batch is not None
            and self._reactor.seconds() - batch.startedAt > STALLED * 2**self._stalls
        ):
            self._stalls = min(self._stalls + 1, 5)
            self._connection.close("the database does not answer")

    def _resign(self) -> None:
        """Release the database for other gateways, and close the connection."""
        assert self._connection is not None
        self._isReady = False
        resigning = run(self._connection, leases.resign(self.opener.epoch))
        resigning.addBoth(lambda _: self._end())


def _ignoreUnavailable(failure: Failure) -> None:
    failure.trap(StoreUnavailable)
