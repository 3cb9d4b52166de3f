"""Tests of C{docs/packaging.rst}, and of the unit that it describes."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.programs import ROOT, Place, require

UNIT = ROOT / "packaging" / "xmpprest.service"
_SCORE = r"Overall exposure level for xmpprest.service: ([\d.]+)"


class UnitTests(SynchronousTestCase):
    """
    What systemd says of the unit.
    """

    def analyze(self, *arguments: str) -> str:
        """Run C{systemd-analyze} to its good end; returns what it prints."""
        require("systemd-analyze")
        program = Place(self).start(["systemd-analyze", *arguments])
        self.assertEqual(program.end(), 0, program.output)
        return program.output

    def test_score(self) -> None:
        """
        Its exposure is no greater than the document says.
        """
        printed = self.analyze("security", "--offline=true", "--no-pager", str(UNIT))
        page = (ROOT / "docs" / "packaging.rst").read_text()
        promised, actual = (re.search(_SCORE, text) for text in (page, printed))
        assert promised is not None and actual is not None
        self.assertLessEqual(float(actual[1]), float(promised[1]))

    def test_verify(self) -> None:
        """
        It finds no fault with it, once the program is there.
        """
        text = UNIT.read_text().replace("/opt/xmpprest/bin/twist", "/bin/true")
        path = Place(self).write("xmpprest.service", text)
        self.assertNotIn("xmpprest.service:", self.analyze("verify", "--man=no", path))
