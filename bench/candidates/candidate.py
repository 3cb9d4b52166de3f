"""The interface of all candidates, and the processes that some of them run in."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from bench.harness.http import Request
from tests.support.process import ServerProcess
from tests.support.programs import ROOT

XML = "application/xmpp+xml"
JSON = "application/json"
TEXT = "text/plain"

FORMATS: Mapping[str, str] = {"xml": XML, "json": JSON, "text": TEXT}


class Candidate:
    """
    A program that takes stanzas over HTTP.

    @ivar port: The port on which it listens.
    @ivar process: Its process; C{None} if it is part of the XMPP server.
    @ivar domain: The domain whose stanzas reach its callback; empty if it has none.
    """

    port: int
    process: ServerProcess | None = None
    domain = ""

    def message(self, format: str, to: str, body: str) -> Request | None:
        """
        Return a request that sends a message.

        @param format: One of L{FORMATS}.
        @return: C{None} if the candidate does not accept the format.
        """
        return None

    def ping(self, to: str) -> Request | None:
        """Return a request that sends a ping and waits for the reply."""
        return None

    def stop(self) -> None:
        """Stop the candidate."""
        if self.process is not None:
            self.process.stop()


class Program(ServerProcess):
    """
    A candidate from this package, run as a process that listens on its first port.

    Its arguments are the port and a file with its settings.
    """

    name = "contender"

    def __init__(self, module: str, **settings: str | int) -> None:
        super().__init__()
        self.ports = self.ports[:1]
        self.port = self.ports[0]
        self._module = module
        self._settings = settings

    @classmethod
    def missing(cls) -> str:
        return ""

    def _configure(self) -> None:
        (self.directory / "settings.json").write_text(json.dumps(self._settings))

    def _command(self) -> list[str]:
        settings = str(self.directory / "settings.json")
        return [sys.executable, "-m", self._module, str(self.port), settings]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}
