"""Tests of L{xmpprest.xmpp.component}: what becomes of inbound stanzas."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.logger import capturedLogs
from twisted.words.xish.domish import Element

from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import withArticle

from ..support.doubles import DOMAIN, said, stanza
from .case import ComponentTestCase


class ReceiveTests(ComponentTestCase):
    """
    Inbound stanzas.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.connect()
        self.errors: list[Exception] = []

    def handle(self, stanza: Element) -> None:
        """Fail as often as the test wants."""
        if self.errors:
            raise self.errors.pop()
        super().handle(stanza)

    def test_kinds(self) -> None:
        """Messages, presence and iqs are passed on, in jabber:client."""
        self.server.send(
            "<message from='a@example.org'><body>1</body></message>"
            "<presence from='a@example.org'/>"
            "<iq from='a@example.org' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
        self.assertEqual(
            [(s.uri, s.name) for s in self.received],
            [("jabber:client", kind) for kind in ("message", "presence", "iq")],
        )

    def test_noLanguage(self) -> None:
        """An empty language, which means none, is not passed on; any other is."""
        self.server.send("<message xml:lang=''/><message xml:lang='de'/>")
        languages = [s.attributes.get((ns.XML, "lang")) for s in self.received]
        self.assertEqual(languages, [None, "de"])

    def test_otherElements(self) -> None:
        """An element that is no stanza is ignored, whatever its name."""
        self.server.send("<message xmlns='urn:example'/><handshake/><ping/>")
        self.assertEqual(self.received, [])
        self.assertTrue(self.component.ready)

    def test_bug(self) -> None:
        """An exception is logged; it costs neither the stream nor the next stanza."""
        self.errors.append(ValueError("oops"))
        self.server.send("<message id='1'/><message id='2'/>")
        (failure,) = self.flushLoggedErrors(ValueError)
        self.assertEqual(failure.getErrorMessage(), "oops")
        self.assertEqual([s["id"] for s in self.received], ["2"])
        self.assertFalse(self.server.transport.disconnecting)

    def test_lost(self) -> None:
        """A stream that was up and is lost counts, and one line says why."""
        with capturedLogs() as events:
            self.server.lose(ConnectionLost("power cut"))
        self.assertEqual(self.component.reconnects, 1)
        (line,) = said(events)
        self.assertIn("lost the connection", line)
        self.assertIn("power cut", line)


class OversizedTests(ComponentTestCase):
    """Inbound stanzas that exceed a limit."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.connect()

    def refused(
        self, attributes: str, kind: str = "message", sender: str = "a@example.org/1"
    ) -> list[Element]:
        """Have a stanza refused, and return what is answered."""
        deep = "<x xmlns='urn:example'>" * 100 + "</x>" * 100
        with capturedLogs() as events:
            self.server.send(
                f"<{kind} {attributes}>{deep}</{kind}><message id='next'/>"
            )
        self.assertEqual(
            said(events),
            [
                f"Refused {withArticle(kind)} from {sender}: it nests deeper than 64 "
                "levels."
            ],
        )
        self.assertEqual(self.received.pop()["id"], "next")
        return self.server.stanzas()

    def test_message(self) -> None:
        """The sender of a message gets an error; the stream goes on."""
        (error,) = self.refused(
            "type='chat' id='7' from='a@example.org/1' to='bot@gateway.example'"
        )
        self.assertEqual(
            {k: error[k] for k in ("type", "id", "to", "from")},
            {
                "type": "error",
                "id": "7",
                "to": "a@example.org/1",
                "from": "bot@gateway.example",
            },
        )
        (report,) = error.elements()
        self.assertEqual(report["type"], "modify")
        condition, text = report.elements()
        self.assertEqual(condition.name, "policy-violation")
        self.assertEqual(str(text), "Refused: it nests deeper than 64 levels.")
        self.assertEqual(self.received, [])

    def test_iq(self) -> None:
        """An iq get is answered with an error."""
        (error,) = self.refused(
            "type='get' id='7' from='a@example.org/1' to='gateway.example'", "iq"
        )
        self.assertEqual((error.name, error["type"]), ("iq", "error"))

    def test_unanswered(self) -> None:
        """Errors, and what may be from a room, get no error."""
        route = "id='7' from='a@example.org/1' to='gateway.example'"
        self.assertEqual(self.refused(f"type='groupchat' {route}"), [])
        self.assertEqual(self.refused(route, "presence"), [])
        self.assertEqual(self.refused(f"type='result' {route}", "iq"), [])
        room = "room@rooms.example.org"
        route = f"id='7' from='{room}' to='gateway.example'"
        self.assertEqual(self.refused(route, sender=room), [])

    def test_waiting(self) -> None:
        """A request whose reply is refused gets an error as its reply."""
        replying = self.sender.request(
            stanza(
                f"<iq type='get' from='{DOMAIN}' to='a@example.org/1' id='mine'>"
                "<ping xmlns='urn:xmpp:ping'/></iq>"
            ),
            30,
        )
        wireID = self.server.stanza()["id"]
        self.refused(
            f"type='result' id='{wireID}' from='a@example.org/1' to='{DOMAIN}'", "iq"
        )
        (reply,) = self.successResultOf(replying)
        self.assertEqual((reply["type"], reply["id"]), ("error", "mine"))
        self.assertEqual(reply["from"], "a@example.org/1")

    def test_congested(self) -> None:
        """If the error cannot be sent, a line in the log is all it costs."""
        self.congest(self.server)
        self.server.stanzas()
        deep = "<x>" * 100 + "</x>" * 100
        with capturedLogs() as events:
            self.server.send(f"<message from='a@example.org/1'>{deep}</message>")
        self.assertEqual(self.server.stanzas(), [])
        self.assertIn("a@example.org", said(events)[-1])
        self.assertTrue(self.component.ready)

    def test_notAStanza(self) -> None:
        """An oversized element that is no stanza is not answered."""
        deep = "<x>" * 100 + "</x>" * 100
        self.server.send(f"<features type='get'>{deep}</features>")
        self.assertEqual(self.server.stanzas(), [])

    def test_beforeHandshake(self) -> None:
        """Before the handshake is accepted, there is nobody to answer to."""
        self.server.lose()
        self.clock.advance(1)
        server = self.endpoint.accept()
        server.open()
        server.stanzas()
        server.send("<message>" + "<x>" * 100 + "</x>" * 100 + "</message>")
        self.assertEqual(server.stanzas(), [])
        server.send("<handshake/>")
        self.assertTrue(self.component.ready)
