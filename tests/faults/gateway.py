"""A gateway that keeps what it accepts on a disk that fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.disk import Disk
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.programs import ROOT

DOMAIN = "gateway.localhost"
SECRET = "a long random text"
TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"


class GatewayProcess(ServerProcess):
    """
    A gateway, as C{python -m twisted xmpprest} runs it.

    @ivar port: Where it listens for HTTP.
    """

    name = "gateway"
    portCount = 2

    def __init__(self, disk: Disk, server: int, callback: int) -> None:
        """
        @param disk: What its store is on.
        @param server: The XMPP server's port.
        @param callback: The callback's.
        """
        super().__init__()
        # A server has two ports at least.
        self.ports = self.ports[:1]
        (self.port,) = self.ports
        self._disk = disk
        self.store = self.directory / "disk" / "xmpprest.db"
        self.store.parent.mkdir()
        self.settings = {
            "XMPPREST_DOMAIN": DOMAIN,
            "XMPPREST_SECRET": SECRET,
            "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            "XMPPREST_SERVER": f"tcp:{LOOPBACK}:{server}",
            "XMPPREST_LISTEN": f"tcp:{self.port}:interface={LOOPBACK}",
            "XMPPREST_CALLBACK_URL": f"http://{LOOPBACK}:{callback}/",
            "XMPPREST_STORE": f"sqlite:{self.store}",
        }

    @classmethod
    def missing(cls) -> str:
        return ""

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """The printed text of all starts."""
        return Path(self.log).read_text(errors="replace")

    def prepare(self) -> None:
        """Let there be the disk."""
        self._disk.prepare(self.store.parent)

    def stop(self) -> None:
        super().stop()
        self._disk.remove()

    def _configure(self) -> None:
        """Everything is in the environment."""

    def _command(self) -> list[str]:
        foreign = [
            word
            for name in os.environ
            if name.startswith(("XMPPREST_", "PYTHON"))
            or name == "CREDENTIALS_DIRECTORY"
            for word in ("-u", name)
        ]
        own = [
            f"{name}={value}"
            for name, value in {
                **self.settings,
                "HOME": str(self.directory),
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
            }.items()
        ]
        program = [sys.executable, "-m", "twisted", "--log-format=text", "xmpprest"]
        return ["env", *foreign, *own, *self._disk.under(program)]
