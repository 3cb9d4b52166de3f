"""Tests of all documents together."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import README
from tests.docs.world import ROOT

#: The pages of the manual; the tables of measurements are included in one of them.
DOCUMENTS = sorted(
    path for path in (ROOT / "docs").rglob("*.rst") if path.name != "tables.rst"
)


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
        named = re.findall(r"(?m)^   ([\w/-]+)$", index.read_text())
        pages = [path.relative_to(index.parent) for path in DOCUMENTS if path != index]
        there = [str(path.with_suffix("")) for path in pages]
        self.assertEqual(sorted(named), sorted(there))
