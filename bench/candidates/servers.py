"""Servers with a component for each candidate, and with their own HTTP interfaces."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from tests.support.ejabberd import Ejabberd
from tests.support.process import LOOPBACK
from tests.support.prosody import Prosody

#: The component names; each candidate has its own.
NAMES = (
    "kept",
    "batched",
    "pulled",
    "database",
    "plain",
    "slixmpp",
    "raw",
    "fresh",
    "rows0",
    "rows1",
    "rows2",
)

#: The domain of Prosody's mod_rest.
REST_DOMAIN = "rest.localhost"

#: The configuration of mod_rest, which accepts the component's secret as Basic.
_MOD_REST = """
Component "{domain}" "rest"
    component_secret = "{secret}"
    http_host = "{loopback}"
    rest_callback_url = "{callback}"
    rest_callback_content_type = "application/json"
"""


def domain(name: str) -> str:
    """Return the domain of a component."""
    return f"{name}.localhost"


DOMAINS = tuple(map(domain, NAMES))


class BenchProsody(Prosody):
    """
    A Prosody with a component for each candidate.

    @ivar httpPort: The port of C{mod_rest}, if it is loaded.
    """

    others = DOMAINS

    def __init__(self, callback: str, modRest: Path | None) -> None:
        """
        @param callback: The callback URL of C{mod_rest}.
        @param modRest: The directory C{mod_rest} with the module.
        """
        super().__init__()
        self.httpPort = self.ports[2]
        self.modRest = modRest
        self._callback = callback

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        if self.modRest is None:
            return
        plugins = json.dumps(str(self.modRest.parent))
        component = _MOD_REST.format(
            domain=REST_DOMAIN,
            secret=self.componentSecret,
            loopback=LOOPBACK,
            callback=self._callback,
        )
        path.write_text(
            f"plugin_paths = {{ {plugins} }}\n{path.read_text()}{component}"
        )


class BenchEjabberd(Ejabberd):
    """
    An ejabberd with a component for each candidate. Its API sends stanzas for any
    client on this machine.

    @ivar httpPort: The port of the API.
    """

    others = DOMAINS

    def __init__(self, callback: str, modRest: Path | None) -> None:
        super().__init__()
        self.httpPort = self.ports[3]

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "ejabberd.yml"
        configuration = json.loads(path.read_text())
        permitted = configuration["api_permissions"]["accounts"]["what"]
        permitted.append("send_stanza")
        configuration["loglevel"] = "warning"
        path.write_text(json.dumps(configuration))

    def _started(self, log: str) -> bool:
        # ejabberd logs its start at level info only, and that level costs CPU.
        asked = {"from": self.host, "to": self.host, "stanza": "<message/>"}
        with suppress(OSError, HTTPException):
            return self._call("send_stanza", asked)[0] == HTTPStatus.OK
        return False
