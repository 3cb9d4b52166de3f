"""Tests for L{Gateway.reload<xmpprest.Gateway>}: what changes while it runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha1, sha256
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from twisted.logger import capturedLogs
from twisted.web.server import Site

from tests.core.hooks.hooks import SECRET, hookConfig
from tests.gateway.test_gateway import (
    MESSAGE,
    PING,
    TOKEN,
    GatewayTestCase,
    configuration,
    post,
)
from tests.support.delivery import HeldConnection, HTTPRequest
from tests.support.doubles import DOMAIN, HeldServer, HTTPClient, HTTPResponse, said
from xmpprest import Gateway
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import SETTINGS
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.live import LiveSettings
from xmpprest.core.media.framing import NDJSON

URL = "http://127.0.0.1:9999/in"
OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BOT = f"bot@{DOMAIN}"
OCCUPANT = (
    "<x xmlns='http://jabber.org/protocol/muc#user'>"
    "<item affiliation='none' role='participant'/></x>"
)
DISCO = (
    f"<iq type='get' id='1' from='ann@example.org' to='{DOMAIN}'>"
    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
)


class ReloadTestCase(GatewayTestCase):
    """
    A test that changes a gateway.
    """

    def begin(self, **settings: Any) -> HeldServer:
        """Make a gateway, start it, let it in."""
        self.settings = settings
        self.gateway: Gateway = self.start(**settings)
        self.connections: list[HeldConnection] = []
        self.seen = 0
        self.server = self.connect()
        return self.server

    def change(self, **settings: Any) -> Sequence[str]:
        """Change some settings; returns what is left for another process."""
        self.settings = {**self.settings, **settings}
        return self.gateway.reload(configuration(**self.settings))

    def inbound(self, id: str = "1", to: str = BOT) -> None:
        """A message comes in."""
        self.server.send(
            f"<message from='{id}@example.org' to='{to}' type='chat' id='{id}'>"
            "<body>hi</body></message>"
        )

    def posts(self) -> list[tuple[HeldConnection, HTTPRequest]]:
        """
        Return the POSTs to callbacks since the last call; their OPTIONS are answered by
        405.
        """
        found = []
        while self.seen < len(self.reactor.tcpClients):
            self._accept()
        for connection in self.connections:
            for request in connection.requests():
                if request.method == "POST":
                    found.append((connection, request))
                else:
                    connection.answer(405)
                    return found + self.posts()
        return found

    def _accept(self) -> None:
        _, port, factory, *_ = self.reactor.tcpClients[self.seen]
        isGivenUp = self.reactor.connectors[self.seen].stoppedConnecting
        self.seen += 1
        if port != 5347 and not isGivenUp:
            protocol = self.built(factory)
            self.connections.append(HeldConnection(self.reactor, protocol))

    def built(self, factory: Any) -> Any:  # MemoryReactor's own
        """Serve a connection from the gateway."""
        return factory.buildProtocol(None)

    def posted(self) -> HTTPRequest:
        """The one post since the last time, which is answered by 204."""
        ((connection, request),) = self.posts()
        connection.answer(204)
        return request

    def unposted(self) -> None:
        """Nothing has been posted since the last time."""
        self.assertEqual(self.posts(), [])


class SettingsTests(ReloadTestCase):
    """
    Each setting that changes at once, before and after. Its test has its field's name.
    """

    def test_everySetting(self) -> None:
        """
        No setting has been forgotten here.
        """
        for setting in SETTINGS:
            if not setting.needsRestart:
                self.assertTrue(hasattr(self, f"test_{setting.field.name}"))

    def test_restart(self) -> None:
        """
        Each of the others is named, and stays as it was, whatever else changes.
        """
        self.begin()
        others: dict[str, Any] = {
            "domain": "other.example",
            "server": "tcp:192.0.2.1:5347",
            "listen": ["tcp:81"],
            "admin-listen": "tcp:82",
            "log-format": "json",
            "store": "sqlite:other.db",
        }
        self.assertEqual(self.change(iqTimeout=1), [])
        for setting in SETTINGS:
            if setting.needsRestart:
                change = {setting.field.name: others[setting.name]}
                config = configuration(**{**self.settings, **change})
                self.assertEqual(self.gateway.reload(config), [setting.name])
        self.assertEqual(self.ask(MESSAGE).status, 202)
        self.assertEqual(self.server.stanza()["from"], DOMAIN)

    def test_logRequests(self) -> None:
        """
        Requests and deliveries have lines in the log, or no longer.
        """
        self.begin(callbackURL=URL)
        for isWanted in (False, True, False):
            self.change(logRequests="yes" if isWanted else "no")
            with capturedLogs() as logs:
                self.ask(MESSAGE)
                self.inbound()
                self.posted()
            lines = [line.partition(" ")[0] for line in said(logs)]
            self.assertEqual(lines, ["Request", "Delivery"] if isWanted else [])

    def test_callbackURL(self) -> None:
        """Stanzas are POSTed to the new URL; without one, nowhere."""
        self.begin(callbackURL=URL)
        self.inbound()
        self.assertEqual(self.posted().target, "/in")
        self.change(callbackURL="http://127.0.0.1:9998/other")
        self.inbound()
        self.assertEqual(self.posted().target, "/other")
        self.change(callbackURL=None)
        self.inbound()
        self.unposted()
        self.assertEqual(self.server.stanza()["type"], "error")

    def test_callbackContentType(self) -> None:
        """Stanzas are POSTed in the new format."""
        self.begin(callbackURL=URL)
        self.change(callbackContentType="json")
        self.inbound()
        self.assertEqual(self.posted()["Content-Type"], "application/json")

    def test_contentTypeOfOptions(self) -> None:
        """
        The form that the callback itself has asked for stays, until it asks for
        another.
        """
        self.begin(callbackURL=URL)
        _, _, factory, *_ = self.reactor.tcpClients[-1]
        connection = HeldConnection(self.reactor, self.built(factory))
        connection.requests()
        connection.send(
            b"HTTP/1.1 200 OK\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n"
        )
        self.seen = len(self.reactor.tcpClients)
        self.change(iqTimeout=1)
        self.inbound()
        self.assertEqual(self.posted()["Content-Type"], "application/json")

    def test_callbackStanzas(self) -> None:
        """Stanzas that are no longer selected are not POSTed."""
        self.begin(callbackURL=URL)
        self.change(callbackStanzas=["iq"])
        self.inbound()
        self.unposted()

    def test_callbackEvents(self) -> None:
        """Stanzas to a form of address that is no longer selected are not POSTed."""
        self.begin(callbackURL=URL)
        self.change(callbackEvents=["host"])
        self.inbound()
        self.unposted()
        self.inbound(to=DOMAIN)
        self.posted()

    def test_callbackConnections(self) -> None:
        """
        More requests, or fewer, may be in flight from then on.
        """
        self.begin(callbackURL=URL)
        self.change(callbackConnections=2)
        for number in range(5):
            self.inbound(f"user{number}")
        self.assertEqual(len(self.posts()), 2)

    def test_callbackBatch(self) -> None:
        """
        Stanzas that arrive after the change are posted in batches, or alone, once the
        requests in flight have made room.
        """
        self.begin(callbackURL=URL, callbackConnections=1)
        self.change(callbackBatch=3)
        for number in range(3):
            self.inbound(f"user{number}")
        self.reactor.advance(0)
        ((connection, request),) = self.posts()
        self.assertEqual(request["Content-Type"], NDJSON)
        self.change(callbackBatch=1)
        self.inbound("other")
        self.assertEqual(self.posts(), [])
        ids = [json.loads(line)["id"] for line in request.body.splitlines()]
        self.assertEqual(len(ids), 3)
        lines = [json.dumps({"id": id, "reply": {"body": id}}) for id in ids]
        connection.answer(200, "\n".join(lines).encode(), NDJSON)
        self.assertEqual([str(each.body) for each in self.server.stanzas()], ids)
        self.assertEqual(self.posted()["Content-Type"], "application/xmpp+xml")

    def test_callbackCAFile(self) -> None:
        """
        The file is read again; if it is of no use, nothing changes at all.
        """
        self.begin(callbackURL=URL)
        error = self.assertRaises(
            ValueError, self.change, callbackCAFile="/", iqTimeout=1
        )
        self.assertIn("callback-ca-file is '/'", str(error))
        self.inbound()
        self.posted()
        post(self.client, PING)
        self.reactor.advance(2)
        self.assertEqual(self.client.responses(), [])

    def overdue(self, seconds: float, *fields: str) -> HTTPResponse:
        """The answer to a query that has got no reply for some time."""
        post(self.client, PING, "/rest", *fields)
        self.reactor.advance(seconds)
        return self.client.response()

    def test_iqTimeout(self) -> None:
        """
        An iq waits as long as is set when it comes.
        """
        self.begin()
        other = HTTPClient(self.gateway.site)
        post(other, PING)
        self.change(iqTimeout=5)
        self.assertEqual(self.overdue(6).status, 504)
        self.assertEqual(other.responses(), [])

    def test_iqMaxTimeout(self) -> None:
        """The new maximum limits the timeout that a client chooses."""
        self.begin()
        self.change(iqTimeout=5, iqMaxTimeout=10)
        self.assertEqual(self.overdue(11, "Prefer: wait=100").status, 504)

    def test_hookSizeLimit(self) -> None:
        """
        A request to a hook may be as long as is set.
        """
        self.begin(hooks=[hookConfig()])
        path = f"/hooks/alerts/{SECRET}"
        self.assertEqual(self.ask("ten bytes!", path).status, 202)
        self.change(hookSizeLimit=9)
        self.assertEqual(self.ask("ten bytes!", path).status, 413)

    def test_uploadService(self) -> None:
        """
        Slots are requested from another upload service.
        """
        self.begin()
        self.assertEqual(
            self.reloaded(uploadService="upload.example.org").uploadService,
            "upload.example.org",
        )

    def test_uploadSizeLimit(self) -> None:
        """
        A file may be as large as is set.
        """
        self.begin()
        self.assertEqual(self.reloaded(uploadSizeLimit=7).uploadSizeLimit, 7)

    def test_stanzaSizeLimit(self) -> None:
        """
        A body may be as long as is set, through the site and without it.
        """
        self.begin()
        self.change(stanzaSizeLimit=10)
        self.assertEqual(self.ask(MESSAGE).status, 413)
        self.client = HTTPClient(Site(self.gateway.resource, reactor=self.reactor))
        self.assertEqual(self.ask(MESSAGE, "/").status, 413)

    def test_waitingLimit(self) -> None:
        """
        As many requests may wait as are set; those that do, go on.
        """
        self.begin()
        post(self.client, PING)
        self.change(waitingLimit=1)
        other = HTTPClient(self.gateway.site)
        post(other, MESSAGE)
        self.assertEqual(other.response().status, 503)
        self.assertEqual(self.client.responses(), [])

    def test_corsOrigin(self) -> None:
        """
        Pages of a new origin may read the answers.
        """
        self.begin()
        origin = "https://app.example"
        self.change(corsOrigin=[origin])
        answer = self.ask(MESSAGE, "/rest", f"Origin: {origin}")
        self.assertEqual(answer["Access-Control-Allow-Origin"], origin)

    def test_name(self) -> None:
        """
        Service discovery shows the new name.
        """
        self.begin()
        self.change(name="Robot")
        shown = self.answered(self.server, DISCO).toXml()
        self.assertIn("name='Robot'", shown)
        self.assertNotIn("urn:xmpp:receipts", shown)

    def test_features(self) -> None:
        """
        And that there are receipts, once there is a callback.
        """
        self.begin()
        callback = CallbackConfig(name="iqs", url=URL, stanzas=frozenset({"message"}))
        self.change(callbacks=[callback])
        shown = self.answered(self.server, DISCO).toXml()
        self.assertIn("urn:xmpp:receipts", shown)

    def test_bots(self) -> None:
        """
        The subscribers of a bot learn of the features that a reload has changed.
        """
        self.begin()
        self.client.send(
            f"PUT /rest/bots/{BOT} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        self.assertEqual(self.client.response().status, 200)
        self.server.send(
            f"<presence type='subscribe' from='a@example.org' to='{BOT}'/>"
        )
        _, before = self.server.stanzas()
        self.change(name="Robot")
        self.assertEqual(self.server.stanzas(), [])
        callback = CallbackConfig(name="iqs", url=URL, stanzas=frozenset({"message"}))
        self.change(callbacks=[callback])
        # Behind it comes the barrier.
        after, _ = self.server.stanzas()
        self.assertEqual(after["to"], before["to"])
        self.assertNotEqual(after.toXml(), before.toXml())

    def reloaded(self, **settings: Any) -> LiveSettings:
        """The settings that the parts of a gateway read after a reload."""
        self.begin()
        self.change(**settings)
        return self.gateway.settings.value

    def test_outboxLimit(self) -> None:
        """
        As many messages may wait as are set.
        """
        self.assertEqual(self.reloaded(outboxLimit=7).outboxLimit, 7)

    def test_outboxSize(self) -> None:
        """
        As many bytes may wait as are set.
        """
        self.assertEqual(self.reloaded(outboxSize=7).outboxSize, 7)

    def test_recordLimit(self) -> None:
        """
        As many records are kept as are set.
        """
        self.assertEqual(self.reloaded(recordLimit=7).recordLimit, 7)

    def test_outboxAge(self) -> None:
        """
        The oldest message may wait as long as is set.
        """
        self.assertEqual(self.reloaded(outboxAge=7).outboxAge, 7)

    def test_inboxLimit(self) -> None:
        """
        As many stanzas may wait for a callback as are set.
        """
        self.assertEqual(self.reloaded(inboxLimit=7).inboxLimit, 7)

    def test_inboxSize(self) -> None:
        """
        The stanzas that wait for a callback may have as many bytes as are set.
        """
        self.assertEqual(self.reloaded(inboxSize=7).inboxSize, 7)

    def test_callbackReflections(self) -> None:
        """
        A callback gets reflections from then on, marked as such.
        """
        self.begin(callbackURL=URL, callbackContentType="json")
        self.change(callbackReflections=True)
        room = "room@muc.example"
        message = "type='groupchat' to='{}' from='{}' id='m1'"
        xml = f"<message {message.format(room, DOMAIN)}><body>hi</body></message>"
        post(self.client, xml)
        self.reactor.advance(0)
        self.server.stanza()
        reflected = message.format(DOMAIN, f"{room}/bot")
        self.server.send(f"<message {reflected}><body>hi</body></message>")
        self.reactor.advance(0)
        self.assertIs(json.loads(self.posted().body)["reflection"], True)

    def test_callbackOccupants(self) -> None:
        """
        A callback gets the presence of the occupants of a bot's rooms from then on.
        """
        self.begin(callbackURL=URL)
        self.enter()
        present = f"from='room@muc.example/Ann' to='{BOT}/xmpprest'"
        self.server.send(f"<presence {present}>{OCCUPANT}</presence>")
        self.unposted()
        self.change(callbackOccupants=True)
        self.server.send(f"<presence {present}>{OCCUPANT}</presence>")
        self.assertIn(b"room@muc.example/Ann", self.posted().body)

    def test_roomsAccept(self) -> None:
        """
        An invitation of an address that was added is accepted.
        """
        self.begin()
        invitation = (
            f"<message from='boss@example.org' to='{BOT}' type='headline'>"
            "<x xmlns='jabber:x:conference' jid='room@muc.example'/></message>"
        )
        self.server.send(invitation)
        self.assertEqual(self.server.stanzas(), [])
        self.change(roomsAccept=["boss@example.org"])
        self.server.send(invitation)
        self.assertEqual(self.server.stanza()["to"], "room@muc.example")

    def enter(self) -> None:
        """Let the bot be in a room."""
        body = f'{{"from": "{BOT}"}}'
        path = "/rest/rooms/room@muc.example"
        self.client.send(
            f"PUT {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        query = self.server.stanza()
        self.server.send(
            f"<iq type='result' id='{query['id']}' from='room@muc.example'"
            f" to='{query['from']}'>"
            "<query xmlns='http://jabber.org/protocol/disco#info'>"
            "<feature var='http://jabber.org/protocol/muc'/></query></iq>"
        )
        self.assertEqual(self.server.stanza()["to"], "room@muc.example/bot")
        own = OCCUPANT.replace("</x>", "<status code='110'/></x>")
        self.server.send(
            f"<presence from='room@muc.example/bot' to='{BOT}/xmpprest'>{own}"
            "</presence>"
        )
        self.assertEqual(self.client.response().status, 200)

    def test_replyLimit(self) -> None:
        """
        A sender gets as many automatic replies as are set.
        """
        self.assertEqual(self.reloaded(replyLimit=7).replyLimit, 7)

    def test_recordDays(self) -> None:
        """
        Records are kept as long as is set.
        """
        self.assertEqual(self.reloaded(recordDays=3).recordDays, 3)

    def test_deadDays(self) -> None:
        """
        Dead letters are kept as long as is set.
        """
        self.assertEqual(self.reloaded(deadDays=3).deadDays, 3)


class SecretTests(ReloadTestCase):
    """
    Secrets are changed without a moment in which none of two is good.
    """

    def status(self, token: str) -> int:
        """The status of a message sent with a token."""
        client = HTTPClient(self.gateway.site)
        head = f"POST /rest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        client.send(
            f"{head}Content-Type: application/xmpp+xml\r\n"
            f"Content-Length: {len(MESSAGE)}\r\n\r\n{MESSAGE}".encode()
        )
        return client.response().status

    def statuses(self) -> tuple[int, int]:
        """The status of a message sent with the old token, and with the new one."""
        return self.status(TOKEN), self.status("new")

    def test_credentials(self) -> None:
        """
        Both credentials are good while both are there.
        """
        self.begin(credentials=[TOKEN])
        self.assertEqual(self.statuses(), (202, 401))
        self.change(credentials=[TOKEN, "new"])
        self.assertEqual(self.statuses(), (202, 202))
        self.change(credentials=["new"])
        self.assertEqual(self.statuses(), (401, 202))

    def test_tokens(self) -> None:
        """A named token is replaced; the used part of its rate stays."""
        old, new = (sha256(each.encode()).hexdigest() for each in (TOKEN, "new"))
        limited: dict[str, Any] = {"name": "a", "rate": 0.001, "burst": 3}
        self.begin(credentials=[], tokens=[TokenConfig(sha256=(old,), **limited)])
        self.assertEqual(self.statuses(), (202, 401))
        self.change(tokens=[TokenConfig(sha256=(old, new), **limited)])
        self.assertEqual(self.statuses(), (202, 202))
        self.assertEqual(self.statuses(), (429, 429))
        self.change(tokens=[TokenConfig(sha256=(new,), **limited)])
        self.assertEqual(self.statuses(), (401, 429))

    def test_waiting(self) -> None:
        """A request that waits is answered, even if its token is revoked meanwhile."""
        self.begin()
        post(self.client, PING)
        id = self.server.stanza()["id"]
        self.change(credentials=["new"])
        self.server.send(
            f"<iq type='result' from='example.org' to='{DOMAIN}' id='{id}'/>"
        )
        self.assertEqual(self.client.response().status, 200)

    def test_signing(self) -> None:
        """
        Posts are signed with both secrets while both are there, so that a callback
        that has either takes all of them.
        """
        self.begin(callbackURL=URL, callbackSigningSecrets=[OLD])
        for secrets, good in (
            ([OLD], [OLD]),
            ([NEW, OLD], [OLD, NEW]),
            ([NEW], [NEW]),
        ):
            self.change(callbackSigningSecrets=secrets)
            self.inbound()
            request = self.posted()
            fields = dict(request.fields)
            for each in (OLD, NEW):
                isGood = True
                try:
                    Webhook(each).verify(request.body, fields)
                except WebhookVerificationError:
                    isGood = False
                except ValueError:
                    pass  # It is signed, but no JSON.
                self.assertEqual(isGood, each in good)

    def test_secret(self) -> None:
        """
        The component's secret is shown to the server when it is connected to again.
        """
        self.begin()
        self.change(secret="new")
        self.assertEqual(self.ask(MESSAGE).status, 202)
        self.server.lose()
        self.reactor.advance(1)
        protocol = self.built(self.reactor.tcpClients[-1][2])
        server = HeldServer(protocol)
        server.open("id='1'")
        digest = sha1(b"1new").hexdigest()
        self.assertEqual(str(server.stanza()), digest)


class UndisturbedTests(ReloadTestCase):
    """
    Requests under way.
    """

    def test_post(self) -> None:
        """A POST under way is answered by the old callback, and the reply is sent."""
        self.begin(callbackURL=URL)
        self.inbound()
        ((connection, _),) = self.posts()
        self.change(callbackURL="http://127.0.0.1:9998/")
        self.assertTrue(connection.isOpen)
        connection.answer(200, b"Hello")
        self.assertEqual(str(self.server.stanza().body), "Hello")
        self.reactor.advance(5)
        self.assertFalse(connection.isOpen)

    def test_several(self) -> None:
        """
        Callbacks come and go; each has what it wants from then on.
        """
        orders = CallbackConfig(
            name="orders", url="http://127.0.0.1:9998/o", to=(f"orders@{DOMAIN}",)
        )
        self.begin(callbackURL=URL)
        for callbacks, target in (([], "/in"), ([orders], "/o"), ([], "/in")):
            self.change(callbacks=callbacks)
            self.inbound(to=f"orders@{DOMAIN}")
            self.assertEqual(self.posted().target, target)
            self.inbound(to=BOT)
            self.assertEqual(self.posted().target, "/in")

    def test_stream(self) -> None:
        """
        The stream stays, and nothing is left behind when the gateway stops.
        """
        self.begin(callbackURL=URL)
        for number in range(10):
            self.change(iqTimeout=number + 1)
        self.posts()
        self.assertFalse(self.server.transport.disconnecting)
        stopped = self.gateway.service.stopService()
        self.server.send("</stream:stream>")
        self.server.lose()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.reactor.advance(5)
        self.client.leave()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
