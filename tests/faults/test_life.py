"""
Tests of a gateway process that is stopped, that runs out of open files, or that waits
for slow lookups of its callback's name.
"""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.process import LOOPBACK
from tests.support.programs import skipBecause
from tests.support.stepped_clock import DELAY, SteppedClock

from .world import SILENT, World, sleep

#: The limit of open files, and connections of clients that do nothing.
OPEN_FILES, IDLE_CONNECTIONS = 320, 400
#: How often the gateway is restarted under load.
RESTARTS = 6
#: Seconds that a slow lookup takes, longer than any test waits for a reconnection.
LOOKUP = 20

#: Delays every lookup of one name. Python runs this at its start.
_SLOW_LOOKUPS = f"""
import socket, time
lookup = socket.getaddrinfo
def slow(host, *arguments, **more):
    if host in ("slow.invalid", b"slow.invalid"):
        time.sleep({LOOKUP})
    return lookup(host, *arguments, **more)
socket.getaddrinfo = slow
"""


class Surroundings:
    """
    The disk that everything is on, which is well, and other surroundings of a process.
    """

    words = ""

    def __init__(
        self,
        *,
        openFiles: int = 0,
        startup: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """
        @param openFiles: How many files the process may have open; 0 for no limit of
            its own.
        @param startup: Python code that runs when the process starts.
        @param variables: Environment variables.
        """
        self._variables = dict(variables or {})
        self._openFiles = openFiles
        self._startup = startup
        self._directory = Path()

    def prepare(self, directory: Path) -> None:
        """See L{Disk.prepare}."""
        self._directory = directory

    def under(self, command: Sequence[str]) -> list[str]:
        """See L{Disk.under}."""
        shell = 'exec "$@"'
        if self._openFiles:
            shell = f"ulimit -n {self._openFiles}; {shell}"
        if self._startup:
            (self._directory / "sitecustomize.py").write_text(self._startup)
            shell = f'export PYTHONPATH="{self._directory}:$PYTHONPATH"; {shell}'
        variables = [f"{name}={text}" for name, text in self._variables.items()]
        return ["sh", "-c", shell, "sh", "env", *variables, *command]

    async def fail(self, pid: int) -> None:
        """See L{Disk.fail}."""

    async def heal(self) -> None:
        """See L{Disk.heal}."""

    def remove(self) -> None:
        """See L{Disk.remove}."""


class LifeTestCase(TestCase):
    """
    A test with a gateway process.
    """

    timeout = 300

    async def world(
        self,
        surroundings: Surroundings | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> World:
        """Return a world whose gateway is connected."""
        world = World(surroundings or Surroundings())
        self.addCleanup(world.end)
        world.gateway.settings.update(settings or {})
        await world.begin()
        return world

    def signal(self, world: World, number: signal.Signals) -> None:
        """Send a signal to the gateway."""
        os.kill(world.gateway.pid, number)

    def hasDelivered(self, world: World, number: int) -> bool:
        """Return whether the callback has accepted so many stanzas."""
        return len(world.delivered) >= number

    def twice(self, world: World) -> list[str]:
        """Return the labels of the stanzas that the callback got more than once."""
        seen = Counter(str(each.label) for each in world.inbound.seen)
        return [label for label, count in seen.items() if count > 1]


class StopTests(LifeTestCase):
    """
    The gateway is stopped while a callback works.
    """

    async def test_restarts(self) -> None:
        """
        A callback that answers at once gets nothing twice, although the gateway is
        restarted again and again under load.
        """
        world = await self.world()
        world.load()
        for _ in range(RESTARTS):
            enough = len(world.delivered) + 20
            await world.until(partial(self.hasDelivered, world, enough), "deliveries")
            await deferToThread(world.gateway.shutdown)
            await world.start()
        await world.unload()
        await world.until(lambda: world.written <= world.delivered, "deliveries")
        self.assertEqual(self.twice(world), [])
        self.assertEqual(world.gateway.output.count("Traceback"), 0)

    async def test_inFlight(self) -> None:
        """
        On SIGTERM the gateway waits for the response of a callback that is still
        working, and does not POST the stanza again after the next start.
        """
        world = await self.world()
        world.callback.mode = "holds"
        label = world.say("user")
        await world.until(lambda: label in world.callback.held, "request")
        self.signal(world, signal.SIGTERM)
        await world.until(lambda: not _accepts(world.gateway.port), "end of the port")
        self.assertTrue(world.gateway.running)
        world.callback.release()
        await world.until(lambda: not world.gateway.running, "end of the process")
        await world.start()
        other = world.say("user")
        await world.until(lambda: other in world.delivered, "delivery")
        self.assertEqual(self.twice(world), [])

    async def test_neverAnswers(self) -> None:
        """
        A callback that does not answer holds up the end of the process no longer than
        some seconds, and gets the stanza again after the next start.
        """
        world = await self.world()
        world.callback.mode = "holds"
        label = world.say("user")
        await world.until(lambda: label in world.callback.held, "request")
        self.signal(world, signal.SIGTERM)
        await world.until(lambda: not world.gateway.running, "end of the process")
        world.callback.mode = "answers"
        await world.start()
        await world.until(lambda: label in world.delivered, "delivery")


class ClockTests(LifeTestCase):
    """
    The system clock is set while the gateway runs.
    """

    async def test_steps(self) -> None:
        """
        When the clock is set forward and back, by seconds and by an hour, messages go
        on in both directions, a query without a reply times out, no stanza becomes a
        dead letter, and the callback is not paused.
        """
        clock = self.clock()
        world = await self.world(Surroundings(variables=clock.environment))
        for posted, seconds in enumerate((15, -15, 3600, -3600, -3600, 3600), 1):
            world.callback.mode = "refuses"
            label = world.say("user")
            clock.step(seconds)
            await sleep(2 * DELAY)
            iq = f"<iq type='get' to='{SILENT}'><ping xmlns='urn:xmpp:ping'/></iq>"
            reply = await world.ask(
                "POST",
                "/rest",
                iq,
                **{"Content-Type": "application/xmpp+xml", "Prosody-Rest-Timeout": "1"},
            )
            self.assertEqual(reply.status, 504, seconds)
            self.assertEqual((await world.post("client")).status, 202)
            await world.until(partial(self.hasArrived, world, posted), "message")
            world.callback.mode = "answers"
            await world.until(partial(world.delivered.__contains__, label), "delivery")
        dead = (await world.ask("GET", "/rest/inbox?state=dead")).json
        self.assertEqual(dead["stanzas"], [])
        self.assertNotIn("paused", world.gateway.output)

    def clock(self) -> SteppedClock:
        """Return a clock for a process, or skip the test."""
        if reason := SteppedClock.missing():
            skipBecause(reason)
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        return SteppedClock(directory)

    def hasArrived(self, world: World, number: int) -> bool:
        """Return whether so many messages have come to the recipient."""
        return len(world.arrived) == number


class OpenFilesTests(LifeTestCase):
    """
    Clients open as many connections as they can.
    """

    async def test_exhausted(self) -> None:
        """
        Connections of clients leave open files for the store, the callback and the
        stream, also when this is lost; the log says so once. When they are closed, new
        connections are accepted again.
        """
        world = await self.world(Surroundings(openFiles=OPEN_FILES))
        self.assertEqual((await world.post("client")).status, 202)
        idle = [await self.connect(world) for _ in range(IDLE_CONNECTIONS)]
        await world.until(
            lambda: "HTTP connections are open" in world.gateway.output, "warning"
        )
        await world.server.leave()
        world.server.come()
        await world.until(lambda: world.server.isJoined, "connection to the server")
        label = world.say("user")
        await world.until(lambda: label in world.delivered, "delivery")
        reply = await world.post("client")  # over the connection that is open
        self.assertEqual(reply.status, 202)
        await world.until(lambda: len(world.arrived) == 2, "messages")
        self.assertLess(_openFiles(world.gateway.pid), OPEN_FILES)
        output = world.gateway.output
        self.assertEqual(output.count("HTTP connections are open"), 1)
        self.assertNotIn("Too many open files", output)
        for each in idle:
            each.close()
        await world.ready(200)
        reply = await world.ask("GET", "/rest/outbox")
        self.assertEqual(reply.status, 200)

    async def connect(self, world: World) -> socket.socket:
        """Open a connection to the gateway; it may wait in the system's queue."""
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.setblocking(False)
        connection.connect_ex((LOOPBACK, world.gateway.port))
        await sleep(0)
        return connection


class SlowLookupTests(LifeTestCase):
    """
    The name of the callback is looked up for a long time.
    """

    async def test_reconnects(self) -> None:
        """
        Lookups of the callback's name, however many wait, delay neither the connection
        to the XMPP server, whose name is looked up, too, nor messages to it.
        """
        world = World(Surroundings(startup=_SLOW_LOOKUPS))
        self.addCleanup(world.end)
        world.gateway.settings.update(
            XMPPREST_CALLBACK_URL="http://slow.invalid:1/",
            XMPPREST_SERVER=f"tcp:localhost:{world.server.number}",
        )
        await world.begin()
        for number in range(40):
            world.say(f"user{number}")
        reply = await world.post("client")
        self.assertEqual(reply.status, 202)
        await world.server.leave()
        world.server.come()
        await world.until(lambda: world.server.isJoined, "connection to the server")
        self.assertEqual((await world.post("client")).status, 202)
        await world.until(lambda: len(world.arrived) == 2, "messages")


def _accepts(port: int) -> bool:
    """Return whether a port is open."""
    with socket.socket() as tried:
        return tried.connect_ex((LOOPBACK, port)) == 0


def _openFiles(pid: int) -> int:
    """Return how many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
