"""
The component's stream over TLS, where a server offers it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.servers.gateway import GatewayMixin
from tests.support.ejabberd import Ejabberd
from tests.support.server_certificates import Authority


class ComponentTLSTests(GatewayMixin, TestCase):
    """
    C{--server tls:…}, with ejabberd.
    """

    kind = Ejabberd

    def _endpoint(self, roots: Path) -> str:
        assert isinstance(self.server, Ejabberd)
        return f"tls:localhost:{self.server.componentTLSPort}:trustRoots={roots}"

    def _directory(self) -> Path:
        directory = Path(self.mktemp())
        directory.mkdir()
        return directory

    async def test_trusted(self) -> None:
        """
        With the server's authority trusted the stream is up, and requests go through
        it.
        """
        assert isinstance(self.server, Ejabberd)
        roots = self._directory()
        shutil.copy(self.server.certificate.caFile, roots)
        await self.startGateway(server=self._endpoint(roots))
        self.assertEqual((await self.ping()).status, 200)

    async def test_untrusted(self) -> None:
        """
        With another authority there is no stream, and one line in the log.
        """
        roots = self._directory()
        Authority(roots)
        self.makeGateway(server=self._endpoint(roots))
        said = await self.saidTrouble()
        self.assertEqual((await self.ping()).status, 503)
        self.assertIn("certificate verify failed", said[0])
