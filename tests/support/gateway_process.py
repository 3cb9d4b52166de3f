"""Processes that tests kill: gateways, and servers that two of them can use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import ClassVar

from tests.support.disk import Disk
from tests.support.ejabberd import Ejabberd
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.programs import ROOT
from tests.support.prosody import Prosody
from tests.support.stepped_clock import SteppedClock

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"

#: Where the second gateway is, whom nobody expects to keep anything.
PLAIN_DOMAIN = "plain.localhost"


class SurvivalProsody(Prosody):
    """
    A Prosody with one more component. What it keeps for users who are away is in
    files, written before the next stanza is read.
    """

    others: ClassVar[tuple[str, ...]] = (PLAIN_DOMAIN,)

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        path.write_text(
            # Of ten thousand for one user it keeps no more.
            f"storage_archive_item_limit = 1000000\n{path.read_text()}"
        )


class SurvivalEjabberd(Ejabberd):
    """
    An ejabberd with one more component. What it keeps for users who are away is in
    an SQLite file: Mnesia, its default, writes seconds later, and what it was to
    write is gone when it is killed.
    """

    others: ClassVar[tuple[str, ...]] = (PLAIN_DOMAIN,)

    @classmethod
    def missing(cls) -> str:
        return super().missing() or _withoutSQLite()

    def _environment(self) -> dict[str, str]:
        environment = super()._environment()
        libraries = (environment.get("ERL_LIBS"), os.environ.get("ERL_LIBS"))
        return {**environment, "ERL_LIBS": os.pathsep.join(filter(None, libraries))}

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "ejabberd.yml"
        configuration = json.loads(path.read_text())
        configuration["sql_type"] = "sqlite"
        configuration["sql_database"] = str(self.directory / "ejabberd.db")
        configuration["auth_method"] = "sql"
        configuration["modules"]["mod_offline"] = {"db_type": "sql"}
        path.write_text(json.dumps(configuration))


def _withoutSQLite() -> str:
    """Why ejabberd cannot use SQLite; empty if it can."""
    erl = shutil.which("erl")
    if erl is None:
        return "there is no program 'erl' in PATH"
    found = subprocess.run(
        [erl, "-noinput", "-eval", "io:put_chars([code:lib_dir(p1_sqlite3)]), halt()."],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if found.returncode == 0:
        return ""
    return "ejabberd cannot use SQLite: Debian's erlang-p1-sqlite3 is not installed"


class GatewayProcess(ServerProcess):
    """
    A gateway, as C{python -m twisted xmpprest} runs it, with what it keeps in its
    directory.

    @ivar storeDirectory: A directory for the store, whose path is C{store} for the
        gateway.
    @ivar clock: The system clock of the processes that are started from now on, if not
        the real one.
    """

    name = "gateway"

    def __init__(
        self,
        server: ServerProcess,
        domain: str,
        callback: str,
        store: str,
        batch: int = 1,
        *,
        disk: Disk | None = None,
        settings: Mapping[str, str] = {},
    ) -> None:
        """
        @param server: What it is a component of.
        @param callback: The callback's URL.
        @param store: As C{--store} has it.
        @param batch: How many stanzas a callback's request may have.
        @param disk: What L{storeDirectory} is on, if not on the usual disk.
        @param settings: Further settings, by their variables in the environment.
        """
        super().__init__()
        self.storeDirectory = self.directory / "store"
        self.storeDirectory.mkdir()
        self._disk = disk
        if disk is not None:
            disk.prepare(self.storeDirectory)
        self.clock: SteppedClock | None = None
        # A server has two ports at least.
        self.ports = self.ports[:1]
        self.port = self.ports[0]
        self._settings = {
            "XMPPREST_DOMAIN": domain,
            "XMPPREST_SECRET": server.componentSecret,
            "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            "XMPPREST_SERVER": f"tcp:{LOOPBACK}:{server.componentPort}",
            "XMPPREST_LISTEN": f"tcp:{self.port}:interface={LOOPBACK}",
            "XMPPREST_CALLBACK_URL": callback,
            "XMPPREST_CALLBACK_BATCH": str(batch),
            "XMPPREST_STORE": store,
            **settings,
        }

    @classmethod
    def missing(cls) -> str:
        return ""

    def _configure(self) -> None:
        # One start's log is enough, of many.
        self.log.write_bytes(b"")

    def _command(self) -> list[str]:
        foreign = _foreign(os.environ, self._settings)
        unset = [word for name in foreign for word in ("-u", name)]
        program = [sys.executable, "-m", "twisted", "xmpprest"]
        if self._disk is not None:
            program = self._disk.under(program)
        return ["env", *unset, *program]

    def _environment(self) -> dict[str, str]:
        return {
            **self._settings,
            **({} if self.clock is None else self.clock.environment),
            "HOME": str(self.directory),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _foreign(environ: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """Return the environment without the variables that a gateway reads."""
    return [
        name
        for name in environ
        if name == "CREDENTIALS_DIRECTORY"
        or (name.startswith("XMPPREST_") and name not in ours)
    ]
