"""Tests of C{docs/newcomer.rst}: what was pasted then still stands in README.rst."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.paste import FILES, README, START
from tests.docs.world import ROOT


class NewcomerTests(SynchronousTestCase):
    """
    Tests of the record.
    """

    def test_commands(self) -> None:
        """
        It has the lines of README.rst that lead to the demo and to one's own server, as
        they are now; if they are others, the run has to be made again.
        """
        record = (ROOT / "docs" / "newcomer.rst").read_text()
        pasted = [README.of("")[0], FILES, START, README.of("lua")[0]]
        for line in "\n".join(pasted).splitlines():
            self.assertIn(line, record)
