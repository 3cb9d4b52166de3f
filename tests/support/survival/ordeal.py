"""
An ordeal: a server, gateways and their load, all of which can be killed; and what is
left of it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random, SystemRandom
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.servers.splitter import Received
from tests.support.disk import Injected
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.stepped_clock import SteppedClock

from ..gateway_process import PLAIN_DOMAIN, GatewayProcess
from .callback import Callback
from .checker import WINDOW, Findings, check, contradictions
from .http import Client
from .ledger import Label, Ledger
from .load import PAUSE, BlindSender, Sender, Users, Work, labelled, sleep
from .peers import Correspondent, Mailbox
from .silence import Silence
from .turns import LongestTurns

#: Seconds after which something has gone wrong, on the slowest machine.
TIMEOUT = 60.0

#: The same until a server has written everything that it keeps for somebody to its
#: disk, one message a commit.
KEEPING = 300.0

#: Seconds without news, after which none is expected: where nothing is missing, and
#: where something is.
QUIET, PATIENCE = 1.0, 40.0

#: Seconds between two messages of a user.
INBOUND_PAUSE = 0.02

#: States of a message that the server may not have taken yet.
UNDER_WAY = {"queued", "sent"}

#: The reply comes behind everything that was written before.
PING = "<iq type='get' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>"

#: Who fetches what a server keeps for those who are away.
_USER, _PASSWORD = "inbox", "secret"


def newSeed() -> int:
    """A seed: the one in C{XMPPREST_SURVIVAL_SEED}, or another each time."""
    given = os.environ.get("XMPPREST_SURVIVAL_SEED")
    return int(given) if given else SystemRandom().randrange(10**6)


class Lane:
    """
    A gateway, those who use it, and what they have seen.

    @ivar name: What all of its conversations begin with.
    @ivar outbound: What clients were promised, and recipients saw.
    @ivar inbound: What users were promised, and the callback saw.
    """

    def __init__(self, name: str, domain: str, isLate: bool) -> None:
        """
        @param isLate: Whether recipients see nothing before the end.
        """
        self.name = name
        self.domain = domain
        self.isLate = isLate
        self.outbound = Ledger()
        self.inbound = Ledger()
        self.senders: list[Sender] = []
        self.gateway: GatewayProcess

    @property
    def ledgers(self) -> tuple[Ledger, Ledger]:
        """Both."""
        return self.outbound, self.inbound

    @property
    def promises(self) -> int:
        """How much was promised."""
        return sum(len(each.promised) for each in self.ledgers)

    @property
    def complete(self) -> bool:
        """Whether all that was promised has been seen, or has come back."""
        return not any(each.missing for each in self.ledgers)

    @property
    def refused(self) -> str:
        """The unexpected responses; empty if there were none."""
        refused = [each for sender in self.senders for each in sender.refused]
        return f"{len(refused)} refused ({refused[0]})" if refused else ""

    def findings(self) -> tuple[Findings, Findings]:
        """The faults in the arrivals, outbound and inbound."""
        # What was kept for somebody away is seen all at once, at the end.
        kills = max(1, self.outbound.epoch) if self.isLate else 1
        return check(self.outbound, WINDOW * kills), check(self.inbound)

    @property
    def contradicted(self) -> str:
        """The contradictory responses; empty if there were none."""
        labels = [
            label
            for sender in self.senders
            if isinstance(sender, BlindSender)
            for label in contradictions(sender.answers)
        ]
        examples = ", ".join(map(str, labels[:5]))
        return f"{len(labels)} with several answers ({examples})" if labels else ""

    async def taken(self) -> None:
        """
        Wait until the server has taken everything.

        @raise AssertionError: It has not in L{KEEPING} seconds.
        """
        last = {label.conversation: label for label in self.outbound.promised}
        deadline = time.monotonic() + KEEPING
        while (states := await self.states(last.values())).keys() & UNDER_WAY:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{self.name}: the server has not taken everything in"
                    f" {KEEPING:g} s; the last of each conversation: {dict(states)}"
                )
            await sleep(PAUSE)
        client = Client(self.gateway.port)
        answer = await client.request("POST", "/rest", PING.format(self.domain))
        await client.close()
        if answer.status != 200:
            raise AssertionError(f"{self.name}: {answer.status} to the last ping")

    async def states(self, labels: Iterable[Label]) -> Counter[str]:
        """How many messages the gateway says to be in which state."""
        states: Counter[str] = Counter()
        client = Client(self.gateway.port)
        for label in labels:
            answer = await client.request(
                *("GET", f"/rest/outbox/{self.outbound.promised[label]}"),
                headers={"Accept": "application/json"},
            )
            known = answer.status == 200
            states[json.loads(answer.body)["state"] if known else "unknown"] += 1
        await client.close()
        return states

    def wrong(self) -> str:
        """The faults in words; empty if there are none."""
        outbound, inbound = (each.wrong for each in self.findings())
        found = {
            "outbound": outbound,
            "inbound": inbound,
            "clients": self.refused,
            "keys": self.contradicted,
        }
        return " | ".join(f"{name}: {what}" for name, what in found.items() if what)


class Ordeal:
    """
    A server, one gateway with a store, and if wanted one without, under the same load.

    @ivar lanes: One for each gateway, that with a store first.
    @ivar seed: Of all that is random.
    @ivar chance: All that is random in its course.
    @ivar clock: The clock of the gateway with a store, if it can be stepped.
    @ivar turns: The reactor turns of that gateway.
    @ivar silences: How long nothing arrived through that gateway under load, outbound
        and inbound.
    """

    def __init__(
        self,
        server: ServerProcess,
        seed: int,
        *,
        plain: bool = False,
        offline: bool = False,
        blind: bool = False,
        senders: int = 8,
        pause: float = 0.0,
        inboundPause: float = INBOUND_PAUSE,
        settings: Mapping[str, str] = {},
        patience: float = PATIENCE,
        hasClock: bool = False,
        hasDisk: bool = False,
    ) -> None:
        """
        @param plain: Whether there is a gateway without a store, too.
        @param offline: Whether the recipient is a user who is away until L{settle},
            and not a component.
        @param blind: Whether clients send with keys until they get an answer.
        @param senders: How many clients a gateway has.
        @param pause: Of each, between two messages, in seconds.
        @param inboundPause: Of each user, between two messages, in seconds.
        @param settings: Settings of the gateways, by their variables.
        @param patience: Seconds without news after which what is missing is lost.
        @param hasClock: Whether the gateway with a store has a L{clock}.
        @param hasDisk: Whether its disk can fail.
        """
        self.seed = seed
        self.chance = Random(seed)
        self.server = server
        self._offline = offline
        self._blind = blind
        self._senderCount = senders
        self._pause = pause
        self._settings = settings
        self._patience = patience
        self._hasClock = hasClock
        self._hasDisk = hasDisk
        self.clock: SteppedClock | None = None
        self.turns = LongestTurns()
        self.silences = (Silence(), Silence())
        self.callback: Callback
        self.lanes = [Lane("kept", server.componentDomain, offline)]
        if plain:
            self.lanes.append(Lane("plain", PLAIN_DOMAIN, offline))
        self._correspondent = Correspondent(server, self._hear)
        self._users = Users(
            {
                f"{lane.name}-{number}": f"bot@{lane.domain}"
                for lane in self.lanes
                for number in range(4)
            },
            server.peerDomain,
            self._correspondent.write,
            inboundPause,
        )
        self._working: list[tuple[Work, Deferred[None]]] = []
        self._others: list[Deferred[None]] = []
        self._port: Any = None  # IListeningPort
        self._news = 0

    # its course

    async def start(self) -> None:
        """Start everything."""
        await deferToThread(self.server.start)
        if self._offline:
            await deferToThread(self.server.register, _USER, _PASSWORD)
        self._listen()
        for lane in self.lanes:
            self._populate(lane)
        self._others.append(Deferred.fromCoroutine(self._correspondent.run()))
        await self.startGateways()
        port = self.lanes[0].gateway.port
        self._others.append(Deferred.fromCoroutine(self.turns.run(port)))
        self.resume()

    async def stop(self) -> None:
        """End everything; nothing is left of it."""
        self._correspondent.end()
        self.turns.end()
        for work, _ in self._working:
            work.end()
        for lane in self.lanes:
            if hasattr(lane, "gateway"):
                await deferToThread(lane.gateway.stop)
        await deferToThread(self.server.stop)
        await self._workDone()
        await gatherResults(self._others)
        if self._port is not None:
            await self._port.stopListening()

    def resume(self) -> None:
        """Let the load begin, or go on."""
        for silence in self.silences:
            silence.begin()
        work: list[Work] = [self._users]
        for lane in self.lanes:
            work.extend(lane.senders)
        self._working = [(each, Deferred.fromCoroutine(each.run())) for each in work]

    async def settle(self) -> None:
        """End the load, and wait until everything has come."""
        for work, _ in self._working:
            work.end()
        await self._workDone()
        if not self._offline:
            await self._quiet()
            return
        # Else what comes while it logs in may overtake what was kept.
        for lane in self.lanes:
            await lane.taken()
        mailbox = await Mailbox.login(self.server, _USER, _PASSWORD, self._hear)
        await self._quiet()
        await mailbox.close()

    async def repeat(self) -> None:
        """Let those who send with keys do it again, after L{settle}."""
        repeating = [
            Deferred.fromCoroutine(sender.repeat())
            for lane in self.lanes
            for sender in lane.senders
            if isinstance(sender, BlindSender)
        ]
        await gatherResults(repeating)
        await self._quiet()

    async def _workDone(self) -> None:
        working, self._working = self._working, []
        await gatherResults([done for _, done in working])

    async def _quiet(self) -> None:
        """Wait until there is no news."""
        news, since = self._news, time.monotonic()
        while True:
            await sleep(PAUSE)
            if self._news != news:
                news, since = self._news, time.monotonic()
            silence = time.monotonic() - since
            complete = self.lanes[0].complete
            if silence > (QUIET if complete else self._patience):
                return

    # what a failure needs

    async def startGateways(self) -> None:
        """Start the gateways, and wait until they accept requests."""
        await gatherResults([deferToThread(each.gateway.start) for each in self.lanes])

    async def awaitPromises(self, count: int) -> None:
        """Wait until so much has been promised from now on."""
        lane = self.lanes[0]
        goal = lane.promises + count
        await self._until(lambda: lane.promises >= goal, f"{count} promises")

    async def awaitReceipts(self, count: int) -> None:
        """Wait until so many receipts have come, so that all are connected."""
        goals = {lane.name: len(lane.inbound.promised) + count for lane in self.lanes}
        await self._until(
            lambda: all(
                len(lane.inbound.promised) >= goals[lane.name] for lane in self.lanes
            ),
            f"{count} receipts",
        )

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not happened():
            if time.monotonic() > deadline:
                logs = [lane.gateway.log for lane in self.lanes] + [self.server.log]
                ends = [each.read_text(errors="replace")[-3000:] for each in logs]
                raise AssertionError(
                    "\n".join([f"no {what} in {TIMEOUT:g} s; the logs end:", *ends])
                )
            await sleep(0.01)

    def nextEpoch(self) -> None:
        """Count what arrives from now on as after a further failure."""
        for lane in self.lanes:
            for ledger in lane.ledgers:
                ledger.epoch += 1

    # what there is

    def _listen(self) -> None:
        from twisted.internet import reactor

        chance = Random(self.seed)
        self.callback = Callback(self._called, self._returned, chance, reactor)
        site: Any = self.callback.site()
        self._port = reactor.listenTCP(0, site, interface=LOOPBACK)

    def _populate(self, lane: Lane) -> None:
        isKept = lane is self.lanes[0]
        lane.gateway = GatewayProcess(
            self.server,
            lane.domain,
            f"http://{LOOPBACK}:{self._port.getHost().port}/",
            "sqlite:store/xmpprest.db" if isKept else "memory",
            disk=Injected("") if isKept and self._hasDisk else None,
            settings=self._settings,
        )
        if isKept and self._hasClock:
            self.clock = lane.gateway.clock = SteppedClock(lane.gateway.directory)
        self._addSenders(lane)

    def _addSenders(self, lane: Lane) -> None:
        domain = self.server.host if self._offline else self.server.peerDomain
        lane.senders = [
            self._sender(lane, number, domain) for number in range(self._senderCount)
        ]

    def _sender(self, lane: Lane, number: int, domain: str) -> Sender:
        origin, to = f"{lane.name}-{number}@{lane.domain}", f"{_USER}@{domain}"
        where = (origin, to, lane.gateway.port, lane.outbound, self._pause)
        if self._blind:
            return BlindSender(*where, chance=self.chance)
        return Sender(*where, choosesIDs=bool(number % 2))

    def _lane(self, label: Label) -> Lane:
        name = label.conversation.partition("-")[0]
        return next(each for each in self.lanes if each.name == name)

    def _called(self, label: Label, webhookID: str) -> None:
        """The callback has got a message."""
        self._see(1, label, webhookID)

    def _returned(self, id: str) -> None:
        """The callback has got an error for a message."""
        self._news += 1
        for lane in self.lanes:
            # Only one of them has a message with this id.
            lane.outbound.returned.add(id)

    def _hear(self, stanza: Received) -> None:
        """The other end has got a message."""
        if stanza.kind != "message" or stanza.element.get("type") == "error":
            return
        for child in stanza.element:
            name = child.tag.rpartition("}")[2]
            if name == "received":
                self._news += 1
                label = Label.parse(child.get("id", ""))
                self._lane(label).inbound.promise(label)
            elif name == "body":
                label = labelled(child.text or "")
                self._see(0, label, stanza.element.get("id", ""))

    def _see(self, direction: int, label: Label, id: str) -> None:
        """
        Count a message where it was to go.

        @param direction: 0 outbound, 1 inbound.
        """
        self._news += 1
        lane = self._lane(label)
        lane.ledgers[direction].see(label, id)
        if lane is self.lanes[0]:
            self.silences[direction].end()
