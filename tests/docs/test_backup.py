"""Tests of C{docs/how-to/backup.rst}: its commands keep the waiting messages."""

from __future__ import annotations

import re
import signal

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT, TOKEN
from tests.support.programs import Program

PAGE = Document(ROOT / "docs/how-to/backup.rst")
(BACK_UP, RESTORE) = PAGE.of("sh")

_GATEWAY = (
    ".venv/bin/twist --log-format=text xmpprest --domain gateway.example.org"
    " --secret-file secret --credentials-file credentials --server tcp:127.0.0.1:1"
    " --store sqlite:store/xmpprest.db"
)


class BackupTests(PasteTestCase):
    """
    Tests of the commands. The gateway has no server, so messages wait.
    """

    async def begin(self) -> Program:
        """Start the gateway; return once it listens."""
        program = self.shell(_GATEWAY, XMPPREST_LISTEN="tcp:0:interface=127.0.0.1")
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
        """The number of messages that wait."""
        said = await self.run_(f"curl -s {self.url}/metrics --oauth2-bearer {TOKEN}")
        (number,) = re.findall(r"(?m)^xmpprest_outbox_messages (\d+)", said)
        return int(number)

    async def copy(self, commands: str) -> None:
        """Paste the commands of the page between those that stop and start."""
        first, *between, last = commands.splitlines()
        self.assertEqual(first, "systemctl stop xmpprest")
        self.assertEqual(last, "systemctl start xmpprest")
        for command in between:
            here = command.replace("/var/lib/xmpprest", "store")
            await self.run_(here.replace("/var/backups", "backups"))

    async def test_asWritten(self) -> None:
        """
        A copy of a running gateway's store has what waited then: after the gateway was
        killed and the copy restored, that waits again, and nothing else.
        """
        await self.prepare()
        for name in ("store", "backups"):
            (self.place.path / name).mkdir()
        gateway = await self.begin()
        await self.sendOne()
        command = BACK_UP.replace("/var/lib/xmpprest", "store")
        said = await self.run_(
            f".venv/bin/{command.replace('/var/backups', 'backups')}"
        )
        self.assertRegex(said, r"^Copied store/xmpprest\.db to backups/xmpprest\.db \(")
        await self.sendOne()
        self.assertEqual(await self.count(), 2)
        await self.waiting(gateway.end, signal.SIGKILL)
        await self.copy(RESTORE)
        await self.begin()
        self.assertEqual(await self.count(), 1)
