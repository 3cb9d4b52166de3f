"""Tests of L{xmpprest.xmpp.backpressure}: how much is waiting to be written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.xmpp.backpressure import LIMIT, Backpressure

from ..support.doubles import HeldTransport


class PressureTests(SynchronousTestCase):
    """A transport that is full, and one that is not."""

    def setUp(self) -> None:
        self.transport = HeldTransport()
        self.pressure = Backpressure()
        self.pressure.watch(self.transport)

    def test_flowing(self) -> None:
        """A transport that takes everything at once makes nobody wait."""
        self.pressure.add(LIMIT + 1)
        self.assertFalse(self.pressure.isOverLimit)

    def test_full(self) -> None:
        """Stanzas for a full transport wait, up to the limit."""
        self.transport.fill()
        self.pressure.add(LIMIT)
        self.assertFalse(self.pressure.isOverLimit)
        self.pressure.add(1)
        self.assertTrue(self.pressure.isOverLimit)

    def test_drained(self) -> None:
        """Once all is written nothing waits."""
        self.transport.fill()
        self.pressure.add(LIMIT + 1)
        self.transport.drain()
        self.assertFalse(self.pressure.isOverLimit)

    def test_eased(self) -> None:
        """A waiter learns that all is written, or that nothing ever will be."""
        self.assertEqual(self.successResultOf(self.pressure.whenDrained()), None)
        for ease in (self.transport.drain, self.pressure.release):
            self.transport.fill()
            easing = self.pressure.whenDrained()
            self.assertNoResult(easing)
            ease()
            self.successResultOf(easing)

    def test_release(self) -> None:
        """The transport has no producer any more; to release twice is no harm."""
        self.pressure.release()
        self.pressure.release()
        self.assertIs(self.transport.producer, None)

    def test_next(self) -> None:
        """The next transport begins at nothing."""
        self.transport.fill()
        self.pressure.add(LIMIT + 1)
        self.pressure.release()
        self.pressure.watch(HeldTransport())
        self.assertFalse(self.pressure.isOverLimit)
        self.pressure.add(LIMIT + 1)
        self.assertFalse(self.pressure.isOverLimit)

    def test_connectionGone(self) -> None:
        """A transport that is gone asks the producer to stop; there is nothing to."""
        self.pressure.stopProducing()
        self.assertFalse(self.pressure.isOverLimit)
