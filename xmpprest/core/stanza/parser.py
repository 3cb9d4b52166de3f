"""
Parses stanzas into C{domish.Element} trees, within the restrictions of RFC 6120 §11.

Twisted's element stream concatenates text in quadratic time, and accepts DTDs, comments
and processing instructions. Here expat feeds a tree builder with limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pyexpat import ExpatError, ParserCreate, XMLParserType
from pyexpat import errors as expat
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..errors import Refusal, badRequest, unprocessable
from . import namespaces as ns

#: The highest number of nested levels, the stanza itself included.
MAX_DEPTH = 64

#: The highest number of elements in a document. Each takes the reactor about 5 µs.
MAX_ELEMENTS = 4096

#: The highest number of namespace prefixes that one stanza declares.
MAX_PREFIXES = 64

#: The highest length of a namespace name in characters. A document may name it once,
#: but the serializer writes it for each element in it.
MAX_NAMESPACE = 256

#: The character that expat puts between a namespace and a local name; no document can
#: hold it. Expat refuses a namespace that holds the separator, so with a space any
#: sender could close the stream: xmlns='a b' is valid, and servers pass it on.
SEPARATOR = "\x01"

#: Characters that no URI has (RFC 3986 §2). ejabberd closes the stream over a newline.
_NO_URI = re.compile(r"[\x00-\x20\x7f]")

#: The attributes with the prefix xml, by https://www.w3.org/XML/1998/namespace. Prosody
#: 0.12 makes malformed XML of any other.
_XML_ATTRIBUTES = frozenset({"base", "id", "lang", "space"})

#: The name of an attribute, plain or as (namespace, local name).
Name: TypeAlias = str | tuple[str, str]


class TreeTooLarge(Exception):
    """
    A stanza exceeds a limit, or has a name that servers do not pass on correctly. The
    message says so, such as C{"it nests deeper than 64 levels"}.
    """


class TreeBuilder:
    """
    Builds one tree of elements after another from expat's events.

    A stanza in an implied namespace, and its descendants in the same namespace, are put
    into C{jabber:client}; elements below a foreign element stay unchanged.

    @ivar root: The stanza that is being built, or C{None}.
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
        @param maxElements: The highest number of elements in one tree.
        @param strict: Whether to refuse valid names that servers do not pass on
            correctly.
        """
        self._strict = strict
        self._implied = implied
        self._maxElements = maxElements
        self._prefixes: dict[str, str] = {}
        # Not domish's parent: that would make every stanza a cycle of references.
        self._open: list[Element | None] = []

    def attach(self, parser: XMLParserType) -> None:
        """Connect the builder to the events of a parser."""
        parser.buffer_text = True
        parser.buffer_size = 65536
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartNamespaceDeclHandler = self.prefix

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """
        Begin an element, as expat names it.

        @raise TreeTooLarge: The element exceeds a limit; L{root} is set all the same.
        """
        uri, _, local = name.rpartition(SEPARATOR)
        prefixes = self._prefixes
        if prefixes:
            self._prefixes = {}
        self.begin(uri, local, qualified(attributes), prefixes)

    def begin(
        self,
        uri: str,
        local: str,
        attributes: dict[Name, str],
        prefixes: Mapping[str, str],
    ) -> None:
        """
        Begin an element.

        @param prefixes: The namespace prefixes that it declares.
        @raise TreeTooLarge: The element exceeds a limit; L{root} is set all the same.
        """
        self._depth += 1
        self._elements += 1
        parent = self._current
        if parent is None:
            self._own = uri if uri in self._implied else ns.CLIENT
        if uri == self._own and (parent is None or parent.uri == ns.CLIENT):
            uri = ns.CLIENT
        element = Element((uri, local), uri, attributes, prefixes)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(parent)
        self._current = element
        self._prefixCount += len(prefixes)
        # Most elements of most stanzas need only the first of the checks.
        if (
            uri != ns.CLIENT
            or prefixes
            or self._depth > MAX_DEPTH
            or self._elements > self._maxElements
        ):
            self._check(uri, prefixes)
        if self._strict:
            self._checkPortable(uri, prefixes, attributes)

    def _check(self, uri: str, prefixes: Mapping[str, str]) -> None:
        if uri == ns.XML:
            # Servers write it with xmlns='…', which closes the receiver's stream.
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
                raise TreeTooLarge(f"of the attributes xml:… only {known} are allowed")

    def end(self, name: str) -> None:
        """End the current element."""
        self._depth -= 1
        if self._open:
            self._current = self._open.pop()

    def text(self, data: str) -> None:
        """Add text to the current element."""
        if self._current is not None:
            self._current.addContent(data)

    def prefix(self, prefix: str | None, uri: str | None) -> None:
        """Note a namespace prefix that the next element declares."""
        if prefix is not None:
            # Text may use the prefix, too, as in xsi:type='xs:string'.
            self._prefixes[prefix] = uri or ""

    def reset(self) -> None:
        """Forget the tree, to begin another."""
        self.root = self._current = None
        self._prefixes, self._open = {}, []
        self._depth = self._elements = self._prefixCount = 0


def qualified(attributes: dict[str, str]) -> dict[Name, str]:
    """
    Convert the names of attributes from expat's form to domish's.

    @param attributes: Keys like C{"local"}, or the namespace, L{SEPARATOR} and the
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
    Parse the one element of a request or a response.

    @param body: UTF-8, without an XML declaration.
    @return: The element, which is not yet known to be a valid stanza; see
        L{buildSubmission<xmpprest.core.policy.submission.buildSubmission>}.
    @raise Refusal: 400, the text says what is wrong, and where.
    """
    if not body.strip():
        raise badRequest("The body is empty; it must hold one message, presence or iq.")
    # Expat would accept UTF-16, and not name the invalid character.
    text = decodeUTF8(body)
    if text.startswith("\ufeff"):
        raise badRequest(
            "The body begins with a byte order mark (BOM); save it as UTF-8 without"
            " BOM."
        )
    illegal = illegalCharacter(text)
    if illegal is not None:
        raise badRequest(illegal)
    builder = TreeBuilder(_DOCUMENT, MAX_ELEMENTS, strict=True)
    parser = ParserCreate("UTF-8", SEPARATOR)
    builder.attach(parser)
    for handler, refuse in _RESTRICTED:
        setattr(parser, handler, refuse)
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
    Parse XML that is a value within another document.

    @param start: A start tag to put before it, which sets its namespace.
    @param end: The end tag to put behind it.
    @param at: The name of the value in errors.
    @param kind: The name of its format in errors.
    @return: The element around it.
    @raise Refusal: 422, without positions, which would count the start tag, too.
    """
    try:
        return parseDocument(f"{start}{piece}{end}".encode())
    except Refusal as refusal:
        fault = refusal.problem.text.removeprefix("The body ")
        raise unprocessable(
            "bad-format", f"The key {at!r} is not {kind}: it {_POSITION.sub('', fault)}"
        ) from None


def decodeUTF8(body: bytes) -> str:
    """
    Decode a body.

    @raise Refusal: 400, the body is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise badRequest(
            f"The body is not UTF-8: {error.reason} at byte {error.start}."
        ) from None


#: Characters that no XML document may hold (XML 1.0 §2.2).
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def illegalCharacter(text: str) -> str | None:
    """
    Find a character that XML cannot carry.

    @return: A sentence about it with a hint; C{None} if there is none.
    """
    found = ILLEGAL.search(text)
    if found is None:
        return None
    return (
        f"The body has the character U+{ord(found[0]):04X} at position"
        f" {found.start()}, which XML forbids; leave it out."
    )


#: Hints for the errors of expat.
_HINTS = {
    expat.codes[expat.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: "; send one stanza at a time",
    expat.codes[expat.XML_ERROR_UNBOUND_PREFIX]: "; declare it with xmlns:PREFIX",
    expat.codes[expat.XML_ERROR_UNDEFINED_ENTITY]: (
        "; write the character itself, or a reference like &#160;"
    ),
}


def _refuser(what: str) -> Callable[..., None]:
    """Return an expat handler that refuses the markup it is called for."""

    def refuse(*_: object) -> None:
        raise badRequest(
            f"The body contains {what}, which XMPP forbids (RFC 6120 §11.1);"
            " leave it out."
        )

    return refuse


#: The restricted markup (RFC 6120 §11.1): the names of expat's handlers, and handlers
#: that refuse it by its name.
_RESTRICTED = (
    ("XmlDeclHandler", _refuser("an XML declaration")),
    ("StartDoctypeDeclHandler", _refuser("a document type declaration")),
    ("CommentHandler", _refuser("a comment")),
    ("ProcessingInstructionHandler", _refuser("a processing instruction")),
)
