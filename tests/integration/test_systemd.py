"""Tests for L{xmpprest.service.systemd}: what systemd is told, on a real socket."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from xmpprest.service.systemd import INTERVAL, SystemdNotifier, notifierFromEnvironment
from xmpprest.tap import Options, makeService

from ..support.doubles import said
from ..support.programs import Place, Program, twist
from ..test_tap import ANYWHERE, ENOUGH

reactor: Any = _reactor

CONNECTED = "STATUS=Connected to the XMPP server"
ALONE = "STATUS=Not connected to the XMPP server; the log says why"


class Stream:
    """A stream that is up if the test says so."""

    ready = False


class Systemd:
    """
    The socket of systemd, and all that it hears.
    """

    def __init__(self, address: str) -> None:
        """
        @param address: As in C{$NOTIFY_SOCKET}.
        """
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """The lines of all datagrams since the last time."""
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


class NotifierTests(SynchronousTestCase):
    """
    Tests for L{SystemdNotifier}.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = Stream()
        self.systemd = self.listen(str(Place(self).path / "notify"))

    def listen(self, address: str) -> Systemd:
        """Be systemd, for the time of the test."""
        systemd = Systemd(address)
        self.addCleanup(systemd.socket.close)
        return systemd

    def start(self, **environ: str) -> SystemdNotifier:
        """Start what the environment wants."""
        service = notifierFromEnvironment(
            {"NOTIFY_SOCKET": self.systemd.address, **environ}, self.stream, self.clock
        )
        assert service is not None
        service.startService()
        return service

    def test_ready(self) -> None:
        """
        The gateway is reported ready once the reactor runs, and only once; this needs
        no
        stream.
        """
        self.start()
        self.assertEqual(self.systemd.heard(), [])
        self.clock.advance(0)
        self.assertEqual(self.systemd.heard(), ["READY=1", ALONE])
        self.clock.pump([INTERVAL] * 3)
        self.assertEqual(self.systemd.heard(), [])

    def test_status(self) -> None:
        """The status says when the stream is up, and when it is lost."""
        self.start()
        self.clock.advance(0)
        self.systemd.heard()
        for ready, status in [(True, CONNECTED), (False, ALONE)]:
            self.stream.ready = ready
            self.clock.advance(INTERVAL)
            self.assertEqual(self.systemd.heard(), [status])

    def test_watchdog(self) -> None:
        """The watchdog is notified at least twice in its time."""
        for seconds, interval in [(3.0, 1.5), (60.0, INTERVAL)]:
            service = self.start(WATCHDOG_USEC=f"{seconds * 1e6:.0f}")
            self.clock.advance(0)
            self.assertIn("WATCHDOG=1", self.systemd.heard())
            self.clock.advance(interval * 0.9)
            self.assertEqual(self.systemd.heard(), [])
            self.clock.advance(interval * 0.1)
            self.assertEqual(self.systemd.heard(), ["WATCHDOG=1"])
            service.stopService()
            self.systemd.heard()

    def test_noWatchdog(self) -> None:
        """Nothing is sent without a watchdog, or if it watches another process."""
        mine = str(os.getpid())
        for environ in (
            {},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "soon", "WATCHDOG_PID": mine},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getppid())},
        ):
            service = self.start(**environ)
            self.clock.pump([0, INTERVAL, INTERVAL])
            self.assertNotIn("WATCHDOG=1", self.systemd.heard())
            service.stopService()
            self.systemd.heard()

    def test_watchedByPID(self) -> None:
        """The watchdog is notified if it watches this process."""
        self.start(WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
        self.clock.advance(0)
        self.assertIn("WATCHDOG=1", self.systemd.heard())

    def test_stopping(self) -> None:
        """The stop is reported, and nothing after it."""
        service = self.start(WATCHDOG_USEC="1000000")
        self.clock.advance(0)
        self.systemd.heard()
        service.stopService()
        self.assertEqual(self.systemd.heard(), ["STOPPING=1", "STATUS=Stopping"])
        self.clock.advance(INTERVAL)
        self.assertEqual(self.systemd.heard(), [])

    def test_stoppedAtOnce(self) -> None:
        """
        Stopped before the reactor runs, it never says that it is ready.
        """
        self.start().stopService()
        self.clock.advance(INTERVAL)
        self.assertNotIn("READY=1", self.systemd.heard())

    def test_abstract(self) -> None:
        """
        A name with C{@} is one in the abstract namespace, which needs no file.
        """
        name = f"@xmpprest-test-{os.getpid()}"
        self.systemd = self.listen(name)
        self.start()
        self.clock.advance(0)
        self.assertIn("READY=1", self.systemd.heard())
        self.assertFalse(Path(name).exists())

    def test_notTaken(self) -> None:
        """A notification that failed is logged, and sent with the next one."""
        address = self.systemd.address
        Path(address).rename(f"{address}.away")
        self.start()
        with capturedLogs() as events:
            self.clock.advance(0)
        self.assertIn("Cannot tell systemd READY=1: No such file", said(events)[0])
        Path(f"{address}.away").rename(address)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.systemd.heard(), ["READY=1", ALONE])

    def test_full(self) -> None:
        """
        A socket that nobody reads holds up nothing.
        """
        self.start(WATCHDOG_USEC="2000000")
        with capturedLogs() as events:
            self.clock.pump([1.0] * 5000)
        self.assertIn("Cannot tell systemd WATCHDOG=1: ", said(events)[0])
        self.systemd.heard()
        self.clock.advance(1.0)
        self.assertEqual(self.systemd.heard(), ["WATCHDOG=1"])

    def test_nobody(self) -> None:
        """
        Without a socket, or with one of a kind that is not known, there is nothing to
        tell.
        """
        for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}):
            self.assertIsNone(notifierFromEnvironment(environ, self.stream, self.clock))


class BlockedTests(TestCase):
    """
    A real reactor that hangs.
    """

    async def test_blocked(self) -> None:
        """
        A reactor that is blocked gives no sign of life, and one that goes on does.
        """
        systemd = Systemd(str(Place(self).path / "notify"))
        self.addCleanup(systemd.socket.close)
        environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "40000"}
        service = notifierFromEnvironment(environ, Stream(), reactor)
        assert service is not None
        service.startService()
        self.addCleanup(service.stopService)
        await self._alive(systemd)
        # All that the test does is block, for many times as long.
        time.sleep(0.4)  # noqa: ASYNC251
        self.assertEqual(systemd.heard(), [])
        await self._alive(systemd)

    async def _alive(self, systemd: Systemd) -> None:
        while "WATCHDOG=1" not in systemd.heard():
            await deferLater(reactor, 0.01)


class ServiceTests(SynchronousTestCase):
    """
    Where it is in what C{twist} runs.
    """

    def make(self, **environ: str) -> list[object]:
        """The services for an environment."""
        self.patch(os, "environ", {**ENOUGH, **environ})
        options = Options()
        options.parseOptions(["--listen", ANYWHERE, "--store", "memory"])
        service = makeService(options)
        assert isinstance(service, MultiService)
        return [*service]

    def test_last(self) -> None:
        """The notifier starts last, and exists only under systemd."""
        self.assertIsInstance(self.make(NOTIFY_SOCKET="@x")[-1], SystemdNotifier)
        for each in self.make():
            self.assertNotIsInstance(each, SystemdNotifier)


class ProcessTests(SynchronousTestCase):
    """
    The program, started as systemd does.
    """

    def started(self) -> tuple[Program, Systemd]:
        """Start it; returns it and what hears it, once it listens."""
        place = Place(self)
        systemd = Systemd(str(place.path / "notify"))
        self.addCleanup(systemd.socket.close)
        program = place.start(
            twist("xmpprest"),
            **ENOUGH,
            XMPPREST_LISTEN=ANYWHERE,
            NOTIFY_SOCKET=systemd.address,
            WATCHDOG_USEC="1000000",
        )
        program.expect("Listening for HTTP on ")
        program.expect("cannot connect")
        return program, systemd

    def test_life(self) -> None:
        """
        The process reports that it is ready, once; that it lives; and at its end that
        it stops.
        """
        program, systemd = self.started()
        systemd.socket.settimeout(30.0)
        lines = systemd.socket.recv(4096).decode().split("\n")
        self.assertEqual(lines, ["READY=1", ALONE, "WATCHDOG=1"])
        self.assertEqual(systemd.socket.recv(4096), b"WATCHDOG=1")
        program.end(signal.SIGTERM)
        systemd.socket.setblocking(False)
        rest = [line for line in systemd.heard() if line != "WATCHDOG=1"]
        self.assertEqual(rest, ["STOPPING=1", "STATUS=Stopping"])
