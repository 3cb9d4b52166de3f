"""What all contenders have, and the processes that some of them are."""

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
    Something that takes stanzas over HTTP.

    @ivar port: Where it listens.
    @ivar process: Itself; C{None}, it is a part of the XMPP server.
    @ivar domain: Stanzas for it go to its callback; empty if it has none.
    """

    port: int
    process: ServerProcess | None = None
    domain = ""

    def message(self, format: str, to: str, body: str) -> Request | None:
        """
        How to send a message.

        @param format: One of L{FORMATS}.
        @return: C{None} if it does not take that.
        """
        return None

    def ping(self, to: str) -> Request | None:
        """How to send a ping, and wait for its answer."""
        return None

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.stop()


class Program(ServerProcess):
    """
    One of our own programs, which listens on its first port.

    It is run with the port, and a file with its settings, as arguments.
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
