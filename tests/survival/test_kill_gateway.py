"""
Gateways that are killed lose nothing.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.servers import shared

from ..support.gateway_process import SurvivalProsody
from ..support.survival.blows import killGateways
from ..support.survival.ordeal import Ordeal, newSeed

#: How often a gateway is killed.
KILLS = 10


class KillGatewayTests(TestCase):
    """
    C{kill -9} of the gateway
    """

    timeout = 600

    async def test_killed(self) -> None:
        """
        Whenever it is killed, what was accepted in both directions arrives, in order,
        and what comes twice has the same id.
        """
        shared.require(SurvivalProsody)
        ordeal = Ordeal(SurvivalProsody(), newSeed())
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        for _ in range(KILLS):
            await killGateways(ordeal)
        await ordeal.settle()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")
        self.assertEqual(ordeal.lanes[0].findings()[0].returned, 0)
