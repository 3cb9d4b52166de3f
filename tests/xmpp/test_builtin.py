"""Tests of L{xmpprest.xmpp.builtin}: what the gateway answers by itself."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest._version import __version__
from xmpprest.core.stanza.serializer import toXML
from xmpprest.xmpp.builtin import BuiltinResponder

from ..support.doubles import stanza

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


class BuiltinAnswersTests(SynchronousTestCase):
    """One query after another."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.builtin = BuiltinResponder(
            lambda: "Alert <bot>",
            self.clock,
            lambda: datetime(2026, 2, 3, 4, 5, 6, 789, UTC),
            lambda: ("urn:xmpp:receipts",),
        )

    def answer(self, query: str, type: str = "get") -> Element | None:
        """Ask for a child element's worth."""
        route = "from='a@example.org/1' to='bot@gateway.example'"
        return self.builtin.answer(
            stanza(f"<iq type='{type}' id='7' {route}>{query}</iq>")
        )

    def payload(self, query: str) -> str:
        """
        Return the payload of the result of a query as XML; its envelope is checked.
        """
        answer = self.answer(query)
        assert answer is not None
        self.assertEqual(
            answer.attributes,
            {
                "type": "result",
                "id": "7",
                "from": "bot@gateway.example",
                "to": "a@example.org/1",
            },
        )
        return "".join(toXML(child) for child in answer.elements())

    def test_ping(self) -> None:
        """A ping is answered by an empty result (XEP-0199 §4.2)."""
        self.assertEqual(self.payload("<ping xmlns='urn:xmpp:ping'/>"), "")

    def test_version(self) -> None:
        """The version is told, the operating system is not (XEP-0092 §2)."""
        self.assertEqual(
            self.payload("<query xmlns='jabber:iq:version'/>"),
            "<query xmlns='jabber:iq:version'><name>xmpprest</name>"
            f"<version>{__version__}</version></query>",
        )

    def test_last(self) -> None:
        """The last activity of a component is its uptime (XEP-0012 §5)."""
        query = "<query xmlns='jabber:iq:last'/>"
        self.assertEqual(
            self.payload(query), "<query xmlns='jabber:iq:last' seconds='0'/>"
        )
        self.clock.advance(61.9)
        self.assertEqual(
            self.payload(query), "<query xmlns='jabber:iq:last' seconds='61'/>"
        )

    def test_time(self) -> None:
        """The time is told in UTC, to the second (XEP-0202 §2, XEP-0082 §3.2)."""
        self.assertEqual(
            self.payload("<time xmlns='urn:xmpp:time'/>"),
            "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo>"
            "<utc>2026-02-03T04:05:06Z</utc></time>",
        )

    def test_discoInfo(self) -> None:
        """The identity has the configured name; the features are those of this file."""
        self.assertEqual(
            self.payload(f"<query xmlns='{INFO}'/>"),
            f"<query xmlns='{INFO}'><identity category='component' type='generic'"
            " name='Alert &lt;bot&gt;'/>"
            + "".join(
                f"<feature var='{var}'/>"
                for var in (
                    INFO,
                    ITEMS,
                    "jabber:iq:last",
                    "jabber:iq:version",
                    "urn:xmpp:ping",
                    "urn:xmpp:receipts",
                    "urn:xmpp:time",
                )
            )
            + "</query>",
        )

    def test_discoItems(self) -> None:
        """The list of items is empty (XEP-0030 §4.1)."""
        self.assertEqual(
            self.payload(f"<query xmlns='{ITEMS}'/>"), f"<query xmlns='{ITEMS}'/>"
        )

    def test_node(self) -> None:
        """The gateway has no nodes (XEP-0030 §7)."""
        for uri in (INFO, ITEMS):
            answer = self.answer(f"<query xmlns='{uri}' node='n'/>")
            assert answer is not None
            self.assertEqual(
                [toXML(child) for child in answer.elements()],
                [
                    "<error type='cancel'>"
                    "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                    "</error>"
                ],
            )

    def test_set(self) -> None:
        """Nothing can be set."""
        for query in (
            "<ping xmlns='urn:xmpp:ping'/>",
            f"<query xmlns='{INFO}'/>",
            "<query xmlns='jabber:iq:last'/>",
        ):
            self.assertIs(self.answer(query, "set"), None)

    def test_others(self) -> None:
        """Nothing else is answered: names count with their namespace."""
        for query in (
            "",
            "<query xmlns='jabber:iq:roster'/>",
            "<ping xmlns='urn:example'/>",
            "<query xmlns='urn:xmpp:ping'/>",
            "<ping/>",
            "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>",
        ):
            self.assertIs(self.answer(query), None)

    def test_fresh(self) -> None:
        """Two answers share nothing that one of them could change for the other."""
        query = f"<query xmlns='{INFO}'/>"
        first, second = self.answer(query), self.answer(query)
        assert first is not None and second is not None
        first["id"] = "other"
        self.assertEqual(second["id"], "7")
