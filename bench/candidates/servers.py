"""The servers, with a component for each contender, and what they themselves offer."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from tests.support.ejabberd import Ejabberd
from tests.support.process import LOOPBACK
from tests.support.prosody import Prosody

#: Whose components there are: a gateway has one to itself.
NAMES = (
    "kept",
    "batched",
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

#: What Prosody's mod_rest is told; it takes the component's secret with Basic.
_MOD_REST = """
Component "{domain}" "rest"
    component_secret = "{secret}"
    http_host = "{loopback}"
    rest_callback_url = "{callback}"
    rest_callback_content_type = "application/json"
"""


def domain(name: str) -> str:
    """Of a component."""
    return f"{name}.localhost"


DOMAINS = tuple(map(domain, NAMES))


class BenchProsody(Prosody):
    """
    A Prosody with a component for each contender.

    @ivar httpPort: Where C{mod_rest} listens, if there is one.
    """

    others = DOMAINS

    def __init__(self, callback: str, modRest: Path | None) -> None:
        """
        @param callback: The URL of C{mod_rest}'s.
        @param modRest: The directory of that module, C{mod_rest} itself.
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
    An ejabberd with a component for each contender, whose API sends stanzas for
    whoever asks from this machine.

    @ivar httpPort: Where the API is.
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
        # It says so only to those who want to know more than warnings, which costs.
        asked = {"from": self.host, "to": self.host, "stanza": "<message/>"}
        with suppress(OSError, HTTPException):
            return self._call("send_stanza", asked)[0] == HTTPStatus.OK
        return False
