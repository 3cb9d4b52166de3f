"""Tests of C{docs/how-to/postgresql.rst}: its commands, on a PostgreSQL."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from pathlib import Path

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT, TOKEN
from tests.support.postgresql import PgBouncer, PostgreSQL, asUser, findProgram, give
from tests.support.process import LOOPBACK
from tests.support.programs import Program, skipBecause

PAGE = Document(ROOT / "docs/how-to/postgresql.rst")
(_, CREATE, PASSWORD_FILE, DOCTOR, DUMP, RESTORE, BASE, SIGNAL, MOVE, BACK) = PAGE.of(
    "sh"
)
(SETTINGS,) = PAGE.of("toml")
(ARCHIVE, RECOVERY, POOLER) = PAGE.of("ini")

_GATEWAY = (
    ".venv/bin/twist --log-format=text xmpprest --domain gateway.example.org"
    " --secret-file secret --credentials-file credentials --server tcp:127.0.0.1:1"
)


class PostgreSQLTestCase(PasteTestCase):
    """
    A test that pastes commands for a PostgreSQL.
    """

    def setUp(self) -> None:
        super().setUp()
        if PostgreSQL.missing():
            skipBecause(PostgreSQL.missing())
        self.server = PostgreSQL()
        self.addCleanup(self.server.stop)
        self.backups = self.server.directory / "backups"
        self.backups.mkdir()
        give(self.backups)

    async def admin(self, commands: str) -> None:
        """Paste commands of the administrator of the database."""
        user = shlex.join(asUser())
        for command in commands.splitlines():
            here = command.replace("sudo -u postgres", user)
            await self.run_(
                self.place_(here),
                PGHOST=LOOPBACK,
                PGPORT=str(self.server.port),
                PGUSER="postgres",
                PATH=f"{Path(findProgram('initdb') or '').parent}:{os.environ['PATH']}",
            )

    def place_(self, text: str) -> str:
        """Return a text with the places of this test."""
        return (
            text.replace("/var/backups", str(self.backups))
            .replace("db.example.org port=5432", f"{LOOPBACK} port={self.server.port}")
            .replace("db.example.org", f"{LOOPBACK}:{self.server.port}")
        )


class PageTests(PostgreSQLTestCase):
    """
    Tests of the page from its beginning. The gateway has no XMPP server, so messages
    wait.
    """

    async def begin(self, flags: str = "--config xmpprest.toml") -> Program:
        """Start the gateway; return once it listens."""
        program = self.shell(
            f"{_GATEWAY} {flags}", XMPPREST_LISTEN="tcp:0:interface=127.0.0.1"
        )
        found = await self.waiting(
            program.expect, r"(?s)Listening for HTTP on .*?\bport\D+(\d+)"
        )
        self.url = f"http://127.0.0.1:{found[1]}"
        return program

    async def sendOne(self) -> None:
        """Send a message."""
        await self.run_(
            f"curl -sSf {self.url}/rest/message/chat/user@example.org"
            f" --oauth2-bearer {TOKEN} -H 'Content-Type: text/plain' -d Hello"
        )

    async def count(self) -> int:
        """The number of messages that wait, once the gateway is the active instance."""
        listed = await self.run_(
            f"curl -sSf --retry 30 --retry-delay 1 {self.url}/rest/outbox"
            f" --oauth2-bearer {TOKEN} -H 'Accept: application/json'"
        )
        return len(json.loads(listed[listed.index("{") :])["messages"])

    async def between(self, commands: str) -> None:
        """Paste commands between those that stop and start the gateway."""
        first, *between = commands.splitlines()
        self.assertEqual(first, "systemctl stop xmpprest")
        for each in between:
            if each != "systemctl start xmpprest":
                await self.admin(each)

    async def test_asWritten(self) -> None:
        """
        The gateway stores messages in the database that the page creates; a dump
        brings back what waited then, and everything moves to a file and back.
        """
        await self.prepare()
        await self.waiting(self.server.start)
        self.server.execute("DROP ROLE xmpprest")
        await self.admin(CREATE)
        await self.run_(PASSWORD_FILE)
        self.place.write("xmpprest.toml", self.place_(SETTINGS))
        doctor = self.shell(
            DOCTOR,
            XMPPREST_DOMAIN="gateway.example.org",
            XMPPREST_SECRET_FILE="secret",
            XMPPREST_CREDENTIALS_FILE="credentials",
            XMPPREST_SERVER="tcp:127.0.0.1:1",
        )
        await self.waiting(doctor.end)
        self.assertIn("is empty; tables will be created", doctor.output)
        self.assertIn("clock: it is equal to the database's", doctor.output)
        gateway = await self.begin()
        await self.sendOne()
        await self.admin(DUMP)
        await self.sendOne()
        self.assertEqual(await self.count(), 2)
        said = await self.run_(f"curl -s {self.url}/readyz")
        self.assertIn('"store":{"ready":true', said.replace(" ", ""))
        await self.waiting(gateway.end, signal.SIGTERM)
        await self.between(RESTORE)
        gateway = await self.begin()
        self.assertEqual(await self.count(), 1)
        await self.waiting(gateway.end, signal.SIGTERM)
        await self.between(BACK)
        gateway = await self.begin("--store sqlite:back.db")
        self.assertEqual(await self.count(), 1)
        await self.sendOne()
        await self.waiting(gateway.end, signal.SIGTERM)
        (self.place.path / "back.db").rename(self.place.path / "xmpprest.db")
        self.server.execute("DROP DATABASE xmpprest")
        await self.admin(CREATE.splitlines()[1])
        await self.between(MOVE)
        await self.begin()
        self.assertEqual(await self.count(), 2)

    async def test_pooler(self) -> None:
        """
        The settings of the pooler are those with which the store is tested.
        """
        pooler = PgBouncer(self.server)
        self.addCleanup(pooler.stop)
        pooler._configure()  # to be read
        text = (pooler.directory / "pgbouncer.ini").read_text()
        self.assertIn("\npool_mode = transaction\n", text)
        self.assertTrue(POOLER.endswith("pool_mode = transaction"))
        self.assertIn(f"host={LOOPBACK} port={self.server.port}", self.place_(POOLER))


class PointInTimeTests(PostgreSQLTestCase):
    """
    Tests of the restore to a point in time.
    """

    async def test_asWritten(self) -> None:
        """
        Everything committed until the moment is there, and nothing that came later.
        """
        (self.backups / "wal").mkdir()
        give(self.backups / "wal")
        self.server.settings |= self.settings(ARCHIVE)
        await self.waiting(self.server.start)
        execute = self.server.execute
        execute("CREATE TABLE message (id text)")
        await self.admin(BASE)
        execute("INSERT INTO message VALUES ('before')")
        moment = execute("SELECT pg_sleep(0.01); SELECT clock_timestamp()").strip()
        execute("SELECT pg_sleep(0.01); INSERT INTO message VALUES ('after')")
        execute("SELECT pg_switch_wal()")
        await self.waiting(self.server.shutdown)
        shutil.rmtree(self.server.data)
        shutil.move(self.backups / "base", self.server.data)
        recovery = self.settings(RECOVERY)
        self.assertIn("recovery_target_time", recovery)
        recovery["recovery_target_time"] = f"'{moment}'"
        self.server.settings |= recovery
        await self.admin(
            SIGNAL.replace("/var/lib/postgresql/15/main", str(self.server.data))
        )
        await self.waiting(self.server.start)
        self.assertEqual(execute("SELECT id FROM message"), "before")

    def settings(self, text: str) -> dict[str, str]:
        """Return settings of PostgreSQL, with the places of this test."""
        lines = [each.partition(" = ") for each in self.place_(text).splitlines()]
        return {name: value for name, _, value in lines}
