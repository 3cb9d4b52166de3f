"""
Clients that send again and again until they get an answer have sent once, though the
gateway is killed meanwhile.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.servers import shared

from .ordeal import Ordeal, newSeed
from .programs import SurvivalProsody

#: How often a gateway is killed.
KILLS = 10


class IdempotencyTests(TestCase):
    """
    C{kill -9} of the gateway
    """

    timeout = 600

    async def test_blind(self) -> None:
        """
        Whenever it is killed, each key stands for one stanza, and every answer to it is
        the same.
        """
        shared.require(SurvivalProsody)
        ordeal = Ordeal(SurvivalProsody(), newSeed(), blind=True)
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        for _ in range(KILLS):
            await ordeal.killGateways()
        await ordeal.settle()
        await ordeal.repeat()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")
