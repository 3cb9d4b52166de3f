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
        README.rst leads to each that is for those who use the gateway.
        """
        named = {text for text in README.literals if re.match(r"docs/[^/]*\.rst", text)}
        there = {f"docs/{path.name}" for path in DOCUMENTS}
        self.assertEqual(there - named, {"docs/dependencies.rst"})
