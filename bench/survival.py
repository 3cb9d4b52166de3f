"""
Counts the stanzas that are lost when gateways and servers are killed under load.

C{python -m bench.survival [--kills 1000] [--server-kills 200] [--stops 20]} takes some
hours, and prints the tables of docs/explanation/reliability.rst. Beside each gateway
with a store runs one without, under the same load; it shows what a plain component
loses. The tests in C{tests.survival} do the same for a shorter time.

It exits with status 1 if a gateway with a store lost or reordered stanzas.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.gateway_process import SurvivalEjabberd, SurvivalProsody
from tests.support.process import ServerProcess
from tests.support.survival.checker import Findings
from tests.support.survival.ordeal import Lane, Ordeal, newSeed

from .reporting.rst_table import table

#: Failures after which the load pauses until every stanza has arrived.
ROUND = 10

#: Seconds for which a server is frozen.
STOP = 20.0

#: Seconds between two messages of a client if the server stores them on disk.
PAUSE = 0.05

#: Ratio of gateway kills to kills during requests with an idempotency key.
BLIND_SHARE = 10

HEADINGS = (
    *("gateway", "direction", "promised", "lost", "confirmed", "returned", "twice"),
    *("at once", "disorder", "other id"),
)


@dataclass(frozen=True)
class Experiment:
    """
    A failure that is injected into an ordeal again and again.

    @ivar name: The name of the failure; C{{count}} stands for the number of times.
    @ivar blow: Injects the failure once.
    @ivar settings: The settings of the L{Ordeal}.
    @ivar strict: Whether every accepted stanza must arrive or come back; otherwise only
        those that the server has not confirmed.
    """

    name: str
    kind: type[ServerProcess]
    count: int
    blow: Callable[[Ordeal], Awaitable[None]]
    settings: dict[str, Any] = field(default_factory=dict)  # keyword arguments
    strict: bool = True

    async def run(self, seed: int) -> bool:
        """
        Run the experiment and print its findings.

        @return: Whether all checks passed.
        """
        print(f"\n{self.name.format(count=self.count)}, seed {seed}\n", flush=True)
        ordeal = Ordeal(self.kind(), seed, plain=True, **self.settings)
        try:
            await ordeal.start()
            await self._repeat(ordeal)
            return await self._result(ordeal)
        finally:
            await ordeal.stop()

    async def _repeat(self, ordeal: Ordeal) -> None:
        began = time.monotonic()
        for number in range(1, self.count + 1):
            await self.blow(ordeal)
            if number == self.count:
                await ordeal.settle()
                await ordeal.repeat()
            elif number % ROUND == 0:
                await ordeal.settle()
                ordeal.resume()
            minutes = (time.monotonic() - began) / 60
            print(
                f"{number} of {self.count} in {minutes:.1f} min",
                end="\r" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )

    async def _result(self, ordeal: Ordeal) -> bool:
        rows: list[tuple[str, ...]] = [HEADINGS]
        for lane in ordeal.lanes:
            rows.extend(await _rows(lane))
        print(table(rows), flush=True)
        kept = ordeal.lanes[0]
        wrong = kept.wrong()
        if wrong and not self.strict:
            states = await kept.states(kept.findings()[0].lost)
            inbound = kept.findings()[1].wrong
            wrong = inbound if set(states) <= {"confirmed"} else wrong
        if wrong:
            print(f"\nWrong: {wrong}", flush=True)
        return not wrong


async def _rows(lane: Lane) -> list[tuple[str, ...]]:
    """Return the findings on one gateway as rows."""
    outbound, inbound = lane.findings()
    states = await lane.states(outbound.lost)
    return [
        (lane.name, "outbound", *_cells(outbound, states)),
        (lane.name, "inbound", *_cells(inbound, None)),
    ]


def _cells(findings: Findings, states: Counter[str] | None) -> tuple[str, ...]:
    """
    @param states: The recorded states of the lost stanzas; C{None} to leave them out.
    """
    return (
        f"{findings.promised:,}",
        f"{len(findings.lost):,}",
        "" if states is None else f"{states['confirmed']:,}",
        f"{findings.returned:,}",
        f"{findings.doubled:,}",
        f"{findings.mostDoubled:,}",
        f"{len(findings.inverted):,}",
        f"{len(findings.renamed):,}",
    )


def experiments(kills: int, serverKills: int, stops: int) -> list[Experiment]:
    """Return all experiments in their order."""
    killed, frozen = Ordeal.killServer, lambda ordeal: ordeal.freezeServer(STOP)
    away = {"offline": True, "pause": PAUSE}
    servers = {"Prosody": SurvivalProsody, "ejabberd": SurvivalEjabberd}
    found = [
        Experiment(
            "{count} kills of the gateways", SurvivalProsody, kills, Ordeal.killGateways
        ),
        Experiment(
            "{count} kills of the gateways, whose clients use keys",
            SurvivalProsody,
            kills // BLIND_SHARE,
            Ordeal.killGateways,
            {"blind": True},
        ),
    ]
    for name, kind in servers.items():
        what = f"{{count}} kills of {name}; the recipient is"
        found += [
            Experiment(f"{what} a user who is away", kind, serverKills, killed, away),
            Experiment(
                f"{what} a component", kind, serverKills, killed, {}, strict=False
            ),
            Experiment(
                f"{name} stands still for {STOP:g} s, {{count}} times",
                *(kind, stops, frozen, away),
            ),
        ]
    return [each for each in found if each.count]


async def main(reactor: Any, *arguments: str) -> None:
    """Run the requested experiments."""
    parser = argparse.ArgumentParser(prog="bench.survival")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--server-kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--seed", type=int, default=newSeed())
    asked = parser.parse_args(arguments)
    planned = experiments(asked.kills, asked.server_kills, asked.stops)
    if reasons := {each.kind.missing() for each in planned} - {""}:
        raise SystemExit("; ".join(reasons))
    results = [await each.run(asked.seed) for each in planned]
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
