"""
Servers that are killed or stand still lose nothing of what the gateway has accepted,
while the gateway stays alive.

What a server has taken is the server's to keep, so these keep messages for a user who
is away in files. It is only then that the user comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase

from tests.servers import shared
from tests.servers.process import ServerProcess

from .ordeal import Ordeal, newSeed
from .programs import SurvivalEjabberd, SurvivalProsody

if TYPE_CHECKING:
    _Base = TestCase
else:
    # No TestCase, so that trial does not run the mixin by itself.
    _Base = object

#: How often a server is killed.
KILLS = 10

#: Seconds for which a server stands still.
STOP = 20


class ServerMixin(_Base):
    """
    An ordeal of the server.

    @cvar kind: Which server.
    """

    kind: type[ServerProcess]
    timeout = 600

    async def begin(self, pause: float) -> Ordeal:
        """
        Start everything.

        @param pause: Of each client, between two messages.
        """
        shared.require(self.kind)
        ordeal = Ordeal(self.kind(), newSeed(), offline=True, pause=pause)
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        return ordeal

    async def assertKept(self, ordeal: Ordeal) -> None:
        """Nothing is wrong."""
        await ordeal.settle()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")

    async def test_killed(self) -> None:
        """
        Whenever it is killed, what was accepted in both directions arrives, in order,
        and what comes twice has the same id.
        """
        ordeal = await self.begin(0.01)
        for _ in range(KILLS):
            await ordeal.killServer()
        await self.assertKept(ordeal)

    async def test_frozen(self) -> None:
        """
        When it stands still for a while, and goes on, the same holds.
        """
        ordeal = await self.begin(0.04)
        await ordeal.freezeServer(STOP)
        await self.assertKept(ordeal)


class ProsodyTests(ServerMixin, TestCase):
    """
    Prosody
    """

    kind = SurvivalProsody


class EjabberdTests(ServerMixin, TestCase):
    """
    ejabberd
    """

    kind = SurvivalEjabberd
