"""
The metrics of a gateway at work, beside Prosody: each is there, and each moves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from tests.core.hooks.hooks import SECRET, hookConfig
from tests.servers.gateway import TOKEN, GatewayMixin, _Body
from tests.support.prosody import Prosody
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.hook import HookConfig
from xmpprest.core.records import DEAD, DeliveryAttempt
from xmpprest.metrics.definitions import HISTOGRAM, METRICS
from xmpprest.store.sqlite import SQLiteStore

BOT = "bot@gateway.localhost"
PULLED = "pulled@gateway.localhost"
PING = f"<iq type='get' to='{BOT}' id='q'><ping xmlns='urn:xmpp:ping'/></iq>"


class MetricsTests(GatewayMixin, TestCase):
    """
    C{GET /metrics}
    """

    kind = Prosody

    async def scrape(self) -> dict[str, float]:
        """All metrics; of each, the sum of its series, or how many it has counted."""
        reply = await self._exchanged(
            b"GET",
            self.url.removesuffix("/rest").encode() + b"/metrics",
            Headers({"Authorization": [f"Bearer {TOKEN}"]}),
            None,
        )
        self.assertEqual(reply.status, 200, reply.text)
        kinds = {metric.name: metric.kind for metric in METRICS}
        found = {}
        for family in text_string_to_metric_families(reply.text):
            if not family.name.startswith("xmpprest_"):
                continue
            self.assertEqual(family.type, kinds[family.name])
            suffix = "_count" if family.type == HISTOGRAM else ""
            found[family.name] = sum(
                sample.value
                for sample in family.samples
                if family.type != HISTOGRAM or sample.name.endswith(suffix)
            )
        for name, value in found.items():
            self.seen.setdefault(name, set()).add(value)
        return found

    async def until(self, isSo: Callable[[dict[str, float]], bool]) -> None:
        """Wait until the metrics say something."""
        from twisted.internet import reactor

        while not isSo(await self.scrape()):
            await deferLater(reactor, 0.05)

    async def test_everyMetric(self) -> None:
        """
        Each metric of the documents is there, and moves with what it is about.
        """
        self.seen: dict[str, set[float]] = {}
        path = self.mktemp()
        await self.giveUp(path)
        await self.startGateway(
            store=f"sqlite:{path}",
            inboxLimit=4,
            replyLimit=1,
            roomsAccept=(f"tybalt@{self.server.host}",),
            callbacks=(CallbackConfig(name="laptop", url="pull:", to=(PULLED,)),),
            hooks=(self.makeHook(),),
        )
        await self.until(lambda now: now["xmpprest_dead_letters"] == 1)
        await self.send()
        await self.hook()
        await self.fetch()
        await self.refuse()
        await self.ask()
        await self.subscribe()
        await self.joinRoom()
        await self.loseStream()
        await self.pause()
        # Without a store there is no answer, and nothing else is held up.
        await self.gateway.service.stopService()
        await self.scrape()
        self.gateway.service.startService()
        moved = {name for name, values in self.seen.items() if len(values) > 1}
        names = {metric.name for metric in METRICS}
        self.assertEqual(self.seen.keys(), names)
        # A version and a setting stay what they are.
        # The role changes where there are several instances: tests/survival.
        constant = {"xmpprest_info", "xmpprest_instance_role", "xmpprest_record_limit"}
        self.assertEqual(names - moved, constant)

    async def giveUp(self, path: str) -> None:
        """Let an earlier gateway have given up a message."""
        from twisted.internet import reactor

        anyReactor: Any = reactor  # a module, to a type checker
        store = SQLiteStore(path, anyReactor)
        await store.open()
        xml = f"<message xmlns='jabber:client' from='a@localhost' to='{BOT}'/>"
        number = await store.addIncoming("msg_1", "a", xml, time.time())
        failed = DeliveryAttempt(time.time(), None, "No answer.")
        await store.recordAttempt(number, failed, DEAD, time.time())
        await store.close()

    async def send(self) -> None:
        """Messages go out, and come in to a callback that takes its time."""
        user = await self.login()
        sent = await self.post(
            f"<message to='{user.bareJID}'><body>1</body></message>",
            Idempotency_Key="once",
        )
        await self.becomes(sent, "confirmed")
        user.send(f"<message to='{BOT}' type='chat'><body>2</body></message>")
        delivery = await self.delivered()
        await self.until(lambda now: now["xmpprest_inbox_oldest_seconds"] > 0)
        delivery.respond(204, "", b"")
        await self.until(lambda now: now["xmpprest_inbox_stanzas"] == 0)

    def makeHook(self) -> HookConfig:
        """Return a hook whose template fails."""
        template = Path(self.mktemp())
        template.write_text("{{ 1 / 0 }}")
        return hookConfig(to=[f"monitor@{self.server.host}"], template=str(template))

    async def hook(self) -> None:
        """A program posts to a hook, whose template fails."""
        path = f"/hooks/alerts/{SECRET}"
        uri = self.url.removesuffix("/rest") + path
        lines = Headers({"Content-Type": ["application/json"]})
        body = _Body(b'{"text": "Hello"}', chunked=False)
        reply = await self._exchanged(b"POST", uri.encode(), lines, body)
        self.assertEqual(reply.status, 200, reply.text)
        await self.until(lambda now: now["xmpprest_hook_template_failures"] > 0)
        # The recipient does not exist.
        (await self.delivered()).respond(204, "", b"")

    async def fetch(self) -> None:
        """A client fetches a message."""
        user = await self.login("pull")
        user.send(f"<message to='{PULLED}' type='chat'><body>2</body></message>")
        await self.until(lambda now: now["xmpprest_updates_oldest_seconds"] > 0)
        await self.until(lambda now: now["xmpprest_updates_waiting"] == 1)
        page = json.loads((await self.get("/updates")).text)
        await self.get(f"/updates?after={page['cursor']}")
        await self.until(lambda now: now["xmpprest_updates_reader"] == 1)
        await self.until(lambda now: now["xmpprest_updates_waiting"] == 0)

    async def refuse(self) -> None:
        """A user sends more than a share of the inbox, and gets more than a reply."""
        user = await self.login("juliet")
        for number in range(6):
            user.send(
                f"<message to='{BOT}' type='chat' id='{number}'><body/></message>"
            )
        await self.until(lambda now: now["xmpprest_inbox_refused"] > 0)
        first = await self.delivered()
        self.callback.answer = lambda delivery: (200, "text/plain", b"Hello")
        first.respond(200, "text/plain", b"Hello")
        user.send(f"<message to='{BOT}' type='chat'><body>7</body></message>")
        user.send(f"<message to='{BOT}' type='chat'><body>8</body></message>")
        await self.until(lambda now: now["xmpprest_replies_dropped"] > 0)
        await self.until(lambda now: now["xmpprest_inbox_stanzas"] == 0)
        self.callback.answer = None
        while self.callback.deliveries.pending:
            await self.delivered()

    async def ask(self) -> None:
        """A query waits; the reply to another one comes too late."""
        asking = self.post(PING)
        delivery = await self.delivered()
        await self.until(lambda now: now["xmpprest_iq_waiting"] == 1)
        delivery.respond(204, "", b"")
        self.assertEqual((await asking).status, 200)
        late = await self.post(PING, Prosody_Rest_Timeout="0.1")
        self.assertEqual(late.status, 504)
        (await self.delivered()).respond(204, "", b"")
        await self.until(lambda now: now["xmpprest_iq_dropped"] == 1)

    async def subscribe(self) -> None:
        """A bot has a subscriber who probes too often, and asks a contact."""
        path = f"/bots/weather@{self.server.componentDomain}"
        await self._request("PUT", path, {}, None)
        user = await self.login("mercutio")
        to = f"weather@{self.server.componentDomain}"
        for _ in range(30):
            user.send(f"<presence type='subscribe' to='{to}'/>")
        contact = f"{path}/contacts/benvolio@{self.server.host}"
        body = _Body(b'{"subscribe": true}', chunked=False)
        asking = {"Content_Type": "application/json"}
        await self._request("PUT", contact, asking, body)
        await self.until(lambda now: now["xmpprest_bot_refused"] > 0)
        await self.until(lambda now: now["xmpprest_bot_requests"] > 0)
        await user.close()
        # The limit holds for ten seconds, for the probe of the next login, too.
        await self.until(lambda now: now["xmpprest_bot_contacts"] > 0)
        romeo = await self.login("romeo")
        romeo.send(f"<presence type='subscribe' to='{to}'/>")
        await romeo.expect("<presence", "type='subscribed'")
        await romeo.close()
        await self.login("romeo")
        await self.until(lambda now: now["xmpprest_bot_probes"] > 0)

    async def joinRoom(self) -> None:
        """A bot is in a room, and is kicked; another is invited."""
        owner = await self.login("tybalt")
        room = f"square@{self.server.mucDomain}"
        await owner.joinRoom(room, "Tybalt")
        joined = await self.putJSON(f"/rooms/{room}", {"nick": "bot"})
        self.assertEqual(joined.status, 200)
        await self.until(lambda now: now["xmpprest_rooms"] == 1)
        owner.send(
            f"<iq type='set' id='kick' to='{room}'>"
            "<query xmlns='http://jabber.org/protocol/muc#admin'>"
            "<item nick='bot' role='none'/></query></iq>"
        )
        await self.until(lambda now: now["xmpprest_room_removals"] > 0)
        owner.send(
            f"<message to='guest@{self.server.componentDomain}'>"
            f"<x xmlns='jabber:x:conference' jid='{room}'/></message>"
        )
        await self.until(lambda now: now["xmpprest_room_invitations"] > 0)

    async def loseStream(self) -> None:
        """The stream is lost; then there is none while somebody sends."""
        component = self.gateway.component
        component.xmlstream.transport.abortConnection()
        await self.until(lambda now: now["xmpprest_reconnects"] > 0)
        await self.connected()
        await component.stopService()
        await self.post("<message to='a@localhost'><body>3</body></message>")
        await self.until(lambda now: now["xmpprest_outbox_oldest_seconds"] > 0)
        component.startService()
        await self.connected()
        await self.until(lambda now: now["xmpprest_outbox_messages"] == 0)

    async def pause(self) -> None:
        """The callback says that it is gone."""
        self.callback.answer = lambda delivery: (410, "", b"")
        again = await self.post(b"", path="/inbox/msg_1/redeliver")
        self.assertEqual(again.status, 202, again.text)
        await self.until(lambda now: now["xmpprest_callback_paused"] == 1)
