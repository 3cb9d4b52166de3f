"""
The other ends, in memory: an HTTP server that answers when the test says so, and a
callback without any HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from twisted.words.xish.domish import Element
from zope.interface import implementer

from tests.support.doubles import HeldTransport, live, stanza
from xmpprest.core.codec.events import ComplaintEvent
from xmpprest.core.errors import Refusal
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.records import (
    DeliveryAttempt,
    InboxRecord,
    PendingPlace,
    PendingSize,
    QueueDepth,
    StoreUnavailable,
    UpdatesOrigin,
)
from xmpprest.core.stanza.stored import parseStored
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import STOP_TIMEOUT
from xmpprest.inbox.options import InboxLimits, InboxOptions
from xmpprest.inbox.reflections import ReflectionFilter
from xmpprest.inbox.router import InboxRouter
from xmpprest.inbox.subscriber import Subscriber, Subscription
from xmpprest.store.memory import MemoryStore

_T = TypeVar("_T")


@dataclass(frozen=True)
class HTTPRequest:
    """
    A request that an HTTP server has received.

    @ivar fields: Names, in lower case, and values of the header, in their order.
    """

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The only value of a header field."""
        (only,) = [value for key, value in self.fields if key == name.lower()]
        return only

    def __contains__(self, name: str) -> bool:
        return any(key == name.lower() for key, _ in self.fields)


class _Wire(HeldTransport):
    """
    A transport that tells its protocol that it is closed, as real ones do: later.
    """

    def __init__(self, reactor: MemoryReactorClock, protocol: IProtocol) -> None:
        super().__init__()
        self._reactor = reactor
        self._protocol = protocol
        self.lingers = False

    def loseConnection(self) -> None:
        """Close, unless the other side draws it out."""
        super().loseConnection()
        if not self.lingers:
            self._reactor.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        """Close at once."""
        super().abortConnection()
        self._reactor.callLater(0, self.lose, ConnectionAborted())

    def lose(self, reason: Exception) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = False
            self._protocol.connectionLost(Failure(reason))


class HeldConnection:
    """
    The HTTP server's end of one connection.
    """

    def __init__(self, reactor: MemoryReactorClock, protocol: IProtocol) -> None:
        self.transport = _Wire(reactor, protocol)
        self._reactor = reactor
        self._protocol = protocol
        protocol.makeConnection(self.transport)

    @property
    def isOpen(self) -> bool:
        """Whether neither side has closed it."""
        return self.transport.connected

    def requests(self) -> list[HTTPRequest]:
        """Return the complete requests since the last call."""
        data, found = self.transport.taken(), []
        while data:
            head, separator, data = data.partition(b"\r\n\r\n")
            assert separator, "a head that does not end"
            first, *lines = head.decode("ascii").split("\r\n")
            match = re.fullmatch(r"([A-Z]+) ([!-~]+) HTTP/1\.1", first)
            assert match is not None, first
            fields = []
            for line in lines:
                name, _, value = line.partition(": ")
                fields.append((name.lower(), value))
            size = int(dict(fields).get("content-length", 0))
            assert len(data) >= size, "a body that is cut off"
            found.append(HTTPRequest(match[1], match[2], fields, data[:size]))
            data = data[size:]
        return found

    def request(self) -> HTTPRequest:
        """The one request that has come since the last time."""
        (only,) = self.requests()
        return only

    def send(self, data: bytes) -> None:
        """Write to the client, as long as it listens."""
        if self.isOpen and not self.transport.disconnected:
            self._protocol.dataReceived(data)

    def answer(
        self, status: int = 200, body: bytes = b"", contentType: str = "text/plain"
    ) -> None:
        """Write a plain answer."""
        self.send(
            f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {contentType}\r\n\r\n".encode()
            + body
        )

    def close(self) -> None:
        """Close it in good order."""
        self.transport.lose(ConnectionDone())

    def reset(self) -> None:
        """Close it in bad order."""
        self.transport.lose(ConnectionLost())


class HeldHTTPServer:
    """
    An HTTP server; the test says what becomes of each attempt to connect to it.

    @ivar connections: All that were ever accepted, in their order.
    """

    def __init__(self, reactor: MemoryReactorClock) -> None:
        self._reactor = reactor
        self._seen = 0
        self.connections: list[HeldConnection] = []

    @property
    def attempts(self) -> int:
        """How many attempts nobody has decided yet."""
        return len(self._reactor.tcpClients) - self._seen

    def accept(self) -> HeldConnection:
        """Let the oldest attempt succeed."""
        factory = self._next()[2]
        protocol = factory.buildProtocol(None)
        connection = HeldConnection(self._reactor, protocol)
        self.connections.append(connection)
        return connection

    def refuse(self, reason: Exception) -> None:
        """Let the oldest attempt fail."""
        number = self._seen
        factory = self._next()[2]
        connector = self._reactor.connectors[number]
        factory.clientConnectionFailed(connector, Failure(reason))

    def isGivenUp(self) -> bool:
        """Whether the client has given up the oldest attempt."""
        given: bool = self._reactor.connectors[self._seen].stoppedConnecting
        return given

    def openConnections(self) -> int:
        """How many connections are open."""
        return sum(connection.isOpen for connection in self.connections)

    def _next(self) -> Any:  # MemoryReactor's own tuple
        attempt = self._reactor.tcpClients[self._seen]
        self._seen += 1
        return attempt


@implementer(IPolicyForHTTPS)
class NoTLS:
    """For tests that have no TLS in them."""

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        """Fail, since no test uses TLS."""
        raise NotImplementedError


@dataclass
class HeldPost:
    """
    A stanza that waits for the callback to answer.

    @ivar id: What the callback knows it by.
    @ivar isReflection: Whether it was marked as a reflection.
    """

    stanza: Element
    said: Deferred[CallbackResponse]
    id: str
    isReflection: bool = False


@dataclass
class HeldCallback:
    """
    A callback that answers when the test says so.

    @ivar posts: All that was ever posted.
    @ivar cancelled: What was cancelled of it, in that order.
    """

    posts: list[HeldPost] = field(default_factory=list)
    cancelled: list[Element] = field(default_factory=list)

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """Keep a stanza."""
        post = HeldPost(stanza, Deferred(lambda _: self.cancelled.append(stanza)), id)
        post.isReflection = isReflection
        self.posts.append(post)
        return post.said


@dataclass
class HeldStream:
    """
    A stream that keeps what is written to it.

    @ivar problem: What is raised instead, once for each, as long as there is any.
    """

    sent: list[Element] = field(default_factory=list)
    problems: list[Refusal | Exception] = field(default_factory=list)

    def send(self, stanza: Element) -> None:
        """Keep a stanza."""
        if self.problems:
            raise self.problems.pop(0)
        self.sent.append(stanza)


class HeldStore:
    """
    A store that fails, or makes wait, when the test says so.

    @ivar failing: The names of what fails at the moment.
    @ivar isHeld: Whether calls wait until the test lets them happen.
    @ivar calls: The names of what was asked, without what is still held.
    """

    def __init__(self) -> None:
        self.store = MemoryStore(limit=1_000_000)
        self.store.open()
        self.failing: set[str] = set()
        self.isHeld = False
        self.calls: list[str] = []
        self._held: list[Callable[[], None]] = []

    def release(self) -> None:
        """Let happen what waits, and all that comes."""
        self.isHeld = False
        held, self._held = self._held, []
        for call in held:
            call()

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """See L{MemoryStore}; the same goes for the others."""
        return self._call("addIncoming", webhookID, conversation, stanza, at)

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        return self._call("conversations", after, limit)

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call("pending", conversation, after, limit)

    def pendingSizes(
        self, after: str, before: int | None, limit: int
    ) -> Deferred[Sequence[PendingSize]]:
        return self._call("pendingSizes", after, before, limit)

    def reassign(
        self, numbers: Sequence[int], conversation: str
    ) -> Deferred[Sequence[int]]:
        return self._call("reassign", numbers, conversation)

    def updatesOrigin(self) -> Deferred[UpdatesOrigin]:
        return self._call("updatesOrigin")

    def pendingPlaces(
        self, conversation: str, number: int, limit: int
    ) -> Deferred[Sequence[PendingPlace]]:
        return self._call("pendingPlaces", conversation, number, limit)

    def pendingStanzas(
        self, numbers: Sequence[int], size: int
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call("pendingStanzas", numbers, size)

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        return self._call("recordAttempt", number, attempt, state, dueAt)

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        return self._call("incomingByID", webhookID)

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call("requeueDead", webhookIDs, since, until, at, limit)

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        return self._call("incomingDepth", state)

    def _call(self, name: str, *args: object) -> Deferred[Any]:
        result: Deferred[Any] = Deferred()

        def call() -> None:
            self.calls.append(name)
            if name in self.failing:
                result.errback(StoreUnavailable("the disk is full"))
            else:
                getattr(self.store, name)(*args).chainDeferred(result)

        if self.isHeld:
            self._held.append(call)
        else:
            call()
        return result


#: In a conversation: whom a message is from.
ANN = "ann@example.com/home"
BOT = "bot@gateway.example"

#: What a callback gets that wants all there is.
EVERYTHING = StanzaFilter(
    frozenset({"message", "presence", "iq"}), frozenset({"bare", "full", "host"})
)

#: When the clock of a L{KeepingWorld} begins, in seconds since 1970.
BEGINNING = 1_000_000_000.0


class KeepingWorld:
    """
    A store, and inboxes on it, one after the other; the test holds the callback and
    the ways out.

    @ivar random: The random number that delays have.
    @ivar clockStep: Seconds by which the system clock is ahead.
    @ivar wantsReflections: Whether the callback of the next process gets them.
    @ivar complaints: Faults in responses that were told.
    @ivar replied: What was given to the way out.
    """

    def __init__(
        self,
        connections: int = 8,
        limit: int = 100_000,
        limits: InboxLimits | None = None,
        size: int = 2**30,
    ) -> None:
        self.clock = Clock()
        self.clock.rightNow = BEGINNING
        self.store = HeldStore()
        self.stream = HeldStream()
        self.replied = HeldStream()
        self.callback = HeldCallback()
        self.random = 0.5
        self.wantsReflections = False
        self.reflections = ReflectionFilter()
        self.complaints: list[ComplaintEvent] = []
        self.clockStep = 0.0
        self._connections = connections
        self.limits = limits or InboxLimits()
        self.settings = live(inboxLimit=limit, inboxSize=size)
        self.inbox = self.begin()

    def begin(self) -> InboxRouter:
        """A new process."""

        async def reply(stanza: Element) -> None:
            self.replied.send(stanza)

        self.callback = HeldCallback()
        self.inbox = InboxRouter(
            self.stream.send,
            lambda iq: None,
            [
                Subscription(
                    self.door(),
                    EVERYTHING,
                    self._connections,
                    wantsReflections=self.wantsReflections,
                )
            ],
            InboxOptions(
                self.clock,
                self.settings,
                self.store,
                self.now,
                lambda: self.random,
                self.reflections,
                self.complaints.append,
                self.limits,
            ),
            reply=reply,
        )
        self.inbox.startService()
        return self.inbox

    def now(self) -> float:
        """Return the system time, in seconds since 1970."""
        return self.clock.seconds() + self.clockStep

    def stop(self) -> None:
        """End the process; requests in flight run into their timeout."""
        stopping = self.inbox.stopService()
        assert stopping is not None
        if not stopping.called:
            self.clock.advance(STOP_TIMEOUT)
        assert stopping.called

    def door(self) -> Subscriber | None:
        """The function that the inbox gives stanzas to."""
        return self.callback

    def message(self, id: str, sender: str = ANN, children: str = "") -> None:
        """A message comes in."""
        self.inbox.receive(
            stanza(
                f"<message type='chat' from='{sender}' to='{BOT}' id='{id}'>"
                f"<body>{id}</body>{children}</message>"
            )
        )

    def posted(self) -> list[str]:
        """The ids of the stanzas that were posted, since this process began."""
        return [post.stanza["id"] for post in self.callback.posts]

    def answer(self, said: CallbackResponse | Exception, number: int = -1) -> None:
        """Answer one of the posts."""
        post = self.callback.posts[number]
        if isinstance(said, CallbackResponse):
            post.said.callback(said)
        else:
            post.said.errback(said)

    def incoming(self, state: str) -> list[str]:
        """The ids of the stanzas in a state, in order."""
        found = self._result(self.store.store.listIncoming(state, None, 1_000_000))
        return [_id(each.stanza) for each in reversed(found)]

    def record(self, webhookID: str) -> tuple[InboxRecord, Sequence[DeliveryAttempt]]:
        """Return the record of a stanza."""
        found = self._result(self.store.store.incomingByID(webhookID))
        assert found is not None
        return found

    def _result(self, deferred: Deferred[_T]) -> _T:
        found: list[_T] = []
        deferred.addCallback(found.append)
        return found[0]


def _id(xml: str) -> str:
    return str(parseStored(xml)["id"]) if xml else ""
