"""Tests for L{xmpprest.demo}."""

from __future__ import annotations

import io
import re
import signal
import socket
import sys
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site
from twisted.words.xish.domish import Element

from xmpprest import demo
from xmpprest.core.errors import StanzaError
from xmpprest.core.media import formats
from xmpprest.core.policy.callback_response import errorReply
from xmpprest.core.stanza import namespaces as ns
from xmpprest.demo import Demo, DemoPeer, DemoRouter, EchoCallback

from .support.doubles import HTTPClient, HTTPResponse
from .support.doubles import stanza as parsed
from .support.programs import Place, Program, require, twist

ECHO = "echo@localhost"
GATEWAY = "gateway.localhost"


def stanza(kind: str, to: str, inside: str = "", **attributes: str) -> Element:
    """A stanza from the gateway."""
    written = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return parsed(f"<{kind} from='{GATEWAY}' to='{to}'{written}>{inside}</{kind}>")


class DemoPeerTests(SynchronousTestCase):
    """
    Tests for L{DemoPeer}.
    """

    def setUp(self) -> None:
        self.peer = DemoPeer(demo.PEER, Clock())

    def test_echo(self) -> None:
        """
        A message with a body comes back to its sender, with its type and a mark.
        """
        message = stanza("message", ECHO, "<body>Hi</body>", type="chat", id="1")
        (echo,) = self.peer.answer(message)
        self.assertEqual(echo["to"], GATEWAY)
        self.assertEqual(echo["from"], ECHO)
        self.assertEqual(echo["type"], "chat")
        self.assertNotEqual(echo["id"], "1")
        self.assertEqual(str(echo.body), "Echo: Hi")

    def test_noEcho(self) -> None:
        """Messages without a body, errors, presence and echoes are not echoed."""
        for silent in (
            stanza("message", ECHO),
            stanza("message", ECHO, "<body>Hi</body>", type="error"),
            stanza("presence", ECHO),
            stanza("message", ECHO, "<body>Echo: Hi</body>"),
            stanza("message", ECHO, "<body>Bot: Echo: Hi</body>"),
            stanza("message", ECHO, "<body>You said: Echo: Hi</body>"),
            stanza("iq", ECHO, type="result", id="1"),
        ):
            self.assertEqual(self.peer.answer(silent), (), silent.toXml())

    def test_queries(self) -> None:
        """
        Ping, disco and version are answered, whoever is asked.
        """
        for query in (
            "<ping xmlns='urn:xmpp:ping'/>",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
            "<query xmlns='jabber:iq:version'/>",
        ):
            for to in (ECHO, demo.PEER):
                (reply,) = self.peer.answer(stanza("iq", to, query, type="get", id="1"))
                self.assertEqual(reply["type"], "result")
                self.assertEqual(reply["id"], "1")

    def test_unknownQuery(self) -> None:
        """
        Any other query gets an error.
        """
        iq = stanza("iq", ECHO, "<query xmlns='x'/>", type="get", id="1")
        (reply,) = self.peer.answer(iq)
        self.assertIn("<service-unavailable ", reply.toXml())

    def test_nobody(self) -> None:
        """A stanza to an unknown user bounces, unless it is an error itself."""
        (error,) = self.peer.answer(stanza("message", demo.UNKNOWN_USER, id="1"))
        self.assertEqual(error["type"], "error")
        self.assertIn("<item-not-found ", error.toXml())
        self.assertEqual(
            self.peer.answer(stanza("message", demo.UNKNOWN_USER, type="error")), ()
        )


class DemoRouterTests(SynchronousTestCase):
    """
    Tests for L{DemoRouter}.
    """

    def setUp(self) -> None:
        self.sent: list[str] = []
        self.router = DemoRouter(DemoPeer(demo.PEER, Clock()))
        self.router.routes[GATEWAY] = self  # a stream, as far as a router knows

    def send(self, xml: str) -> None:
        """Return the stanzas that the gateway gets."""
        self.sent.append(xml)

    def test_component(self) -> None:
        """A stanza to a component is delivered to it, whoever it is from."""
        self.router.route(stanza("message", f"bot@{GATEWAY}/x"))
        (xml,) = self.sent
        self.assertIn(f"to='bot@{GATEWAY}/x'", xml)

    def test_peer(self) -> None:
        """A stanza to the peer is answered."""
        self.router.route(stanza("message", ECHO, "<body>Hi</body>"))
        (xml,) = self.sent
        self.assertIn("<body>Echo: Hi</body>", xml)

    def test_elsewhere(self) -> None:
        """A stanza to any other address bounces."""
        for to in ("user@example.org", "a@@b", "", "x/y/z"):
            self.router.route(stanza("message", to, id="1"))
            self.assertIn("<remote-server-not-found ", self.sent.pop())

    def test_end(self) -> None:
        """
        Bounces of bounces come to an end.
        """
        (error,) = errorReply(
            stanza("message", "user@example.org"), StanzaError("cancel", "gone")
        )
        self.router.route(error)
        self.assertEqual(len(self.sent), 1)


class EchoCallbackTests(SynchronousTestCase):
    """
    Tests for L{EchoCallback}.
    """

    def setUp(self) -> None:
        self.said: list[str] = []
        self.patch(demo, "printWelcome", self.said.append)
        reactor = MemoryReactorClock()
        self.client = HTTPClient(Site(EchoCallback(), reactor=reactor))

    def post(self, message: Element, contentType: str = formats.XML) -> HTTPResponse:
        """Post a stanza; returns the answer."""
        body = formats.encode([message], contentType)
        self.client.send(
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {contentType}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return self.client.response()

    def test_message(self) -> None:
        """
        A message is shown, and its body is echoed with a mark, in the same form; that
        is shown, too.
        """
        message = stanza(
            "message", GATEWAY, "<body>Echo: Hi &lt;é</body>", type="chat", id="1"
        )
        for contentType in formats.OUTPUT_TYPES:
            response = self.post(message, contentType)
            self.assertEqual(response.status, 200)
            self.assertEqual(response["Content-Type"], contentType)
            answer = formats.decode(contentType, response.body)
            self.assertEqual(answer.attributes, {"type": "chat"})
            self.assertEqual(str(answer.body), "Bot: Echo: Hi <é")
            received, answered = self.said
            self.assertIn("POSTed to the callback: ", received)
            self.assertIn("The callback answers: 200 OK ", answered)
            self.said.clear()

    def test_shown(self) -> None:
        """The posted stanza and the response are printed."""
        message = stanza("message", GATEWAY, "<body>Hé</body>", type="chat", id="1")
        for contentType in (formats.XML, formats.JSON):
            response = self.post(message, contentType)
            received, answered = self.said
            posted = formats.encode([message], contentType).decode()
            self.assertEqual(received, f"POSTed to the callback: {posted}")
            answer = response.body.decode()
            self.assertEqual(answered, f"The callback answers: 200 OK {answer}\n")
            self.said.clear()

    def test_others(self) -> None:
        """
        Anything else is shown and accepted, and so is an echo of its own.
        """
        error = f"<error type='cancel'><gone xmlns='{ns.STANZA_ERRORS}'/></error>"
        for other in (
            stanza("presence", GATEWAY),
            stanza("message", GATEWAY),
            stanza("message", GATEWAY, f"<body>Hi</body>{error}", type="error"),
            stanza("message", GATEWAY, "<body>Bot: Hi</body>"),
            stanza("iq", GATEWAY, "<query xmlns='urn:x'/>", type="get", id="1"),
        ):
            for contentType in formats.OUTPUT_TYPES:
                self.assertEqual(self.post(other, contentType).status, 204)
                self.assertEqual(len(self.said), 2)
                self.said.clear()


class SayTests(SynchronousTestCase):
    """
    Tests for L{demo.printWelcome}.
    """

    def test_encoding(self) -> None:
        """Characters that the terminal cannot show are escaped."""
        shown = io.BytesIO()
        terminal = io.TextIOWrapper(shown, encoding="latin-1")
        self.patch(sys, "__stdout__", terminal)
        demo.printWelcome("é 🤖")
        self.assertEqual(shown.getvalue(), b"\xe9 \\U0001f916\n")


class DemoTests(SynchronousTestCase):
    """
    Tests for L{Demo}, in memory.
    """

    def test_elsewhere(self) -> None:
        """
        If the port that it likes is taken, it takes another one.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.patch(demo, "PORT", taken.getsockname()[1])
            self.assertEqual(demo.freeEndpoint(), "tcp:0:interface=127.0.0.1")
        self.assertEqual(demo.freeEndpoint(), f"tcp:{demo.PORT}:interface=127.0.0.1")

    def test_noTCP(self) -> None:
        """The demo listens on TCP, where curl can reach it by a URL."""
        make = partial(Demo, MemoryReactorClock(), {"listen": ("unix:/x",)})
        self.assertIn(
            "only on tcp: endpoints", str(self.assertRaises(SystemExit, make))
        )

    def test_badSetting(self) -> None:
        """
        A setting that is of no use is the end, with a sentence.
        """
        table: list[tuple[dict[str, Any], str]] = [
            (
                {"callbackURL": "https://x/", "callbackCAFile": "/no"},
                "callback-ca-file",
            ),
            ({"listen": ("tcp:x",)}, "listen is 'tcp:x': expected"),
            ({"iqTimeout": 301.0}, "iq-timeout is 301 s"),
        ]
        for settings, message in table:
            service = Demo(MemoryReactorClock(), {"store": "memory", **settings})
            error = self.assertRaises(SystemExit, service.startService)
            self.assertTrue(str(error).startswith(f"xmpprest: {message}"), error)


class ProcessTests(SynchronousTestCase):
    """
    The demo as a newcomer has it.
    """

    def setUp(self) -> None:
        require("curl")
        self.place = Place(self)

    def start(self, *arguments: str) -> tuple[Program, list[str]]:
        """Start it; returns it and the commands that it says one can paste."""
        program = self.place.start(
            twist(
                "--log-level=warn",
                "xmpprest",
                "--demo",
                "--listen=tcp:0:interface=127.0.0.1",
                *arguments,
            )
        )
        program.expect("nothing is left behind")
        return program, re.findall(r"(?ms)^ +(curl .*?)\n\n", program.output)

    def run_(self, command: str) -> str:
        """Paste a command into another terminal; returns what it prints."""
        shell = self.place.start(["bash", "-c", command])
        self.assertEqual(shell.end(), 0, shell.output)
        return shell.output

    def test_asPrinted(self) -> None:
        """
        The printed commands work: a message is accepted and comes back to the callback,
        a ping
        and a query are answered, an unknown user is an error, and a browser finds the
        page; and
        at the end nothing is left.
        """
        program, (message, ping, version, nobody) = self.start()
        self.assertTrue(program.output.startswith("\nxmpprest is up at http://"))
        self.assertLessEqual(max(map(len, program.output.splitlines())), 79)

        self.assertIn("HTTP/1.1 202 Accepted", self.run_(message))
        program.expect(r'POSTed to the callback: \{.*"body": "Echo: Hello!"\}')
        program.expect(
            r'The callback answers: 200 OK \{.*"type": "chat",.*"Bot: Echo: Hello!"\}'
        )
        pinged = self.run_(ping)
        self.assertIn("HTTP/1.1 200 OK", pinged)
        self.assertIn('"type": "result"', pinged)
        self.assertIn('"version": {"name": "xmpprest", ', self.run_(version))
        refused = self.run_(nobody)
        self.assertIn("HTTP/1.1 200 OK", refused)
        self.assertIn('"condition": "item-not-found"', refused)
        found = program.expect(
            r"In a browser: (\S+)\n.* and on (\S+)\n.* is ([\w-]+)\n"
        )
        for page, title in ((found[1], "console"), (found[2], "xmpprest")):
            shown = self.run_(f"curl -sSL {page}")
            self.assertRegex(shown, f"<title>.*{title}</title>")
        self.assertIn(f"Bearer {found[3]}'", message)

        program.end(signal.SIGINT)
        self.assertFalse(program.leftOver)
        self.assertNotIn("Traceback", program.output)
        self.assertEqual(list(self.place.path.iterdir()), [])

    def test_form(self) -> None:
        """The callback of the demo gets stanzas in the chosen format."""
        program, (message, *_) = self.start("--callback-content-type=xml")
        self.run_(message)
        program.expect(r"POSTed to the callback: <message .*<body>Echo: Hello!</body>")
        program.expect(r"The callback answers: 200 OK .*<body>Bot: Echo: Hello!</body>")
