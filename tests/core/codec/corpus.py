"""
Example stanzas of the specifications, as test data.

They are in C{stanzas/}, one file per specification, in its order and layout. They
follow its text, though not to the letter: long ones are abridged, an ellipsis is
replaced with something sensible, and where the text describes an element without
showing it, a stanza is made up that does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pyexpat import ParserCreate
from typing import NamedTuple

from twisted.words.xish.domish import Element

from xmpprest.core.stanza.parser import parseDocument
from xmpprest.core.stanza.serializer import toXML

#: Where the files are.
DIRECTORY = Path(__file__).parent / "stanzas"


class Example(NamedTuple):
    """
    A stanza that a specification shows.

    @ivar specification: The name of the file, as in C{"xep0085"} or C{"rfc6120"}.
    @ivar title: What the specification calls itself, with its number.
    @ivar number: Its place among the stanzas in the file, from 1.
    @ivar pretty: The stanza as it stands in the file, in UTF-8. That it is in
        C{jabber:client} goes without saying, as it does in a stream.
    @ivar compact: The same as on the wire: elements that hold elements hold no text
        that is only white space.
    """

    specification: str
    title: str
    number: int
    pretty: bytes
    compact: bytes


def examples() -> list[Example]:
    """
    Read all files.

    @return: By specification, then in the order of the file.
    """
    return [
        example for path in sorted(DIRECTORY.glob("*.xml")) for example in _read(path)
    ]


def _read(path: Path) -> Iterator[Example]:
    """The examples of one file."""
    content = path.read_bytes()
    title, starts = _outline(content)
    ends = [*starts[1:], content.rindex(b"</")]
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        # Between two stanzas is nothing but white space, or they would not parse.
        pretty = content[start:end].rstrip()
        compact = toXML(_compacted(parseDocument(pretty))).encode("utf-8")
        yield Example(path.stem, title, index + 1, pretty, compact)


def _outline(content: bytes) -> tuple[str, list[int]]:
    """
    Find the stanzas in a file.

    @return: The title of the file, and where each child of its root begins.
    """
    titles: list[str] = []
    starts: list[int] = []
    depth = 0

    def start(_: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if depth == 0:
            titles.append(attributes["title"])
        elif depth == 1:
            starts.append(parser.CurrentByteIndex)
        depth += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = ParserCreate("UTF-8")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(content, True)
    return titles[0], starts


def _compacted(element: Element) -> Element:
    """Take the indentation out of an element, in place."""
    elements = [child for child in element.children if isinstance(child, Element)]
    if elements:
        element.children = [
            child
            for child in element.children
            if isinstance(child, Element) or child.strip()
        ]
    for child in elements:
        _compacted(child)
    return element
