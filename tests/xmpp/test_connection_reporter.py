"""
Tests of L{xmpprest.xmpp.connection_reporter}: what is said, and when it is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from twisted.internet.error import (
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.logger import capturedLogs

from xmpprest.xmpp.connection_reporter import STREAM_CLOSED_DELAY

from ..support.doubles import HeldServer, said
from .case import ComponentTestCase

SUBJECT = "tcp:xmpp.example:5347 (gateway.example): "


class TroubleTests(ComponentTestCase):
    """A component that does not get in, or not for long."""

    def attempts(self, seconds: float, fail: Callable[[], object]) -> list[float]:
        """
        Let time pass while every attempt fails.

        @return: When there was an attempt, in seconds from now.
        """
        start, times = self.clock.seconds(), []
        while self.clock.seconds() - start < seconds:
            if self.endpoint.attempts:
                times.append(self.clock.seconds() - start)
                fail()
            # Floats can count eighths.
            self.clock.advance(0.125)
        return times

    def waits(self, seconds: float, fail: Callable[[], object]) -> list[float]:
        """The seconds between two of these attempts."""
        return [b - a for a, b in pairwise(self.attempts(seconds, fail))]

    def refuseStream(self, condition: str = "not-authorized") -> None:
        """Accept the connection, but not the handshake."""
        server = self.endpoint.accept()
        server.open()
        server.fail(condition, "Try harder")

    def lines(self, fail: Callable[[], object]) -> list[str]:
        """Return the log of an hour in which every attempt fails."""
        with capturedLogs() as events:
            self.attempts(3600, fail)
        return said(events)

    def test_refusedTwiceAMinute(self) -> None:
        """After a stream error the component waits 30 s, always."""
        self.assertEqual(self.waits(120.5, self.refuseStream), [30, 30, 30, 30])

    def test_refusedOnceLogged(self) -> None:
        """A wrong secret is logged once, with condition, text and advice."""
        self.assertEqual(
            self.lines(self.refuseStream),
            [
                f"{SUBJECT}stream error not-authorized (Try harder): the secret is"
                " wrong; compare it with component_secret (Prosody) or password"
                " (ejabberd) of this domain. Trying again."
            ],
        )

    def test_conditions(self) -> None:
        """Every stream error is logged with its condition, its text and advice."""
        for condition, advice in {
            "conflict": "stop it, or wait",
            "host-unknown": "correct --domain",
            "invalid-namespace": "5347",
            "system-shutdown": "shutting down",
            "policy-violation": "the server's log may say more",
            "undefined-condition": "the server's log may say more",
        }.items():
            with capturedLogs() as events:
                self.refuseStream(condition)
            (line,) = said(events)
            self.assertIn(f"stream error {condition} (Try harder): ", line)
            self.assertIn(advice, line)
            self.clock.advance(30)

    def test_withoutText(self) -> None:
        """A stream error without a text is logged without one."""
        server = self.endpoint.accept()
        server.open()
        with capturedLogs() as events:
            server.fail("conflict")
        self.assertIn("stream error conflict: another component", said(events)[0])

    def test_portClosed(self) -> None:
        """While nothing listens, the component asks every 1.5 s."""
        waits = self.waits(
            60, lambda: self.endpoint.refuse(ConnectionRefusedError(111, "refused"))
        )
        self.assertEqual(set(waits), {1.5})

    def test_portClosedOnceLogged(self) -> None:
        """That nothing listens is logged once."""
        (line,) = self.lines(
            lambda: self.endpoint.refuse(ConnectionRefusedError(111, "refused"))
        )
        self.assertEqual(
            line,
            f"{SUBJECT}cannot connect: nothing listens on this port; start the XMPP"
            " server, or correct --server (Prosody and ejabberd use port 5347 for"
            " components). Trying again.",
        )

    def test_backoff(self) -> None:
        """After any other failure the component waits longer and longer, up to 30 s."""
        waits = self.waits(
            200, lambda: self.endpoint.refuse(DNSLookupError("no such host"))
        )
        self.assertEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30])

    def test_backoffForever(self) -> None:
        """The wait is 30 s after 2,000 failures, too."""
        for _ in range(2000):
            self.endpoint.refuse(DNSLookupError("no such host"))
            self.clock.advance(30)

    def test_closedAtOnce(self) -> None:
        """A server that closes without a word is tried less and less often."""
        waits = self.waits(60, lambda: self.endpoint.accept().lose())
        self.assertEqual(waits, [1, 2, 4, 8, 16])

    def test_closedAtOnceLogged(self) -> None:
        """Why the connection ended is logged: it may have been a certificate."""
        (line,) = self.lines(
            lambda: self.endpoint.accept().lose(ConnectionLost("bad certificate"))
        )
        self.assertIn("the server closed the connection during the handshake", line)
        self.assertIn("bad certificate", line)

    def test_shutdownAtOnce(self) -> None:
        """A server that is shutting down is tried less and less often."""
        waits = self.waits(20, lambda: self.refuseStream("system-shutdown"))
        self.assertEqual(waits, [1, 2, 4, 8])

    def test_resetByHandshakeOnly(self) -> None:
        """A connection resets nothing, an accepted handshake everything."""
        self.attempts(10, lambda: self.endpoint.accept().lose())
        self.clock.advance(30)
        server = self.endpoint.accept()
        server.open()
        server.lose()
        self.assertGreater(self.timers()[0], 10)
        self.clock.advance(30)
        self.connect().lose()
        self.assertEqual(self.timers(), [0.5])

    def test_backSoon(self) -> None:
        """A server that restarts is found within 2 s of its return."""
        for down in (0.3, 1.0, 5.0, 600.0):
            self.connect().fail("system-shutdown")
            self.attempts(
                down,
                lambda: self.endpoint.refuse(ConnectionRefusedError(111, "refused")),
            )
            self.clock.pump([0.1] * 20)
            self.assertEqual(len(self.endpoint.attempts), 1)

    def test_conflictLater(self) -> None:
        """A stream that is ended by an error is tried again after 30 s."""
        server = self.connect()
        with capturedLogs() as events:
            server.fail("conflict", "Replaced by new connection")
        self.assertEqual(self.timers(), [30])
        (line,) = said(events)
        self.assertIn("conflict (Replaced by new connection)", line)
        self.assertEqual(self.component.reconnects, 1)

    def test_closedLater(self) -> None:
        """
        An established stream that is closed with an error about what was sent is
        connected again soon.
        """
        self.connect().fail("policy-violation", "XML stanza is too big")
        self.assertEqual(self.timers(), [STREAM_CLOSED_DELAY])
        reason = self.sender.closeReason
        assert reason is not None
        self.assertEqual(reason.condition, "policy-violation")
        self.clock.advance(STREAM_CLOSED_DELAY)
        self.connect()
        self.assertIsNone(self.sender.closeReason)

    def test_counted(self) -> None:
        """Each reason to connect anew is counted once, whatever the server calls it."""
        reasons = self.component.reporter.failureCounts
        names = {*reasons}

        def counted() -> dict[str, int]:
            found = {name: number for name, number in reasons.items() if number}
            reasons.update(dict.fromkeys(reasons, 0))
            return found

        self.endpoint.refuse(ConnectionRefusedError(111, "refused"))
        self.assertEqual(counted(), {"unreachable": 1})
        self.clock.advance(30)
        self.connect().lose()
        self.assertEqual(counted(), {"lost": 1})
        self.clock.advance(30)
        self.connect().fail("conflict")
        self.assertEqual(counted(), {"conflict": 1})
        self.clock.advance(30)
        self.connect().fail("see-other-host")
        self.assertEqual(counted(), {"other": 1})
        self.clock.advance(30)
        self.endpoint.accept().lose()
        self.assertEqual(counted(), {"handshake": 1})
        self.assertEqual({*reasons}, names)

    def test_saidAgain(self) -> None:
        """A fault is logged again once the stream has been up."""

        def lines() -> list[str]:
            with capturedLogs() as events:
                self.refuseStream()
            self.clock.advance(30)
            return said(events)

        self.assertEqual(len(lines()), 1)
        self.assertEqual(lines(), [])
        with capturedLogs() as events:
            self.connect().lose()
        self.assertEqual(
            said(events),
            [
                f"{SUBJECT}connected.",
                f"{SUBJECT}lost the connection: Connection was closed cleanly."
                " Trying again.",
            ],
        )
        self.clock.advance(1)
        self.assertEqual(len(lines()), 1)

    def wrongServer(self, say: Callable[[HeldServer], object]) -> str:
        """Return the log for a server that does not speak XMPP."""
        server = self.endpoint.accept()
        with capturedLogs() as events:
            say(server)
            self.assertTrue(server.transport.disconnecting)
            server.lose()
        (line,) = said(events)
        return line

    def test_noXML(self) -> None:
        """A server that speaks no XML is reported as that."""
        line = self.wrongServer(lambda s: s.send("HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.assertIn("the server sent invalid XML: not well-formed", line)

    def test_noXMLLater(self) -> None:
        """A stream that turns into garbage is over, and logged once."""
        server = self.connect()
        with capturedLogs() as events:
            server.send("<message>\x00")
            self.assertFalse(self.component.ready)
            server.lose()
        (line,) = said(events)
        self.assertIn("the server sent invalid XML", line)

    def test_noStreamID(self) -> None:
        """A server that gives its stream no id has the wrong port."""
        line = self.wrongServer(lambda s: s.open(""))
        self.assertIn("XEP-0114", line)
        self.assertIn("5347", line)
