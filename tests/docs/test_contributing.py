"""Tests of CONTRIBUTING.rst, noxfile.py and .ci/run: they must name what there is."""

from __future__ import annotations

import ast
import re

from docutils import nodes
from docutils.core import publish_doctree
from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT

CONTRIBUTING = Document(ROOT / "CONTRIBUTING.rst")
#: What names a file, and what names something in one. NAME stands for any name.
PATH = re.compile(r"(?!.*NAME)(?:xmpprest|tests|docs|newsfragments)/\S*\w|\.ci/run")
NAME = re.compile(r"_?[A-Za-z]\w*(?:\.\w+)?(?<!\.py)(?<!\.yaml)")
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
        named = re.findall(r"\$hypothesis\" (\w+)", SCRIPT)
        self.assertEqual(
            set(" ".join([*listed, *named]).split()),
            sessions() - {"servers", "browser", "integration"},
        )

    def test_paths(self) -> None:
        """
        Each file that the document names is there.
        """
        found = [each for each in CONTRIBUTING.literals if PATH.fullmatch(each)]
        self.assertIn(".ci/run", found)
        for each in found:
            self.assertTrue((ROOT / each).exists(), each)

    def test_names(self) -> None:
        """
        The classes, functions and constants of a step are in the files of that step.
        """
        checked = 0
        for step in publish_doctree(CONTRIBUTING.text).findall(nodes.list_item):
            literals = [each.astext() for each in step.findall(nodes.literal)]
            paths = [ROOT / each for each in literals if PATH.fullmatch(each)]
            texts = [each.read_text() for each in paths if each.is_file()]
            for name in filter(NAME.fullmatch, literals) if texts else ():
                for part in name.split("."):
                    checked += 1
                    self.assertTrue(any(part in text for text in texts), (name, paths))
        self.assertGreater(checked, 10)
