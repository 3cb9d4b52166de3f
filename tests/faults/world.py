"""
The world around a gateway whose disk fails: an XMPP server, a recipient, users who
write to bots, clients, and the callback; and what all of them have seen.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.client import (
    Agent,
    FileBodyProducer,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseFailed,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.words.xish.domish import Element

from tests.support.disk import Disk
from tests.support.doubles import stanza
from tests.support.process import LOOPBACK
from tests.support.programs import TIMEOUT
from tests.support.survival.ledger import Label, Ledger
from xmpprest.core.stanza import namespaces as ns
from xmpprest.demo import DemoPeer, DemoRouter, componentServer

from .gateway import DOMAIN, SECRET, TOKEN, GatewayProcess

reactor: Any = _reactor

#: Where the recipient and the users are, and the bots.
PEER = "localhost"
RECIPIENT = f"recipient@{PEER}"
BOT = f"bot@{DOMAIN}"
#: Answers no query.
SILENT = f"silent@{PEER}"

#: How many clients and users there are in a load.
CLIENTS, USERS = 8, 4
#: Seconds between two messages of a user, and between a refusal and the next try.
PAUSE = 0.02

#: What becomes of a request to a gateway that is killed.
_NO_ANSWER = (ConnectError, RequestTransmissionFailed, ResponseFailed)

_LABEL = re.compile(r"<body[^>]*>([^<]*)<")


@dataclass(frozen=True)
class Reply:
    """
    A response of the gateway.

    @ivar headers: By their names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # JSON
        """The body."""
        return json.loads(self.body)


class Recipient(DemoPeer):
    """
    Everybody at C{PEER}: they tell what they get, and answer queries.
    """

    def __init__(self, hear: Callable[[Element], None]) -> None:
        super().__init__(PEER, reactor)
        self._hear = hear

    def answer(self, stanza: Element) -> tuple[Element, ...]:
        """Take a stanza."""
        if stanza.name != "message":
            isSilent = stanza["to"] == SILENT
            return () if isSilent else super().answer(stanza)
        self._hear(stanza)
        return ()


class Server:
    """
    An XMPP server that can be away.
    """

    def __init__(self, hear: Callable[[Element], None]) -> None:
        """@param hear: Is told of each message that is for C{PEER}."""
        self._router = DemoRouter(Recipient(hear))
        self._factory: Any = componentServer(self._router, SECRET, reactor)
        self._port = reactor.listenTCP(0, self._factory, interface=LOOPBACK)
        self.number = int(self._port.getHost().port)

    @property
    def isJoined(self) -> bool:
        """Whether the gateway is connected."""
        return DOMAIN in self._router.routes

    def write(self, xml: str) -> None:
        """Carry a stanza to the gateway."""
        self._router.route(stanza(xml))

    def writeRaw(self, xml: str) -> None:
        """Write XML to the gateway as it is."""
        self._router.routes[DOMAIN].send(xml)

    def come(self) -> None:
        """Be there again."""
        self._port = reactor.listenTCP(self.number, self._factory, interface=LOOPBACK)

    async def leave(self) -> None:
        """Be away; it may be already."""
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()
        for stream in list(self._router.routes.values()):
            stream.transport.abortConnection()
        while self._router.routes:
            await sleep(0)


@dataclass
class Callback(Resource):
    """
    The callback.

    @ivar see: Is told of each message, and its C{webhook-id}, unless it is refused.
    @ivar accept: Is told of each that it has accepted.
    @ivar mode: C{"answers"}, C{"holds"} until L{release}, or C{"refuses"}: breaks the
        connection.
    """

    see: Callable[[Label, str], None]
    accept: Callable[[Label], None]
    mode: str = "answers"
    _held: list[tuple[Request, Label]] = field(default_factory=list)
    isLeaf = True

    def __post_init__(self) -> None:
        Resource.__init__(self)

    @property
    def held(self) -> set[Label]:
        """The requests that wait for a response."""
        return {label for _, label in self._held}

    def release(self) -> None:
        """Answer what was held, and all from now on."""
        self.mode = "answers"
        held, self._held = self._held, []
        for request, label in held:
            self._answer(request, label)

    def render_OPTIONS(self, request: Request) -> bytes:
        """Accept the default format."""
        request.setResponseCode(405)
        return b""

    def render_POST(self, request: Request) -> int:
        """A message."""
        assert request.content is not None
        body = _LABEL.search(request.content.read().decode())
        assert body is not None
        label = Label.parse(body[1])
        if self.mode == "refuses":
            connection: Any = request.transport
            connection.abortConnection()
            return NOT_DONE_YET
        self.see(label, request.getHeader("webhook-id") or "")
        if self.mode == "holds":
            entry = (request, label)
            self._held.append(entry)
            request.notifyFinish().addErrback(lambda _: self._drop(entry))
        else:
            self._answer(request, label)
        return NOT_DONE_YET

    def _drop(self, entry: tuple[Request, Label]) -> None:
        """Forget a request whose client has left."""
        if entry in self._held:
            self._held.remove(entry)

    def _answer(self, request: Request, label: Label) -> None:
        self.accept(label)
        request.setResponseCode(204)
        request.finish()


class World:
    """
    All of it.

    @ivar outbound: What clients were promised, and the recipient has got.
    @ivar refused: What clients were told not to be accepted.
    @ivar refusals: How, and how often.
    @ivar written: What users have written while there was a connection.
    @ivar inbound: What users know to be kept, and the callback has got.
    @ivar delivered: What the callback has accepted.
    @ivar bounced: What has come back to users.
    @ivar receipts: For what there was a receipt.
    """

    def __init__(self, disk: Disk) -> None:
        self.outbound = Ledger()
        self.inbound = Ledger()
        self.refused: set[Label] = set()
        self.refusals: Counter[str] = Counter()
        self.written: set[Label] = set()
        self.delivered: set[Label] = set()
        self.bounced: set[Label] = set()
        self.receipts: set[Label] = set()
        self.disk = disk
        self.server = Server(self._hear)
        self.callback = Callback(self.inbound.see, self.delivered.add)
        site: Any = Site(self.callback)
        site.log = lambda request: None
        self._site = reactor.listenTCP(0, site, interface=LOOPBACK)
        callbackPort = self._site.getHost().port
        self.gateway = GatewayProcess(disk, self.server.number, callbackPort)
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 2 * CLIENTS
        self._agent = Agent(reactor, pool=self._pool)
        self._numbers: Counter[str] = Counter()
        self._isLoaded = False
        self._loads: list[Deferred[None]] = []

    # --- its course ---

    async def begin(self) -> None:
        """Let there be a disk, and a gateway that is connected."""
        await deferToThread(self.gateway.prepare)
        await self.start()

    async def start(self) -> None:
        """Start the gateway, and wait until it is connected, if it can be."""
        await deferToThread(self.gateway.start)
        await self.until(lambda: self.server.isJoined, "connection")

    async def end(self) -> None:
        """Leave nothing behind."""
        self._isLoaded = False
        await deferToThread(self.gateway.stop)
        await self.unload()
        await self._pool.closeCachedConnections()
        await self.server.leave()
        await self._site.stopListening()

    async def fail(self) -> None:
        """Let the disk fail."""
        await self.disk.fail(self.gateway.pid)

    async def kill(self) -> None:
        """C{kill -9}."""
        await deferToThread(self.gateway.kill)
        self.outbound.epoch += 1
        await self.until(lambda: not self.server.isJoined, "end of the connection")

    # --- load ---

    def load(self) -> None:
        """Let clients and users write."""
        self._isLoaded = True
        self._loads = [
            *(Deferred.fromCoroutine(self._client(f"c{n}")) for n in range(CLIENTS)),
            *(Deferred.fromCoroutine(self._user(f"u{n}")) for n in range(USERS)),
        ]

    async def unload(self) -> None:
        """Wait until they have ended."""
        self._isLoaded = False
        loads, self._loads = self._loads, []
        await gatherResults(loads)

    async def _client(self, name: str) -> None:
        while self._isLoaded:
            try:
                reply = await self.post(name)
            except _NO_ANSWER:
                await sleep(PAUSE)  # Nobody knows whether it was accepted.
            else:
                await sleep(PAUSE if reply.status == 503 else 0)

    async def _user(self, name: str) -> None:
        while self._isLoaded:
            self.say(name)
            await sleep(PAUSE)

    # --- one of each ---

    async def post(self, name: str, key: str = "", again: bool = False) -> Reply:
        """
        Let a client send its next message.

        @param key: An C{Idempotency-Key}.
        @param again: Rather the last one.
        """
        label = Label(name, self._numbers[name]) if again else self._next(name)
        body = {"to": RECIPIENT, "type": "chat", "body": str(label)}
        headers = {"Idempotency-Key": key} if key else {}
        reply = await self.ask("POST", "/rest", json.dumps(body), **headers)
        if reply.status == 202:
            self.refused.discard(label)
            self.outbound.promise(label, reply.headers["stanza-id"])
        else:
            self.refused.add(label)
            self.refusals[_told(reply)] += 1
        return reply

    def say(self, name: str) -> Label | None:
        """Let a user write its next message, if there is a connection."""
        if not self.server.isJoined:
            return None
        label = self._next(name)
        self.written.add(label)
        self.server.write(
            f"<message from='{name}@{PEER}' to='{BOT}' type='chat' id='{label}'>"
            f"<body>{label}</body><request xmlns='{ns.RECEIPTS}'/></message>"
        )
        return label

    async def ask(self, method: str, path: str, body: str = "", **more: str) -> Reply:
        """Ask the gateway something."""
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
            **more,
        }
        response = await self._agent.request(
            method.encode(),
            f"http://{LOOPBACK}:{self.gateway.port}{path}".encode(),
            Headers({name: [value] for name, value in headers.items()}),
            FileBodyProducer(BytesIO(body.encode())) if body else None,
        )
        fields = {
            name.decode().lower(): values[0].decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        return Reply(response.code, fields, await readBody(response))

    async def ready(self, status: int) -> Any:  # JSON
        """Ask at C{/readyz} until there is a status; returns what is said with it."""
        deadline = time.monotonic() + TIMEOUT
        while (reply := await self.ask("GET", "/readyz")).status != status:
            assert time.monotonic() < deadline, reply
            await sleep(PAUSE)
        return reply.json

    def _next(self, name: str) -> Label:
        self._numbers[name] += 1
        return Label(name, self._numbers[name])

    # --- what is seen ---

    @property
    def arrived(self) -> Counter[Label]:
        """Count the arrivals at the recipient, by message."""
        return Counter(each.label for each in self.outbound.seen)

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """
        Wait until something has happened.

        @raise AssertionError: It does not.
        """
        deadline = time.monotonic() + TIMEOUT
        while not happened():
            assert time.monotonic() < deadline, (
                f"no {what} in {TIMEOUT:g} s; the log ends:\n"
                f"{self.gateway.output[-3000:]}"
            )
            await sleep(0.005)

    def _hear(self, message: Element) -> None:
        """The recipient or a user has got a message."""
        if message.getAttribute("type") == "error":
            self.bounced.add(Label.parse(message["id"]))
        elif message.received:
            self.receipts.add(Label.parse(message.received["id"]))
        else:
            self.outbound.see(Label.parse(str(message.body)), message["id"])


def _told(reply: Reply) -> str:
    """Return a log event as one line."""
    return f"{reply.status}, {reply.headers.get('retry-after')}: {reply.body.decode()}"


async def sleep(seconds: float) -> None:
    """Wait."""
    waiting: Deferred[None] = deferLater(reactor, seconds)
    await waiting
