"""Tests for L{xmpprest.service.sequential}."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.service.sequential import SequentialMultiService


class _Held(Service):
    """A service that stops when the test says so."""

    def __init__(self) -> None:
        self.stopping: Deferred[None] | None = None

    def stopService(self) -> Deferred[None]:
        """Begin to stop."""
        super().stopService()
        self.stopping = Deferred()
        return self.stopping


class OrderlyServiceTests(SynchronousTestCase):
    """
    Services stop one after the other.
    """

    def setUp(self) -> None:
        self.first, self.second = _Held(), _Held()
        self.service = SequentialMultiService()
        self.first.setServiceParent(self.service)
        self.second.setServiceParent(self.service)
        self.service.startService()

    def test_order(self) -> None:
        """The first to start is the last to stop."""
        stopping = self.service.stopService()
        self.assertFalse(self.service.running)
        assert self.second.stopping is not None
        self.assertIsNone(self.first.stopping)
        self.second.stopping.callback(None)
        assert self.first.stopping is not None
        self.assertNoResult(stopping)
        self.first.stopping.callback(None)
        self.successResultOf(stopping)

    def test_failure(self) -> None:
        """One that cannot stop does not keep the others from it."""
        stopping = self.service.stopService()
        assert self.second.stopping is not None
        self.second.stopping.errback(RuntimeError("stuck"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        assert self.first.stopping is not None
        self.first.stopping.callback(None)
        self.successResultOf(stopping)
