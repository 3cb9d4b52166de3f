"""
The requests and responses that the README of Prosody's mod_rest shows, unchanged but
for the names of hosts: revision 723602fd21d8 of its newest copy, which
docs/reference/mod-rest.rst names.
"""

from __future__ import annotations

import json
from base64 import b64encode

from twisted.trial.unittest import TestCase

from tests.servers.gateway import TOKEN, XML, GatewayMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody

BOT = "bot@gateway.localhost"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class RequestsMixin(GatewayMixin):
    """The requests of its sections on sending."""

    async def test_messages(self) -> None:
        """A chat message arrives from XML, from JSON, and from a text and a path."""
        await self.startGateway()
        user = await self.login()
        inXML = (
            f'<message type="chat" to="{user.bareJID}">\n            <body>Hello!'
            "</body>\n        </message>"
        )
        inJSON = (
            '{\n           "body" : "Hello JSON!",\n           "kind" : "message",\n'
            f'           "to" : "{user.bareJID}",\n'
            '           "type" : "chat"\n        }'
        )
        text = f"/message/chat/{user.bareJID}"
        for path, contentType, body, arrives in (
            ("", XML, inXML, "Hello!"),
            ("", JSON, inJSON, "Hello JSON!"),
            (text, "text/plain", "Hello John!", "Hello John!"),
        ):
            with self.subTest(contentType=contentType):
                reply = await self.post(body, contentType, path=path)
                self.assertEqual(reply.status, 202, reply.text)
                got = await user.expect("<message", f"<body>{arrives}</body>")
                self.assertEqual(got.element.get("type"), "chat")

    async def test_queries(self) -> None:
        """A ping is answered in XML, and a GET of the version in JSON."""
        await self.startGateway()
        host = self.server.host
        reply = await self.post(
            f'<iq type="get" to="{host}">\n            <ping xmlns="urn:xmpp:ping"/>'
            "\n        </iq>"
        )
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, XML))
        self.assertIn("type='result'", reply.text)
        reply = await self.get(f"/version/{host}", Accept=JSON)
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, JSON))
        self.assertTrue(reply.json["version"]["name"])

    async def test_basic(self) -> None:
        """The user name of Basic credentials is the domain of the component."""
        await self.startGateway()
        pair = b64encode(f"{self.server.componentDomain}:{TOKEN}".encode()).decode()
        reply = await self.get(
            f"/version/{self.server.host}", Accept=JSON, Authorization=f"Basic {pair}"
        )
        self.assertEqual(reply.status, 200, reply.text)

    async def test_groupchat(self) -> None:
        """
        A form with C{body} and C{nick} is a message with both, as mod_muc_bot reads it.
        """
        await self.startGateway()
        user = await self.login()
        # The user stands for the room, so that a server without the module will do.
        reply = await self.post(
            "body=beep+boop&nick=Botty", FORM, path=f"/message/chat/{user.bareJID}"
        )
        self.assertEqual(reply.status, 202, reply.text)
        got = await user.expect("<body>beep boop</body>", "Botty")
        nick = got.element.findtext("{http://jabber.org/protocol/nick}nick")
        self.assertEqual(nick, "Botty")

    async def test_commands(self) -> None:
        """
        JSON discovers the commands of a server, and its response has the query's id.
        """
        await self.startGateway()
        query = {
            "items": {"node": "http://jabber.org/protocol/commands"},
            "id": "8iN9hwdAAcfTBchm",
            "kind": "iq",
            "to": self.server.host,
            "type": "get",
        }
        reply = await self.post(json.dumps(query), JSON)
        self.assertEqual(reply.status, 200, reply.text)
        found = reply.json
        self.assertEqual(
            (found["id"], found["kind"], found["from"], found["type"]),
            (query["id"], "iq", self.server.host, "result"),
        )
        self.assertIsInstance(found["items"], list)

    async def test_command(self) -> None:
        """JSON executes a command; a server that does not know it says so."""
        await self.startGateway()
        command = {
            "command": {"node": "uptime"},
            "id": "Jv-87nRaP6Mnrp8l",
            "kind": "iq",
            "to": self.server.host,
            "type": "set",
        }
        reply = await self.post(json.dumps(command), JSON)
        self.assertEqual((reply.status, reply.json["id"]), (200, command["id"]))
        self.assertIn(reply.json["type"], ("result", "error"))
        if reply.json["type"] == "result":
            self.assertEqual(reply.json["command"]["status"], "completed")


class CallbackMixin(GatewayMixin):
    """The callbacks of its sections on receiving, and its two example bots."""

    async def _talk(self, **settings: str) -> tuple[str, str]:
        """
        Send C{Hello} to the bot.

        @return: The content type and the body that the callback got.
        """
        await self.startGateway(**settings)
        self.user = await self.login()
        self.user.send(f"<message to='{BOT}' type='chat'><body>Hello</body></message>")
        delivery = await self.delivered()
        self.respond = delivery.respond
        types = delivery.headers.getRawHeaders("Content-Type") or [""]
        return types[0], delivery.text

    async def test_xml(self) -> None:
        """XML reaches the callback; the reply in XML of the first bot arrives."""
        contentType, body = await self._talk()
        self.assertEqual(contentType, XML)
        self.assertIn("<body>Hello</body>", body)
        reply = b"<message><body>Yes this is bot</body></message>"
        self.respond(200, XML, reply)
        got = await self.user.expect("<body>Yes this is bot</body>")
        self.assertEqual(got.element.get("type"), "chat")

    async def test_json(self) -> None:
        """JSON reaches the callback; the reply in JSON of the second bot arrives."""
        contentType, body = await self._talk(callbackContentType=JSON)
        self.assertEqual(contentType, JSON)
        found = json.loads(body)
        shown = {"body": "Hello", "kind": "message", "to": BOT, "type": "chat"}
        self.assertEqual({key: found[key] for key in shown}, shown)
        self.assertEqual(found["from"], self.user.jid)
        self.respond(200, JSON, b'{"body":"hello"}\n')
        await self.user.expect("<body>hello</body>")

    async def test_typed(self) -> None:
        """A reply in XML can name its type."""
        await self._talk()
        reply = b'<message type="chat">\n<body>Yes, this is bot</body>\n</message>'
        self.respond(200, XML, reply)
        await self.user.expect("<body>Yes, this is bot</body>")


class ProsodyRequestsTests(RequestsMixin, TestCase):
    """The requests with Prosody."""

    kind = Prosody


class EjabberdRequestsTests(RequestsMixin, TestCase):
    """The requests with ejabberd."""

    kind = Ejabberd


class ProsodyCallbackTests(CallbackMixin, TestCase):
    """The callbacks with Prosody."""

    kind = Prosody


class EjabberdCallbackTests(CallbackMixin, TestCase):
    """The callbacks with ejabberd."""

    kind = Ejabberd
