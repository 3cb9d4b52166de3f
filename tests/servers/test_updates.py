"""Clients that fetch updates, on real servers, with slixmpp as the users."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import GatewayMixin, Reply
from tests.support.ejabberd import Ejabberd
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.jumping_reactor import JumpingReactor
from tests.support.process import LOOPBACK
from tests.support.prosody import Prosody
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.policy.retry import RETRY_WINDOW

JSON = "application/json"
RECEIPTS = "urn:xmpp:receipts"
#: Longer than a query waits for its answer, and than a client counts as there.
LATE = 31.0


class UpdatesMixin(GatewayMixin):
    """
    A user, and a gateway whose only callback has the URL C{pull:}.

    @ivar user: Writes to the bot.
    @ivar bot: The address of the bot.
    @ivar time: The reactor of the gateway.
    """

    user: User
    bot: str
    time: JumpingReactor

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits
        from twisted.internet import reactor

        await super().setUp()
        self.time = JumpingReactor(reactor)
        self.bot = f"bot@{self.server.componentDomain}"
        self.user = await self.login()

    async def begin(self, **settings: Any) -> None:
        """Start the gateway."""
        await self.startGateway(**{"callbackURL": "pull:", **settings})

    def say(self, id: str, more: str = "") -> None:
        """Let the user write to the bot."""
        self.user.send(
            f"<message to='{self.bot}' type='chat' id='{id}'><body>{id}</body>{more}"
            "</message>"
        )

    def ask(self, id: str) -> None:
        """Let the user ask the bot something that the gateway cannot answer."""
        self.user.send(
            f"<iq type='get' to='{self.bot}' id='{id}'>"
            "<query xmlns='urn:example:unknown'/></iq>"
        )

    async def fetch(self, query: str = "wait=10") -> Any:
        """Fetch updates; return the JSON of the response."""
        reply = await self.get(f"/updates?{query}")
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json

    async def fetchAll(self, count: int) -> Any:
        """Fetch until there are so many updates; return the last response."""
        while len((page := await self.fetch())["updates"]) < count:
            await self.pause()
        return page

    async def answer(self, update: Any, value: object = None, query: str = "") -> Reply:
        """Respond to an update."""
        body = "" if value is None else json.dumps(value)
        return await self.post(body, JSON, path=f"/updates/{update['id']}{query}")

    async def waitingUpdates(self) -> int:
        """Return the number of stored updates that wait."""
        status = await self.get("/updates/status")
        waiting: int = status.json["callbacks"][0]["waiting"]
        return waiting

    async def pause(self) -> None:
        """Let the reactor run."""
        from twisted.internet import reactor

        await deferLater(reactor, 0.05)

    async def waits(self) -> Deferred[Reply]:
        """Let a client wait for updates; return its response to come."""
        waiting = self.get("/updates?wait=50")
        while not (await self.get("/updates/status")).json["callbacks"][0]["reader"]:
            await self.pause()
        return waiting

    async def test_messages(self) -> None:
        """
        Messages come in their order, again until they are acknowledged; a receipt
        follows the acknowledgement, and a reply the response.
        """
        await self.begin()
        ids = [f"m{number}" for number in range(20)]
        for id in ids:
            self.say(id, f"<request xmlns='{RECEIPTS}'/>")
        first = await self.fetchAll(len(ids))
        again = await self.fetch()
        for page in (first, again):
            self.assertEqual([each["stanza"]["id"] for each in page["updates"]], ids)
        self.assertEqual(again["updates"][0]["id"], first["updates"][0]["id"])
        self.assertEqual(again["updates"][0]["stanza"]["from"], self.user.jid)
        receipts = [each for each in self.user.received if RECEIPTS in each.xml]
        self.assertEqual(receipts, [])

        last = first["updates"][-1]
        self.assertEqual((await self.answer(last, {"body": "Hello"})).status, 204)
        await self.user.expect("<body>Hello</body>", f"id='{ids[-1]}'", RECEIPTS)
        self.assertEqual((await self.answer(last, {"body": "Hello"})).status, 409)

        rest = await self.fetch(f"after={first['cursor']}")
        self.assertEqual(rest["updates"], [])
        for id in ids[:-1]:
            await self.user.expect(RECEIPTS, f"id='{id}'")

    async def test_queries(self) -> None:
        """
        A query is offered while a client is there; its answer comes by POST, not by
        C{after}, or in time an error.
        """
        await self.begin()
        waiting = await self.waits()
        self.ask("q1")
        page = (await waiting).json
        (update,) = page["updates"]
        self.assertEqual(update["stanza"]["kind"], "iq")
        self.assertIn("expires", update)
        self.assertEqual((await self.fetch(f"after={page['cursor']}"))["updates"], [])
        version = {"version": {"name": "Bot", "version": "7"}}
        self.assertEqual((await self.answer(update, version)).status, 204)
        await self.user.expect("type='result'", "id='q1'", "<name>Bot</name>")

        for id in ("q2", "q3"):
            self.ask(id)
        second, third = (await self.fetchAll(2))["updates"]
        self.assertEqual((await self.answer(second, query="?status=404")).status, 204)
        await self.user.expect("type='error'", "id='q2'", "item-not-found")
        self.time.jump(LATE)
        await self.user.expect("type='error'", "id='q3'")
        self.assertEqual((await self.answer(third, version)).status, 409)

        self.time.jump(LATE)
        self.ask("q4")
        await self.user.expect("type='error'", "id='q4'", "recipient-unavailable")

    async def test_presence(self) -> None:
        """
        Presence is offered only while a client is there, in the order of the stream.
        """
        await self.begin()
        self.user.send(f"<presence to='{self.bot}' id='p1'/>")
        self.say("m1")
        # Or the presence could meet the client.
        while not await self.waitingUpdates():
            await self.pause()
        page = await self.fetch()
        self.assertEqual([each["stanza"]["id"] for each in page["updates"]], ["m1"])
        waiting = self.get(f"/updates?wait=50&after={page['cursor']}")
        while await self.waitingUpdates():
            await self.pause()
        self.user.send(
            f"<presence to='{self.bot}' id='p2'><show>away</show></presence>"
        )
        self.say("m2")
        found = (await waiting).json["updates"]
        if len(found) < 2:
            found = (await self.fetchAll(2))["updates"]
        self.assertEqual([each["stanza"]["id"] for each in found], ["p2", "m2"])

    async def test_readers(self) -> None:
        """
        A second request ends the first with 409; an unknown cursor, or one of another
        callback, is refused with 400, and acknowledges nothing; a token that names
        callbacks can fetch only from these.
        """
        secret = "phone"
        token = TokenConfig(
            name="phone",
            sha256=(sha256(secret.encode()).hexdigest(),),
            may=frozenset({"updates"}),
            callbacks=("phone",),
        )
        other = f"phone@{self.server.componentDomain}"
        callbacks = [
            CallbackConfig(name="laptop", url="pull:", to=(self.bot,)),
            CallbackConfig(name="phone", url="pull:", to=(other,)),
        ]
        await self.begin(callbackURL=None, callbacks=callbacks, tokens=(token,))
        first = self.get("/updates?wait=50&callback=laptop")
        while not (await self.get("/updates/status")).json["callbacks"][0]["reader"]:
            await self.pause()
        second = self.get("/updates?wait=50&callback=laptop")
        self.assertEqual((await first).status, 409)
        self.say("m1")
        page = (await second).json
        self.assertEqual(page["updates"][0]["stanza"]["id"], "m1")

        own = f"Bearer {secret}"
        mine = await self.get("/updates", Authorization=own)
        self.assertEqual((mine.status, mine.json["updates"]), (200, []))
        refused = await self.get("/updates?callback=laptop", Authorization=own)
        self.assertEqual(refused.status, 403, refused.text)
        update = page["updates"][0]
        theirs = await self.post(
            "", JSON, path=f"/updates/{update['id']}", Authorization=own
        )
        self.assertEqual(theirs.status, 404, theirs.text)
        for cursor in (page["cursor"], "AAAA", "x" * 22):
            reply = await self.get(f"/updates?after={cursor}", Authorization=own)
            self.assertEqual(reply.status, 400, reply.text)
        again = await self.fetch("callback=laptop")
        self.assertEqual(again["updates"][0]["attempts"], 2)

    async def test_killed(self) -> None:
        """
        A client that knows its cursor, or does not, goes on after C{kill -9} of the
        gateway.
        """
        gateway = GatewayProcess(
            self.server, self.server.componentDomain, "pull:", "sqlite:store/x.db"
        )
        self.addCleanup(deferToThread, gateway.stop)
        await deferToThread(gateway.start)
        self.useGateway(gateway.port, TOKEN)
        await self.untilConnected()
        for id in ("m1", "m2", "m3"):
            self.say(id, f"<request xmlns='{RECEIPTS}'/>")
        page = await self.fetchAll(3)
        ids = [each["id"] for each in page["updates"]]
        await deferToThread(gateway.kill)
        await deferToThread(gateway.start)
        await self.untilConnected()
        again = (await self.fetch())["updates"]
        self.assertEqual([each["id"] for each in again], ids)
        await self.fetch(f"after={page['updates'][0]['cursor']}")
        await self.user.expect(RECEIPTS, "id='m1'")

        rest = (await self.fetch())["updates"]
        self.assertEqual([each["stanza"]["id"] for each in rest], ["m2", "m3"])

    async def test_redelivered(self) -> None:
        """
        A stanza that no client fetches becomes a dead letter; redelivered, it comes
        after all others.
        """
        await self.begin()
        self.say("m1")
        while not (dead := await self.listed("dead")):
            self.time.jump(RETRY_WINDOW)
            await self.pause()
        self.say("m2")
        await self.fetchAll(1)
        body = json.dumps({"ids": [dead[0]["id"]]})
        reply = await self.post(body, JSON, path="/inbox/redeliver")
        self.assertEqual(reply.json["redelivered"], 1)
        updates = (await self.fetchAll(2))["updates"]
        self.assertEqual([each["stanza"]["id"] for each in updates], ["m2", "m1"])

    async def listed(self, state: str) -> Any:
        """Return the stanzas in a state."""
        return (await self.get(f"/inbox?state={state}")).json["stanzas"]

    def useGateway(self, port: int, token: str) -> None:
        """Send requests to another gateway."""
        from twisted.internet import reactor
        from twisted.web.client import Agent

        self.url = f"http://{LOOPBACK}:{port}/rest"
        self._agent = Agent(reactor)

    async def untilConnected(self) -> None:
        """Wait until the gateway is connected to the server."""
        while (await self.ping()).status != 200:
            await self.pause()


class ProsodyUpdatesTests(UpdatesMixin, TestCase):
    """
    Updates on Prosody.
    """

    kind = Prosody


class EjabberdUpdatesTests(UpdatesMixin, TestCase):
    """
    Updates on ejabberd.
    """

    kind = Ejabberd
