"""
Gateways whose clock is stepped, whose disk fails, or that stand still, lose nothing.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.servers import shared
from tests.support.programs import skipBecause

from ..support.gateway_process import SurvivalProsody
from ..support.stepped_clock import SteppedClock
from ..support.survival.blows import FAULTS, failDisk, freezeGateways, stepClock
from ..support.survival.ordeal import Ordeal, newSeed

#: Steps of the clock, in seconds.
STEPS = (3600, -15, -3600, 15)

#: Seconds for which the gateway stands still.
STOP = 3.0


class ClockAndDiskTests(TestCase):
    """
    Failures under a gateway that goes on.
    """

    timeout = 600

    def ordeal(self, *, hasClock: bool = False, hasDisk: bool = False) -> Ordeal:
        """Return an ordeal that ends with the test."""
        shared.require(SurvivalProsody)
        ordeal = Ordeal(
            SurvivalProsody(),
            newSeed(),
            pause=0.02,
            inboundPause=0.1,
            hasClock=hasClock,
            hasDisk=hasDisk,
        )
        self.addCleanup(ordeal.stop)
        return ordeal

    async def assertComplete(self, ordeal: Ordeal) -> None:
        """Check that all accepted messages have arrived, in order."""
        await ordeal.settle()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")

    async def test_clock(self) -> None:
        """
        When the system clock is set forward and back, messages go on in both
        directions, and none is lost.
        """
        if reason := SteppedClock.missing():
            skipBecause(reason)
        ordeal = self.ordeal(hasClock=True)
        await ordeal.start()
        for step in STEPS:
            await stepClock(ordeal, step)
        await self.assertComplete(ordeal)

    async def test_disk(self) -> None:
        """
        When the disk fails or is slow for a while, nothing is lost that was accepted.
        """
        ordeal = self.ordeal(hasDisk=True)
        await ordeal.start()
        for fault in FAULTS:
            await failDisk(ordeal, fault)
        await self.assertComplete(ordeal)

    async def test_frozen(self) -> None:
        """
        When the gateway stands still for a while, and goes on, nothing is lost.
        """
        ordeal = self.ordeal()
        await ordeal.start()
        await freezeGateways(ordeal, STOP)
        await self.assertComplete(ordeal)
