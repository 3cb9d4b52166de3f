"""
The gateway between real servers, an independent client and a callback.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import XML, GatewayMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from xmpprest.core.errors import ERROR_BY_STATUS

BOT = "bot@gateway.localhost"


class SeedMixin(GatewayMixin):
    """
    The examples of the document that this project was started from.
    """

    async def test_sendAsItStands(self) -> None:
        """
        The first example closes the message with C{</body>}: that is a 400 which
        says so.
        """
        await self.startGateway()
        reply = await self.post(
            '<message type="chat" to="user@example.org">\n'
            "            <body>Hello!</body>\n        </body>"
        )
        self.assertEqual(reply.status, 400)
        self.assertIn("mismatched tag", reply.text)
        self.assertIn("not-well-formed", reply.text)

    async def test_send(self) -> None:
        """
        With C{</message>} it is a 202, and a user who is logged in has the message.
        """
        await self.startGateway()
        user = await self.login()
        reply = await self.post(
            f'<message type="chat" to="{user.bareJID}">\n'
            "            <body>Hello!</body>\n        </message>"
        )
        self.assertEqual((reply.status, reply.body), (202, b""))
        received = await user.expect("<message", "Hello!")
        self.assertEqual(received.element.get("id"), reply.header("Stanza-Id"))
        self.assertEqual(received.element.get("from"), self.server.componentDomain)
        self.assertEqual(received.element.get("type"), "chat")

    async def test_ping(self) -> None:
        """
        A ping is answered with the reply, under the id that the client gave.
        """
        await self.startGateway()
        reply = await self.post(
            f'<iq type="get" to="{self.server.host}" id="mine">\n'
            '            <ping xmlns="urn:xmpp:ping"/>\n        </iq>'
        )
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, XML))
        self.assertIn("id='mine'", reply.text)
        self.assertIn("type='result'", reply.text)

    async def test_errorReply(self) -> None:
        """
        An error stanza is a reply like any other: 200.
        """
        await self.startGateway()
        reply = await self.post(
            f'<iq type="get" to="{self.server.host}"><query xmlns="urn:none"/></iq>'
        )
        self.assertEqual(reply.status, 200)
        self.assertIn("type='error'", reply.text)
        self.assertIn("service-unavailable", reply.text)

    async def test_receive(self) -> None:
        """
        A message to the component is posted to the callback, as the example shows.
        """
        await self.startGateway()
        user = await self.login()
        user.send(
            f"<message to='{BOT}' type='chat' id='m'><body>Hello</body></message>"
        )
        delivery = await self.delivered()
        self.assertEqual((delivery.method, delivery.path), ("POST", "/stanzas"))
        self.assertEqual(
            delivery.headers.getRawHeaders("Content-Type"), ["application/xmpp+xml"]
        )
        self.assertNotIn("xmlns='jabber", delivery.text)
        for part in (f"to='{BOT}'", f"from='{user.jid}'", "<body>Hello</body>"):
            self.assertIn(part, delivery.text)
        delivery.respond(204, "", b"")

    async def test_replyXML(self) -> None:
        """
        A stanza in the answer is the reply, and reaches the user.
        """
        await self.startGateway()
        user = await self.login()
        self.callback.answer = lambda delivery: (
            200,
            XML,
            b'<message type="chat">\n<body>Yes, this is bot</body>\n</message>',
        )
        user.send(
            f"<message to='{BOT}' type='chat' id='m'><body>Hello</body></message>"
        )
        received = await user.expect("Yes, this is bot")
        self.assertEqual(received.element.get("from"), BOT)
        self.assertEqual(received.element.get("to"), user.jid)
        self.assertEqual(received.element.get("type"), "chat")
        self.assertTrue(received.element.get("id"))


class LanguageMixin(GatewayMixin):
    """The language of stanzas (RFC 6120 §8.1.5)."""

    async def test_none(self) -> None:
        """
        A message without a language arrives without one, an empty one at most, which
        means the same; one with a language arrives with that.
        """
        await self.startGateway()
        user = await self.login()
        for language in ("", "de"):
            tag = f" xml:lang='{language}'" if language else ""
            reply = await self.post(
                f"<message{tag} to='{user.jid}'><body>Text {language}</body></message>"
            )
            self.assertEqual(reply.status, 202, reply.text)
            received = await user.expect(f"Text {language}")
            found = received.element.get("{http://www.w3.org/XML/1998/namespace}lang")
            self.assertEqual(found or "", language)


class CallbackMixin(GatewayMixin):
    """
    The effects of the callback's responses (callback.rst) on an independent client.
    """

    async def _ask(self, user: User, stanza: str, *answer: Any) -> None:
        """Send a stanza as a user, with the callback's answer ready."""
        self.callback.answer = lambda delivery: answer
        user.send(stanza)
        await self.delivered()

    async def test_accepted(self) -> None:
        """
        202, 204 and an empty 200 accept a message without an answer; an iq gets its
        empty result.
        """
        await self.startGateway()
        user = await self.login()
        for status in (202, 204, 200):
            with self.subTest(status=status):
                await self._ask(
                    user,
                    f"<message id='m{status}' type='chat' to='{BOT}'><body>x</body>"
                    "</message>",
                    status,
                    "",
                    b"",
                )
                await self._ask(
                    user,
                    f"<iq id='i{status}' type='set' to='{BOT}'><x xmlns='urn:x'/></iq>",
                    status,
                    "",
                    b"",
                )
                got = await user.expect(f"id='i{status}'")
                self.assertEqual(got.element.get("type"), "result")
                self.assertEqual(len(got.element), 0)
        await user.sync()
        self.assertFalse([s for s in user.received if s.kind == "message"])

    async def test_statusTable(self) -> None:
        """
        Every status of the table becomes its stanza error, for a message and for an
        iq; any other, 3xx too, becomes undefined-condition.
        """
        await self.startGateway()
        user = await self.login()
        other = {300: ("cancel", "undefined-condition")}
        other |= dict.fromkeys((302, 304, 418, 505), other[300])
        for status, (type, condition) in {**ERROR_BY_STATUS, **other}.items():
            for stanza in (
                f"<iq id='i{status}' type='get' to='{BOT}'><x xmlns='urn:x'/></iq>",
                f"<message id='m{status}' type='chat' to='{BOT}'><body>x</body>"
                "</message>",
            ):
                if status == 410 and stanza.startswith("<message"):
                    continue  # It pauses the callback, and the message is kept.
                with self.subTest(status=status, kind=stanza[1:3]):
                    await self._ask(user, stanza, status, "text/html", b"<h1>no</h1>")
                    got = await user.expect(f"id='{stanza.split(chr(39))[1]}'")
                    self.assertEqual(got.element.get("type"), "error")
                    error = got.element.find("{*}error")
                    assert error is not None
                    self.assertEqual(error.get("type"), type)
                    self.assertIsNotNone(error.find(f"{{*}}{condition}"), got.xml)
                    text = error.findtext("{*}text") or ""
                    self.assertTrue(text.startswith(str(status)), text)
                    self.assertIsNone(got.element.find("{*}body"))

    async def test_receipt(self) -> None:
        """
        A receipt is sent once the callback has accepted, with the message's own id:
        in the reply, or by itself; not if it was refused.
        """
        await self.startGateway()
        user = await self.login()
        stanza = (
            f"<message id='{{}}' type='chat' to='{BOT}'><body>x</body>"
            "<request xmlns='urn:xmpp:receipts'/></message>"
        )
        await self._ask(user, stanza.format("r1"), 204, "", b"")
        alone = await user.expect("<received", "urn:xmpp:receipts", "id='r1'")
        self.assertIsNone(alone.element.find("{*}body"))
        self.assertNotEqual(alone.element.get("id"), "r1")
        await self._ask(user, stanza.format("r2"), 200, "text/plain", b"Yes")
        both = await user.expect("<received", "urn:xmpp:receipts", "id='r2'")
        self.assertEqual(both.element.findtext("{*}body"), "Yes")
        await self._ask(user, stanza.format("r3"), 404, "", b"")
        refused = await user.expect("type='error'")
        self.assertIsNone(refused.element.find("{*}received"))

    async def test_subscribe(self) -> None:
        """
        A subscription request is posted, a plain 200 answers nothing, and the
        callback's C{subscribed} reaches the user.
        """
        await self.startGateway()
        user = await self.login()
        request = f"<presence type='subscribe' to='{BOT}'/>"
        await self._ask(user, request, 200, "", b"")
        await user.sync()
        await self._ask(user, request, 200, "text/html", b"<h1>ok</h1>")
        await self.ping()
        await user.sync()
        self.assertFalse(
            [s for s in user.received if s.kind == "presence" and BOT in s.xml]
        )
        await self._ask(user, request, 200, XML, b"<presence type='subscribed'/>")
        got = await user.expect("<presence", "type='subscribed'")
        self.assertEqual(got.element.get("from"), BOT)

    async def test_groupchat(self) -> None:
        """
        In a real room, a reply goes to the whole room; no error of the callback's
        ever removes the bot from it.
        """
        await self.startGateway()
        user = await self.login()
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        self.callback.answer = lambda delivery: (500, "", b"")
        reply = await self.post(
            f"<presence to='{room}/bot' from='{BOT}/x'>"
            "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
        self.assertEqual(reply.status, 202)
        while "110" not in (await self.delivered()).text:
            pass
        await user.joinRoom(room, "Juliet")
        user.send(f"<message type='groupchat' to='{room}'><body>one</body></message>")
        while "<body>one</body>" not in (await self.delivered()).text:
            pass
        self.callback.answer = lambda delivery: (
            (200, "text/plain", b"two")
            if "/Juliet'" in delivery.text and "<body>three" in delivery.text
            else (500, "", b"")
        )
        user.send(f"<message type='groupchat' to='{room}'><body>three</body></message>")
        got = await user.expect("groupchat", "<body>two</body>")
        self.assertEqual(got.element.get("from"), f"{room}/bot")

    async def test_unwanted(self) -> None:
        """
        The gateway answers stanzas that no callback receives: queries with its own
        answers,
        messages with an error, presence not at all.
        """
        await self.startGateway(callbackURL=None, name="a test")
        user = await self.login()
        user.send(
            "<iq type='get' id='d' to='gateway.localhost'>"
            "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
            f"<iq type='get' id='p' to='{BOT}'><ping xmlns='urn:xmpp:ping'/></iq>"
            f"<iq type='get' id='x' to='{BOT}/r'><x xmlns='urn:x'/></iq>"
            f"<presence type='subscribe' to='{BOT}'/>"
            f"<message type='chat' id='m' to='{BOT}'><body>x</body></message>"
        )
        disco = await user.expect("id='d'", "type='result'")
        self.assertIn('name="a test"', disco.xml.replace("'", '"'))
        await user.expect("id='p'", "type='result'")
        await user.expect("id='x'", "type='error'", "service-unavailable")
        await user.expect("id='m'", "type='error'", "service-unavailable")


class ProsodySeedTests(SeedMixin, TestCase):
    """The seed's examples with Prosody."""

    kind = Prosody


class EjabberdSeedTests(SeedMixin, TestCase):
    """The seed's examples with ejabberd."""

    kind = Ejabberd


class ProsodyLanguageTests(LanguageMixin, TestCase):
    """The language of stanzas with Prosody."""

    kind = Prosody


class EjabberdLanguageTests(LanguageMixin, TestCase):
    """The language of stanzas with ejabberd."""

    kind = Ejabberd


class ProsodyCallbackTests(CallbackMixin, TestCase):
    """The callback's answers with Prosody."""

    kind = Prosody


class EjabberdCallbackTests(CallbackMixin, TestCase):
    """The callback's answers with ejabberd."""

    kind = Ejabberd
