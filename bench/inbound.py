"""
Measures the CPU time that a message to the callback takes, in memory.

    python -m bench.inbound [--messages 3968] [--rounds 7] [KIND…]

The kinds are C{memory}, a chat message without a store; C{store}, one with a store in a
file in the current directory; C{room}, a message of a room that a bot is in, with the
store, too. There are as many rooms as there are senders of chat messages. XMPP server
and callback are in this process and have no network; they parse next to nothing. All
threads count. The rounds of the kinds alternate; of each kind the least and the median
is printed, in microseconds. C{--profile} profiles the reactor's thread in one round of
each kind instead.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import re
import time
from bisect import insort
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.words.xish.domish import Element

from tests.support.doubles import DOMAIN, HeldServer, HTTPClient
from xmpprest import Config, makeGateway
from xmpprest.core.stanza import jid
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import elements
from xmpprest.service.gc_tuning import tuneGarbageCollection

KINDS = ("memory", "store", "room")
#: Senders or rooms, and messages that arrive in one turn of the reactor.
SENDERS, WINDOW = 32, 64
TOKEN, PORT = "bench", 9999
OCCUPANT = f"bot@{DOMAIN}/xmpprest"

_LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: (\d+)")
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class InboundReactor(MemoryReactorClock):
    """
    A reactor in memory that runs the results of the store's thread when told.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    def callFromThread(self, f: Any, *args: Any, **kwargs: Any) -> None:
        """Queue a call from another thread."""
        self._calls.put((f, args, kwargs))

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],
        *args: object,
        **kw: object,
    ) -> DelayedCall:
        """Call a function later. The superclass sorts all calls each time."""
        call = DelayedCall(
            self.seconds() + delay,
            callable,
            args,
            kw,
            self.calls.remove,
            lambda call: None,
            self.seconds,
        )
        insort(self.calls, call, key=DelayedCall.getTime)
        return call

    def _sortCalls(self) -> None:
        """Do nothing: no call is postponed here, so they stay in order."""

    def turn(self, wait: float = 0.0) -> bool:
        """
        Run one turn.

        @param wait: Seconds to wait for the store's thread.
        @return: Whether there was a result of it.
        """
        self.advance(0.0002)
        try:
            f, args, kwargs = self._calls.get(wait > 0, wait or None)
        except Empty:
            return False
        f(*args, **kwargs)
        return True


class CallbackEnd(StringTransport):
    """
    The callback's end of a connection. It responds to each request in the next turn.
    """

    def __init__(self, reactor: InboundReactor, gateway: InboundGateway) -> None:
        super().__init__()
        self._reactor = reactor
        self._gateway = gateway
        self._data = b""
        self.client: IProtocol

    def write(self, data: bytes) -> None:
        """Take a part of a request."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if end:
            length = _LENGTH.search(head)
            if length is None or len(body) >= int(length[1]):
                self._data = b""
                self._gateway.posted += head.startswith(b"POST")
                self._reactor.callLater(0, self.client.dataReceived, _NO_CONTENT)

    def writeSequence(self, data: Any) -> None:  # as the superclass
        """Take parts of a request."""
        self.write(b"".join(data))


class InboundGateway:
    """
    A gateway, and the ends of its server and its callback.

    @ivar posted: Number of stanzas that were posted.
    """

    def __init__(self, store: str, *, isInRoom: bool) -> None:
        self.posted = self._seen = self._number = 0
        self.reactor = InboundReactor()
        config = Config(
            domain=DOMAIN,
            secret="secret",
            credentials=(TOKEN,),
            callbackURL=f"http://127.0.0.1:{PORT}/",
            store=store,
        )
        gateway = makeGateway(config, self.reactor)
        gateway.service.startService()
        self._service = gateway.service
        (factory,) = [e[2] for e in self.reactor.tcpClients if e[1] == 5347]
        protocol = factory.buildProtocol(None)
        assert protocol is not None
        self._server = HeldServer(protocol)
        self._server.accept()
        self._settle()
        if isInRoom:
            for number in range(SENDERS):
                self._join(HTTPClient(gateway.site), _room(number))

    def _join(self, client: HTTPClient, room: str) -> None:
        """Let the bot enter a room."""
        body = f'{{"from":"bot@{DOMAIN}"}}'
        client.send(
            f"PUT /rest/rooms/{room} HTTP/1.1\r\nHost: gateway.example\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        while not client.transport.value():
            self._connect()
            self.reactor.turn(0.001)
            for each in self._server.stanzas():
                self._respond(each)
        response = client.response()
        assert response.status == 200, response

    def _respond(self, stanza: Element) -> None:
        """Respond to a stanza of the gateway as a room does."""
        to, sender = stanza["to"], stanza["from"]
        if stanza.name == "presence":
            self._server.send(
                f"<presence from='{to}' to='{sender}'><x xmlns='{ns.MUC_USER}'><item"
                " affiliation='none' role='participant'/><status code='110'/></x>"
                f"</presence><message type='groupchat' from='{jid.bareOf(to)}'"
                f" to='{sender}'><subject/></message>"
            )
        elif stanza.name == "iq" and to != DOMAIN and elements(stanza):
            self._server.send(
                f"<iq type='result' id='{stanza['id']}' from='{to}' to='{sender}'>"
                f"<query xmlns='{ns.DISCO_INFO}'><feature"
                " var='http://jabber.org/protocol/muc'/></query></iq>"
            )
        elif stanza.name == "iq" and to == DOMAIN:
            self._server.send(stanza.toXml())

    def _settle(self) -> None:
        while True:
            self._connect()
            if not self.reactor.turn(0.1):
                return

    def _connect(self) -> None:
        """Accept the connections that the gateway has begun."""
        clients = self.reactor.tcpClients
        while self._seen < len(clients):
            port, factory = clients[self._seen][1:3]
            self._seen += 1
            if port == PORT:
                end = CallbackEnd(self.reactor, self)
                client = factory.buildProtocol(None)
                assert client is not None
                end.client = client
                client.makeConnection(end)

    def receive(self, messages: int, *, isInRoom: bool) -> None:
        """
        Let messages arrive, and wait until all are recorded.

        @param messages: A multiple of L{WINDOW}.
        """
        target = self.posted + messages
        while (goal := self.posted + WINDOW) <= target:
            first = self._number
            self._number += WINDOW
            xml = "".join(
                _message(number, isInRoom) for number in range(first, self._number)
            )
            self._server.send(xml)
            while self.posted < goal:
                self._connect()
                if not self.reactor.turn() and self.posted < goal:
                    self.reactor.turn(0.0005)
        self._settle()
        self._server.transport.clear()

    def stop(self) -> None:
        """Stop the gateway."""
        self._service.stopService()
        self._settle()


def _room(number: int) -> str:
    return f"room{number % SENDERS}@rooms.example.org"


def _message(number: int, isInRoom: bool) -> str:
    body = f"<body>Hello, this is message {number}.</body></message>"
    if isInRoom:
        return (
            f"<message type='groupchat' from='{_room(number)}/u{number % 7}'"
            f" to='{OCCUPANT}' id='{number}'>{body}"
        )
    return (
        f"<message type='chat' from='u{number % SENDERS}@example.org/r' to='bot@"
        f"{DOMAIN}' id='{number}'>{body}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each kind."""
    parser = argparse.ArgumentParser(prog="python -m bench.inbound")
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND")
    parser.add_argument("--messages", type=int, default=62 * WINDOW)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    if unknown := {*options.kinds} - {*KINDS}:
        parser.error(f"unknown: {', '.join(unknown)}; the kinds are {', '.join(KINDS)}")
    with TemporaryDirectory(prefix="bench-", dir=".") as place:
        gateways = {
            kind: InboundGateway(
                "memory" if kind == "memory" else f"sqlite:{Path(place, kind)}.db",
                isInRoom=kind == "room",
            )
            for kind in options.kinds
        }
        for kind, gateway in gateways.items():
            gateway.receive(WINDOW * 8, isInRoom=kind == "room")
        tuneGarbageCollection()
        taken: dict[str, list[float]] = {kind: [] for kind in gateways}
        for _ in range(1 if options.profile else options.rounds):
            for kind, gateway in gateways.items():
                profile = cProfile.Profile()
                began = time.process_time()
                if options.profile:
                    profile.enable()
                gateway.receive(options.messages, isInRoom=kind == "room")
                profile.disable()
                taken[kind].append(
                    (time.process_time() - began) / options.messages * 1e6
                )
                if options.profile:
                    print(f"--- {kind}, {options.messages} messages")
                    pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        for kind, times in taken.items():
            least, middle = min(times), median(times)
            print(f"{kind:8} least {least:7.1f} µs   median {middle:7.1f} µs")
        for gateway in gateways.values():
            gateway.stop()


if __name__ == "__main__":
    main()
