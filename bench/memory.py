"""
Measures the memory of a gateway while stanzas wait that take much of it.

C{python -m bench.memory} starts a fresh gateway process for each case, with an XMPP
server and a callback in this process, and prints the resident memory before, the most
of it, and the memory after half a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from bench.harness.process_stats import residentBytes
from tests.faults.world import BOT, PEER, World, sleep
from tests.support.process import LOOPBACK

#: Seconds for which a case is observed.
SECONDS = 30.0
MIB = 2**20


class QuietDisk:
    """
    A stub of a disk that never fails; all files are on it.
    """

    words = ""

    def prepare(self, directory: object) -> None:
        """See L{Disk.prepare}."""

    def under(self, command: Sequence[str]) -> list[str]:
        """See L{Disk.under}."""
        return [*command]

    async def fail(self, pid: int) -> None:
        """See L{Disk.fail}."""

    async def heal(self) -> None:
        """See L{Disk.heal}."""

    def remove(self) -> None:
        """See L{Disk.remove}."""


class BadCallback(Protocol):
    """
    A callback that reads requests and never responds, or closes each connection.
    """

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    def connectionMade(self) -> None:
        """Close the connection."""
        if not self._hangs:
            assert self.transport is not None
            self.transport.loseConnection()


class BadCallbackFactory(Factory):
    """
    Makes bad callbacks, one for each connection.
    """

    noisy = False

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    def buildProtocol(self, addr: object) -> Protocol:
        """Accept a connection."""
        return BadCallback(self._hangs)


@dataclass(frozen=True)
class Case:
    """
    Stanzas for a callback that does not take them.

    @ivar hangs: Whether the callback hangs; otherwise it closes each connection.
    @ivar stanzas: Yields the stanzas as XML.
    """

    name: str
    hangs: bool
    stanzas: Callable[[], Iterator[str]]


def presences() -> Iterator[str]:
    """Yield 100 presences of 64 KB, each of 16,000 elements."""
    children = "<a/>" * 16_000
    for number in range(100):
        yield (
            f"<presence from='u{number}@{PEER}/r' to='{BOT}'>"
            f"<x xmlns='urn:example:x'>{children}</x></presence>"
        )


def messages() -> Iterator[str]:
    """Yield 260 messages of 192 KiB, each of 16,000 elements, nearly the maximum."""
    children = "<abcdefg/>" * 16_000 + "x" * 36_000
    for number in range(260):
        yield (
            f"<message from='u{number}@{PEER}/r' to='{BOT}' id='u{number}.1'>"
            f"<body>u{number}.1</body><x xmlns='urn:example:x'>{children}</x></message>"
        )


def texts() -> Iterator[str]:
    """Yield 260 messages with a text of 192 KiB."""
    text = "x" * 196_000
    for number in range(260):
        yield (
            f"<message from='u{number}@{PEER}/r' to='{BOT}' id='u{number}.1'>"
            f"<body>u{number}.1</body><subject>{text}</subject></message>"
        )


def longAddresses() -> Iterator[str]:
    """Yield one message from each of 10,000 addresses of 3,000 bytes."""
    for number in range(10_000):
        sender = f"{number:01000}@{'d' * 990}.{PEER}/{'r' * 1000}"
        yield (
            f"<message from='{sender}' to='{BOT}' id='u{number}.1'>"
            f"<body>u{number}.1</body></message>"
        )


CASES = (
    Case("100 presences of 64 KB, callback hangs", True, presences),
    Case("260 messages of 192 KiB of elements, callback down", False, messages),
    Case("260 messages of 192 KiB of elements, callback hangs", True, messages),
    Case("260 messages of 192 KiB of text, callback down", False, texts),
    Case("10,000 senders with addresses of 3 KB, down", False, longAddresses),
)


async def measure(case: Case, reactor: Any) -> None:
    """Print the memory of a gateway in one case."""
    factory = BadCallbackFactory(case.hangs)
    port = reactor.listenTCP(0, factory, interface=LOOPBACK)
    world = World(QuietDisk())
    url = f"http://{LOOPBACK}:{port.getHost().port}/"
    world.gateway.settings["XMPPREST_CALLBACK_URL"] = url
    try:
        await world.begin()
        await world.ready(200)
        pid = world.gateway.pid
        before = most = residentBytes(pid)
        count = 0
        for xml in case.stanzas():
            world.server.writeRaw(xml)
            count += 1
            await sleep(0.002)
            most = max(most, residentBytes(pid))
        waited = 0.0
        while waited < SECONDS:
            await sleep(0.25)
            waited += 0.25
            most = max(most, residentBytes(pid))
        after = residentBytes(pid)
        print(
            f"{case.name:54} before {before / MIB:4.0f}   most {most / MIB:4.0f}"
            f"   after {after / MIB:4.0f} MiB   {(most - before) / count / 1024:7.1f}"
            " KiB each",
            flush=True,
        )
    finally:
        await world.end()
        await port.stopListening()


async def main(reactor: Any, *names: str) -> None:
    """Measure and print all cases, or those whose name contains one of these words."""
    for case in CASES:
        if not names or any(each in case.name for each in names):
            await measure(case, reactor)


if __name__ == "__main__":
    react(main, sys.argv[1:])
