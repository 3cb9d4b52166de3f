"""Tests of the page about troubleshooting: the doctor prints what the page shows."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT

PAGE = Document(ROOT / "docs/how-to/troubleshooting.rst")
(DOCTOR, WITH_SERVER, READY) = PAGE.of("sh")
(REPORT,) = PAGE.of("text")


def alike(report: str) -> str:
    """A report without what is different on every machine."""
    report = re.sub(r"store: \S+ will", "store: xmpprest.db will", report)
    report = re.sub(r"(not-authorized) \(.*?\)", r"\1", report)  # in Prosody's words
    return re.sub(r"\d+", "N", report).strip()


class TextTests(SynchronousTestCase):
    """
    Tests of what can be seen without running it.
    """

    def test_lines(self) -> None:
        """
        The lines that the doctor may write are those that there are.
        """
        source = "".join(
            path.read_text()
            for path in (ROOT / "xmpprest" / "commands" / "doctor").glob("*.py")
        )
        written = re.findall(
            r"\b(?:failed|warning|CheckResult)\((?:\w+, )?\s*\"([\w ]+)\"", source
        )
        named = {row[0].text for row in PAGE.table("Run the doctor")}
        # Those of callbacks and hooks have their names, and the doctor's own is no
        # line of the report.
        fromSettings = {"callback", "hook", "listen"}
        for each in fromSettings:
            self.assertIn(f'"{each}"', source)
        self.assertEqual({*written, *fromSettings} - {"doctor"}, named)


class DoctorTests(PasteTestCase):
    """
    Tests of the commands.
    """

    async def test_report(self) -> None:
        """
        With another secret, and without the callback, the report is the one there.
        """
        await self.prepare()
        self.place.write("secret", "another text")
        program = self.shell(
            # Not the ports of the world outside.
            DOCTOR.replace(":9999/", ":1/"),
            XMPPREST_SERVER=f"tcp:127.0.0.1:{self.serverPort}",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
            XMPPREST_WAITING_LIMIT="10",
        )
        self.assertEqual(await self.waiting(program.end), 1, program.output)
        self.assertEqual(alike(program.output), alike(REPORT))

    async def test_well(self) -> None:
        """
        With the secret of the server all is well, and the exit status is 0.
        """
        await self.prepare()
        said = await self.run_(
            DOCTOR.partition(" --callback-url")[0],
            XMPPREST_SERVER=f"tcp:127.0.0.1:{self.serverPort}",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
            XMPPREST_WAITING_LIMIT="10",
        )
        self.assertIn("ok       barrier: ", said)
        self.assertTrue(said.endswith("\n\nAll checks have passed.\n"), said)

    async def test_ready(self) -> None:
        """
        The gateway says whether it is ready.
        """
        await self.prepare()
        await self.start()
        self.assertIn('"ready": true', await self.run_(f"{READY} -s"))

    async def test_serverConfig(self) -> None:
        """
        With the configuration file of the server it says what to add there.
        """
        await self.prepare()
        path = self.place.write(
            "prosody.cfg.lua", f'Component "{DOMAIN}"\n    component_secret = "x"\n'
        )
        command = WITH_SERVER.replace("/etc/prosody/prosody.cfg.lua", path)
        program = self.shell(
            command.replace("--config xmpprest.toml", f"--domain {DOMAIN}"),
            XMPPREST_SECRET_FILE="secret",
            XMPPREST_CREDENTIALS_FILE="credentials",
            XMPPREST_SERVER="tcp:127.0.0.1:1",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
        )
        await self.waiting(program.end)
        self.assertIn("server config: ", program.output)
        self.assertIn('component_conflict_resolve = "kick_old"', program.output)
