"""Tests of L{xmpprest.xmpp.component}: connecting, sending, stopping."""

from __future__ import annotations

from functools import partial
from hashlib import sha1

from twisted.internet.error import ConnectionLost
from twisted.logger import capturedLogs
from twisted.words.protocols.jabber.component import (
    Router,
    XMPPComponentServerFactory,
)

from xmpprest.core.errors import Problem
from xmpprest.core.stanza.build import element
from xmpprest.core.stanza.namespaces import CLIENT
from xmpprest.xmpp.component import HANDSHAKE_TIMEOUT, STOP_TIMEOUT
from xmpprest.xmpp.encoding import MAX_STANZA_BYTES

from ..support.doubles import (
    DOMAIN,
    NS_COMPONENT,
    NS_STREAMS,
    HeldTransport,
    said,
    stanza,
)
from .case import SECRET, ComponentTestCase

MESSAGE = (
    f"<message from='{DOMAIN}' to='a@example.org' id='1'><body>hi</body></message>"
)


class HandshakeTests(ComponentTestCase):
    """How a stream comes up (XEP-0114 §3)."""

    def test_header(self) -> None:
        """The component opens a stream to its domain, in the component namespace."""
        server = self.endpoint.accept()
        header = server.transport.taken().decode()
        self.assertIn(f"to='{DOMAIN}'", header)
        self.assertIn(f"xmlns='{NS_COMPONENT}'", header)
        self.assertIn(f"xmlns:stream='{NS_STREAMS}'", header)
        self.assertNotIn("version", header)

    def test_language(self) -> None:
        """
        The stream declares an empty language: without one, Prosody gives the language
        "en" to every stanza that names none.
        """
        server = self.endpoint.accept()
        self.assertIn("xml:lang=''", server.transport.taken().decode())

    def test_hash(self) -> None:
        """The handshake is the SHA-1 of the stream's id and the secret, in hex."""
        server = self.endpoint.accept()
        server.open("id='a&amp;b'")
        handshake = server.stanza()
        self.assertEqual((handshake.uri, handshake.name), (NS_COMPONENT, "handshake"))
        digest = sha1(f"a&b{SECRET}".encode()).hexdigest()
        self.assertEqual(str(handshake), digest)

    def test_ready(self) -> None:
        """The component is ready once the server has accepted the handshake."""
        server = self.endpoint.accept()
        self.assertFalse(self.component.ready)
        server.open()
        self.assertFalse(self.component.ready)
        server.send("<handshake/>")
        self.assertTrue(self.component.ready)
        server.lose()
        self.assertFalse(self.component.ready)

    def test_inPieces(self) -> None:
        """The server's bytes may arrive in any pieces."""
        server = self.endpoint.accept()
        header = (
            f"<?xml version='1.0'?>\n<stream:stream xmlns:stream='{NS_STREAMS}'"
            f" xmlns='{NS_COMPONENT}' id='1'><handshake></handshake>"
        )
        for byte in header:
            self.assertFalse(self.component.ready)
            server.send(byte)
        self.assertTrue(self.component.ready)

    def test_twistedServer(self) -> None:
        """Twisted's own component server lets the component in, and in step."""
        factory = XMPPComponentServerFactory(Router(), SECRET)
        real = factory.buildProtocol(None)
        transport = HeldTransport()
        real.makeConnection(transport)
        server = self.endpoint.accept()
        for _ in range(3):
            real.dataReceived(server.transport.taken())
            server.send(transport.taken())
        self.assertTrue(self.component.ready)

    def test_silence(self) -> None:
        """A server that accepts the connection and says nothing has 20 s."""
        self.assertEqual(HANDSHAKE_TIMEOUT, 20)
        server = self.endpoint.accept()
        with capturedLogs() as events:
            self.clock.advance(19.9)
            self.assertFalse(server.transport.disconnected)
            self.clock.advance(0.1)
            self.assertTrue(server.transport.disconnected)
            server.lose()
        self.assertEqual(
            said(events),
            [
                "tcp:xmpp.example:5347 (gateway.example): the server did not accept the"
                " handshake within 20 s. Trying again."
            ],
        )

    def test_silenceAfterHeader(self) -> None:
        """A server that says nothing to the handshake has no more time than that."""
        server = self.endpoint.accept()
        self.clock.advance(15)
        server.open()
        self.clock.advance(5)
        self.assertTrue(server.transport.disconnected)

    def test_noTimerLeft(self) -> None:
        """A stream that is up waits for nothing but the next look at its silence."""
        self.connect()
        self.assertEqual(self.timers(), [15])


class SendTests(ComponentTestCase):
    """Writing to the stream, or not."""

    def refusal(self, message: str = MESSAGE) -> Problem:
        """Send, and be refused."""
        return self.refusedBy(lambda: self.sender.send(stanza(message)))

    def test_send(self) -> None:
        """A stanza is in the stream's namespace on the wire."""
        server = self.connect()
        self.sender.send(stanza(MESSAGE))
        sent = server.stanza()
        self.assertEqual((sent.uri, sent.name), (NS_COMPONENT, "message"))
        self.assertEqual(sent["to"], "a@example.org")
        self.assertEqual(
            [(c.uri, str(c)) for c in sent.elements()], [(NS_COMPONENT, "hi")]
        )

    def test_longTag(self) -> None:
        """
        A long tag is followed by as much white space, so that no server waits for
        more before it reads it.
        """
        server = self.connect()
        self.sender.send(stanza(f"<message to='a@b' id='{'i' * 2000}'/>"))
        server.stanza()
        sent = server.written
        self.assertEqual(len(sent) - len(sent.rstrip()), 2000 + 25)
        self.sender.send(
            stanza(f"<message to='a@b'><body>{'i' * 2000}</body></message>")
        )
        server.stanza()
        self.assertFalse(server.written.endswith(b" "))

    def test_noStream(self) -> None:
        """While there is no stream, a stanza is refused with 503, and not kept."""
        refused = [self.refusal()]
        server = self.endpoint.accept()
        refused.append(self.refusal())
        server.open()
        refused.append(self.refusal())
        server.send("<handshake/>")
        self.assertEqual([s.name for s in server.stanzas()], ["handshake"])
        server.lose()
        refused.append(self.refusal())
        self.clock.advance(1)
        self.assertEqual(self.connect().stanzas(), [])
        for refusal in refused:
            self.assertEqual(refusal.status, 503)
            self.assertEqual(dict(refusal.headers), {"Retry-After": "5"})

    def test_congestion(self) -> None:
        """More than 16 MiB behind a transport that is full are refused with 503."""
        server = self.connect()
        large = stanza(MESSAGE.replace("hi", "x" * 2**18))
        for _ in range(80):
            self.sender.send(large)
        self.congest(server)
        refusal = self.refusal()
        self.assertEqual(refusal.status, 503)
        self.assertEqual(refusal.condition, "resource-constraint")
        self.assertEqual(dict(refusal.headers), {"Retry-After": "2"})
        server.transport.drain()
        server.transport.clear()
        self.sender.send(stanza(MESSAGE))
        self.assertIn(b"hi", server.transport.taken())

    def test_congestionEnds(self) -> None:
        """Bytes that waited on a lost connection do not count on the next one."""
        server = self.connect()
        self.congest(server)
        self.refusal()
        server.lose()
        self.clock.advance(1)
        self.connect()
        self.sender.send(stanza(MESSAGE))

    def test_tooLong(self) -> None:
        """A stanza for which servers would close the stream is refused with 413."""
        server = self.connect()
        refusal = self.refusal(MESSAGE.replace("hi", "&lt;" * (MAX_STANZA_BYTES // 4)))
        self.assertEqual(refusal.status, 413)
        self.assertEqual(server.stanzas(), [])

    def test_illegalCharacter(self) -> None:
        """
        A character for which servers would close the stream is refused with 422, in a
        text and in an attribute; line breaks and emoji are sent.
        """
        server = self.connect()
        for character in "\x00\x01\x08\x0b\x1f\ufffe\uffff\ud800":
            message = element(CLIENT, "message", {"to": "a@b", "id": character})
            for unsafe in (message, element(CLIENT, "message", {}, character)):
                with self.subTest(character=ascii(character)):
                    problem = self.refusedBy(partial(self.sender.send, unsafe))
                    self.assertEqual(problem.status, 422)
                    self.assertIn(f"U+{ord(character):04X}", problem.text)
        self.assertEqual(server.stanzas(), [])
        self.sender.send(element(CLIENT, "message", {"to": "a@b"}, "\t\r\n🙂"))
        self.assertEqual(len(server.stanzas()), 1)

    def test_afterStreamError(self) -> None:
        """Nothing is written to a stream that the server has ended by an error."""
        server = self.connect()
        server.send(
            "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "</stream:error>"
        )
        self.assertEqual(self.refusal().status, 503)
        self.assertFalse(self.component.ready)
        self.assertTrue(server.transport.disconnecting)

    def test_afterFooter(self) -> None:
        """Once the server has closed its stream, ours is closed and takes no more."""
        server = self.connect()
        server.send("</stream:stream>")
        self.assertEqual(server.transport.taken(), b"</stream:stream>")
        self.assertEqual(self.refusal().status, 503)
        self.assertTrue(server.transport.disconnecting)
        self.assertIs(server.transport.producer, None)


class StopTests(ComponentTestCase):
    """Closing the stream in good order (RFC 6120 §4.4)."""

    def test_goodOrder(self) -> None:
        """The stream is closed, and then, when the server has, the connection."""
        server = self.connect()
        stopping = self.component.stopService()
        assert stopping is not None
        self.assertEqual(server.transport.taken(), b"</stream:stream>")
        # What the server has not read yet would be lost.
        self.assertFalse(server.transport.disconnecting)
        server.send("</stream:stream>")
        self.assertTrue(server.transport.disconnecting)
        self.assertEqual(server.transport.taken(), b"")
        self.assertNoResult(stopping)
        server.lose()
        self.successResultOf(stopping)
        self.assertEqual(self.timers(), [])
        self.assertFalse(server.transport.disconnected)

    def test_nothingAfterFooter(self) -> None:
        """Nothing is written behind the end of the stream."""
        server = self.connect()
        self.component.stopService()
        server.transport.clear()
        refusal = self.refusedBy(lambda: self.sender.send(stanza(MESSAGE)))
        self.assertEqual(refusal.status, 503)
        self.assertEqual(server.transport.taken(), b"")

    def test_noProducer(self) -> None:
        """No producer keeps a TLS connection open."""
        server = self.connect()
        self.component.stopService()
        self.assertIs(server.transport.producer, None)

    def test_abort(self) -> None:
        """A server that does not close has 5 s."""
        self.assertEqual(STOP_TIMEOUT, 5)
        server = self.connect()
        stopping = self.component.stopService()
        assert stopping is not None
        self.clock.advance(4.9)
        self.assertFalse(server.transport.disconnected)
        self.clock.advance(0.1)
        self.assertTrue(server.transport.disconnected)
        server.lose()
        self.successResultOf(stopping)
        self.assertEqual(self.timers(), [])

    def test_quiet(self) -> None:
        """To stop is not to lose the connection: nothing is logged or counted."""
        server = self.connect()
        with capturedLogs() as events:
            self.component.stopService()
            server.lose()
        self.assertEqual(said(events), [])
        self.assertEqual(self.component.reconnects, 0)

    def test_duringHandshake(self) -> None:
        """A connection without a stream is just closed."""
        server = self.endpoint.accept()
        server.transport.clear()
        stopping = self.component.stopService()
        assert stopping is not None
        self.assertEqual(server.transport.taken(), b"")
        self.assertTrue(server.transport.disconnecting)
        server.lose()
        self.successResultOf(stopping)
        self.assertEqual(self.timers(), [])

    def test_whileConnecting(self) -> None:
        """An attempt to connect is given up, without a word."""
        with capturedLogs() as events:
            stopping = self.component.stopService()
        assert stopping is not None
        self.successResultOf(stopping)
        self.assertEqual(self.endpoint.attempts, [])
        self.assertEqual(said(events), [])

    def test_whileWaiting(self) -> None:
        """Between two attempts there is nothing but a timer to stop."""
        self.endpoint.refuse(ConnectionLost())
        stopping = self.component.stopService()
        assert stopping is not None
        self.successResultOf(stopping)
        self.assertEqual(self.timers(), [])

    def test_again(self) -> None:
        """A component that was stopped can be started again."""
        server = self.connect()
        self.component.stopService()
        server.lose()
        self.component.startService()
        self.connect()

    def test_startedMeanwhile(self) -> None:
        """One that is started while it still closes connects again."""
        server = self.connect()
        stopping = self.component.stopService()
        assert stopping is not None
        self.component.startService()
        server.lose()
        self.successResultOf(stopping)
        self.clock.advance(1)
        self.connect()

    def test_twice(self) -> None:
        """To stop twice is to be in a hurry; both are told when it is done."""
        server = self.connect()
        first = self.component.stopService()
        second = self.component.stopService()
        self.assertTrue(server.transport.disconnecting)
        server.lose()
        assert first is not None and second is not None
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.timers(), [])

    def test_waitingRequests(self) -> None:
        """Requests that wait when the stream closes fail with 503."""
        server = self.connect()
        replying = self.sender.request(
            stanza(
                f"<iq type='get' from='{DOMAIN}' to='a@example.org' id='1'>"
                "<ping xmlns='urn:xmpp:ping'/></iq>"
            ),
            30,
        )
        self.component.stopService()
        server.lose()
        self.assertEqual(self.problemOf(replying).status, 503)
