"""Tests of all documents together."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import README
from tests.docs.world import ROOT

#: The pages of the manual; the tables of measurements are included in one of them.
DOCUMENTS = sorted(
    path for path in (ROOT / "docs").rglob("*.rst") if path.parent.name != "performance"
)


class DocumentTests(SynchronousTestCase):
    """
    Documents in C{docs}
    """

    def test_paths(self) -> None:
        """
        Every file that a document links to or names is there.
        """
        found = 0
        for path in (*DOCUMENTS, ROOT / "README.rst"):
            document = Document(path)
            # README.rst, which a page includes, links from the root.
            paths = [
                (ROOT if link.startswith("docs/") else path.parent) / link
                for link in document.links
            ]
            paths += [
                ROOT / literal
                for literal in document.literals
                if re.match(r"(docs|packaging)/\S+$", literal)
            ]
            for each in paths:
                self.assertTrue(each.exists(), (path.name, str(each)))
            found += len(paths)
        self.assertGreater(found, 200)

    def test_found(self) -> None:
        """
        README.rst leads to the first of them, which leads to every other one.
        """
        index = ROOT / "docs" / "index.rst"
        self.assertIn("docs/index.rst", README.links)
        named = re.findall(r"(?m)^      ([\w/-]+)$", index.read_text())
        pages = [path.relative_to(index.parent) for path in DOCUMENTS if path != index]
        there = [str(path.with_suffix("")) for path in pages]
        self.assertEqual(sorted(named), sorted([*there, "genindex"]))

    def test_tables(self) -> None:
        """
        No row of a table is the rest of the first cell of the row above it: a simple
        table begins a row with each line whose first cell is not empty.
        """
        for path in (*DOCUMENTS, ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"):
            for first, *others in Document(path).rows:
                self.assertTrue(any(others), (path.name, first))
