"""
Counts the stanzas that are lost when gateways, servers, clocks and disks fail.

C{python -m bench.survival} kills and suspends gateways and servers, steps the system
clock of the gateway, and lets its disk fail, and prints the tables of
docs/explanation/crash-tests.rst. It takes about three quarters of an hour; an option
for each kind of failure says how often, C{0} for never. With C{--compare}, a gateway
without a store runs beside each gateway with one, under the same load; it shows what a
plain component loses. The tests in C{tests.survival} do the same for a shorter time.

Clock steps need Debian's C{libfaketime}, disk failures C{strace}.

It exits with status 1 if a gateway with a store lost or reordered stanzas.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.gateway_process import SurvivalEjabberd, SurvivalProsody
from tests.support.process import ServerFailed, ServerProcess
from tests.support.stepped_clock import SteppedClock
from tests.support.survival.blows import (
    FAULTS,
    failDisk,
    freezeGateways,
    freezeServer,
    killGateways,
    killServer,
    stepClock,
)
from tests.support.survival.checker import Findings
from tests.support.survival.ordeal import Lane, Ordeal, newSeed

from .reporting.rst_table import table

#: Failures after which the load pauses until every stanza has arrived.
ROUND = 10

#: Seconds between two messages of a client if the server stores them on disk.
PAUSE = 0.05

#: The same if the server stands still meanwhile, so that it catches up.
FREEZE_PAUSE = 0.2

#: Seconds between two messages of a user.
INBOUND_PAUSE = 0.1

#: Ratio of gateway kills to kills during requests with an idempotency key.
BLIND_SHARE = 10

#: Seconds by which the clock is stepped; each as often as the option says.
STEPS = (15.0, -15.0, 3600.0, -3600.0)

#: Milliseconds that a reactor turn should not exceed.
LONG_TURN = 50

HEADINGS = (
    *("gateway", "direction", "promised", "lost", "confirmed", "returned", "twice"),
    *("at once", "disorder", "other id"),
)

SUMMARY_HEADINGS = (
    *("failure", "times", "min", "outbound", "inbound", "lost", "disorder"),
    *("other id", "twice", "silence out", "in", "longest turn", "p99", "starting"),
)

Blow = Callable[[Ordeal], Awaitable[None]]


@dataclass(frozen=True)
class Experiment:
    """
    A failure that is injected into an ordeal again and again.

    @ivar name: The name of the failure.
    @ivar kind: The XMPP server.
    @ivar blows: Inject the failure, one call after the other.
    @ivar settings: The settings of the L{Ordeal}.
    @ivar strict: Whether every accepted stanza must arrive or come back; otherwise only
        those that the server has not confirmed.
    """

    name: str
    kind: type[ServerProcess]
    blows: Sequence[Blow]
    settings: dict[str, Any] = field(default_factory=dict)  # keyword arguments
    strict: bool = True

    async def run(self, seed: int) -> Outcome:
        """Run the experiment and print its findings."""
        print(f"\n{len(self.blows)} times {self.name}, seed {seed}\n", flush=True)
        ordeal = Ordeal(self.kind(), seed, inboundPause=INBOUND_PAUSE, **self.settings)
        began = time.monotonic()
        try:
            await ordeal.start()
            await self._repeat(ordeal)
            wrong = await self._result(ordeal)
        except (AssertionError, ServerFailed) as error:
            wrong = f"broken off: {error}"
        finally:
            await ordeal.stop()
        if wrong:
            print(f"\nWrong: {wrong}", flush=True)
        minutes = (time.monotonic() - began) / 60
        return Outcome(wrong, _summary(self, ordeal, minutes))

    async def _repeat(self, ordeal: Ordeal) -> None:
        began, count = time.monotonic(), len(self.blows)
        for number, blow in enumerate(self.blows, 1):
            await blow(ordeal)
            if number == count:
                await ordeal.settle()
                await ordeal.repeat()
            elif number % ROUND == 0:
                await ordeal.settle()
                ordeal.resume()
            minutes = (time.monotonic() - began) / 60
            print(
                f"{number} of {count} in {minutes:.1f} min",
                end="\r" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )

    async def _result(self, ordeal: Ordeal) -> str:
        """Print the findings; return what is wrong, or an empty text."""
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
        return wrong


@dataclass(frozen=True)
class Outcome:
    """
    The outcome of an experiment.

    @ivar wrong: What is wrong, or an empty text.
    @ivar row: A row for the table under L{SUMMARY_HEADINGS}.
    """

    wrong: str
    row: tuple[str, ...]


def _summary(experiment: Experiment, ordeal: Ordeal, minutes: float) -> tuple[str, ...]:
    """Return the findings on the gateway with a store as one row."""
    outbound, inbound = found = ordeal.lanes[0].findings()
    isLate = ordeal.lanes[0].isLate
    silences = [each.longest for each in ordeal.silences]
    turns = sorted(ordeal.turns.seconds) or [0.0]
    return (
        experiment.name,
        f"{len(experiment.blows)}",
        f"{minutes:.1f}",
        f"{outbound.promised:,}",
        f"{inbound.promised:,}",
        f"{sum(len(each.lost) for each in found):,}",
        f"{sum(len(each.inverted) for each in found):,}",
        f"{sum(len(each.renamed) for each in found):,}",
        f"{sum(each.doubled for each in found):,}",
        # A recipient who is away sees nothing while it lasts.
        "" if isLate else f"{silences[0]:.1f} s",
        f"{silences[1]:.1f} s",
        f"{turns[-1] * 1000:.0f} ms",
        f"{turns[int(len(turns) * 0.99)] * 1000:.0f} ms",
        f"{max(ordeal.turns.starting, default=0.0) * 1000:.0f} ms",
    )


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


def experiments(asked: argparse.Namespace) -> list[Experiment]:
    """Return the experiments that the options ask for, in their order."""
    found = [*_gatewayKills(asked.kills)]
    for name in asked.servers:
        found += _serverFailures(
            name, asked.server_kills, asked.server_freezes, asked.freeze_seconds
        )
    freeze = functools.partial(freezeGateways, seconds=asked.freeze_seconds)
    stopped = [freeze] * asked.freezes
    found.append(Experiment("gateway stopped", SurvivalProsody, stopped))
    found += [_clockSteps(asked.clock_steps, asked.seed), _diskFailures(asked.disks)]
    for each in found:
        # One clock and one disk are enough.
        each.settings["plain"] = asked.compare and not each.settings.keys() & LONE
    return [each for each in found if each.blows]


#: The servers that are killed and stopped.
SERVERS: dict[str, type[ServerProcess]] = {
    "Prosody": SurvivalProsody,
    "ejabberd": SurvivalEjabberd,
}

#: Settings of ordeals with no second gateway for comparison.
LONE = {"hasClock", "hasDisk"}


def _gatewayKills(kills: int) -> list[Experiment]:
    blows, keyed = [killGateways] * kills, [killGateways] * (kills // BLIND_SHARE)
    return [
        Experiment("gateway killed", SurvivalProsody, blows),
        Experiment(
            "gateway killed, clients use keys", SurvivalProsody, keyed, {"blind": True}
        ),
    ]


def _serverFailures(
    name: str, kills: int, freezes: int, seconds: float
) -> list[Experiment]:
    kind, away = SERVERS[name], {"offline": True}
    freeze = functools.partial(freezeServer, seconds=seconds)
    return [
        Experiment(
            f"{name} killed", kind, [killServer] * kills, {**away, "pause": PAUSE}
        ),
        Experiment(
            f"{name} killed, recipient a component",
            kind,
            [killServer] * kills,
            strict=False,
        ),
        Experiment(
            f"{name} stopped",
            kind,
            [freeze] * freezes,
            {**away, "pause": FREEZE_PAUSE},
        ),
    ]


def _clockSteps(count: int, seed: int) -> Experiment:
    steps = [step for step in STEPS for _ in range(count)]
    Random(seed).shuffle(steps)
    blows = [functools.partial(stepClock, seconds=step) for step in steps]
    return Experiment("clock stepped", SurvivalProsody, blows, {"hasClock": True})


def _diskFailures(count: int) -> Experiment:
    faults = (list(FAULTS) * count)[:count]
    blows = [functools.partial(failDisk, fault=fault) for fault in faults]
    return Experiment("disk failing or slow", SurvivalProsody, blows, {"hasDisk": True})


def _missing(planned: Sequence[Experiment]) -> set[str]:
    """Return what is missing for the experiments on this machine."""
    reasons = {each.kind.missing() for each in planned}
    settings = {name for each in planned for name in each.settings}
    if "hasClock" in settings:
        reasons.add(SteppedClock.missing())
    if "hasDisk" in settings and shutil.which("strace") is None:
        reasons.add("strace is not installed")
    return reasons - {""}


def parseArguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options of the command."""
    parser = argparse.ArgumentParser(prog="bench.survival")
    parser.add_argument("--kills", type=int, default=300, help="of the gateway")
    parser.add_argument("--server-kills", type=int, default=50, help="of each server")
    parser.add_argument("--freezes", type=int, default=20, help="of the gateway")
    parser.add_argument("--server-freezes", type=int, default=20, help="of each server")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=[*SERVERS])
    parser.add_argument("--freeze-seconds", type=float, default=20.0)
    parser.add_argument(
        "--clock-steps", type=int, default=20, help="of 15 s and 1 h, in each direction"
    )
    parser.add_argument("--disks", type=int, default=20, help="that fail or are slow")
    parser.add_argument(
        "--compare", action="store_true", help="run a gateway without a store, too"
    )
    parser.add_argument("--seed", type=int, default=newSeed())
    return parser.parse_args(arguments)


async def main(reactor: Any, *arguments: str) -> None:
    """Run the requested experiments."""
    asked = parseArguments(arguments)
    planned = experiments(asked)
    if reasons := _missing(planned):
        raise SystemExit("; ".join(reasons))
    outcomes = [await each.run(asked.seed) for each in planned]
    print(f"\nThe gateway with a store, seed {asked.seed}\n")
    print(table([SUMMARY_HEADINGS, *(each.row for each in outcomes)]), flush=True)
    if any(each.wrong for each in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
