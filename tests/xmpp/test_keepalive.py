"""Tests of L{xmpprest.xmpp.keepalive}: dead connections are found."""

from __future__ import annotations

from twisted.logger import capturedLogs

from ..support.doubles import DOMAIN, HeldServer, said
from .case import ComponentTestCase


class KeepaliveTests(ComponentTestCase):
    """A stream that falls silent."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.connect()

    def pings(self, server: HeldServer) -> list[str]:
        """The ids of the pings that the component has sent."""
        return [each["id"] for each in server.stanzas() if each.name == "iq"]

    def test_ping(self) -> None:
        """After 15 s of silence the component pings itself through the server."""
        self.clock.advance(14.9)
        self.assertEqual(self.server.stanzas(), [])
        self.clock.advance(0.1)
        ping = self.server.stanza()
        self.assertEqual(
            (ping.name, ping["type"], ping["to"], ping["from"]),
            ("iq", "get", DOMAIN, DOMAIN),
        )

    def test_alive(self) -> None:
        """A server that returns the ping is asked again after the next silence."""
        for _ in range(20):
            self.clock.advance(15)
            (wireID,) = self.pings(self.server)
            self.server.send(
                f"<iq type='get' id='{wireID}' from='{DOMAIN}' to='{DOMAIN}'>"
                "<ping xmlns='urn:xmpp:ping'/></iq>"
            )
        self.assertFalse(self.server.transport.disconnected)
        self.assertEqual(self.received, [])

    def test_anyBytes(self) -> None:
        """Every byte of the server is a sign of life, even white space."""
        for sign in (
            "<message id='1'/>",
            " ",
            "<mess",
            "age/>",
            "<iq type='error' id='1'/>",
        ):
            self.clock.advance(15)
            self.clock.advance(19.9)
            self.server.send(sign)
            self.clock.advance(0.1)
            self.assertFalse(self.server.transport.disconnected)

    def test_noPingNeeded(self) -> None:
        """A busy stream is not pinged."""
        for _ in range(100):
            self.clock.advance(1)
            self.server.send(" ")
        self.assertEqual(self.server.stanzas(), [])

    def test_dead(self) -> None:
        """A dead connection is aborted, with one line in the log."""
        with capturedLogs() as events:
            self.clock.pump([1] * 35)
        self.assertTrue(self.server.transport.disconnected)
        self.assertEqual(
            said(events),
            [
                "The XMPP server has sent nothing for 35 s and does not answer a"
                " ping; reconnecting."
            ],
        )
        with capturedLogs() as events:
            self.server.lose()
        self.assertEqual(len(said(events)), 1)

    def test_within60Seconds(self) -> None:
        """A dead connection is found less than 60 s after its last byte."""
        for last in range(0, 700, 7):
            server = self.server
            start = self.clock.seconds()
            while self.clock.seconds() - start < last / 10:
                self.clock.advance(0.1)
                if round((self.clock.seconds() - start) * 10) % 30 == 0:
                    server.send(" ")
            server.send(" ")
            silent = self.clock.seconds()
            while not server.transport.disconnected:
                self.clock.advance(0.1)
                self.assertLess(self.clock.seconds() - silent, 60, last)
            server.lose()
            self.clock.advance(1)
            self.server = self.connect()

    def test_congested(self) -> None:
        """A dead server that is owed much is found as soon as any other."""
        self.congest(self.server)
        self.clock.pump([1] * 59)
        self.assertTrue(self.server.transport.disconnected)

    def test_halfClosed(self) -> None:
        """A connection that does not close, though its stream has ended, is aborted."""
        self.server.send("</stream:stream>")
        self.clock.pump([1] * 59)
        self.assertTrue(self.server.transport.disconnected)

    def test_lost(self) -> None:
        """Once the stream is lost there are no timers but the next attempt's."""
        self.server.lose()
        self.assertEqual(self.timers(), [0.5])

    def test_lostWhilePinging(self) -> None:
        """
        A stream that is lost during a ping leaves only the timer of the next attempt,
        and is
        not reported as silent.
        """
        self.clock.advance(15)
        self.clock.advance(19.9)
        with capturedLogs() as events:
            self.server.lose()
        self.assertEqual(self.timers(), [0.5])
        (line,) = said(events)
        self.assertIn("lost the connection", line)
        self.assertFalse(self.server.transport.disconnected)

    def test_stopped(self) -> None:
        """A stopped service leaves no timers."""
        self.clock.advance(15)
        self.component.stopService()
        self.server.lose()
        self.assertEqual(self.timers(), [])
