"""Tests of CONTRIBUTING.rst, noxfile.py and .ci/run: they must name what there is."""

from __future__ import annotations

import ast
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT

CONTRIBUTING = Document(ROOT / "CONTRIBUTING.rst")
SCRIPT = (ROOT / ".ci" / "run").read_text()


def sessions() -> set[str]:
    """Return the names of the nox sessions, read from the source of noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    return {
        each.name
        for each in tree.body
        if isinstance(each, ast.FunctionDef)
        and any(ast.unparse(it) == "nox.session" for it in each.decorator_list)
    }


class ContributingTests(SynchronousTestCase):
    """
    Tests of the guide for contributors.
    """

    def test_environment(self) -> None:
        """
        The command that makes a development environment is one line, and C{.ci/run}
        takes it from the document.
        """
        (pattern,) = re.findall(r'contributing_line "([^"]*)"', SCRIPT)
        (line,) = re.findall(f"(?m)^.*{pattern}.*$", CONTRIBUTING.text)
        self.assertIn(line.strip(), CONTRIBUTING.of(""))

    def test_sessions(self) -> None:
        """
        The document names each nox session, and no other.
        """
        named = re.findall(r"nox -s (\w+)", CONTRIBUTING.text)
        self.assertEqual({*named, "lint", "types", "unit"}, sessions())

    def test_ci(self) -> None:
        """
        C{.ci/run} runs the sessions that the tests of README.rst do not cover.
        """
        listed = re.findall(r"for session in ([\w ]+);", SCRIPT)
        named = re.findall(r"nox\" -s ([\w ]+) -P", SCRIPT)
        self.assertEqual(
            set(" ".join([*listed, *named]).split()),
            sessions() - {"servers", "browser"},
        )

    def test_paths(self) -> None:
        """
        Each file that the document names is there.
        """
        paths = [
            each
            for each in CONTRIBUTING.literals
            if re.fullmatch(
                r"(?:xmpprest|tests|docs|newsfragments)/\S*\w|\.ci/run", each
            )
        ]
        self.assertIn(".ci/run", paths)
        for each in paths:
            self.assertTrue((ROOT / each).exists(), each)
