"""Tests of all documents together."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import README
from tests.docs.world import ROOT

DOCUMENTS = sorted((ROOT / "docs").glob("*.rst"))


class DocumentTests(SynchronousTestCase):
    """
    What is in C{docs}
    """

    def test_paths(self) -> None:
        """
        Every file that a document names is there.
        """
        for path in DOCUMENTS:
            for literal in Document(path).literals:
                if literal.startswith("docs/"):
                    self.assertTrue((ROOT / literal).exists(), (path.name, literal))

    def test_found(self) -> None:
        """
        README.rst leads to the first of them, which leads to every other one.
        """
        index = ROOT / "docs" / "index.rst"
        self.assertIn("docs/index.rst", README.literals)
        named = re.findall(r"(?m)^   ([\w-]+)$", index.read_text())
        there = [path.stem for path in DOCUMENTS if path != index]
        self.assertEqual(sorted(named), sorted(there))
