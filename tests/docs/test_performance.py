"""Tests of docs/explanation/performance.rst."""

from __future__ import annotations

import re
import shlex

from twisted.trial.unittest import SynchronousTestCase

from bench import report
from bench.__main__ import parseArguments
from bench.cases import CASES
from bench.reporting.summary import summary
from bench.reporting.targets import TARGETS
from tests.docs.world import ROOT

PAGE = ROOT / "docs/explanation/performance.rst"
PLACE = ROOT / "docs/explanation/performance"


class PerformanceTests(SynchronousTestCase):
    """
    Figures of the page
    """

    def setUp(self) -> None:
        self.text = PAGE.read_text()
        self.results, self.runs = report.read(PLACE)

    def test_tables(self) -> None:
        """The tables are made of the figures beside the page."""
        self.assertIn(".. include:: performance/tables.rst", self.text)
        written = (PLACE / "tables.rst").read_text()
        self.assertEqual(written, report.tables(self.results, CASES))
        self.assertIn(".. include:: performance/summary.rst", self.text)
        written = (PLACE / "summary.rst").read_text()
        self.assertEqual(written, summary(self.results, report.SUMMARISED) + "\n")

    def test_plots(self) -> None:
        """
        So are its plots.
        """
        drawn = report.plots(self.results, CASES)
        shown = re.findall(r"(?m)^\.\. (?:image|figure):: performance/(.*)$", self.text)
        self.assertTrue(shown)
        for name in shown:
            self.assertEqual((PLACE / name).read_text(), drawn[name], name)

    def test_commands(self) -> None:
        """
        The page has the command of every run, and each command parses, without the
        files that it names: those are on the machine that the run was made on.
        """
        self.assertTrue(self.runs)
        for run in self.runs:
            command = str(run["command"])
            self.assertIn(command, re.sub(r" *\\\n *", " ", self.text))
            self.assertTrue(parseArguments(shlex.split(command)[3:]).chosen)

    def test_targets(self) -> None:
        """
        Every target was measured on Prosody.
        """
        found = [each for each in self.results if each.server == "prosody"]
        missing = [it.text for it in TARGETS if it.measured(found) is None]
        self.assertEqual(missing, [])
