"""
Kills, stops and freezes the active one of several gateways, and counts what went wrong.

C{python -m bench.cluster} runs three gateways on one PostgreSQL behind a balancer, on
Prosody with C{component_conflict_resolve = "kick_old"} and on ejabberd, under load in
both directions. It prints the tables of docs/explanation/crash-tests.rst; an option for
each kind of failure says how often, C{0} for never. It exits with status 1 if a message
was lost, came out of order for the first time, or came again with another id.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.postgresql import PostgreSQL
from tests.support.process import ServerFailed
from tests.support.survival.cluster import FAILURES, SERVERS, ClusterOrdeal
from tests.support.survival.ordeal import newSeed

from .reporting.rst_table import table

#: Failures after which the load pauses until every stanza has arrived.
ROUND = 10

HEADINGS = (
    *("server", "failure", "times", "outbound", "inbound", "lost", "disorder"),
    *("other id", "twice", "gap median", "gap max", "min"),
)


async def run(
    server: str, failure: str, count: int, asked: argparse.Namespace
) -> tuple[str, tuple[str, ...]]:
    """
    Let one failure happen so often.

    @return: What is wrong, or an empty text; and the row of the table.
    """
    print(f"\n{server}: {count} times {failure}, seed {asked.seed}", flush=True)
    ordeal = ClusterOrdeal(
        SERVERS[server](),
        asked.seed,
        instances=asked.instances,
        pause=asked.pause,
        inboundPause=asked.pause,
    )
    began = time.monotonic()
    try:
        await ordeal.start()
        for number in range(1, count + 1):
            await FAILURES[failure](ordeal)
            gaps = f", gap {ordeal.gaps[-1]:.1f} s" if ordeal.gaps else ""
            print(f"{number} of {count}{gaps}", flush=True)
            if number == count:
                await ordeal.settle()
            elif number % ROUND == 0:
                await ordeal.settle()
                ordeal.resume()
        wrong = ordeal.lanes[0].wrong()
    except (AssertionError, ServerFailed) as error:
        wrong = f"broken off: {error}"
    finally:
        await ordeal.stop()
    if wrong:
        print(f"\nWrong: {wrong}", flush=True)
    return wrong, _row(server, failure, count, ordeal, time.monotonic() - began)


def _row(
    server: str, failure: str, count: int, ordeal: ClusterOrdeal, seconds: float
) -> tuple[str, ...]:
    found = outbound, inbound = ordeal.lanes[0].findings()
    gaps = ordeal.gaps
    return (
        server,
        failure,
        f"{count}",
        f"{outbound.promised:,}",
        f"{inbound.promised:,}",
        f"{sum(len(each.lost) for each in found):,}",
        f"{sum(len(each.inverted) for each in found):,}",
        f"{sum(len(each.renamed) for each in found):,}",
        f"{sum(each.doubled for each in found):,}",
        f"{median(gaps):.1f} s" if gaps else "",
        f"{max(gaps):.1f} s" if gaps else "",
        f"{seconds / 60:.1f}",
    )


def parseArguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options of the command."""
    parser = argparse.ArgumentParser(prog="bench.cluster")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=[*SERVERS])
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--stops", type=int, default=10, help="in good order")
    parser.add_argument("--freezes", type=int, default=6, help="of 10 s")
    parser.add_argument("--restarts", type=int, default=10, help="of PostgreSQL")
    parser.add_argument(
        "--pause", type=float, default=0.05, help="seconds between two messages"
    )
    parser.add_argument("--seed", type=int, default=newSeed())
    return parser.parse_args(arguments)


async def main(reactor: Any, *arguments: str) -> None:
    """Run the requested failures."""
    asked = parseArguments(arguments)
    counts = (asked.kills, asked.stops, asked.freezes, asked.restarts)
    missing = {SERVERS[each].missing() for each in asked.servers}
    if reasons := (missing | {PostgreSQL.missing()}) - {""}:
        raise SystemExit("; ".join(reasons))
    outcomes = [
        await run(server, failure, count, asked)
        for server in asked.servers
        for failure, count in zip(FAILURES, counts, strict=True)
        if count
    ]
    print(f"\n{asked.instances} instances, seed {asked.seed}\n")
    print(table([HEADINGS, *(row for _, row in outcomes)]), flush=True)
    if any(wrong for wrong, _ in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
