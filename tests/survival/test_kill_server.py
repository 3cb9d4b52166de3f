"""
Servers that are killed or stand still lose nothing of what the gateway has accepted,
while the gateway stays alive.

What a server has taken is the server's to keep, so these keep messages for a user who
is away in files. It is only then that the user comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.servers import shared
from tests.support.process import ServerProcess

from ..support.gateway_process import SurvivalEjabberd, SurvivalProsody
from ..support.survival.blows import freezeServer, killServer
from ..support.survival.ordeal import Ordeal, newSeed

SERVERS: tuple[type[ServerProcess], ...] = (SurvivalProsody, SurvivalEjabberd)

#: How often a server is killed; C{python -m bench.survival} does it more often.
KILLS = 3

#: Seconds between two messages of a client: no more than the slower server can keep.
PAUSE = 0.05

#: Seconds for which a server stands still.
STOP = 20


class KillServerTests(TestCase):
    """
    Both servers at once, each with its own gateway, since most of it is to wait
    """

    timeout = 600

    async def begin(self, kind: type[ServerProcess]) -> Ordeal:
        """
        Start everything.
        """
        shared.require(kind)
        ordeal = Ordeal(kind(), newSeed(), offline=True, pause=PAUSE)
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        return ordeal

    async def survive(
        self, blow: Callable[[Ordeal], Awaitable[None]], count: int
    ) -> None:
        """Nothing is wrong after so many blows."""

        async def suffer(ordeal: Ordeal) -> None:
            for _ in range(count):
                await blow(ordeal)
            await ordeal.settle()

        ordeals = [await self.begin(kind) for kind in SERVERS]
        suffering = [Deferred.fromCoroutine(suffer(each)) for each in ordeals]
        await gatherResults(suffering)
        for ordeal, kind in zip(ordeals, SERVERS, strict=True):
            with self.subTest(kind.name):
                self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")

    async def test_killed(self) -> None:
        """
        Whenever it is killed, what was accepted in both directions arrives, in order,
        and what comes twice has the same id.
        """
        await self.survive(killServer, KILLS)

    async def test_frozen(self) -> None:
        """
        When it stands still for a while, and goes on, the same holds.
        """
        await self.survive(lambda ordeal: freezeServer(ordeal, STOP), 1)
