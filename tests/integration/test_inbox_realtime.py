"""
Tests of an outage with the real reactor, a store in a file, and HTTP over sockets.

C{python -m bench.outage} measures the same.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import ITransport
from twisted.trial.unittest import TestCase

from tests.support.realtime import CONNECTIONS, RealWorld


class RealtimeTests(TestCase):
    """
    Tests of a callback that is out for a time that passes.
    """

    timeout = 600

    def setUp(self) -> None:
        """Have a callback that is out."""
        from twisted.internet import reactor

        self.world = RealWorld(Path(self.mktemp()), reactor)

    async def begin(self) -> None:
        """Begin."""
        await self.world.begin()
        self.addCleanup(self.world.end)

    def assertInOrder(self, expected: int) -> None:
        """All were taken, each once, those of each conversation in their order."""
        seen = {(each.person, each.number) for each in self.world.seen}
        self.assertEqual(expected, len(seen))
        self.assertEqual(expected, len(self.world.seen))
        self.assertEqual(0, self.world.inversions())
        self.assertLessEqual(self.world.most, CONNECTIONS)
        self.assertLessEqual(self.world.callback.most, CONNECTIONS)

    async def test_down(self) -> None:
        """
        10,000 messages that came while it was out are delivered in order once it is
        back, over no more connections than there may be.
        """
        await self.begin()
        await self.world.queue(500, 20, seconds=2)
        await self.world.sleep(18)
        await self.world.until(lambda: self.world.inbox.storedCount == 10_000)
        self.assertEqual([], self.world.seen)
        self.world.open()
        await self.world.until(lambda: self.world.inbox.storedCount == 0)
        self.assertInOrder(10_000)

    async def test_unwell(self) -> None:
        """
        While a message of one conversation gets no answer, and whenever it fails,
        those of the others are delivered; once it is answered, so are those behind it.
        """
        held: list[ITransport] = []

        def hold(transport: ITransport, person: int) -> bool:
            if person == 0:
                held.append(transport)
            return person == 0

        def fail(transport: ITransport, person: int) -> bool:
            if person == 0:
                self.world.drop(transport, 0)
            return person == 0

        await self.begin()
        self.world.open()
        self.world.fault = hold
        await self.world.queue(51, 20, seconds=0)
        await self.world.until(lambda: len(self.world.seen) == 1000)
        # All of the others are there, and it still waits for its answer.
        self.assertEqual(1, self.world.tries[0])

        self.world.fault = fail
        self.world.drop(held[0], 0)
        await self.world.until(lambda: self.world.tries[0] >= 2)
        await self.world.queue(50, 20, seconds=0)
        await self.world.until(lambda: len(self.world.seen) == 2000)
        await self.world.until(lambda: self.world.inbox.storedCount == 20)

        self.world.fault = lambda transport, person: False
        await self.world.until(lambda: self.world.inbox.storedCount == 0)
        self.assertInOrder(2020)
