"""
Instances of a gateway that are killed, stopped or frozen lose nothing.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import TestCase

from tests.servers import shared
from tests.support.postgresql import PostgreSQL

from ..support.survival.cluster import (
    SERVERS,
    ClusterOrdeal,
    freezeActive,
    killActive,
    stopActive,
)
from ..support.survival.http import Client
from ..support.survival.ordeal import newSeed

#: Seconds without an active instance, at most, on a busy machine.
LONGEST_GAP = 15.0


class ClusterTests(TestCase):
    """
    Two instances on one database
    """

    timeout = 300
    skip = PostgreSQL.missing() or None

    async def test_takeover(self) -> None:
        """
        If the active instance is killed, stopped or frozen, the other one takes over;
        what was accepted in both directions arrives, in order, and what comes twice
        has the same id. The instance on standby says that it is.
        """
        kind = SERVERS["Prosody"]
        shared.require(kind)
        ordeal = ClusterOrdeal(
            kind(), newSeed(), instances=2, pause=0.1, inboundPause=0.1
        )
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        await self._checkStandby(ordeal)
        await killActive(ordeal)
        await stopActive(ordeal)
        await freezeActive(ordeal, 7.0)
        await ordeal.settle()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")
        self.assertLess(max(ordeal.gaps), LONGEST_GAP)

    async def _checkStandby(self, ordeal: ClusterOrdeal) -> None:
        active = await ordeal.awaitActive()
        (standby,) = [each for each in ordeal.cluster.instances if each is not active]
        client = Client(standby.port)
        try:
            answer = await client.request("GET", "/readyz", authorized=False)
            report = json.loads(answer.body)
            self.assertEqual((answer.status, report["ready"]), (503, False))
            self.assertEqual(report["instance"]["role"], "standby")
            self.assertIn(f"process {active.pid} on", report["instance"]["holder"])
            answer = await client.request("GET", "/livez", authorized=False)
            self.assertEqual(answer.status, 200)
            answer = await client.request("GET", "/metrics")
            self.assertIn(b'instance_role{role="standby"} 1.0', answer.body)
            answer = await client.request("GET", "/rest/outbox")
            self.assertEqual(answer.status, 503)
            self.assertIn(f"the active one is process {active.pid}", str(answer.body))
        finally:
            await client.close()
