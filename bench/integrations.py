"""
Counts what is lost or answered twice while programs call hooks and a bot pulls.

C{python -m bench.integrations} kills the gateway 50 times while five programs call
hooks, each with its own header for the id of a delivery, and while one hook has two
recipients. Then it kills the gateway 50 times, and docs/examples/pull.py 50 times,
while that answers messages. The XMPP server is Prosody. It takes about ten minutes and
prints the table of docs/explanation/crash-tests.rst.

A program repeats a request with the same id of the delivery until it has a response. A
message to the bot counts as promised once the store lists it, or once its sender has a
receipt.

It exits with status 1 if a message was lost, out of order, or there twice with two ids;
for the bot: if a message was answered twice, with two ids.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from tests.servers.splitter import Received
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import ServerFailed, ServerProcess
from tests.support.prosody import Prosody
from tests.support.survival.checker import check
from tests.support.survival.http import Client
from tests.support.survival.ledger import Label, Ledger
from tests.support.survival.load import PAUSE, Users, message, sleep
from tests.support.survival.ordeal import newSeed
from tests.support.survival.peers import Correspondent

from .harness.hook_callers import PROGRAMS, HookCaller
from .reporting.rst_table import table

#: Seconds after which something has gone wrong.
TIMEOUT = 120.0
#: Seconds without news after which nothing more is expected.
PATIENCE = 20.0

HEADINGS = (
    *("failure", "kills", "promised", "lost", "disorder", "other id", "twice"),
    "in doubt",
)

_SECRET = "c2VjcmV0"
_LABEL = re.compile(r"[a-z]+-\d+\.\d+")
_CLIENT = Path(__file__).parents[1] / "docs/examples/pull.py"


@dataclass(frozen=True)
class Outcome:
    """
    The outcome of an experiment.

    @ivar wrong: The faults, or an empty text.
    @ivar row: A row for the table under L{HEADINGS}.
    """

    wrong: str
    row: tuple[str, ...]


class Trial:
    """
    A gateway on a server, and a component that receives.

    @ivar news: Grows with each arrival.
    """

    def __init__(
        self, server: ServerProcess, hear: Callable[[Received], None], seed: int
    ) -> None:
        self.chance = Random(seed)
        self.news = 0
        self.server = server
        self._hear = hear
        self.correspondent = Correspondent(server, self._heard)
        self.gateway: GatewayProcess
        self._listening = Deferred.fromCoroutine(self.correspondent.run())

    def _heard(self, stanza: Received) -> None:
        self.news += 1
        if stanza.kind == "message" and stanza.element.get("type") != "error":
            self._hear(stanza)

    def makeGateway(self, callback: str, **settings: str) -> None:
        """Make the gateway."""
        self.gateway = GatewayProcess(
            self.server,
            self.server.componentDomain,
            callback,
            "sqlite:store/xmpprest.db",
            settings={"XMPPREST_REPLY_LIMIT": "1000000", **settings},
        )

    async def restart(self) -> None:
        """Kill the gateway, sometimes while it starts, and start it."""
        await deferToThread(self.gateway.kill)
        if self.chance.random() < 0.2:
            starting = deferToThread(self.gateway.start)
            starting.addErrback(lambda failure: failure.trap(ServerFailed) and None)
            await sleep(self.chance.uniform(0.1, 1.5))
            await deferToThread(self.gateway.kill)
            await starting
        await self.start()

    async def start(self) -> None:
        """Start the gateway, and wait until it is connected to the server."""
        await deferToThread(self.gateway.start)
        client = Client(self.gateway.port)
        path = f"/rest/ping/{self.server.host}"
        while (await client.request("GET", path)).status != 200:
            await sleep(PAUSE)
        await client.close()

    async def untilMore(self, things: Sized, most: int, what: str) -> None:
        """
        Wait until a collection has grown by a random number.

        @param most: Limit on that number.
        @raise SystemExit: It has not in L{TIMEOUT} seconds.
        """
        goal = len(things) + self.chance.randrange(1, most)
        deadline = time.monotonic() + TIMEOUT
        while len(things) < goal:
            if time.monotonic() > deadline:
                log = self.gateway.log.read_text(errors="replace")[-3000:]
                raise SystemExit(f"no {what} in {TIMEOUT:g} s; the log ends:\n{log}")
            await sleep(0.01)

    async def write(self, xml: str) -> None:
        """Let the component send a stanza, once it is connected."""
        while not self.correspondent.write(xml):
            await sleep(PAUSE)

    async def quiet(self, isComplete: Callable[[], bool]) -> None:
        """Wait until everything has come, or nothing more comes."""
        news, since = self.news, time.monotonic()
        while time.monotonic() - since < (1.0 if isComplete() else PATIENCE):
            await sleep(PAUSE)
            if self.news != news:
                news, since = self.news, time.monotonic()

    async def stop(self) -> None:
        """End everything but the server."""
        self.correspondent.end()
        await deferToThread(self.gateway.stop)
        await self._listening


def _labelIn(text: str) -> Label | None:
    """Return the label in a text; C{None} if there is none."""
    found = _LABEL.search(text)
    return None if found is None else Label.parse(found[0])


def _bodyOf(stanza: Received) -> str:
    bodies = [each for each in stanza.element if each.tag.endswith("}body")]
    return (bodies[0].text or "") if bodies else ""


def _row(
    name: str, kills: str, ledgers: Sequence[Ledger], doubtful: int
) -> tuple[str, ...]:
    found = [check(each) for each in ledgers]
    return (
        name,
        kills,
        f"{sum(each.promised for each in found):,}",
        f"{sum(len(each.lost) for each in found):,}",
        f"{sum(len(each.inverted) for each in found):,}",
        f"{sum(len(each.renamed) for each in found):,}",
        f"{sum(each.doubled for each in found):,}",
        f"{doubtful:,}",
    )


def _faults(ledgers: Sequence[Ledger]) -> str:
    return "; ".join(filter(None, [check(each).wrong for each in ledgers]))


async def hooks(server: ServerProcess, kills: int, seed: int) -> Outcome:
    """Kill the gateway while programs call hooks."""
    # The last hook has two recipients.
    ledgers = {"first": Ledger(), "second": Ledger()}

    def hear(stanza: Received) -> None:
        label = _labelIn(_bodyOf(stanza))
        if label is not None:
            name = stanza.element.get("to", "").partition("@")[0]
            ledgers[name].see(label, stanza.element.get("id", ""))

    trial = Trial(server, hear, seed)
    config = server.directory / "hooks.toml"
    config.write_text(_hooksConfig(server.peerDomain))
    trial.makeGateway("http://127.0.0.1:1/", XMPPREST_CONFIG=str(config))
    callers = [
        HookCaller(
            f"caller-{number}",
            program,
            f"/hooks/hook{number}/{_SECRET}",
            trial.gateway.port,
            [*ledgers.values()] if program is PROGRAMS[-1] else [ledgers["first"]],
        )
        for number, program in enumerate(PROGRAMS)
    ]
    await trial.start()
    calling = [Deferred.fromCoroutine(each.run()) for each in callers]
    try:
        for number in range(kills):
            await trial.untilMore(ledgers["first"].promised, 200, "response")
            await trial.restart()
            for each in ledgers.values():
                each.epoch += 1
            _progress("hooks", number, kills)
        for caller in callers:
            caller.end()
        await gatherResults(calling)
        await trial.quiet(lambda: not any(e.missing for e in ledgers.values()))
    finally:
        await trial.stop()
    refused = [each for caller in callers for each in caller.refused]
    wrong = _faults([*ledgers.values()])
    if refused:
        wrong += f"; {len(refused)} refused, the first: {refused[0]}"
    doubtful = sum(each.doubtful for each in callers)
    name = "gateway killed during hooks"
    return Outcome(wrong, _row(name, f"{kills}", [*ledgers.values()], doubtful))


def _hooksConfig(domain: str) -> str:
    digest = sha256(_SECRET.encode()).hexdigest()
    tables = []
    for number, program in enumerate(PROGRAMS):
        to = [f"first@{domain}"]
        if program is PROGRAMS[-1]:
            to.append(f"second@{domain}")
        tables.append(
            f'[[hooks]]\nname = "hook{number}"\nsecret-sha256 = "{digest}"\n'
            f"to = {json.dumps(to)}\n"
        )
    return "\n".join(tables)


class PullClient:
    """
    The reference client in Python, in a process of its own.
    """

    def __init__(self, gateway: GatewayProcess) -> None:
        text = _CLIENT.read_text()
        assert text.count("8080") == 1
        self._file = gateway.directory / "pull.py"
        self._file.write_text(text.replace("8080", str(gateway.port)))
        self._log = (gateway.directory / "pull.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, str(self._file)],
            env={**os.environ, "XMPPREST_TOKEN": TOKEN},
            stdout=self._log,
            stderr=self._log,
        )

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def refusals(self) -> int:
        """The number of responses that it printed as unexpected."""
        return Path(self._log.name).read_text().count("Refused:")


class PullTrial:
    """
    Messages to a bot that pulls: stored before the bot is there, and while it is.
    """

    #: Messages that are stored before the client starts, and the users who send them.
    BATCH, USERS = 120, 6

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self.answers = Ledger()
        self.trial = Trial(server, self._hear, seed)
        self.trial.makeGateway("pull:")
        self.client = PullClient(self.trial.gateway)
        self._bot = f"bot@{server.componentDomain}"
        self._domain = server.peerDomain
        self._users = Users(
            {f"live-{number}": self._bot for number in range(2)},
            server.peerDomain,
            self.trial.correspondent.write,
            0.1,
        )
        self._number = 0
        self.kills = 0

    def _hear(self, stanza: Received) -> None:
        for child in stanza.element:
            if child.tag.endswith("}received"):
                self.answers.promise(Label.parse(child.get("id", "")))
        label = _labelIn(_bodyOf(stanza))
        if label is not None:
            self.answers.see(label, stanza.element.get("id", ""))

    async def store(self) -> None:
        """Send messages to the bot, and wait until all of them are stored."""
        labels = []
        for _ in range(self.BATCH // self.USERS):
            self._number += 1
            for user in range(self.USERS):
                label = Label(f"stored-{user}", self._number)
                labels.append(label)
                sender = f"{label.conversation}@{self._domain}"
                text = message(label, sender, self._bot, str(label))
                await self.trial.write(text)
        await self._untilStored(len(labels))
        for label in labels:
            self.answers.promise(label)

    async def _untilStored(self, count: int) -> None:
        """Wait until the gateway lists so many messages of this batch."""
        http = Client(self.trial.gateway.port)
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            answer = await http.request(
                "GET", "/rest/inbox?state=pending&limit=1000", headers=_JSON
            )
            stanzas: list[Any] = json.loads(answer.body)["stanzas"]
            found = [each for each in stanzas if each["from"].startswith("stored-")]
            if len(found) == count:
                await http.close()
                return
            await sleep(PAUSE)
        raise SystemExit(f"{count} messages were not stored in {TIMEOUT:g} s")

    async def round(self, kills: int) -> None:
        """Let the client answer a batch; kill the gateway and it in turns."""
        await self.store()
        self.client.start()
        users = Deferred.fromCoroutine(self._users.run())
        for number in range(kills):
            await self.trial.untilMore(self.answers.seen, 40, "answer")
            if number % 2:
                self.client.kill()
                self.client.start()
            else:
                await self.trial.restart()
            self.answers.epoch += 1
            self.kills += 1
        self._users.end()
        await users
        await self.trial.quiet(lambda: not self.answers.missing)
        self.client.kill()


_JSON = {"Accept": "application/json"}
#: Kills of the gateway and of the client, together, in one round.
_ROUND = 4


async def pull(server: ServerProcess, kills: int, seed: int) -> Outcome:
    """Kill the gateway and the client while the client answers messages."""
    pulling = PullTrial(server, seed)
    await pulling.trial.start()
    try:
        while pulling.kills < 2 * kills:
            await pulling.round(min(_ROUND, 2 * kills - pulling.kills))
            _progress("pull", pulling.kills - 1, 2 * kills)
        refusals = pulling.client.refusals
    finally:
        pulling.client.kill()
        await pulling.trial.stop()
    wrong = _faults([pulling.answers])
    if refusals:
        wrong += f"; {refusals} answers refused"
    name = "gateway and client killed during pull"
    return Outcome(wrong, _row(name, f"{kills} + {kills}", [pulling.answers], 0))


def _progress(what: str, number: int, count: int) -> None:
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"{what}: {number + 1} of {count}", end=end, file=sys.stderr, flush=True)


async def main(reactor: Any, *arguments: str) -> None:
    """Run both experiments, and print the table."""
    parser = argparse.ArgumentParser(prog="bench.integrations")
    parser.add_argument("--hook-kills", type=int, default=50)
    parser.add_argument("--pull-kills", type=int, default=50, help="of each")
    parser.add_argument("--seed", type=int, default=newSeed())
    asked = parser.parse_args(arguments)
    if reason := Prosody.missing():
        raise SystemExit(reason)
    server = Prosody()
    await deferToThread(server.start)
    outcomes = []
    try:
        if asked.hook_kills:
            outcomes.append(await hooks(server, asked.hook_kills, asked.seed))
        if asked.pull_kills:
            outcomes.append(await pull(server, asked.pull_kills, asked.seed))
    finally:
        await deferToThread(server.stop)
    print(f"\nSeed {asked.seed}\n")
    print(table([HEADINGS, *(each.row for each in outcomes)]), flush=True)
    wrong = [each.wrong for each in outcomes if each.wrong]
    if wrong:
        raise SystemExit("\n".join(["Wrong:", *wrong]))


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
