"""
The doctor, at the servers that people have.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.servers.case import ServerMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from xmpprest.commands.doctor.result import CheckResult
from xmpprest.commands.doctor.runner import CheckRunner
from xmpprest.config.config import Config
from xmpprest.config.loader import LoadedConfig


class DoctorMixin(ServerMixin):
    """
    Findings of the doctor.
    """

    async def examine(self, **settings: Any) -> dict[str, CheckResult]:
        """Examine a gateway that would connect; returns what was found, by subject."""
        good: dict[str, Any] = {
            "domain": self.server.componentDomain,
            "secret": self.server.componentSecret,
            "credentials": ("abc",),
            "server": f"tcp:127.0.0.1:{self.server.componentPort}",
            "listen": ("tcp:0:interface=127.0.0.1",),
            "store": "memory",
        }
        loaded = LoadedConfig(Config(**{**good, **settings}), {}, {})
        findings = await CheckRunner(loaded, reactor, lambda finding: None).run()
        return {each.subject: each for each in findings}

    async def assertFailed(self, subject: str, words: str, **settings: Any) -> None:
        """A fault is named."""
        found = (await self.examine(**settings))[subject]
        self.assertEqual(found.state, "FAILED")
        self.assertIn(words, found.words)

    async def test_well(self) -> None:
        """
        Nothing is wrong; and the server's clock could be asked.
        """
        findings = await self.examine()
        for subject in ("XMPP server", "component", "barrier", "clock"):
            self.assertEqual(findings[subject].state, "ok", findings[subject])
        self.assertIn("came back in", findings["barrier"].words)
        self.assertIn("equal to the XMPP server's", findings["clock"].words)

    async def test_wrongSecret(self) -> None:
        """
        The secret is another one.
        """
        await self.assertFailed("component", "compare it with", secret="psst")

    async def test_clientPort(self) -> None:
        """
        The port is that for clients.
        """
        server = f"tcp:127.0.0.1:{self.server.clientPort}"
        findings = await self.examine(server=server)
        self.assertEqual(findings["component"].state, "FAILED")


class ProsodyDoctorTests(DoctorMixin, TestCase):
    """
    At Prosody
    """

    kind = Prosody

    async def test_conflict(self) -> None:
        """
        Another component is connected, and stays so.
        """
        other = await self.connect()
        await self.assertFailed("component", "another component is connected")
        peer = await self.connect(self.server.peerDomain)
        peer.send(
            f"<message from='{self.server.peerDomain}'"
            f" to='{self.server.componentDomain}'><body>Hi</body></message>"
        )
        await other.expect(lambda it: it.kind == "message")

    async def test_unknown(self) -> None:
        """
        The server has no such component.
        """
        words = "not connected: stream error"
        await self.assertFailed("component", words, domain="other.localhost")


class EjabberdDoctorTests(DoctorMixin, TestCase):
    """
    At ejabberd
    """

    kind = Ejabberd
