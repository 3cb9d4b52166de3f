"""
Looks up the names of callbacks in threads of their own.

Twisted looks up every name in the ten threads of the reactor. If the DNS of a callback
is slow, its lookups occupy them all, and that of the XMPP server must wait.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from twisted.internet._resolver import GAIResolver
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IReactorThreads,
)
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

#: Lookups of one callback that run at the same time.
MAX_THREADS = 4
#: Lookups of one callback that wait for these; further ones fail.
MAX_WAITING = 256

_OnResult = Callable[[bool, Any], object]


class LookupThreads:
    """
    Runs calls in a few daemon threads, which end when there is nothing left to do.

    A daemon thread does not keep the process from ending while a lookup hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[_OnResult, Callable[..., Any], Any, Any]] = deque()
        self._running = 0

    def callInThreadWithCallback(
        self, onResult: _OnResult, func: Callable[..., Any], *args: Any, **kw: Any
    ) -> None:
        """
        Run a call in a thread, as L{ThreadPool.callInThreadWithCallback} does.

        @param onResult: Called in that thread with C{True} and the result, or C{False}
            and a L{Failure}.
        """
        with self._lock:
            isFull = len(self._calls) >= MAX_WAITING
            if not isFull:
                self._calls.append((onResult, func, args, kw))
                isStarting = self._running < MAX_THREADS
                self._running += isStarting
        if isFull:
            error = socket.gaierror(socket.EAI_AGAIN, "too many lookups are waiting")
            onResult(False, Failure(error))
        elif isStarting:
            threading.Thread(
                target=self._work, name="xmpprest-lookup", daemon=True
            ).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._running -= 1
                    return
                onResult, func, args, kw = self._calls.popleft()
            try:
                result, isSuccess = func(*args, **kw), True
            except BaseException:
                result, isSuccess = Failure(), False
            onResult(isSuccess, result)


@implementer(IReactorPluggableNameResolver)
class _LookupReactor:
    """A reactor with another resolver of names."""

    def __init__(self, reactor: Any, resolver: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = resolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Replace the resolver."""
        old, self.nameResolver = self.nameResolver, resolver
        return old

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the reactor."""
        return getattr(self._reactor, name)


def withOwnLookups(reactor: Any) -> Any:
    """
    Return a reactor that looks up names in threads of its own.

    @param reactor: Returned as it is if it has no threads, as those of tests.
    """
    if not IReactorThreads.providedBy(reactor):
        return reactor
    threads = cast(ThreadPool, LookupThreads())
    return _LookupReactor(reactor, GAIResolver(reactor, lambda: threads))
