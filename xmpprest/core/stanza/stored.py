"""
Reads stanzas that were kept: they may be larger than those that are sent, and some
cannot be read, for the stream takes more than expat does, such as xmlns:a=''.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .build import TYPES
from .parser import MAX_DEPTH, SEPARATOR, TreeBuilder, TreeTooLarge

#: The name in the first tag, and a tag that says which namespace that is in. In the
#: value of an attribute there is neither > nor a quote.
_NAME = re.compile(r"<\w+")
_DECLARED = re.compile(r"<\w+[^>]* xmlns='")


class UnparsableStanza(Exception):
    """What was kept cannot be read; the message says why."""


def parseStored(xml: str) -> Element:
    """
    Read a stanza that was kept, however large.

    @param xml: As L{toXML<xmpprest.core.stanza.serializer.toXML>} has written it, with
        the namespace C{jabber:client} or where that is implied.
    @raise Unreadable: It was in no order when it came.
    """
    builder = _Kept(frozenset(), 0)
    parser = ParserCreate("UTF-8", SEPARATOR)
    builder.attach(parser)
    if not _DECLARED.match(xml):
        xml = _NAME.sub(rf"\g<0> xmlns='{ns.CLIENT}'", xml, count=1)
    _parse(parser, xml)
    stanza = builder.root
    assert stanza is not None  # or expat had found no element
    if stanza.uri != ns.CLIENT or stanza.name not in TYPES:
        raise UnparsableStanza("it is no stanza")
    return stanza


def parseStoredHead(xml: str) -> tuple[str, Mapping[str, str]]:
    """
    Read what a stanza that was kept says of itself, but not what it holds, which may
    be long, or in no order.

    @param xml: As for L{parseStored}.
    @return: The kind, and the attributes, by their names as they are written.
    @raise Unreadable: The first tag is none.
    """

    def start(name: str, attributes: Mapping[str, str]) -> NoReturn:
        raise _Found(name, attributes)

    # Which looks at no namespace, and so refuses none.
    parser = ParserCreate("UTF-8")
    parser.StartElementHandler = start
    try:
        _parse(parser, xml)
    except _Found as found:
        kind, attributes = found.args
        if kind in TYPES:
            return kind, attributes
    raise UnparsableStanza("it is no stanza")


class _Found(Exception):
    """What was looked for."""


class _Kept(TreeBuilder):
    """Builds what was within the limits when it came in."""

    def _check(self, *_: object) -> None:
        """Its writer may have put more prefixes into it, but nothing that is deeper."""
        if self._depth > MAX_DEPTH:
            raise TreeTooLarge(f"it nests deeper than {MAX_DEPTH} levels")


def _parse(parser: XMLParserType, xml: str) -> None:
    try:
        parser.Parse(xml.encode(), True)
    except (ExpatError, TreeTooLarge, UnicodeEncodeError) as error:
        raise UnparsableStanza(str(error)) from None
