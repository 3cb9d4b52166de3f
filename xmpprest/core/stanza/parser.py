"""
Reads stanzas from XML, into C{domish.Element} trees, as RFC 6120 §11 restricts it.

Twisted's own element stream concatenates text in quadratic time and lets DTDs,
comments and processing instructions pass, hence this one: expat feeds a tree
that knows its limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pyexpat import ExpatError, ParserCreate, XMLParserType
from pyexpat import errors as expat
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..errors import Refusal, badRequest, unprocessable
from . import namespaces as ns

#: How deep elements may nest, the stanza itself included.
MAX_DEPTH = 64

#: How many elements a document may hold. Each costs the reactor some 5 µs.
MAX_ELEMENTS = 4096

#: How many namespace prefixes one stanza may declare.
MAX_PREFIXES = 64

#: How long the name of a namespace may be, in characters. It is one word in what is
#: read, but is written once for each element that is in it.
MAX_NAMESPACE = 256

#: What expat puts between a namespace and a local name: what no document can hold.
#: Expat refuses a namespace that does, so that with a space any stranger could close
#: the stream: xmlns='a b' is in order, and servers pass it on.
SEPARATOR = "\x01"

#: What no URI has (RFC 3986 §2). ejabberd closes the stream over a newline.
_NO_URI = re.compile(r"[\x00-\x20\x7f]")

#: The attributes that are called xml:…, by https://www.w3.org/XML/1998/namespace.
#: What Prosody 0.12 makes of any other is no XML.
_XML_ATTRIBUTES = frozenset({"base", "id", "lang", "space"})

#: The name of an attribute, plain or as (namespace, local name).
Name: TypeAlias = str | tuple[str, str]


class TreeTooLarge(Exception):
    """
    A stanza exceeds a limit, or holds what no server passes on in good order; the
    message says so, as in "it nests too deep".
    """


class TreeBuilder:
    """
    Builds one tree of elements after another from expat's events.

    The stanza and those below it that share its namespace are put into
    C{jabber:client}, if that is one of the implied; what is below a foreign element
    stays as it is.

    @ivar root: The stanza that is being built, if any.
    """

    root: Element | None = None
    _current: Element | None = None
    _own = ns.CLIENT
    _depth = 0
    _elements = 0
    _prefixCount = 0

    def __init__(
        self, implied: frozenset[str], maxElements: int, *, strict: bool = False
    ) -> None:
        """
        @param implied: The namespaces that stand for C{jabber:client}.
        @param maxElements: How many elements one tree may hold.
        @param strict: Whether to refuse what is in order, but which servers do not
            carry in good order.
        """
        self._strict = strict
        self._implied = implied
        self._maxElements = maxElements
        self._prefixes: dict[str, str] = {}
        # Not domish's parent: that would make every stanza a cycle of references.
        self._open: list[Element | None] = []

    def attach(self, parser: XMLParserType) -> None:
        """Let the events of a parser build the tree."""
        parser.buffer_text = True
        parser.buffer_size = 65536
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartNamespaceDeclHandler = self.prefix

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """
        An element opens.

        @raise TreeTooLarge: This one is one too many; L{root} is set all the same.
        """
        self._depth += 1
        self._elements += 1
        parent = self._current
        uri, _, local = name.rpartition(SEPARATOR)
        if parent is None:
            self._own = uri if uri in self._implied else ns.CLIENT
        if uri == self._own and (parent is None or parent.uri == ns.CLIENT):
            uri = ns.CLIENT
        prefixes = self._prefixes
        element = Element((uri, local), uri, qualified(attributes), prefixes)
        if prefixes:
            self._prefixes = {}
            self._prefixCount += len(prefixes)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(parent)
        self._current = element
        self._check(uri, prefixes)
        if self._strict:
            self._checkPortable(uri, prefixes, element.attributes)

    def _check(self, uri: str, prefixes: Mapping[str, str]) -> None:
        if uri == ns.XML:
            # Servers write it with xmlns='…', which closes the reader's stream.
            raise TreeTooLarge("it holds an element with the prefix xml")
        if self._depth > MAX_DEPTH:
            raise TreeTooLarge(f"it nests deeper than {MAX_DEPTH} levels")
        if self._elements > self._maxElements:
            raise TreeTooLarge(f"it holds more than {self._maxElements} elements")
        if self._prefixCount > MAX_PREFIXES:
            raise TreeTooLarge(f"it declares more than {MAX_PREFIXES} prefixes")
        if len(uri) > MAX_NAMESPACE or (
            prefixes and max(map(len, prefixes.values())) > MAX_NAMESPACE
        ):
            raise TreeTooLarge(
                f"the name of a namespace is longer than {MAX_NAMESPACE} characters"
            )

    def _checkPortable(
        self, uri: str, prefixes: Mapping[str, str], attributes: Iterable[Name]
    ) -> None:
        for name in (uri, *prefixes.values()) if prefixes else (uri,):
            if _NO_URI.search(name):
                raise TreeTooLarge(
                    "the name of a namespace has a space or a control character,"
                    " which no URI has"
                )
        for key in attributes:
            if key[0] == ns.XML and key[1] not in _XML_ATTRIBUTES:
                known = ", ".join(sorted(_XML_ATTRIBUTES))
                raise TreeTooLarge(f"of the attributes xml:… it may have only {known}")

    def end(self, name: str) -> None:
        """The element that opened last closes."""
        self._depth -= 1
        if self._open:
            self._current = self._open.pop()

    def text(self, data: str) -> None:
        """Text within the current element."""
        if self._current is not None:
            self._current.addContent(data)

    def prefix(self, prefix: str | None, uri: str | None) -> None:
        """A namespace is declared by the element that opens next."""
        if prefix is not None:
            # Kept because text may use it too, as in xsi:type='xs:string'.
            self._prefixes[prefix] = uri or ""

    def reset(self) -> None:
        """Forget the tree, to begin another."""
        self.root = self._current = None
        self._prefixes, self._open = {}, []
        self._depth = self._elements = self._prefixCount = 0


def qualified(attributes: dict[str, str]) -> dict[Name, str]:
    """
    Expat's attribute names as domish has them.

    @param attributes: Keys like C{"local"}, or the namespace, L{SEPARATOR}, and the
        local name.
    @return: Keys like C{("uri", "local")} or C{"local"}.
    """
    result: dict[Name, str] = {}
    for key, value in attributes.items():
        uri, _, local = key.rpartition(SEPARATOR)
        result[(uri, local) if uri else local] = value
    return result


#: "The default/empty namespace is treated as jabber:client."
_DOCUMENT = frozenset({"", ns.CLIENT})


def parseDocument(body: bytes) -> Element:
    """
    Read the one element that a request or an answer consists of.

    @param body: UTF-8, without an XML declaration.
    @return: The element; whether it is a stanza is for
        L{buildSubmission<xmpprest.core.policy.submission.buildSubmission>} to say.
    @raise Refusal: 400, the text says what is wrong, and where.
    """
    if not body.strip():
        raise badRequest("The body is empty; it must hold one message, presence or iq.")
    # Expat would take UTF-16 for what it is, and not say which character is bad.
    text = decodeUTF8(body)
    if text.startswith("\ufeff"):
        raise badRequest("The body begins with a byte order mark; leave it out.")
    illegal = illegalCharacter(text)
    if illegal is not None:
        raise badRequest(illegal)
    builder = TreeBuilder(_DOCUMENT, MAX_ELEMENTS, strict=True)
    parser = ParserCreate("UTF-8", SEPARATOR)
    builder.attach(parser)
    for handler, what in _RESTRICTED.items():
        setattr(parser, handler, _refuser(what))
    try:
        parser.Parse(body, True)
    except ExpatError as error:
        hint = _HINTS.get(error.code, "")
        raise badRequest(f"The body is not well-formed XML: {error}{hint}.") from None
    except TreeTooLarge as error:
        raise badRequest(f"The body cannot be sent: {error}.") from None
    assert builder.root is not None  # or expat had found no element
    return builder.root


_POSITION = re.compile(r": line \d+, column \d+")


def parseFragment(start: str, piece: str, end: str, at: str, kind: str) -> Element:
    """
    Read a piece of XML that stands in something else.

    @param start: The tag to put before it, which says its namespace.
    @param end: The tag behind it.
    @param at: What it is called in an error.
    @param kind: What it should be, for the same.
    @return: The element around it.
    @raise Refusal: 422; without positions, which would count the tag, too.
    """
    try:
        return parseDocument(f"{start}{piece}{end}".encode())
    except Refusal as refusal:
        fault = refusal.problem.text.removeprefix("The body ")
        raise unprocessable(
            "bad-format", f"The key {at!r} is no {kind}: it {_POSITION.sub('', fault)}"
        ) from None


def decodeUTF8(body: bytes) -> str:
    """
    The text of a body.

    @raise Refusal: 400, it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise badRequest(
            f"The body is not UTF-8: {error.reason} at byte {error.start}."
        ) from None


#: XML 1.0 §2.2: what no document may hold.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def illegalCharacter(text: str) -> str | None:
    """
    Look for characters that XML cannot carry.

    @return: What is wrong, and what to do about it; C{None} if nothing is.
    """
    found = ILLEGAL.search(text)
    if found is None:
        return None
    return (
        f"The body has the character U+{ord(found[0]):04X} at position"
        f" {found.start()}, which XML forbids; leave it out."
    )


#: What to do about errors that expat only names.
_HINTS = {
    expat.codes[expat.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: "; send one stanza at a time",
    expat.codes[expat.XML_ERROR_UNBOUND_PREFIX]: "; declare it with xmlns:PREFIX",
    expat.codes[expat.XML_ERROR_UNDEFINED_ENTITY]: (
        "; write the character itself, or a reference like &#160;"
    ),
}

#: RFC 6120 §11.1: the handler that expat calls for it, and its name to a person.
_RESTRICTED = {
    "XmlDeclHandler": "an XML declaration",
    "StartDoctypeDeclHandler": "a document type declaration",
    "CommentHandler": "a comment",
    "ProcessingInstructionHandler": "a processing instruction",
}


def _refuser(what: str) -> object:
    """A handler that refuses what it is called for."""

    def refuse(*_: object) -> None:
        raise badRequest(
            f"The body contains {what}, which XMPP forbids (RFC 6120 §11.1);"
            " leave it out."
        )

    return refuse
