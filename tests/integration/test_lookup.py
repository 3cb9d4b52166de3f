"""Tests for L{xmpprest.webhook.lookup}."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event
from typing import Any

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from xmpprest.webhook.lookup import (
    MAX_THREADS,
    MAX_WAITING,
    LookupThreads,
    withOwnLookups,
)

#: Seconds after which a test that hangs fails.
LONG = 30.0


class LookupThreadsTests(SynchronousTestCase):
    """Calls in threads."""

    def setUp(self) -> None:
        self.threads = LookupThreads()
        self.results: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        self.started: SimpleQueue[int] = SimpleQueue()
        self.isAnswered = Event()
        self.addCleanup(self.isAnswered.set)

    def look(self, number: int) -> int:
        """A lookup that lasts until the test lets the DNS answer."""
        self.started.put(number)
        if not self.isAnswered.wait(LONG):
            raise AssertionError("the DNS does not answer")
        return number

    def start(self, count: int) -> None:
        """Start lookups."""
        for number in range(count):
            self.threads.callInThreadWithCallback(
                lambda *result: self.results.put(result), self.look, number
            )

    def test_result(self) -> None:
        """A call's result is reported, and its exception as a failure."""
        self.isAnswered.set()
        self.start(1)
        self.assertEqual(self.results.get(timeout=LONG), (True, 0))
        self.threads.callInThreadWithCallback(
            lambda *result: self.results.put(result), int, "x"
        )
        isSuccess, failure = self.results.get(timeout=LONG)
        self.assertFalse(isSuccess)
        assert isinstance(failure, Failure)
        failure.trap(ValueError)

    def test_limits(self) -> None:
        """A few lookups run, many wait, and one more fails at once."""
        self.start(MAX_THREADS)
        for _ in range(MAX_THREADS):
            self.started.get(timeout=LONG)
        self.start(MAX_WAITING + 1)
        isSuccess, failure = self.results.get(timeout=LONG)
        self.assertFalse(isSuccess)
        failure.trap(OSError)
        self.assertTrue(self.started.empty())
        self.isAnswered.set()
        found = [self.results.get(timeout=LONG)[0] for _ in range(MAX_WAITING)]
        self.assertTrue(all(found))


@implementer(IReactorThreads)
class ThreadedReactor(MemoryReactorClock):
    """
    A reactor in memory whose own threads may not be used.

    @ivar threadCalls: The calls from other threads, with their arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threadCalls: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Keep a call."""
        self.threadCalls.put((callable, *args))

    def getThreadPool(self) -> Any:
        """Fail: the server's name is looked up there."""
        raise AssertionError("the threads of the reactor are used")

    def callInThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Fail, too."""
        self.getThreadPool()

    def suggestThreadPoolSize(self, size: int) -> None:
        """Ignore it."""


class WithOwnLookupsTests(SynchronousTestCase):
    """A reactor with threads of its own for lookups."""

    def test_threads(self) -> None:
        """Names are not looked up in the threads of the reactor."""
        reactor = ThreadedReactor()
        resolver = withOwnLookups(reactor).nameResolver

        class Receiver:
            """Ignores the result."""

            def resolutionBegan(self, resolution: object) -> None:
                """The lookup has begun."""

        resolver.resolveHostName(Receiver(), "127.0.0.1", 80)
        _, found = reactor.threadCalls.get(timeout=LONG)
        ((_, _, _, _, address), *_) = found
        self.assertEqual(address, ("127.0.0.1", 80))

    def test_rest(self) -> None:
        """Everything else is the reactor's."""
        reactor = ThreadedReactor()
        other = withOwnLookups(reactor)
        self.assertEqual(other.callLater, reactor.callLater)
        old = other.nameResolver
        self.assertIs(other.installNameResolver(reactor.nameResolver), old)
        self.assertIs(other.nameResolver, reactor.nameResolver)

    def test_noThreads(self) -> None:
        """A reactor without threads stays as it is."""
        reactor = MemoryReactorClock()
        self.assertIs(withOwnLookups(reactor), reactor)
