"""
Reads and writes the XML of stored stanzas.

Stored stanzas may be larger than submitted ones. A few cannot be parsed again, because
the inbound stream accepts more than expat does, such as C{xmlns:a=''}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .build import META, TYPES
from .parser import MAX_DEPTH, SEPARATOR, TreeBuilder, TreeTooLarge
from .serializer import toXML

#: The element name in the first tag, and a first tag that declares a namespace. The
#: serializer escapes ">" and quotes in attribute values, so a pattern can find them.
_NAME = re.compile(r"<\w+")
_DECLARED = re.compile(r"<\w+[^>]* xmlns='")
#: A first tag as L{serialize} begins it.
_OWN = re.compile(rb"(<\w+) xmlns='%s'" % ns.CLIENT.encode())

_KINDS = frozenset({*TYPES, META})


class UnparsableStanza(Exception):
    """A stored stanza cannot be parsed; the message says why."""


def serialize(stanza: Element) -> str:
    """
    Write a stanza for the store, with its namespace C{jabber:client} declared, so that
    a child with C{xmlns=''} keeps its own.
    """
    return toXML(stanza, "")


def withImpliedNamespace(xml: bytes) -> bytes:
    """
    Return the XML of a stored stanza for a reader that implies its namespace, as
    L{toXML<xmpprest.core.stanza.serializer.toXML>} writes it.
    """
    found = _OWN.match(xml)
    return xml if found is None else found[1] + xml[found.end() :]


def parseStored(xml: str) -> Element:
    """
    Parse a stored stanza of any number of elements, nested up to L{MAX_DEPTH} levels.

    @param xml: As L{serialize} or L{toXML<xmpprest.core.stanza.serializer.toXML>}
        writes it: without a namespace, C{jabber:client} is implied.
    @raise UnparsableStanza: The XML is not well-formed, nests too deep, or is not a
        stanza.
    """
    builder = _StoredTreeBuilder(frozenset(), 0)
    parser = ParserCreate("UTF-8", SEPARATOR)
    builder.attach(parser)
    if not _DECLARED.match(xml):
        xml = _NAME.sub(rf"\g<0> xmlns='{ns.CLIENT}'", xml, count=1)
    _parse(parser, xml)
    stanza = builder.root
    assert stanza is not None  # or expat had found no element
    if stanza.uri != ns.CLIENT or stanza.name not in _KINDS:
        raise UnparsableStanza("it is not a stanza")
    return stanza


def parseStoredHead(xml: str) -> tuple[str, Mapping[str, str]]:
    """
    Read the kind and the attributes of a stored stanza from its first tag. The content
    may be long or unparsable; it is not read.

    @param xml: As for L{parseStored}.
    @return: The kind, and the attributes by their names as written.
    @raise UnparsableStanza: The first tag is not that of a stanza.
    """

    def start(name: str, attributes: Mapping[str, str]) -> NoReturn:
        raise _HeadFound(name, attributes)

    # A parser without namespaces, which accepts every declaration of one.
    parser = ParserCreate("UTF-8")
    parser.StartElementHandler = start
    try:
        _parse(parser, xml)
    except _HeadFound as found:
        kind, attributes = found.args
        if kind in _KINDS:
            return kind, attributes
    raise UnparsableStanza("it is not a stanza")


class _HeadFound(Exception):
    """Ends the parser at the first tag; holds its name and its attributes."""


class _StoredTreeBuilder(TreeBuilder):
    """Builds the tree of a stanza that was within the limits when it arrived."""

    def _check(self, *_: object) -> None:
        """
        Check only the depth: the serializer adds prefixes to a stanza, but no levels.
        """
        if self._depth > MAX_DEPTH:
            raise TreeTooLarge(f"it nests deeper than {MAX_DEPTH} levels")


def _parse(parser: XMLParserType, xml: str) -> None:
    try:
        parser.Parse(xml.encode(), True)
    except (ExpatError, TreeTooLarge, UnicodeEncodeError) as error:
        raise UnparsableStanza(str(error)) from None
