"""
An ordeal: a server, gateways and their load, all of which can be killed; and what is
left of it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random, SystemRandom
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.servers.splitter import Received
from tests.support.process import LOOPBACK, ServerFailed, ServerProcess

from ..gateway_process import PLAIN_DOMAIN, GatewayProcess
from .callback import Callback
from .checker import WINDOW, Findings, check, contradictions
from .http import Client
from .ledger import Label, Ledger
from .load import PAUSE, BlindSender, Sender, Users, Work, labelled, sleep
from .peers import Correspondent, Mailbox

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
        """What nobody expects to be answered; empty if nothing was."""
        refused = [each for sender in self.senders for each in sender.refused]
        return f"{len(refused)} refused ({refused[0]})" if refused else ""

    def findings(self) -> tuple[Findings, Findings]:
        """What is wrong with what was seen, outbound and inbound."""
        # What was kept for somebody away is seen all at once, at the end.
        kills = max(1, self.outbound.epoch) if self.isLate else 1
        return check(self.outbound, WINDOW * kills), check(self.inbound)

    @property
    def contradicted(self) -> str:
        """What was answered now so, now so; empty if nothing was."""
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
        """What is wrong, in words; empty if nothing is."""
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
    ) -> None:
        """
        @param plain: Whether there is a gateway without a store, too.
        @param offline: Whether the recipient is a user who is away until L{settle},
            and not a component.
        @param blind: Whether clients send with keys until they get an answer.
        @param senders: How many clients a gateway has.
        @param pause: Of each, between two messages, in seconds.
        """
        self.seed = seed
        self._chance = Random(seed)
        self._server = server
        self._offline = offline
        self._blind = blind
        self._senderCount = senders
        self._pause = pause
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
            INBOUND_PAUSE,
        )
        self._working: list[tuple[Work, Deferred[None]]] = []
        self._there: Deferred[None] | None = None
        self._port: Any = None  # IListeningPort
        self._news = 0

    # its course

    async def start(self) -> None:
        """Start everything."""
        await deferToThread(self._server.start)
        if self._offline:
            await deferToThread(self._server.register, _USER, _PASSWORD)
        self._listen()
        for lane in self.lanes:
            self._populate(lane)
        self._there = Deferred.fromCoroutine(self._correspondent.run())
        await self._startGateways()
        self.resume()

    async def stop(self) -> None:
        """End everything; nothing is left of it."""
        self._correspondent.end()
        for work, _ in self._working:
            work.end()
        for lane in self.lanes:
            if hasattr(lane, "gateway"):
                await deferToThread(lane.gateway.stop)
        await deferToThread(self._server.stop)
        await self._workDone()
        if self._there is not None:
            await self._there
        if self._port is not None:
            await self._port.stopListening()

    def resume(self) -> None:
        """Let the load begin, or go on."""
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
        mailbox = await Mailbox.login(self._server, _USER, _PASSWORD, self._hear)
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
            if silence > (QUIET if complete else PATIENCE):
                return

    # what is done to it

    async def killGateways(self) -> None:
        """Kill the gateways at some point, and start them again."""
        kind = self._chance.choice(["busy", "busy", "busy", "starting", "stalled"])
        if kind == "stalled":
            await self._killStalled()
        else:
            await self._load(self._chance.randrange(1, 300))
            await self._kill()
        if kind == "starting":
            await self._killStarting()
        await self._startGateways()

    async def _killStalled(self) -> None:
        """
        Kill the gateways when the server reads nothing, so that all places of their
        windows are taken.
        """
        await self._load(1)
        self._server.suspend()
        try:
            await self._load(700)
            await self._kill()
        finally:
            self._server.resume()

    async def _killStarting(self) -> None:
        """Start the gateways, and kill them before they know it."""
        starting = [deferToThread(lane.gateway.start) for lane in self.lanes]
        for each in starting:
            each.addErrback(lambda failure: failure.trap(ServerFailed) and None)
        await sleep(self._chance.uniform(0.1, 1.5))
        await self._kill()
        await gatherResults(starting)

    async def _kill(self) -> None:
        await gatherResults([deferToThread(each.gateway.kill) for each in self.lanes])
        # What they have written is on its way.
        await sleep(PAUSE)
        self._nextEpoch()

    async def killServer(self) -> None:
        """Kill the server at some point, and start it again."""
        await self._receipts(self._chance.randrange(1, 60))
        await deferToThread(self._server.kill)
        await sleep(PAUSE)
        self._nextEpoch()
        await deferToThread(self._server.start)

    async def freezeServer(self, seconds: float) -> None:
        """Suspend the server at some point, for some time."""
        await self._receipts(self._chance.randrange(1, 60))
        self._server.suspend()
        try:
            await sleep(seconds)
        finally:
            self._nextEpoch()
            self._server.resume()

    async def _startGateways(self) -> None:
        await gatherResults([deferToThread(each.gateway.start) for each in self.lanes])

    async def _load(self, count: int) -> None:
        """Wait until so much has been promised from now on."""
        lane = self.lanes[0]
        goal = lane.promises + count
        await self._until(lambda: lane.promises >= goal, f"{count} promises")

    async def _receipts(self, count: int) -> None:
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
                logs = [lane.gateway.log for lane in self.lanes] + [self._server.log]
                ends = [each.read_text(errors="replace")[-3000:] for each in logs]
                raise AssertionError(
                    "\n".join([f"no {what} in {TIMEOUT:g} s; the logs end:", *ends])
                )
            await sleep(0.01)

    def _nextEpoch(self) -> None:
        for lane in self.lanes:
            for ledger in lane.ledgers:
                ledger.epoch += 1

    # what there is

    def _listen(self) -> None:
        from twisted.internet import reactor

        chance = Random(self.seed)
        callback = Callback(self._called, self._returned, chance, reactor)
        site: Any = callback.site()
        self._port = reactor.listenTCP(0, site, interface=LOOPBACK)

    def _populate(self, lane: Lane) -> None:
        lane.gateway = GatewayProcess(
            self._server,
            lane.domain,
            f"http://{LOOPBACK}:{self._port.getHost().port}/",
            "memory" if lane.name == "plain" else "sqlite:xmpprest.db",
        )
        domain = self._server.host if self._offline else self._server.peerDomain
        lane.senders = [
            self._sender(lane, f"{lane.name}-{number}@{lane.domain}", domain)
            for number in range(self._senderCount)
        ]

    def _sender(self, lane: Lane, origin: str, domain: str) -> Sender:
        to = f"{_USER}@{domain}"
        where = (origin, to, lane.gateway.port, lane.outbound, self._pause)
        if self._blind:
            return BlindSender(*where, chance=self._chance)
        return Sender(*where)

    def _lane(self, label: Label) -> Lane:
        name = label.conversation.partition("-")[0]
        return next(each for each in self.lanes if each.name == name)

    def _called(self, label: Label, webhookID: str) -> None:
        """The callback has got a message."""
        self._news += 1
        self._lane(label).inbound.see(label, webhookID)

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
        self._news += 1
        for child in stanza.element:
            name = child.tag.rpartition("}")[2]
            if name == "received":
                label = Label.parse(child.get("id", ""))
                self._lane(label).inbound.promise(label)
            elif name == "body":
                label = labelled(child.text or "")
                self._lane(label).outbound.see(label, stanza.element.get("id", ""))
