"""
A way in with everything real: a store in a file, HTTP over sockets, the reactor's time;
and a callback that may be out, or unwell for some.
"""

from __future__ import annotations

import re
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import ITransport
from twisted.internet.task import deferLater

from tests.support.delivery import BOT, HeldStream, NoTLS
from tests.support.doubles import DOMAIN, live, stanza
from tests.support.loopback import BareFactory
from xmpprest.core.media import formats
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import Inbox
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.replies import ReplySender
from xmpprest.inbox.subscriber import Subscription
from xmpprest.store.sqlite.store import SQLiteStore
from xmpprest.webhook.client import WebhookClient
from xmpprest.webhook.http_client import BoundedClient

CONNECTIONS = 32

#: Seconds that the callback takes for an answer, so that there are some in flight.
PACE = 0.005
#: How often the world is looked at, in seconds.
GLANCE = 0.05

_ID = re.compile(rb" id='(\d+):(\d+)'")

#: Answers a request in its own way, if it concerns that person: whether it did.
Fault = Callable[[ITransport, int], bool]


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that has come to the callback, and was answered."""

    person: int
    number: int
    at: float


class RealWorld:
    """
    An inbox, and its callback, which is out until it is opened.

    @ivar fault: What is wrong with the callback.
    @ivar seen: What the callback has taken, in that order.
    @ivar tries: How often each person's messages have come.
    @ivar came: When each message came in.
    @ivar inFlight: How many requests it has not yet answered.
    @ivar most: How many those were at most.
    """

    def __init__(self, place: Path, reactor: Any) -> None:
        self._reactor = reactor
        # It has a port, which refuses connections until it listens.
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.callback = BareFactory(self._behave)
        self._port: Any = None
        self._store = SQLiteStore(str(place), reactor)
        self._webhook = WebhookClient(
            BoundedClient(reactor, NoTLS(), CONNECTIONS, 262_144),
            url,
            formats.XML,
            DOMAIN,
        )
        options = InboxOptions(reactor, live(), self._store)
        self.inbox = Inbox(
            ReplySender(HeldStream().send, None, lambda iq: None, options),
            Subscription(
                self._webhook,
                StanzaFilter(frozenset({"message"}), frozenset({"bare"})),
                CONNECTIONS,
            ),
            options,
        )
        self.fault: Fault = lambda transport, person: False
        self.seen: list[Seen] = []
        self.tries: dict[int, int] = defaultdict(int)
        self.came: dict[tuple[int, int], float] = {}
        self._people = 0
        self._next: dict[int, int] = defaultdict(int)
        self.inFlight = self.most = 0

    async def begin(self) -> None:
        """Start all but the callback."""
        await self._store.open()
        self._webhook.startService()
        self.inbox.startService()

    def open(self) -> None:
        """Let the callback listen."""
        self._socket.listen(CONNECTIONS)
        self._socket.setblocking(False)
        self._port = self._reactor.adoptStreamPort(
            self._socket.fileno(), socket.AF_INET, self.callback
        )

    async def end(self) -> None:
        """Stop all."""
        ending = self.inbox.stopService()
        assert ending is not None
        await ending
        await self._webhook.stopService()
        if self._port is not None:
            await self._port.stopListening()
        self._socket.close()
        await self._store.close()

    def message(self, person: int) -> None:
        """The next message of somebody comes in."""
        number = self._next[person]
        self._next[person] += 1
        self.came[person, number] = time.monotonic()
        self.inbox.receive(
            stanza(
                f"<message from='user{person}@example.com/r' to='{BOT}'"
                f" id='{person}:{number}'><body>hi</body></message>"
            )
        )

    async def queue(self, people: int, each: int, seconds: float) -> None:
        """Let messages of new people come in, all over some time."""
        began = time.monotonic()
        for count, person in enumerate(self.newPeople(people), 1):
            for _ in range(each):
                self.message(person)
            at = began + seconds * count / people
            await self.sleep(max(0.0, at - time.monotonic()))

    def newPeople(self, count: int) -> range:
        """People who have not said anything yet."""
        self._people += count
        return range(self._people - count, self._people)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await deferLater(self._reactor, seconds)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something."""
        while not condition():
            await self.sleep(GLANCE)

    def inversions(self) -> int:
        """How many messages the callback has taken after one that came later."""
        numbers = defaultdict(list)
        for each in self.seen:
            numbers[each.person].append(each.number)
        return sum(
            later < earlier
            for each in numbers.values()
            for earlier, later in pairwise(each)
        )

    def lateness(self, seen: Seen) -> float:
        """How many seconds a message has taken to the callback."""
        return seen.at - self.came[seen.person, seen.number]

    def _behave(self, transport: ITransport, request: bytes) -> None:
        match = _ID.search(request)
        if match is None:
            # It was asked what it wants.
            transport.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
            return
        person, number = map(int, match.groups())
        at = time.monotonic()
        self.tries[person] += 1
        self.inFlight += 1
        self.most = max(self.most, self.inFlight)
        if not self.fault(transport, person):
            self._reactor.callLater(PACE, self._take, transport, person, number, at)

    def _take(self, transport: ITransport, person: int, number: int, at: float) -> None:
        self.seen.append(Seen(person, number, at))
        self.inFlight -= 1
        transport.write(b"HTTP/1.1 204 OK\r\n\r\n")

    def drop(self, transport: Any, seconds: float) -> None:
        """Give no answer, and close after some time."""

        def close() -> None:
            self.inFlight -= 1
            transport.abortConnection()

        self._reactor.callLater(seconds, close)
