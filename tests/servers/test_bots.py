"""
Bots on real servers, with contacts who do not share a line of code with the gateway.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.core.bots.images import png
from tests.servers.client import User
from tests.servers.gateway import GatewayMixin, Reply, _Body
from tests.support.ejabberd import Ejabberd
from tests.support.process import LOOPBACK
from tests.support.prosody import Prosody

INFO = "{http://jabber.org/protocol/disco#info}"
CAPS = "{http://jabber.org/protocol/caps}"
VCARD = "{vcard-temp}"
#: Where no callback listens.
NOWHERE = f"http://{LOOPBACK}:1/"


def capabilityHash(query: Element) -> str:
    """Return the hash of an answer to disco#info (XEP-0115 §5.1)."""
    parts = sorted(
        "/".join(each.get(key, "") for key in ("category", "type", "lang", "name"))
        for each in query.iterfind(f"{INFO}identity")
    )
    parts += sorted(each.get("var", "") for each in query.iterfind(f"{INFO}feature"))
    text = "".join(f"{each}<" for each in parts)
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


class BotsMixin(GatewayMixin):
    """
    The presence of bots and their contacts.
    """

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits
        await super().setUp()
        # Of its own, since contacts outlive the test in the server's rosters.
        self.bot = f"bot{uuid4().hex[:8]}@{self.server.componentDomain}"
        self.path = f"/bots/{self.bot}"

    def send(self, method: str, path: str, body: Any = None) -> Deferred[Reply]:
        """Send a request with a body of JSON; C{None} for none."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Content_Type": "application/json"}
        return self._request(method, path, headers, _Body(data, chunked=False))

    async def value(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that succeeds; return its JSON."""
        reply = await self.send(method, path, body)
        self.assertIn(reply.status, (200, 204), reply.text)
        return reply.json if reply.body else None

    async def put(self, **profile: Any) -> Any:
        """Add or change the bot."""
        return await self.value("PUT", self.path, profile)

    async def subscribe(self, user: User) -> None:
        """Let a user ask for the bot's presence, and get it."""
        user.send(f"<presence type='subscribe' to='{self.bot}'/>")
        await user.expect("<presence", "type='subscribed'", f"from='{self.bot}'")
        await self.seesOnline(user)

    async def seesOnline(self, user: User) -> Element:
        """Wait until a user sees the bot online; return its presence."""
        found = await user.expect(
            lambda it: (
                it.kind == "presence"
                and it.element.get("from") == f"{self.bot}/xmpprest"
                and it.element.get("type") is None
            )
        )
        return found.element

    async def seesOffline(self, user: User) -> None:
        """Wait until a user sees the bot go offline."""
        source = f"from='{self.bot}/xmpprest'"
        await user.expect("<presence", "type='unavailable'", source)

    async def ask(self, user: User, payload: str) -> Element:
        """Let a user query the bot; return the payload of the answer."""
        id = uuid4().hex
        to = f"{self.bot}/xmpprest"
        user.send(f"<iq type='get' id='{id}' to='{to}'>{payload}</iq>")
        answer = await user.expect("<iq", f"id='{id}'")
        self.assertEqual(answer.element.get("type"), "result", answer.xml)
        return next(iter(answer.element))

    async def becomes(self, states: dict[str, str]) -> Any:  # type: ignore[override]
        """Wait until the contacts have these states; return them."""
        from twisted.internet import reactor

        while True:
            contacts = await self.value("GET", f"{self.path}/contacts")
            found = {
                each["jid"]: " ".join((each["subscription"], *each["pending"]))
                for each in contacts
            }
            if found == states:
                return contacts
            await deferLater(reactor, 0.05)

    async def test_callbackDown(self) -> None:
        """
        A contact subscribes, logs out and in again, and sees the bot online, with its
        status, while no callback can be reached.
        """
        await self.startGateway(callbackURL=NOWHERE)
        await self.put(status="Ask me", show="chat")
        user = await self.login()
        await self.subscribe(user)
        await user.close()
        again = await self.login(user.bareJID.partition("@")[0])
        presence = await self.seesOnline(again)
        self.assertEqual(presence.findtext("{*}status"), "Ask me")
        self.assertEqual(presence.findtext("{*}show"), "chat")

    async def test_profile(self) -> None:
        """
        The hash in the presence is that of the answer to disco#info, the avatar is in
        the vCard, and subscribers see changes.
        """
        await self.startGateway()
        await self.put(name="Weather", features=["urn:example:weather"])
        user = await self.login()
        await self.subscribe(user)
        image = base64.b64encode(png(padding=60_000)).decode()
        await self.put(avatar={"data": image})
        presence = await self.seesOnline(user)
        caps = presence.find(f"{CAPS}c")
        assert caps is not None
        node = f"{caps.get('node')}#{caps.get('ver')}"
        query = await self.ask(user, f"<query xmlns='{INFO[1:-1]}' node='{node}'/>")
        self.assertEqual(query.get("node"), node)
        self.assertEqual(capabilityHash(query), caps.get("ver"))
        features = {each.get("var") for each in query.iterfind(f"{INFO}feature")}
        self.assertLessEqual({"urn:example:weather", "vcard-temp"}, features)
        identity = query.find(f"{INFO}identity")
        assert identity is not None
        self.assertEqual(
            identity.attrib, {"category": "client", "type": "bot", "name": "Weather"}
        )
        card = await self.ask(user, "<vCard xmlns='vcard-temp'/>")
        self.assertEqual(card.findtext(f"{VCARD}FN"), "Weather")
        data = card.findtext(f"{VCARD}PHOTO/{VCARD}BINVAL")
        self.assertEqual(data, image)
        sha1 = hashlib.sha1(base64.b64decode(image)).hexdigest()
        self.assertEqual(presence.findtext("{*}x/{*}photo"), sha1)

    async def test_restarts(self) -> None:
        """
        After a restart of the gateway, of the server, and of both the bot is online
        again; before the gateway stops it goes offline.
        """
        from twisted.internet import reactor

        store = f"sqlite:{self.mktemp()}"
        await self.startGateway(store=store)
        await self.put()
        user = await self.login()
        await self.subscribe(user)
        await self.gateway.service.stopService()
        await self.seesOffline(user)
        await self.startGateway(store=store)
        await self.seesOnline(user)
        # ejabberd writes its rosters to disk within two seconds.
        await deferLater(reactor, 3)
        await deferToThread(self.server.kill)
        await user.ended()
        await deferToThread(self.server.start)
        again = await self.login(user.bareJID.partition("@")[0])
        await self.connected()
        await self.seesOnline(again)
        await self.value("DELETE", self.path)

    async def test_ask(self) -> None:
        """
        A callback that is asked decides by its reply; any other response leaves the
        request pending, without an error, to be decided by a client.
        """
        await self.startGateway(callbackContentType="application/json")
        await self.put(subscriptions="ask")
        accepted, denied, pending, failed = [await self.login() for _ in range(4)]
        for user, answer in (
            (accepted, (200, "application/json", b'{"type":"subscribed"}')),
            (denied, (200, "application/json", b'{"type":"unsubscribed"}')),
            (pending, (204, "", b"")),
            (failed, (404, "", b"")),
        ):
            user.send(f"<presence type='subscribe' to='{self.bot}'/>")
            delivery = await self.delivered()
            self.assertEqual(delivery.json["type"], "subscribe")
            self.assertEqual(delivery.json["from"], user.bareJID)
            delivery.respond(*answer)
        await accepted.expect("<presence", "type='subscribed'")
        await self.seesOnline(accepted)
        await denied.expect("<presence", "type='unsubscribed'")
        states = {
            accepted.bareJID: "from",
            pending.bareJID: "none in",
            failed.bareJID: "none in",
        }
        await self.becomes(states)
        # Asked again, neither is there another question nor an error.
        failed.send(f"<presence type='subscribe' to='{self.bot}'/>")
        await self.value("PUT", f"{self.path}/contacts/{failed.bareJID}")
        await failed.expect("<presence", "type='subscribed'")
        await self.seesOnline(failed)
        await self.value("DELETE", f"{self.path}/contacts/{pending.bareJID}")
        await pending.expect("<presence", "type='unsubscribed'")
        for user in (accepted, denied, pending, failed):
            self.assertNotIn("type='error'", "".join(r.xml for r in user.received))
        self.assertEqual(self.callback.deliveries.pending, [])

    async def test_contact(self) -> None:
        """
        A bot sees the devices of a contact that has approved it, on a new stream, too;
        cancelled, both go.
        """
        await self.startGateway()
        await self.put()
        user = await self.login(resource="phone")
        await self.subscribe(user)
        contact = f"{self.path}/contacts/{user.bareJID}"
        asked = await self.value("PUT", contact, {"subscribe": True, "name": "Me"})
        self.assertEqual((asked["subscription"], asked["pending"]), ("from", ["out"]))
        await user.expect("<presence", "type='subscribe'", f"from='{self.bot}'")
        user.send(f"<presence type='subscribed' to='{self.bot}'/>")
        user.send("<presence><show>away</show><status>Lunch</status></presence>")
        await self.online(user, ["phone away Lunch"])
        self.gateway.component.xmlstream.transport.abortConnection()
        while self.gateway.component.ready:
            await self.ping()
        await self.connected()
        await self.online(user, ["phone away Lunch"])
        await user.close()
        await self.online(user, [])
        again = await self.login(user.bareJID.partition("@")[0], resource="desk")
        await self.online(again, ["desk None None"])
        await self.value("DELETE", contact)
        await again.expect("<presence", "type='unsubscribed'", f"from='{self.bot}'")
        await self.becomes({})

    async def online(self, user: User, expected: list[str]) -> None:
        """Wait until the bot sees these devices of a user."""
        from twisted.internet import reactor

        found = None
        while found != expected:
            (contact,) = await self.becomes({user.bareJID: "both"})
            self.assertEqual(contact["name"], "Me")
            found = [
                f"{each['resource']} {each['show']} {each['status']}"
                for each in contact["resources"]
            ]
            await deferLater(reactor, 0.05)

    async def test_delete(self) -> None:
        """
        A deleted bot goes offline and cancels its subscriptions; its address is like
        any other then, and presence from it is sent as mod_rest sends it.
        """
        await self.startGateway()
        await self.put()
        user = await self.login()
        await self.subscribe(user)
        await self.value("DELETE", self.path)
        await self.seesOffline(user)
        await user.expect("<presence", "type='unsubscribed'", f"from='{self.bot}'")
        self.assertEqual((await self.send("GET", self.path)).status, 404)
        user.send(f"<presence type='subscribe' to='{self.bot}'/>")
        delivery = await self.delivered()
        self.assertIn("type='subscribe'", delivery.text.replace('"', "'"))
        delivery.respond(204, "", b"")
        for type in ("subscribed", ""):
            attribute = f" type='{type}'" if type else ""
            reply = await self.post(
                f"<presence to='{user.bareJID}' from='{self.bot}'{attribute}/>"
            )
            self.assertEqual(reply.status, 202)
        await user.expect("<presence", "type='subscribed'", f"from='{self.bot}'")


class ProsodyBotsTests(BotsMixin, TestCase):
    """
    Bots on Prosody.
    """

    kind = Prosody


class EjabberdBotsTests(BotsMixin, TestCase):
    """
    Bots on ejabberd.
    """

    kind = Ejabberd
