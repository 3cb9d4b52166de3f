"""Tests of L{xmpprest.core.stanza.serializer}."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.words.xish.domish import Element

from tests.core.codec.case import CoreTestCase, xml
from tests.support.canonical import Canonical, QName, canonical
from tests.support.hypothesis_profiles import THOROUGH
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.parser import parseDocument
from xmpprest.core.stanza.serializer import toXML

#: What becomes of a document that is read and written.
WRITTEN = {
    "<message></message>": "<message/>",
    "<message xmlns='jabber:client'><body>a</body></message>": (
        "<message><body>a</body></message>"
    ),
    "<c:message xmlns:c='jabber:client'><c:body/></c:message>": (
        "<message xmlns:c='jabber:client'><body/></message>"
    ),
    "<message><x xmlns='urn:x'><y/></x></message>": (
        "<message><x xmlns='urn:x'><y/></x></message>"
    ),
    "<message><x xmlns='urn:x'><y xmlns=''/></x></message>": (
        "<message><x xmlns='urn:x'><y xmlns=''/></x></message>"
    ),
    "<message><x xmlns='urn:x'><message xmlns='jabber:client'/></x></message>": (
        "<message><x xmlns='urn:x'><message xmlns='jabber:client'/></x></message>"
    ),
    "<message xml:lang='de'><body xml:lang='en'/></message>": (
        "<message xml:lang='de'><body xml:lang='en'/></message>"
    ),
    "<x xmlns='urn:&lt;&amp;&apos;&quot;'/>": "<x xmlns='urn:&lt;&amp;&apos;&quot;'/>",
    "<a>&lt;&gt;&amp;'\"]]&gt;\t\n&#13;</a>": "<a>&lt;&gt;&amp;'\"]]&gt;\t\n&#13;</a>",
    "<a b='&lt;>&amp;&apos;&quot;&#9;&#10;&#13;'/>": (
        "<a b='&lt;&gt;&amp;&apos;&quot;&#9;&#10;&#13;'/>"
    ),
    "<p:a xmlns:p='urn:p' p:b='c'/>": "<a xmlns='urn:p' xmlns:p='urn:p' p:b='c'/>",
}

#: Documents that C{domish} puts into a wrong namespace, or that are the like.
PREFIXES = (
    "<a xmlns='urn:a' xmlns:p='urn:1'><b xmlns:p='urn:2' p:c='d'/><p:e p:f='g'/></a>",
    "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c p:d=''/></p:b><p:e p:f=''/></p:a>",
    "<a xmlns:p='urn:1' xmlns:q='urn:1' p:b=''><c xmlns:p='urn:2' q:d='' p:e=''/></a>",
    "<a xmlns:ns1='urn:1'><b xmlns:ns2='urn:2' ns1:c='' ns2:d=''/></a>",
    "<a><b xmlns='urn:b' xmlns:p='jabber:client'><p:c/><d xmlns=''/></b></a>",
)

_URIS = (
    ns.CLIENT,
    ns.COMPONENT,
    ns.STREAMS,
    "urn:a",
    "urn:b",
    "a&b<c>'\"\u00e9",
    "",
)
_NAMES = st.from_regex(
    r"[A-Za-z_\u00e9\u540d][A-Za-z0-9._\-\u00e9]{0,3}", fullmatch=True
)
_PREFIXES = st.sampled_from(("p", "q", "ns0", "ns1", "ns2", "stream"))
_TEXT = st.text(
    st.sampled_from("\t\n\r<>&'\" ]a")
    | st.characters(
        min_codepoint=0x20,
        exclude_categories=["Cs"],
        exclude_characters="\ufffe\uffff",
    ),
    max_size=8,
)
_ATTRIBUTES = st.dictionaries(
    _NAMES.filter(lambda name: name != "xmlns")
    | st.tuples(st.sampled_from(tuple(filter(None, _URIS))), _NAMES)
    | st.tuples(st.just(ns.XML), st.sampled_from(("base", "id", "lang", "space"))),
    _TEXT,
    max_size=4,
)
_DECLARED = st.dictionaries(
    _PREFIXES, st.sampled_from(tuple(filter(None, _URIS))), max_size=3
)


@st.composite
def trees(draw: st.DrawFn, parent: str = "", depth: int = 0) -> Element:
    """
    Elements that XML can carry; the outermost is in jabber:client.
    """
    # In a document of its own, no namespace at the top stands for jabber:client.
    uris = [uri for uri in _URIS if uri or parent != ns.CLIENT]
    uri = draw(st.sampled_from(uris)) if depth else ns.CLIENT
    element = Element((uri, draw(_NAMES)), uri, draw(_ATTRIBUTES), draw(_DECLARED))
    if depth < 4:
        child = _TEXT | trees(uri, depth + 1)
        element.children = draw(st.lists(child, max_size=3))
    return element


class ToXMLTests(CoreTestCase):
    """
    L{toXML}
    """

    def test_written(self) -> None:
        """
        Elements are written with default namespaces and with no declaration that
        nobody needs, and everything is escaped that has to be.
        """
        for document, written in WRITTEN.items():
            self.assertEqual(toXML(xml(document)), written, document)

    def test_prefixes(self) -> None:
        """
        A prefix may be bound twice.
        """
        for document in PREFIXES:
            written = toXML(xml(document))
            self.assertEqual(canonical(xml(written)), canonical(xml(document)), written)

    def test_madeAttributes(self) -> None:
        """
        Attributes of a namespace that nobody has declared get a prefix that is free,
        one for each namespace.
        """
        element = Element((ns.CLIENT, "a"), localPrefixes={"ns2": "urn:2"})
        element.attributes = {("urn:1", "b"): "", ("urn:1", "c"): "", ("u", "b"): ""}
        self.assertEqual(
            toXML(element),
            "<a xmlns:ns2='urn:2' xmlns:ns3='urn:1' ns3:b='' ns3:c=''"
            " xmlns:ns4='u' ns4:b=''/>",
        )

    def test_inherited(self) -> None:
        """
        An element that says nothing of its namespace is in that of its parent.
        """
        element = Element(("urn:x", "a"))
        element.children = [Element((None, "b"))]
        self.assertEqual(toXML(element), "<a xmlns='urn:x'><b/></a>")

    def test_deep(self) -> None:
        """Every element that the parser accepts can be written."""
        document = "<a>" * 63 + "<a/>" + "</a>" * 63
        self.assertEqual(toXML(xml(document)), document)

    @settings(max_examples=THOROUGH // 5)
    @given(trees())
    def test_roundTrip(self, tree: Element) -> None:
        """An element that was written is read back equal."""
        written = toXML(tree)
        again = parseDocument(written.encode("utf-8"))
        self.assertEqual(canonical(again), canonical(tree), written)
        self.assertEqual(canonical(xml(toXML(again))), canonical(tree), written)

    @settings(max_examples=THOROUGH // 5)
    @given(trees())
    def test_stream(self, tree: Element) -> None:
        """
        In a component's stream it is what it was, in the namespace of the stream.
        """
        stream = ElementTree.fromstring(
            f"<stream:stream xmlns='{ns.COMPONENT}' xmlns:stream='{ns.STREAMS}'>"
            f"{toXML(tree)}</stream:stream>"
        )
        self.assertEqual(_read(stream[0]), _inStream(canonical(tree)))


def _qname(name: str) -> QName:
    """C{{uri}local}, as ElementTree has it."""
    uri, _, local = name.rpartition("}")
    return uri[1:], local


def _read(element: ElementTree.Element) -> Canonical:
    """Read XML by another parser."""
    content: list[Canonical | str] = [element.text or ""]
    for child in element:
        content += [_read(child), child.tail or ""]
    attributes = sorted((_qname(name), value) for name, value in element.items())
    return (*_qname(element.tag), tuple(attributes), tuple(filter(None, content)))


def _inStream(element: Canonical) -> Canonical:
    """Write an element for a stream whose namespace is its own."""
    uri, name, attributes, content = element
    if uri != ns.CLIENT:
        return element
    return (
        ns.COMPONENT,
        name,
        attributes,
        tuple(each if isinstance(each, str) else _inStream(each) for each in content),
    )
