"""
What the gateway does with its time while messages are POSTed.

C{python -m bench.profiling [SECONDS]} starts it under cProfile, with Prosody and its
store, lets wrk ask over 16 connections for so many seconds (10), and prints the share
of each module, and the functions that took the longest by themselves. Only the
reactor's thread counts; cProfile makes small functions look slower than they are, and
whatever else the machine does makes some look slow that are not.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor

from tests.support.gateway_process import GatewayProcess
from xmpprest.tap import Options, makeService

from .candidates.candidate import Candidate
from .candidates.registry import COMPONENT_NAMES, XMPPREST_SQLITE, XMPPRest
from .candidates.servers import domain
from .harness.component import HELLO
from .load.closed_loop import closedLoop
from .testbed import TestBed, waitUntilReady

CONNECTIONS = 16
#: How many are shown.
FUNCTIONS, MODULES = 30, 15

reactor: Any = _reactor

#: Where the reactor waits.
IDLE = "<method 'poll' of 'select.epoll' objects>"

#: What is to be seen of a path, the first that fits.
PLACES = (r"(xmpprest/\w+)", r"site-packages/(\w+/\w+)", r"python3\.\d+/(\w+)")

Stats = Mapping[tuple[str, int, str], tuple[int, int, float, float, object]]


class Profiled(GatewayProcess):
    """A gateway that leaves its profile in its directory."""

    @property
    def profile(self) -> Path:
        """Where it is, once the gateway has ended."""
        return self.directory / "profile"

    def _command(self) -> list[str]:
        *command, _, _, _ = super()._command()
        return [*command, "-m", "bench.profiling", "run", str(self.profile)]


class ProfiledXMPPRest(XMPPRest):
    """Such a gateway as a contender."""

    def __init__(self, bed: TestBed) -> None:
        name = COMPONENT_NAMES[XMPPREST_SQLITE]
        self.domain = domain(name)
        store = f"sqlite:{bed.place}/{name}.db"
        self.profiled = Profiled(bed.server, self.domain, bed.callback.url, store)
        self.process = self.profiled
        self.port = self.profiled.port
        self.process.start()


def run(path: str) -> None:
    """Be the gateway; leave the profile when it ends."""
    options = Options()
    options.parseOptions([])
    service = makeService(options)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.privilegedStartService()
    service.startService()
    profile = cProfile.Profile()
    profile.runcall(reactor.run)
    profile.dump_stats(path)


async def measure(seconds: int) -> tuple[Stats, int]:
    """
    Ask a gateway for some seconds.

    @return: Its profile, and how often it was asked.
    """
    bed = TestBed("prosody", None)
    await bed.start()
    gateway: Candidate | None = None
    try:
        gateway = ProfiledXMPPRest(bed)
        await asyncio.to_thread(waitUntilReady, gateway, bed.server.host)
        request = gateway.message("json", bed.recipient, HELLO)
        assert request is not None
        answered = await closedLoop(
            gateway.port, request, connections=CONNECTIONS, seconds=seconds
        )
        await asyncio.to_thread(gateway.profiled.shutdown)
        found: Any = pstats.Stats(str(gateway.profiled.profile))  # has no types
        stats = {where: it for where, it in found.stats.items() if where[2] != IDLE}
        return stats, answered.count
    finally:
        if gateway is not None:
            gateway.stop()
        await bed.stop()


def module(path: str) -> str:
    """What a file belongs to."""
    if path == "~":
        return "built in"
    found = (re.search(pattern, path) for pattern in PLACES)
    return next((each[1] for each in found if each), path)


def show(stats: Stats, count: int) -> None:
    """Print what it says, for each of so many requests."""
    own: defaultdict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, alone, _, _) in stats.items():
        own[module(file)] += alone
    total = sum(own.values())
    print(f"{count:,} requests, {total / count * 1e6:.0f} µs each, under cProfile\n")
    for name, alone in sorted(own.items(), key=lambda item: -item[1])[:MODULES]:
        print(f"{alone / total:6.1%}  {name}")
    print(f"\n{'µs':>6}  {'calls':>6}  of each request, alone")
    longest = sorted(stats.items(), key=lambda item: -item[1][2])[:FUNCTIONS]
    for (file, line, name), (_, calls, alone, _, _) in longest:
        where = f"{module(file)}:{line} {name}" if line else name
        print(f"{alone / count * 1e6:6.1f}  {calls / count:6.2f}  {where}")


def main(seconds: str = "10") -> None:
    """Profile, and print."""
    show(*asyncio.run(measure(int(seconds))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2])
    else:
        main(*sys.argv[1:])
