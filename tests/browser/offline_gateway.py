"""A gateway without an XMPP server, for tests of what the console shows then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

from tests.support.programs import ROOT, Place, twist

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"

_CONFIG = """\
domain = "gateway.localhost"
secret-file = "secret"
credentials-file = "credentials"
server = "tcp:127.0.0.1:1"
listen = ["tcp:0:interface=127.0.0.1"]
store = "sqlite:store.db"

"""


def fillStore(place: Place, callback: str, stanzas: Iterable[str]) -> None:
    """
    Put stanzas into the store, before the gateway starts.

    @param callback: The name of the callback for which they wait.
    """
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.browser.seeder"),
            *(place.path / "store.db", callback),
        ],
        input="\n".join(stanzas),
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )


def startGateway(place: Place, tables: str) -> str:
    """
    Start the gateway.

    @param tables: The tables of its TOML file, with callbacks or hooks.
    @return: Its URL.
    """
    place.write("secret", "hush")
    place.write("credentials", f"Bearer {TOKEN}")
    config = place.write("xmpprest.toml", _CONFIG + tables)
    program = place.start(twist("xmpprest", f"--config={config}"))
    said = program.expect(r"Listening for HTTP on .*?\bport\D+(\d+)")
    return f"http://127.0.0.1:{said[1]}"
