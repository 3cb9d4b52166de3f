"""
Clients that send again and again until they get an answer have sent once, though the
gateway is killed meanwhile.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers import shared
from tests.servers.rawcomponent import RawComponent

from ..support.gateway_process import GatewayProcess, SurvivalProsody
from ..support.survival.blows import killGateways
from ..support.survival.http import Answer, Client, InDoubt
from ..support.survival.load import PAUSE, sleep
from ..support.survival.ordeal import PING, Ordeal, newSeed

#: How often a gateway is killed.
KILLS = 5


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
            await killGateways(ordeal)
        await ordeal.settle()
        await ordeal.repeat()
        self.assertEqual(ordeal.lanes[0].wrong(), "", f"seed {ordeal.seed}")

    async def test_query(self) -> None:
        """A query that waited has an unknown outcome; it is not sent again."""
        shared.require(SurvivalProsody)
        server = SurvivalProsody()
        self.addCleanup(deferToThread, server.stop)
        await deferToThread(server.start)
        domain = server.componentDomain
        nowhere = "http://127.0.0.1:9/"
        gateway = GatewayProcess(server, domain, nowhere, "sqlite:xmpprest.db")
        self.addCleanup(deferToThread, gateway.stop)
        await deferToThread(gateway.start)
        peer = await RawComponent.connect(
            server.componentPort, server.peerDomain, server.componentSecret
        )
        self.addCleanup(peer.close)
        client = Client(gateway.port)
        self.addCleanup(client.close)
        query = PING.format(f"bot@{server.peerDomain}")
        key = {"Idempotency-Key": "once"}
        # The stream may not be up yet; what was refused so may be repeated.
        asking = Deferred.fromCoroutine(self._ask(client, query, key))
        await peer.expect("<iq")
        await deferToThread(gateway.kill)
        await self.assertFailure(asking, InDoubt)
        await deferToThread(gateway.start)
        answer = await self._ask(client, query, key)
        self.assertEqual(answer.status, 504)
        self.assertIn(b"Use a new key to try again", answer.body)
        self.assertEqual((await self._ask(client, query, key)).body, answer.body)
        asking = Deferred.fromCoroutine(self._ask(client, query, {}))
        again = await peer.expect("<iq")
        self.assertEqual([each.kind for each in peer.received].count("iq"), 2)
        peer.send(
            f"<iq type='result' id='{again.element.get('id')}' to='{domain}'"
            f" from='bot@{server.peerDomain}'/>"
        )
        self.assertEqual((await asking).status, 200)

    async def _ask(self, client: Client, query: str, key: dict[str, str]) -> Answer:
        while (
            answer := await client.request("POST", "/rest", query, key)
        ).status == 503:
            await sleep(PAUSE)
        return answer
