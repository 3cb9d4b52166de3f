"""
The gateway with a world around it, to try it out: an XMPP server, a peer that
echoes, and a callback that echoes, all in one process and gone with it.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Mapping
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.words.protocols.jabber.component import (
    ListenComponentAuthenticator,
    Router,
    XMPPComponentServerFactory,
)
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from .config.config import Config
from .core.errors import SERVICE_UNAVAILABLE, StanzaError
from .core.media import formats
from .core.policy.callback_response import errorReply
from .core.stanza import jid
from .core.stanza import namespaces as ns
from .core.stanza.build import element, firstChild, isRequest, isResponse, make
from .core.stanza.parser import Name
from .core.stanza.serializer import toXML
from .gateway import makeGateway
from .ids import newID
from .web.server.listener import Listener, ListenError
from .xmpp.builtin import BuiltinResponder
from .xmpp.stream import ComponentStream

#: The domain that the gateway serves, and the one that its peer lives at.
DOMAIN = "gateway.localhost"
PEER = "localhost"
ECHO = f"echo@{PEER}"
UNKNOWN_USER = f"nobody@{PEER}"

#: Where it listens unless it is told; somewhere else, if that is taken.
PORT = 8080

#: How the echoes of both begin, so that those who echo come to an end.
_ECHO = "Echo: "
_BOT = "Bot: "

WELCOME = """
xmpprest is up at {url}
with an XMPP server, a peer that echoes, and a callback. Keep an eye on this
terminal, and paste these into another one:

1. Send a message. 202 says that it was accepted. The peer sends it back, and
   so the callback gets a message, too.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{echo}", "type": "chat", "body": "Hello!"}}'

2. Ping the peer. A query waits for its reply.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{peer}", "ping": true}}'

3. Ask it what it is, in one URL.

   curl -i {url}/version/{peer} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Accept: application/json'

4. Ping somebody who is not there. The reply is an error.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{nobody}", "ping": true}}'

In a browser: {url}/console/
shows what passes, and {url}/docs lets you try
each route. Both want the token, which is {token}

Ctrl-C ends it; nothing is left behind.
"""


class DemoPeer:
    """
    Everybody at a domain: C{nobody}, and others who echo.

    @ivar domain: Theirs, which answers queries, too.
    """

    def __init__(self, domain: str, clock: IReactorTime) -> None:
        self.domain = domain
        self._builtin = BuiltinResponder("Echo peer", clock)

    def answer(self, stanza: Element) -> tuple[Element, ...]:
        """What comes back for a stanza."""
        if jid.normaliseJID(stanza["to"]).local == "nobody":
            return errorReply(stanza, StanzaError("cancel", "item-not-found"))
        if isRequest(stanza):
            answer = self._builtin.answer(stanza)
            return (answer,) if answer else errorReply(stanza, SERVICE_UNAVAILABLE)
        echo = _echo(stanza, _ECHO)
        if echo is None:
            return ()
        attributes: dict[Name, str | None] = {
            "to": stanza["from"],
            "from": stanza["to"],
            "type": stanza.getAttribute("type"),
            "id": newID(),
        }
        return (make("message", attributes, [echo]),)


def _echo(stanza: Element, mark: str) -> Element | None:
    """The body to send back; C{None} if there is nothing to say."""
    body = firstChild(stanza, ns.CLIENT, "body")
    if stanza.name != "message" or isResponse(stanza) or body is None:
        return None
    text = str(body)
    # A bot comes last; a peer never echoes an echo.
    if text.startswith(_BOT) or (mark == _ECHO and _ECHO in text):
        return None
    return element(ns.CLIENT, "body", None, [mark + text])


class DemoRouter(Router):
    """
    The routing of a server that has components, and one domain of its own.
    """

    def __init__(self, peer: DemoPeer) -> None:
        super().__init__()
        self._peer = peer

    def route(self, stanza: Element) -> None:
        """Carry a stanza to whom it is for."""
        domain = jid.normaliseJID(stanza.getAttribute("to", "")).domain
        if domain in self.routes:
            self.routes[domain].send(toXML(stanza))
            return
        answer = self._peer.answer if domain == self._peer.domain else _unknownDomain
        for reply in answer(stanza):
            self.route(reply)


def _unknownDomain(stanza: Element) -> tuple[Element, ...]:
    return errorReply(stanza, StanzaError("cancel", "remote-server-not-found"))


class _Authenticator(ListenComponentAuthenticator):
    """Takes the handshake in C{jabber:client}, where our stream has put it."""

    def onElement(self, element: Element) -> None:
        """The first element of a stream."""
        element.uri = ns.COMPONENT
        super().onElement(element)


def componentServer(
    router: DemoRouter, secret: str, clock: IReactorTime
) -> XMPPComponentServerFactory:
    """
    An XMPP server for components, of Twisted's parts and our stream.

    @param secret: The same for every component.
    """
    factory = XMPPComponentServerFactory(router, secret)
    factory.authenticatorFactory = lambda: _Authenticator(secret)
    factory.protocol = partial(ComponentStream, clock)  # type: ignore[assignment]  # any callable will do
    return factory


class EchoCallback(Resource):
    """
    A callback that prints what it gets, and echoes messages, in whatever form they
    come.
    """

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """A stanza has come."""
        assert request.content is not None
        contentType = request.getHeader("Content-Type")
        assert contentType is not None  # the gateway always says
        body = request.content.read()
        printWelcome(f"POSTed to the callback: {_shown(body)}")
        message = formats.decode(contentType, body)
        echo = _echo(message, _BOT)
        if echo is None:
            printWelcome("The callback answers: 204 No Content\n")
            request.setResponseCode(204)
            return b""
        reply = make("message", {"type": message.getAttribute("type")}, [echo])
        answer = formats.encode([reply], contentType)
        printWelcome(f"The callback answers: 200 OK {_shown(answer)}\n")
        request.setHeader(b"Content-Type", contentType.encode())
        return answer


def _shown(body: bytes) -> str:
    """A body as text; what is none, as in CBOR, is escaped."""
    return body.decode("utf-8", "backslashreplace")


class _Announcer(XMPPHandler):
    """Says that all is ready, once it is."""

    _said = False

    def __init__(self, listener: Listener, token: str) -> None:
        super().__init__()
        self._listener = listener
        self._token = token

    def connectionInitialized(self) -> None:
        """The gateway is connected."""
        if self._said:
            return
        self._said = True
        address = self._listener.address
        host = "127.0.0.1" if address.host == "0.0.0.0" else address.host
        values = {
            "url": f"http://{f'[{host}]' if ':' in host else host}:{address.port}/rest",
            "token": self._token,
            "echo": ECHO,
            "peer": PEER,
            "nobody": UNKNOWN_USER,
        }
        printWelcome(WELCOME.format(**values))


def printWelcome(text: str) -> None:
    """Tell the person at the terminal, not the log, into which twistd turns print."""
    terminal = sys.__stdout__
    assert terminal is not None
    encoding = terminal.encoding
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=terminal, flush=True)


class Demo(MultiService):
    """
    All of it, as a service.
    """

    def __init__(self, reactor: Any, settings: Mapping[str, Any]) -> None:
        """
        @param settings: What is different, by the name of its field in L{Config};
            for example the URL of somebody's own callback.
        @raise SystemExit: There is nothing that one could curl.
        """
        super().__init__()
        self._reactor = reactor
        self._settings = settings
        self._ports: list[IListeningPort] = []
        self._directory = TemporaryDirectory(prefix="xmpprest-demo-")
        self._listen = settings.get("listen", (freeEndpoint(),))[0]
        if not self._listen.startswith("tcp"):
            raise SystemExit("xmpprest: the demo listens on tcp: endpoints only.")

    def startService(self) -> None:
        """
        Open the ports of the server and the callback, then build the gateway.

        @raise SystemExit: A setting is of no use.
        """
        try:
            self._build()
        except ValueError as error:
            raise ListenError(f"xmpprest: {error}") from None
        super().startService()

    def _build(self) -> None:
        secret, token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        router = DemoRouter(DemoPeer(PEER, self._reactor))
        server = componentServer(router, secret, self._reactor)
        settings = {
            "domain": DOMAIN,
            "secret": secret,
            "credentials": (token,),
            "server": f"tcp:127.0.0.1:{self._open(server)}",
            "store": f"sqlite:{self._directory.name}/xmpprest.db",
            **self._settings,
        }
        if "callbackURL" not in settings:
            callback = Site(EchoCallback())
            callback.log = lambda request: None  # type: ignore[method-assign]
            settings.setdefault("callbackContentType", formats.JSON)
            settings["callbackURL"] = f"http://127.0.0.1:{self._open(callback)}/"
        gateway = makeGateway(Config(**settings), self._reactor)
        listener = Listener(self._listen, gateway.site, self._reactor)
        listener.setServiceParent(self)
        if "adminListen" in settings:
            admin = Listener(settings["adminListen"], gateway.admin, self._reactor)
            admin.setServiceParent(self)
        gateway.service.setServiceParent(self)
        _Announcer(listener, token).setHandlerParent(gateway.component)

    def stopService(self) -> Deferred[Any]:
        """End all of it."""
        stops = [super().stopService, *(port.stopListening for port in self._ports)]
        stopping = DeferredList([maybeDeferred(stop) for stop in stops])
        return stopping.addCallback(lambda _: self._directory.cleanup())

    def _open(self, factory: Any) -> int:
        """Listen on a port of its own, on loopback; returns its number."""
        factory.noisy = False
        port = self._reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._ports.append(port)
        number: int = port.getHost().port
        return number


def freeEndpoint() -> str:
    """Where to listen if nobody says: at L{PORT}, or at a port that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return "tcp:0:interface=127.0.0.1"
    return f"tcp:{PORT}:interface=127.0.0.1"
