"""
A stream's bytes become its elements, whole and as they were.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.servers.splitter import StreamSplitter

HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='7'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
ELEMENTS = [
    "<handshake/>",
    "<a b='>' c=\"'>\"/>",
    "<message to='ü@🙂'><body>é &lt;<b/>>🙂</body>\n<x y='/>'></x></message >",
    "<empty></empty>",
    '<stream:error xmlns="urn:x"><stream:text>></stream:text></stream:error>',
]


class SplitterTests(SynchronousTestCase):
    """
    L{StreamSplitter}
    """

    def test_pieces(self) -> None:
        """The elements do not depend on the pieces in which they arrive."""
        wire = (HEADER + " \n".join(ELEMENTS) + "</stream:stream>").encode()
        for size in (1, 2, 3, 7, 64, len(wire)):
            splitter = StreamSplitter()
            found = []
            for start in range(0, len(wire), size):
                found += splitter.feed(wire[start : start + size])
            self.assertEqual([one.xml for one in found], ELEMENTS)

    def test_namespaces(self) -> None:
        """
        Elements are parsed in the namespaces of the stream they came in.
        """
        splitter = StreamSplitter()
        found = splitter.feed((HEADER + "".join(ELEMENTS)).encode())
        self.assertEqual(splitter.attributes and splitter.attributes["id"], "7")
        self.assertEqual(found[2].element.tag, "{jabber:client}message")
        self.assertEqual(found[2].kind, "message")
        self.assertEqual(found[2].element.findtext("{*}body"), "é <")
        self.assertEqual(
            found[4].element.tag, "{http://etherx.jabber.org/streams}error"
        )

    def test_atOnce(self) -> None:
        """
        An element is there as soon as its last byte is.
        """
        splitter = StreamSplitter()
        wire = (HEADER + ELEMENTS[2]).encode()
        self.assertEqual(splitter.feed(wire[:-1]), [])
        self.assertEqual(len(splitter.feed(wire[-1:])), 1)
