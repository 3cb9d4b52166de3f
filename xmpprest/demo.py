"""
C{--demo}: the gateway with an XMPP server, an echoing peer and an echoing callback, all
in one process, which leaves nothing behind.
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

#: The component domain, and the domain of the peer.
DOMAIN = "gateway.localhost"
PEER = "localhost"
ECHO = f"echo@{PEER}"
UNKNOWN_USER = f"nobody@{PEER}"

#: Default port; a free one is used if it is taken.
PORT = 8080

#: Prefixes of the echoes, which stop an echo of an echo.
_ECHO = "Echo: "
_BOT = "Bot: "

WELCOME = """
xmpprest is up at {url}
with an XMPP server, a peer that echoes, and a callback. Watch this terminal,
and paste these commands into another one:

1. Send a message. 202 means that it was accepted. The peer sends it back, and
   the gateway POSTs that message to the callback.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{echo}", "type": "chat", "body": "Hello!"}}'

2. Ping the peer. A query waits for its reply.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{peer}", "ping": true}}'

3. Ask the peer for its software version, with one URL.

   curl -i {url}/version/{peer} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Accept: application/json'

4. Ping a user who does not exist. The reply is an error.

   curl -i {url} \\
     -H 'Authorization: Bearer {token}' \\
     -H 'Content-Type: application/json' \\
     -d '{{"to": "{nobody}", "ping": true}}'

In a browser: {url}/console/
shows the traffic, and on {url}/docs
you can try each route. The token for both is {token}

Ctrl-C ends the demo; nothing is left behind.
"""


class DemoPeer:
    """
    The users of a domain: C{nobody} does not exist, all others echo.

    @ivar domain: Their domain, which answers queries itself.
    """

    def __init__(self, domain: str, clock: IReactorTime) -> None:
        self.domain = domain
        self._builtin = BuiltinResponder(lambda: "Echo peer", clock)

    def answer(self, stanza: Element) -> tuple[Element, ...]:
        """Return the replies to a stanza."""
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
    """Return the body of the echo; C{None} if there is nothing to echo."""
    body = firstChild(stanza, ns.CLIENT, "body")
    if stanza.name != "message" or isResponse(stanza) or body is None:
        return None
    text = str(body)
    # The bot's echo ends the exchange; the peer never echoes an echo.
    if text.startswith(_BOT) or (mark == _ECHO and _ECHO in text):
        return None
    return element(ns.CLIENT, "body", None, [mark + text])


class DemoRouter(Router):
    """
    The router of a server with components and one domain of its own.
    """

    def __init__(self, peer: DemoPeer) -> None:
        super().__init__()
        self._peer = peer

    def route(self, stanza: Element) -> None:
        """Deliver a stanza to its recipient."""
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
    """
    A component authenticator that expects the handshake in C{jabber:client}, the
    namespace that our stream maps it to.
    """

    def onElement(self, element: Element) -> None:
        """Handle the first element of a stream."""
        element.uri = ns.COMPONENT
        super().onElement(element)


def componentServer(
    router: DemoRouter, secret: str, clock: IReactorTime
) -> XMPPComponentServerFactory:
    """
    Make an XMPP server for components from Twisted's parts and our stream.

    @param secret: The secret of every component.
    """
    factory = XMPPComponentServerFactory(router, secret)
    factory.authenticatorFactory = lambda: _Authenticator(secret)
    factory.protocol = partial(ComponentStream, clock)  # type: ignore[assignment]  # any callable will do
    return factory


class EchoCallback(Resource):
    """
    A callback that prints requests and echoes messages in any format.
    """

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """Print the request and echo a message."""
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
    """Return a body as text; escape binary data such as CBOR."""
    return body.decode("utf-8", "backslashreplace")


class _Announcer:
    """A connection observer that prints the welcome when the gateway is online."""

    _said = False

    def __init__(self, listener: Listener, token: str) -> None:
        self._listener = listener
        self._token = token

    def connected(self) -> None:
        """Print the welcome, the first time."""
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

    def disconnected(self) -> None:
        """Do nothing: the gateway logs it."""


def printWelcome(text: str) -> None:
    """Print to the terminal, not to the log, to which twistd redirects C{print}."""
    terminal = sys.__stdout__
    assert terminal is not None
    encoding = terminal.encoding
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=terminal, flush=True)


class Demo(MultiService):
    """
    The demo as a service.
    """

    def __init__(self, reactor: Any, settings: Mapping[str, Any]) -> None:
        """
        @param settings: Settings to override, by the name of their field in L{Config},
            for example the URL of the user's own callback.
        @raise SystemExit: The gateway would not listen on a TCP port.
        """
        super().__init__()
        self._reactor = reactor
        self._settings = settings
        self._ports: list[IListeningPort] = []
        self._directory = TemporaryDirectory(prefix="xmpprest-demo-")
        self._listen = settings.get("listen", (freeEndpoint(),))[0]
        if not self._listen.startswith("tcp"):
            raise SystemExit(
                "xmpprest: The demo listens only on tcp: endpoints, such as tcp:8080."
            )

    def startService(self) -> None:
        """
        Open the ports of the server and the callback, then make the gateway.

        @raise SystemExit: A setting is unusable.
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
        gateway.component.addObserver(_Announcer(listener, token))

    def stopService(self) -> Deferred[Any]:
        """Stop all parts."""
        stops = [super().stopService, *(port.stopListening for port in self._ports)]
        stopping = DeferredList([maybeDeferred(stop) for stop in stops])
        return stopping.addCallback(lambda _: self._directory.cleanup())

    def _open(self, factory: Any) -> int:
        """Listen on a free port on loopback and return its number."""
        factory.noisy = False
        port = self._reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._ports.append(port)
        number: int = port.getHost().port
        return number


def freeEndpoint() -> str:
    """Return the default endpoint: L{PORT}, or a free port if that is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return "tcp:0:interface=127.0.0.1"
    return f"tcp:{PORT}:interface=127.0.0.1"
