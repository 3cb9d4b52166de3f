"""Tests for L{xmpprest.core.stanza.annotate}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.stanza.annotate import timestamp, withDelay, withOriginID
from xmpprest.core.stanza.build import elements, firstChild
from xmpprest.core.stanza.parser import parseDocument
from xmpprest.core.stanza.serializer import toXML

SID = "urn:xmpp:sid:0"
DELAY = "urn:xmpp:delay"


class IdentifiedTests(SynchronousTestCase):
    """
    A message gets an origin-id.
    """

    def identified(self, xml: str) -> str:
        """The message with it."""
        message = parseDocument(xml.encode())
        return withOriginID(message, toXML(message))

    def test_added(self) -> None:
        """The origin-id is the last child and equals the id of the stanza."""
        for id in ("m1", "<'&\">", "ä\u2028"):
            message = parseDocument(b"<message><body>hi</body></message>")
            message["id"] = id
            whole = parseDocument(withOriginID(message, toXML(message)).encode())
            body, originID = elements(whole)
            self.assertEqual(body.name, "body")
            self.assertEqual((originID.uri, originID["id"]), (SID, id))

    def test_once(self) -> None:
        """An origin-id that the stanza already has is kept."""
        xml = f"<message id='m1'><origin-id xmlns='{SID}' id='x'/></message>"
        self.assertEqual(self.identified(xml), toXML(parseDocument(xml.encode())))

    def test_none(self) -> None:
        """An error gets none, nor does a message that is empty."""
        for xml in (
            "<message id='m1' type='error'><a/></message>",
            "<message id='m'/>",
        ):
            self.assertNotIn("origin-id", self.identified(xml))


class DelayedTests(SynchronousTestCase):
    """
    A message says that it was held back.
    """

    def test_added(self) -> None:
        """The delay names the gateway and the time."""
        xml = withDelay("<message><body>hi</body></message>", "gateway.example", 1.5)
        delay = firstChild(parseDocument(xml.encode()), DELAY, "delay")
        assert delay is not None
        self.assertEqual(delay["from"], "gateway.example")
        self.assertEqual(delay["stamp"], "1970-01-01T00:00:01.500Z")

    def test_once(self) -> None:
        """A delay that the stanza already has is kept."""
        xml = (
            f"<message><delay xmlns='{DELAY}' stamp='2002-09-10T23:08:25Z'/></message>"
        )
        self.assertEqual(withDelay(xml, "gateway.example", 0), xml)


class TimestampTests(SynchronousTestCase):
    """
    Times are written as RFC 3339 has them.
    """

    def test_milliseconds(self) -> None:
        """To the millisecond, in UTC."""
        self.assertEqual(timestamp(1e9), "2001-09-09T01:46:40.000Z")
        self.assertEqual(timestamp(1e9 + 0.25), "2001-09-09T01:46:40.250Z")
