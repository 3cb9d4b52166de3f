"""
A thread that runs operations on a file in the order of the calls.

All calls of one reactor turn share a commit with those that came while the previous
commit ran (group commit). An operation without a waiting caller is delayed until the
next commit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from threading import Thread
from time import perf_counter
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.histogram import CommitMetrics
from ...core.records import StoreUnavailable
from .coalesce import Operation
from .database_file import DatabaseFile
from .group_commit import GroupCommitter

_log = Logger()
_T = TypeVar("_T")

#: Maximum operations per commit. Their callbacks run in one reactor turn, and the first
#: operation waits for the last.
BATCH_LIMIT = 256

#: Maximum operations that wait for a slow disk.
QUEUE_LIMIT = 10_000

#: Maximum delay in seconds, and maximum number, of changes without a waiting caller.
REST, REST_LIMIT = 0.1, 256

#: An operation, and the Deferred of its result.
_Call: TypeAlias = tuple[Operation, Deferred[Any]]


class Reactor(Protocol):
    """
    The part of the reactor that the writer thread uses.

    @ivar running: Whether the reactor runs.
    """

    running: bool

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """
        Call a function in the reactor's thread
        (L{IReactorFromThreads<twisted.internet.interfaces>}).
        """

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object
    ) -> IDelayedCall:
        """Call a function later (L{IReactorTime<twisted.internet.interfaces>})."""


class WriterThread:
    """
    A thread that runs operations. Its methods are for the reactor's thread.

    @ivar commits: Metrics of its commits.
    """

    def __init__(
        self, path: str, reactor: Reactor, connect: Callable[..., Connection]
    ) -> None:
        """@param connect: C{sqlite3.connect}, or a replacement in tests."""
        self._path = path
        self._reactor = reactor
        self._connect = connect
        self._queue: SimpleQueue[list[_Call] | None] = SimpleQueue()
        #: Operations that are not in the queue yet; whether one of them waits for the
        #: end of this turn; the number of delayed changes; the timer of the delay.
        self._asked: list[_Call] = []
        self._isUrgent = False
        self._resting = 0
        self._rest: IDelayedCall | None = None
        self._waiting = 0
        self.commits = CommitMetrics()
        self._stopped: Deferred[None] = succeed(None)
        self._isOpen = False
        #: Calls a function in the reactor's thread.
        self._callBack: Callable[..., None] = reactor.callFromThread

    def start(self) -> Deferred[None]:
        """
        Start the thread and open the file; block until it is open if the reactor does
        not run.

        @return: Fails with L{StoreUnusable}.
        """
        started: Deferred[None] = Deferred()
        self._queue = SimpleQueue()
        self._stopped = Deferred()
        self._isOpen = True
        if self._reactor.running:
            self._callBack = self._reactor.callFromThread
            self._startThread(started)
            return started
        calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._callBack = lambda function, *arguments, **fields: calls.put(
            partial(function, *arguments, **fields)
        )
        self._startThread(started)
        while not started.called:
            calls.get()()
        return started

    def stop(self) -> Deferred[None]:
        """Close the file after the calls made so far."""
        if self._isOpen:
            self._isOpen = False
            self._handOver()
            self._queue.put(None)
        return self._stopped

    def submit(
        self,
        work: Callable[[Connection], _T],
        rests: int = 0,
        *,
        isAtOnce: bool = False,
    ) -> Deferred[_T]:
        """
        Run an operation.

        @param work: Called in the thread within a transaction; called again if the
            transaction is rolled back because of another operation.
        @param rests: The number of changes that it makes, if no caller waits for it.
            Such an operation runs before later ones, but is delayed until the next
            commit, L{REST} seconds, or L{REST_LIMIT} changes.
        @param isAtOnce: Whether to run it now, with the operations of this reactor turn
            so far, instead of at the end of the turn.
        @return: Fires once the transaction is committed. Fails with
            L{StoreUnavailable}, or with the exception that C{work} raised.
        """
        if not self._isOpen:
            return fail(StoreUnavailable("the store is closed"))
        if self._waiting >= QUEUE_LIMIT:
            return fail(StoreUnavailable("the disk does not keep up"))
        deferred: Deferred[_T] = Deferred()
        self._asked.append((work, deferred))
        self._waiting += 1
        self._resting += rests
        if isAtOnce:
            self._handOver()
        elif rests and self._resting < REST_LIMIT:
            self._rest = self._rest or self._reactor.callLater(REST, self._handOver)
        elif not self._isUrgent:
            self._isUrgent = True
            self._reactor.callLater(0, self._handOver)
        return deferred

    def _handOver(self) -> None:
        """Pass the calls of this reactor turn, and the delayed ones, to the thread."""
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        self._rest, self._resting, self._isUrgent = None, 0, False
        asked, self._asked = self._asked, []
        for first in range(0, len(asked), BATCH_LIMIT):
            self._queue.put(asked[first : first + BATCH_LIMIT])

    # --- in the writer thread ---

    def _startThread(self, started: Deferred[None]) -> None:
        # A daemon thread: a process that exits without stopService is treated like a
        # killed one, which the store survives.
        Thread(
            target=self._run, args=(started,), name="xmpprest store", daemon=True
        ).start()

    def _run(self, started: Deferred[None]) -> None:
        """Run the thread."""
        file = DatabaseFile(self._path, self._tell, self._connect)
        committer = GroupCommitter(file, self._tell)
        try:
            committer.open()
        except BaseException:
            self._callBack(self._failStart, started, Failure())
            return
        self._callBack(started.callback, None)
        self._callBack = self._reactor.callFromThread
        while batch := self._take():
            began = perf_counter()
            results = committer.commit([work for work, _ in batch])
            self._callBack(self._committed, batch, results, perf_counter() - began)
        committer.close()
        self._callBack(self._stopped.callback, None)

    def _take(self) -> list[_Call]:
        """
        Wait for operations and return those for the next commit.

        @return: Empty once the thread shall stop.
        """
        batch: list[_Call] = []
        try:
            while len(batch) < BATCH_LIMIT:
                calls = self._queue.get(block=not batch)
                if calls is None:
                    # The stop marker is the last item; put it back for the next call.
                    self._queue.put(None)
                    break
                batch += calls
        except Empty:
            pass
        return batch

    def _tell(self, *arguments: Any, **fields: Any) -> None:
        """Log from the reactor's thread, since log observers may not be thread-safe."""
        self._callBack(_log.emit, *arguments, **fields)

    # --- back in the reactor's thread ---

    def _committed(
        self, batch: list[_Call], results: list[object], seconds: float
    ) -> None:
        """Report the results of a batch."""
        self.commits.seconds.observe(seconds)
        self.commits.calls.observe(len(batch))
        self._report(batch, results)

    def _report(self, batch: list[_Call], results: list[object]) -> None:
        """Fire the Deferred of each operation."""
        self._waiting -= len(batch)
        for (_, deferred), result in zip(batch, results, strict=True):
            if isinstance(result, Failure):
                deferred.errback(result)
            else:
                deferred.callback(result)

    def _failStart(self, started: Deferred[None], failure: Failure) -> None:
        """Fail all calls because the thread has died."""
        self._isOpen = False
        self._handOver()
        self._queue.put(None)
        left = [*iter(self._queue.get, None)]
        self._stopped.callback(None)
        started.errback(failure)
        unavailable = StoreUnavailable("the store is not open")
        for calls in left:
            self._report(calls, [Failure(unavailable) for _ in calls])
