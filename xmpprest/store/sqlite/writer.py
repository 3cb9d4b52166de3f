"""
A thread that does work on a file, in the order it is asked to.

What is asked while it commits goes into the next commit, together (group commit);
what is asked while it is idle is committed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..interface import StoreUnavailable
from .committer import Committer, Work
from .file import StoreFile

_log = Logger()
_T = TypeVar("_T")

#: How many calls go into one commit, so that the reactor is not held up by their
#: callbacks, nor the first by the last.
BATCH_LIMIT = 256

#: How many calls may wait, on a disk that does not keep up.
QUEUE_LIMIT = 10_000


@dataclass(slots=True, eq=False)
class _Call:
    """
    Something that was asked.

    @ivar result: Or the L{Failure}.
    """

    work: Work
    deferred: Deferred[Any]  # of whatever the work returns
    result: object = None


class Writer:
    """
    Does work in a thread. To be used by the reactor's.
    """

    def __init__(
        self,
        path: str,
        reactor: IReactorFromThreads,
        connect: Callable[..., Connection],
    ) -> None:
        """
        @param reactor: Takes what comes back from the thread.
        @param connect: Is C{sqlite3.connect}.
        """
        self._path = path
        self._reactor = reactor
        self._connect = connect
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._stopped: Deferred[None] = succeed(None)
        self._isOpen = False

    def start(self) -> Deferred[None]:
        """
        Open the file.

        @return: Fails with L{StoreUnusable}.
        """
        started: Deferred[None] = Deferred()
        self._queue = SimpleQueue()
        self._stopped = Deferred()
        self._isOpen = True
        # A daemon: a process that ends without asking us to is like one that is
        # killed, which is to be borne anyway.
        Thread(
            target=self._run, args=(started,), name="xmpprest store", daemon=True
        ).start()
        return started

    def stop(self) -> Deferred[None]:
        """
        Close the file, once all that was asked is done.
        """
        if self._isOpen:
            self._isOpen = False
            self._queue.put(None)
        return self._stopped

    def call(self, work: Callable[[Connection], _T]) -> Deferred[_T]:
        """
        Do something.

        @param work: Is called in the thread, within a transaction; and again, if that
            is rolled back for another's fault.
        @return: Fires once the transaction is committed; fails with
            L{StoreUnavailable}, or with what C{work} raised.
        """
        if not self._isOpen:
            return fail(StoreUnavailable("the store is closed"))
        if self._queue.qsize() >= QUEUE_LIMIT:
            return fail(StoreUnavailable("the disk does not keep up"))
        deferred: Deferred[_T] = Deferred()
        self._queue.put(_Call(work, deferred))
        return deferred

    # --- in the thread ----------------------------------------------------------

    def _run(self, started: Deferred[None]) -> None:
        """All of the thread."""
        file = StoreFile(self._path, self._tell, self._connect)
        committer = Committer(file, self._tell)
        try:
            committer.open()
        except BaseException:
            self._reactor.callFromThread(self._failStart, started, Failure())
            return
        self._reactor.callFromThread(started.callback, None)
        while batch := self._take():
            results = committer.commit([call.work for call in batch])
            for call, result in zip(batch, results, strict=True):
                call.result = result
            self._reactor.callFromThread(_report, batch)
        committer.close()
        self._reactor.callFromThread(self._stopped.callback, None)

    def _take(self) -> list[_Call]:
        """
        Wait for something to do, and take what else there is.

        @return: Empty at the end.
        """
        batch: list[_Call] = []
        try:
            while len(batch) < BATCH_LIMIT:
                call = self._queue.get(block=not batch)
                if call is None:
                    # Nothing comes after it; find it again once this is done.
                    self._queue.put(None)
                    break
                batch.append(call)
        except Empty:
            pass
        return batch

    def _tell(self, *arguments: Any, **fields: Any) -> None:
        """Log something; observers of the log may not bear other threads."""
        self._reactor.callFromThread(_log.emit, *arguments, **fields)

    # --- back from it -----------------------------------------------------------

    def _failStart(self, started: Deferred[None], failure: Failure) -> None:
        """The thread is gone, and what was asked of it will not be done."""
        self._isOpen = False
        while not self._queue.empty():
            if (call := self._queue.get()) is not None:
                call.deferred.errback(StoreUnavailable("the store is not open"))
        self._stopped.callback(None)
        started.errback(failure)


def _report(batch: list[_Call]) -> None:
    """Say to each caller what came of it."""
    for call in batch:
        if isinstance(call.result, Failure):
            call.deferred.errback(call.result)
        else:
            call.deferred.callback(call.result)
