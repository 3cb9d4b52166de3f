"""Tests of L{tests.core.codec.corpus}."""

from __future__ import annotations

import re
from itertools import groupby
from operator import attrgetter

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.core.codec.corpus import DIRECTORY, examples
from tests.support.canonical import Canonical, canonical
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.parser import parseDocument
from xmpprest.core.stanza.serializer import toXML


def _stripped(element: Canonical) -> Canonical:
    """Return an element without indentation."""
    uri, name, attributes, content = element
    if all(isinstance(each, str) for each in content):
        return element
    kept = tuple(
        each if isinstance(each, str) else _stripped(each)
        for each in content
        if not isinstance(each, str) or each.strip()
    )
    return (uri, name, attributes, kept)


class CorpusTests(SynchronousTestCase):
    """
    L{examples}
    """

    examples = examples()

    def _parsed(self, document: bytes, about: object) -> Element:
        """Parse, or fail with the example that does not."""
        try:
            return parseDocument(document)
        except Exception as error:
            self.fail(f"{about}: {error}")

    def test_breadth(self) -> None:
        """
        The corpus has examples of both RFCs and of at least 48 extensions, and of some
        of
        them many.
        """
        names = {example.specification for example in self.examples}
        self.assertLessEqual({"rfc6120", "rfc6121"}, names)
        self.assertGreaterEqual(len(names), 50)
        counted = [example.specification for example in self.examples]
        for name in ("xep0004", "xep0030", "xep0045", "xep0050", "xep0060", "xep0313"):
            self.assertGreaterEqual(counted.count(name), 15, name)

    def test_names(self) -> None:
        """
        A file is named after the specification that its title names, and none is
        empty.
        """
        titles = {each.specification: each.title for each in self.examples}
        self.assertEqual(set(titles), {path.stem for path in DIRECTORY.iterdir()})
        for name, title in titles.items():
            found = re.fullmatch(r"(?:XEP-|RFC )(\d{4}): \S.*", title)
            assert found is not None, (name, title)
            self.assertEqual(title[:3].lower() + found[1], name)

    def test_numbers(self) -> None:
        """
        The stanzas of each specification are counted from 1.
        """
        for name, group in groupby(self.examples, attrgetter("specification")):
            numbers = [example.number for example in group]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), name)

    def test_stanzas(self) -> None:
        """
        Each is a stanza, both ways, and both say the same.
        """
        for example in self.examples:
            about = (example.specification, example.number)
            compact = canonical(self._parsed(example.compact, about))
            pretty = canonical(self._parsed(example.pretty, about))
            self.assertEqual(compact[0], ns.CLIENT, about)
            self.assertIn(compact[1], ("message", "presence", "iq"), about)
            self.assertEqual(compact, _stripped(pretty), about)

    def test_roundTrip(self) -> None:
        """Each example is read back equal after it was written."""
        for example in self.examples:
            about = (example.specification, example.number)
            for document in (example.pretty, example.compact):
                element = self._parsed(document, about)
                again = self._parsed(toXML(element).encode("utf-8"), about)
                self.assertEqual(canonical(again), canonical(element), about)

    def test_namespaces(self) -> None:
        """
        Stanzas keep their own children in their own namespace, and extensions are in
        others.
        """
        known = {
            "message": {"body", "subject", "thread", "error"},
            "presence": {"show", "status", "priority", "error"},
            "iq": {"error"},
        }
        for example in self.examples:
            stanza = parseDocument(example.compact)
            for child in stanza.elements():
                if child.uri == ns.CLIENT:
                    about = (example.specification, example.number, child.name)
                    self.assertIn(child.name, known[stanza.name], about)
