"""
A thread that does work on a file, in the order it is asked to.

What is asked in one turn of the reactor goes into one commit, together with what was
asked while the one before it ran (group commit). What nobody waits for rests until
there is a commit anyway.
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

#: How many calls are enough for one commit, so that the reactor is not held up by
#: their callbacks, nor the first by the last.
BATCH_LIMIT = 256

#: How many calls may wait, on a disk that does not keep up.
QUEUE_LIMIT = 10_000

#: For how many seconds changes that nobody waits for may rest, and how many of them.
REST, REST_LIMIT = 0.1, 256

#: Something to do, and what fires with whatever it returns.
_Call: TypeAlias = tuple[Operation, Deferred[Any]]


class Reactor(Protocol):
    """
    What a writer needs of the reactor.

    @ivar running: Whether it does.
    """

    running: bool

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """See L{IReactorFromThreads<twisted.internet.interfaces>}."""

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object
    ) -> IDelayedCall:
        """See L{IReactorTime<twisted.internet.interfaces>}."""


class WriterThread:
    """
    Does work in a thread. To be used by the reactor's.

    @ivar commits: What it has done.
    """

    def __init__(
        self, path: str, reactor: Reactor, connect: Callable[..., Connection]
    ) -> None:
        """@param connect: Is C{sqlite3.connect}."""
        self._path = path
        self._reactor = reactor
        self._connect = connect
        self._queue: SimpleQueue[list[_Call] | None] = SimpleQueue()
        #: Asked, and not in the queue yet; whether some of it waits only for the end of
        #: this turn, how many changes rest, and what ends that.
        self._asked: list[_Call] = []
        self._isUrgent = False
        self._resting = 0
        self._rest: IDelayedCall | None = None
        self._waiting = 0
        self.commits = CommitMetrics()
        self._stopped: Deferred[None] = succeed(None)
        self._isOpen = False
        #: Calls something in the reactor's thread, from the other.
        self._callBack: Callable[..., None] = reactor.callFromThread

    def start(self) -> Deferred[None]:
        """
        Open the file; waits for that if the reactor does not run yet.

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
        """
        Close the file, once all that was asked is done.
        """
        if self._isOpen:
            self._isOpen = False
            self._handOver()
            self._queue.put(None)
        return self._stopped

    def submit(self, work: Callable[[Connection], _T], rests: int = 0) -> Deferred[_T]:
        """
        Do something.

        @param work: Is called in the thread, within a transaction; and again, if that
            is rolled back for another's fault.
        @param rests: How many changes it makes, if nobody waits for them: then it is
            done before what is asked next, but may rest until something is; or for
            L{REST} seconds, or until L{REST_LIMIT} changes do.
        @return: Fires once the transaction is committed; fails with
            L{StoreUnavailable}, or with what C{work} raised.
        """
        if not self._isOpen:
            return fail(StoreUnavailable("the store is closed"))
        if self._waiting >= QUEUE_LIMIT:
            return fail(StoreUnavailable("the disk does not keep up"))
        deferred: Deferred[_T] = Deferred()
        self._asked.append((work, deferred))
        self._waiting += 1
        self._resting += rests
        if rests and self._resting < REST_LIMIT:
            self._rest = self._rest or self._reactor.callLater(REST, self._handOver)
        elif not self._isUrgent:
            self._isUrgent = True
            self._reactor.callLater(0, self._handOver)
        return deferred

    def _handOver(self) -> None:
        """This turn of the reactor is over, or something has rested long enough."""
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        self._rest, self._resting, self._isUrgent = None, 0, False
        asked, self._asked = self._asked, []
        for first in range(0, len(asked), BATCH_LIMIT):
            self._queue.put(asked[first : first + BATCH_LIMIT])

    # --- in the thread ----------------------------------------------------------

    def _startThread(self, started: Deferred[None]) -> None:
        # A daemon: a process that ends without asking us to is like one that is
        # killed, which is to be borne anyway.
        Thread(
            target=self._run, args=(started,), name="xmpprest store", daemon=True
        ).start()

    def _run(self, started: Deferred[None]) -> None:
        """All of the thread."""
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
        Wait for something to do, and take what else there is.

        @return: Empty at the end.
        """
        batch: list[_Call] = []
        try:
            while len(batch) < BATCH_LIMIT:
                calls = self._queue.get(block=not batch)
                if calls is None:
                    # Nothing comes after it; find it again once this is done.
                    self._queue.put(None)
                    break
                batch += calls
        except Empty:
            pass
        return batch

    def _tell(self, *arguments: Any, **fields: Any) -> None:
        """Log something; observers of the log may not bear other threads."""
        self._callBack(_log.emit, *arguments, **fields)

    # --- back from it -----------------------------------------------------------

    def _committed(
        self, batch: list[_Call], results: list[object], seconds: float
    ) -> None:
        """A batch is done, or has failed."""
        self.commits.seconds.observe(seconds)
        self.commits.calls.observe(len(batch))
        self._report(batch, results)

    def _report(self, batch: list[_Call], results: list[object]) -> None:
        """Say to each caller what came of it."""
        self._waiting -= len(batch)
        for (_, deferred), result in zip(batch, results, strict=True):
            if isinstance(result, Failure):
                deferred.errback(result)
            else:
                deferred.callback(result)

    def _failStart(self, started: Deferred[None], failure: Failure) -> None:
        """The thread is gone, and what was asked of it will not be done."""
        self._isOpen = False
        self._handOver()
        self._queue.put(None)
        left = [*iter(self._queue.get, None)]
        self._stopped.callback(None)
        started.errback(failure)
        unavailable = StoreUnavailable("the store is not open")
        for calls in left:
            self._report(calls, [Failure(unavailable) for _ in calls])
