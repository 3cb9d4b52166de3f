"""Tests for L{xmpprest.store.service}."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.records import IdempotencyRecord, StoreUnavailable, StoreUnusable
from xmpprest.service.sequential import SequentialMultiService
from xmpprest.store.memory import MemoryStore
from xmpprest.store.service import StoreService, StoreStartupError
from xmpprest.store.upkeep import DAY, PURGE_INTERVAL, StoreUpkeep

from ..support.doubles import live, said


class _Store(MemoryStore):
    """
    A store that opens when the test says so, and tells when it is tidied up.
    """

    def __init__(self, opening: Deferred[None]) -> None:
        super().__init__()
        self._opening = opening
        self.forgotten: list[tuple[float, float, float, int | None]] = []
        self.problem: Exception | None = None

    def open(self) -> Deferred[None]:
        """Begin."""
        super().open()
        return self._opening

    def purge(
        self, done: float, dead: float, answered: float, records: int | None = None
    ) -> Deferred[None]:
        """Take down what is to be forgotten."""
        self.forgotten.append((done, dead, answered, records))
        return succeed(None) if self.problem is None else fail(self.problem)


class StoreServiceTests(SynchronousTestCase):
    """
    A store comes and goes with the gateway.
    """

    def make(self, opening: Deferred[None]) -> SequentialMultiService:
        """A service with a store."""
        self.clock = Clock()
        self.store = _Store(opening)
        service = SequentialMultiService()
        StoreService(self.store).setServiceParent(service)
        StoreUpkeep(
            self.store,
            self.clock,
            lambda: 100 * DAY,
            live(recordDays=7, recordLimit=1000, deadDays=30),
            interrupted=b"interrupted",
        ).setServiceParent(service)
        return service

    def test_tidies(self) -> None:
        """Old records are purged at once and every minute."""
        service = self.make(succeed(None))
        service.startService()
        expected = (93 * DAY, 70 * DAY, 93 * DAY, 1000)
        self.assertEqual(self.store.forgotten, [expected])
        self.clock.advance(PURGE_INTERVAL)
        self.assertEqual(self.store.forgotten, [expected] * 2)
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.store.isOpen)

    def test_trouble(self) -> None:
        """Purging goes on after a failure; an unexpected error is logged."""
        service = self.make(succeed(None))
        self.store.problem = StoreUnavailable("the disk is full")
        service.startService()
        self.store.problem = RuntimeError("what?")
        self.clock.advance(PURGE_INTERVAL)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.clock.advance(PURGE_INTERVAL)
        self.assertEqual(len(self.store.forgotten), 3)
        self.flushLoggedErrors(RuntimeError)
        service.stopService()

    def test_interrupted(self) -> None:
        """Requests that ran when the gateway ended are answered."""
        service = self.make(succeed(None))
        self.store.open()
        self.store.beginRequest(IdempotencyRecord("key", b"print", None, 0))
        service.startService()
        again = self.successResultOf(
            self.store.beginRequest(IdempotencyRecord("key", b"print", None, 0))
        )
        assert again is not None
        self.assertEqual(again.answer, b"interrupted")
        service.stopService()

    def test_manyKeys(self) -> None:
        """
        The log says once that most of the idempotency keys are used, and again only
        after they had become fewer.
        """
        service = self.make(succeed(None))
        self.store.open()
        keys = [f"{each}" for each in range(801)]
        for key in keys:
            self.store.beginRequest(IdempotencyRecord(key, b"", b"", 0))
        with capturedLogs() as logs:
            service.startService()
            self.clock.advance(PURGE_INTERVAL)
            self.assertEqual(len(said(logs)), 1)
            self.assertIn(
                "801 idempotency keys are stored, of at most 1000", said(logs)[0]
            )
            self.store.finishRequest("0", None)
            self.clock.advance(PURGE_INTERVAL)
            self.store.beginRequest(IdempotencyRecord("0", b"", b"", 0))
            self.clock.advance(PURGE_INTERVAL)
            self.assertEqual(len(said(logs)), 2)
        service.stopService()

    def test_unusable(self) -> None:
        """The gateway does not start with a store that is of no use."""
        service = self.make(fail(StoreUnusable("The store is in use.")))
        with self.assertRaises(StoreStartupError) as raised:
            service.startService()
        self.assertEqual(str(raised.exception), "xmpprest: The store is in use.")

    def test_unusableLater(self) -> None:
        """If that is found out when the reactor runs, the log says it."""
        opening: Deferred[None] = Deferred()
        service = self.make(opening)
        service.startService()
        with capturedLogs() as logs:
            opening.errback(StoreUnusable("The store is in use."))
        (line,) = said(logs)
        self.assertTrue(
            line.startswith("The store is in use. Messages are refused until"), line
        )
        service.stopService()
