"""Tests of C{docs/how-to/systemd.rst}, and of the unit that it describes."""

from __future__ import annotations

import json
import re
import shlex

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.paste import PasteTestCase
from tests.support.programs import ROOT, Place, require

UNIT = ROOT / "packaging" / "xmpprest.service"
CONTAINER = ROOT / "packaging" / "Containerfile"
_SCORE = r"Overall exposure level for xmpprest.service: ([\d.]+)"


class UnitTests(SynchronousTestCase):
    """
    The unit, as systemd sees it.
    """

    def analyze(self, *arguments: str) -> str:
        """Run C{systemd-analyze} to its good end; returns what it prints."""
        require("systemd-analyze")
        program = Place(self).start(["systemd-analyze", *arguments])
        self.assertEqual(program.end(), 0, program.output)
        return program.output

    def test_score(self) -> None:
        """The exposure of the unit is no greater than the document says."""
        printed = self.analyze("security", "--offline=true", "--no-pager", str(UNIT))
        page = (ROOT / "docs/how-to/systemd.rst").read_text()
        promised, actual = (re.search(_SCORE, text) for text in (page, printed))
        assert promised is not None and actual is not None
        self.assertLessEqual(float(actual[1]), float(promised[1]))

    def test_verify(self) -> None:
        """The unit is valid, once the program is there."""
        text = UNIT.read_text().replace("/opt/xmpprest/bin/twist", "/bin/true")
        path = Place(self).write("xmpprest.service", text)
        self.assertNotIn("xmpprest.service:", self.analyze("verify", "--man=no", path))


class ContainerTests(PasteTestCase):
    """
    The container file, as far as it can be checked without an engine.
    """

    def command(self, port: str) -> str:
        """How the engine asks for its health, here."""
        text = CONTAINER.read_text().replace("\\\n", "")
        (found,) = re.findall(r"(?m)^HEALTHCHECK .* CMD (\[.*\])$", text)
        python, *rest = json.loads(found)
        self.assertEqual(python, "/opt/xmpprest/bin/python")
        return shlex.join([".venv/bin/python", *rest]).replace("8080", port)

    async def test_health(self) -> None:
        """
        The gateway is well while it lives, even without an XMPP server, and not else.
        """
        await self.prepare()
        gateway = self.shell(
            ".venv/bin/twist xmpprest --domain gateway.example.org --secret-file secret"
            " --credentials-file credentials --server tcp:127.0.0.1:1",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
        )
        found = await self.waiting(
            gateway.expect,
            r"(?s)Listening for HTTP on .*?\bport\D+(\d+).*cannot connect",
        )
        await self.run_(self.command(found[1]))
        gateway.kill()
        asked = self.shell(self.command(found[1]))
        self.assertNotEqual(await self.waiting(asked.end), 0)
