"""
Servers start, die, pause and come back as told, and leave nothing behind.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.servers import shared
from tests.servers.case import ServerMixin
from tests.support.ejabberd import Ejabberd
from tests.support.process import LOOPBACK, ServerFailed, ServerProcess
from tests.support.prosody import Prosody

ROOT = Path(__file__).resolve().parents[2]
# Starts a server, says where, and waits for a death it cannot tidy up after.
DOOMED = """
import sys
from tests.support import {module}
server = {module}.{kind}()
server.start()
print(server.directory, server.componentPort, flush=True)
sys.stdin.read()
"""


def startDoomed(kind: type[ServerProcess]) -> subprocess.Popen[str]:
    """
    Run L{DOOMED}.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            DOOMED.format(module=kind.name, kind=kind.__name__),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def awaitRemoval(directory: str, timeout: float = 10) -> bool:
    """
    Wait until a directory is gone.
    """
    deadline = time.monotonic() + timeout
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not Path(directory).exists()


class ProcessMixin(ServerMixin):
    """
    Events in the life of every kind of server.
    """

    async def test_shutdown(self) -> None:
        """
        An orderly end lets go of everybody, and a restart follows it.
        """
        component, user = await self.connect(), await self.login()
        await deferToThread(self.server.shutdown)
        await component.ended()
        await user.ended()
        self.assertFalse(self.server.running)
        await deferToThread(self.server.restart)
        await self.connect()

    async def test_suspendAndResume(self) -> None:
        """
        A suspended server keeps its connections and says nothing; when it
        goes on, it answers what was asked meanwhile.
        """
        component = await self.connect()
        self.server.suspend()
        component.send(
            "<message id='late' from='gateway.localhost' to='gateway.localhost'/>"
        )
        with self.assertRaises(AssertionError):
            await component.expect("late", timeout=0.3)
        self.assertTrue(self.server.running)
        self.server.resume()
        await component.expect("late")

    async def test_ownServer(self) -> None:
        """
        A test can have a server to itself, and stopping it leaves nothing.
        """
        own = self.kind()
        self.addCleanup(deferToThread, own.stop)
        self.assertNotEqual(own.componentPort, self.server.componentPort)
        await deferToThread(own.start)
        await deferToThread(own.stop)
        self.assertFalse(own.running)
        self.assertFalse(own.directory.exists())

    async def test_testsKilled(self) -> None:
        """
        When the tests themselves are killed, the server and its directory go.
        """
        doomed = await deferToThread(startDoomed, self.kind)
        self.addCleanup(doomed.communicate)
        assert doomed.stdout is not None
        line = await deferToThread(doomed.stdout.readline)
        directory, port = line.split()
        doomed.kill()
        self.assertTrue(await deferToThread(awaitRemoval, directory))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, int(port)), timeout=5)


class ProsodyTests(ProcessMixin, TestCase):
    """
    The life of Prosody.
    """

    kind = Prosody


class EjabberdTests(ProcessMixin, TestCase):
    """
    The life of ejabberd.
    """

    kind = Ejabberd


class Absent(ServerProcess):
    """
    A server that is nowhere installed.
    """

    @classmethod
    def missing(cls) -> str:
        return "it is not here"


class Broken(Absent):
    """
    A server that says something and ends.
    """

    def _configure(self) -> None:
        pass

    def _command(self) -> list[str]:
        return ["sh", "-c", "echo out of luck; exit 1"]


class SkipTests(SynchronousTestCase):
    """
    Where a server is not installed.
    """

    def test_skip(self) -> None:
        """
        Tests skip, with the reason.
        """
        self.patch(os, "environ", {})
        with self.assertRaises(unittest.SkipTest) as caught:
            shared.require(Absent)
        self.assertEqual(str(caught.exception), "it is not here")

    def test_forbidden(self) -> None:
        """
        Tests fail where skips are forbidden.
        """
        self.patch(os, "environ", {"XMPPREST_FORBID_SKIPS": "1"})
        with self.assertRaises(AssertionError):
            shared.require(Absent)

    def test_failedStart(self) -> None:
        """
        A server that does not come up says why.
        """
        server = Broken()
        self.addCleanup(server.stop)
        with self.assertRaises(ServerFailed) as caught:
            server.start()
        self.assertIn("out of luck", str(caught.exception))
