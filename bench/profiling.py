"""
Profiles the gateway while messages pass through it.

C{python -m bench.profiling [SECONDS]} starts the gateway under cProfile, with Prosody
and its store, and runs wrk with 16 connections for SECONDS (10). With C{--inbound}, a
hundred users send messages to the callback instead. It prints the share of each module
and the functions with the most time of their own. Only the reactor's thread is
profiled. cProfile overstates small functions, and other load on the machine distorts
the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor

from tests.support.gateway_process import GatewayProcess
from xmpprest.tap import Options, makeService

from .candidates.candidate import Candidate
from .candidates.registry import COMPONENT_NAMES, XMPPREST_SQLITE, XMPPRest
from .candidates.servers import domain
from .harness.component import HELLO, flood
from .harness.polling import waitForCount
from .load.closed_loop import closedLoop
from .testbed import TestBed, waitUntilReady

CONNECTIONS = 16
#: Rows to print.
FUNCTIONS, MODULES = 30, 15

reactor: Any = _reactor

#: Functions in which the reactor waits.
IDLE = "<method 'poll' of 'select.epoll' objects>"

#: Patterns that shorten a path; the first match counts.
PLACES = (r"(xmpprest/\w+)", r"site-packages/(\w+/\w+)", r"python3\.\d+/(\w+)")

Stats = Mapping[tuple[str, int, str], tuple[int, int, float, float, object]]


class Profiled(GatewayProcess):
    """
    A gateway that writes its profile to its directory.
    """

    @property
    def profile(self) -> Path:
        """The path of the profile, which exists once the gateway has stopped."""
        return self.directory / "profile"

    def _command(self) -> list[str]:
        *command, _, _, _ = super()._command()
        return [*command, "-m", "bench.profiling", "run", str(self.profile)]


class ProfiledXMPPRest(XMPPRest):
    """
    A profiled gateway as a candidate.
    """

    def __init__(self, bed: TestBed) -> None:
        name = COMPONENT_NAMES[XMPPREST_SQLITE]
        self.domain = domain(name)
        store = f"sqlite:{bed.place}/{name}.db"
        self.profiled = Profiled(bed.server, self.domain, bed.callback.url, store)
        self.process = self.profiled
        self.port = self.profiled.port
        self.process.start()


def run(path: str) -> None:
    """Run the gateway and write the profile when it stops."""
    options = Options()
    options.parseOptions([])
    service = makeService(options)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.privilegedStartService()
    service.startService()
    profile = cProfile.Profile()
    profile.runcall(reactor.run)
    profile.dump_stats(path)


async def measure(seconds: int, *, isInbound: bool = False) -> tuple[Stats, int]:
    """
    Let messages pass through a gateway for some seconds.

    @param isInbound: Whether they go to the callback.
    @return: Its profile, and the number of messages.
    """
    bed = TestBed("prosody", None)
    await bed.start()
    gateway: ProfiledXMPPRest | None = None
    try:
        gateway = ProfiledXMPPRest(bed)
        await asyncio.to_thread(waitUntilReady, gateway, bed.server.host)
        send = _receive if isInbound else _post
        count = await send(bed, gateway, seconds)
        await asyncio.to_thread(gateway.profiled.shutdown)
        found: Any = pstats.Stats(str(gateway.profiled.profile))  # has no types
        stats = {where: it for where, it in found.stats.items() if where[2] != IDLE}
        return stats, count
    finally:
        if gateway is not None:
            gateway.stop()
        await bed.stop()


async def _post(bed: TestBed, gateway: Candidate, seconds: int) -> int:
    """POST messages, and return how many."""
    request = gateway.message("json", bed.recipient, HELLO)
    assert request is not None
    answered = await closedLoop(
        gateway.port, request, connections=CONNECTIONS, seconds=seconds
    )
    return answered.count


async def _receive(bed: TestBed, gateway: Candidate, seconds: int) -> int:
    """Send messages to the callback, and return how many."""
    _, _, sent = await flood(
        seconds,
        lambda number: bed.peer.message(number % 100, gateway.domain, id=f"m{number}"),
        bed.callback.count,
    )
    await waitForCount(bed.callback.count, sent)
    return sent


def moduleOf(path: str) -> str:
    """Return the module that a file belongs to."""
    if path == "~":
        return "built in"
    found = (re.search(pattern, path) for pattern in PLACES)
    return next((each[1] for each in found if each), path)


def show(stats: Stats, count: int) -> None:
    """Print the profile per message."""
    own: defaultdict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, alone, _, _) in stats.items():
        own[moduleOf(file)] += alone
    total = sum(own.values())
    print(f"{count:,} messages, {total / count * 1e6:.0f} µs each, under cProfile\n")
    for name, alone in sorted(own.items(), key=lambda item: -item[1])[:MODULES]:
        print(f"{alone / total:6.1%}  {name}")
    print(f"\n{'µs':>6}  {'calls':>6}  of each message, alone")
    longest = sorted(stats.items(), key=lambda item: -item[1][2])[:FUNCTIONS]
    for (file, line, name), (_, calls, alone, _, _) in longest:
        where = f"{moduleOf(file)}:{line} {name}" if line else name
        print(f"{alone / count * 1e6:6.1f}  {calls / count:6.2f}  {where}")


def main(arguments: Sequence[str]) -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profiling", description=__doc__
    )
    parser.add_argument("seconds", type=int, nargs="?", default=10)
    parser.add_argument(
        "--inbound", action="store_true", help="profile messages to the callback"
    )
    options = parser.parse_args(arguments)
    show(*asyncio.run(measure(options.seconds, isInbound=options.inbound)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(*sys.argv[2:])
    else:
        main(sys.argv[1:])
