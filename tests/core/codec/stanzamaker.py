"""
Makes stanzas that nobody has thought of, and JSON forms of stanzas, with Hypothesis.

A stanza begins with children that the table of keys knows, and then things happen to
it, and to what it holds. A JSON form is made from the JSON Schema that the OpenAPI
document has, so that whatever that allows is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from hypothesis import strategies as st
from twisted.words.xish.domish import Element

from tests.core.codec.case import DOMAIN, xml
from tests.core.codec.pairs import PAIRS, compact
from xmpprest.core.media.values import Value
from xmpprest.core.openapi.document import document
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import LANG, TYPES, elements, make
from xmpprest.core.stanza.parser import Name
from xmpprest.core.stanza.serializer import toXML

#: A JSON Schema, or a part of the OpenAPI document. Any, as in the document.
Schema: TypeAlias = Mapping[str, Any]

# --- parts ----------------------------------------------------------------------

#: What is carried, and often mistaken for something else.
TEXTS = st.sampled_from(
    (
        *("", "a", "1", "0", "-1", "007", "+5", " 5", "5 ", "1_0", "1.50", "1e3"),
        *("9" * 19, "9" * 20, "9" * 400, "true", "false", "True", "null", "{}", "[1]"),
        *("a b", " ", "\n", "\t a \r\n b\r", "a\n\nb\n", "\u00a0", "\u2028", "\u3000"),
        *("<&>\"']]>", "&amp;", "<b/>", "</xml>", "\U0001f422", "e\u0301", "\ufeff"),
        *("2010-07-10T23:08:25Z", "urn:a", "a@b/c", "submit", "text-multi", "normal"),
    )
) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=5,
)

_URIS = st.sampled_from((ns.CLIENT, "", "urn:a", ns.DATA, ns.STANZA_ERRORS, ns.XHTML))
_NAMES = st.sampled_from(
    (
        *("a", "x", "body", "query", "item", "field", "value", "text", "html", "url"),
        *("message", "error", "reason", "set", "first", "received", "store", "actions"),
    )
)
_ATTRIBUTES: st.SearchStrategy[Name] = st.sampled_from(
    (
        *("id", "type", "var", "jid", "node", "from", "to", "stamp", "by", "code", "a"),
        *("label", "index", "xmlnsa", LANG, (ns.XML, "space"), ("urn:a", "id")),
        *(("urn:b", "type"), (ns.CLIENT, "to")),
    )
)
_PREFIXES = st.sampled_from(("p", "ns0", "ns1", "xs", "stream"))
_ANY_URI = st.sampled_from(("urn:a", "urn:b", "http://a/?b&c='d'", ns.CLIENT, ns.DATA))


@cache
def _known(kind: str) -> tuple[Element, ...]:
    """The children that the stanzas of a kind have in the pairs."""
    stanzas = [xml(compact(pair.stanza)) for pair in PAIRS]
    return tuple(
        child for stanza in stanzas for child in elements(stanza) if stanza.name == kind
    )


def _copy(part: Element) -> Element:
    """Return a copy of an element, which may be changed."""
    copy = Element((part.uri, part.name), part.uri, dict(part.attributes))
    copy.localPrefixes = dict(part.localPrefixes)
    copy.children = [c if isinstance(c, str) else _copy(c) for c in part.children]
    return copy


def within(part: Element) -> Iterator[Element]:
    """An element, and all in it."""
    yield part
    for child in elements(part):
        yield from within(child)


# --- what may happen to an element ----------------------------------------------

_Happening: TypeAlias = Callable[[st.DrawFn, Element], None]


def _setAttribute(draw: st.DrawFn, part: Element) -> None:
    part.attributes[draw(_ATTRIBUTES)] = draw(TEXTS)


def _changeAttribute(draw: st.DrawFn, part: Element) -> None:
    if part.attributes:
        part.attributes[draw(st.sampled_from([*part.attributes]))] = draw(TEXTS)


def _dropAttribute(draw: st.DrawFn, part: Element) -> None:
    if part.attributes:
        del part.attributes[draw(st.sampled_from([*part.attributes]))]


def _declare(draw: st.DrawFn, part: Element) -> None:
    part.localPrefixes[draw(_PREFIXES)] = draw(_ANY_URI)


def _insertText(draw: st.DrawFn, part: Element) -> None:
    part.children.insert(draw(_place(part)), draw(TEXTS))


def _replaceText(draw: st.DrawFn, part: Element) -> None:
    part.children = [c for c in part.children if not isinstance(c, str)]
    part.addContent(draw(TEXTS))


def _insertElement(draw: st.DrawFn, part: Element) -> None:
    uri = draw(_URIS | st.just(part.uri))
    child = Element((uri, draw(_NAMES)), uri)
    if draw(st.booleans()):
        child.addContent(draw(TEXTS))
    part.children.insert(draw(_place(part)), child)


def _insertKnown(draw: st.DrawFn, part: Element) -> None:
    children = _known(draw(st.sampled_from(("message", "presence", "iq"))))
    child = _copy(draw(st.sampled_from(children)))
    part.children.insert(draw(_place(part)), child)


def _repeat(draw: st.DrawFn, part: Element) -> None:
    if part.children:
        child = draw(st.sampled_from(part.children))
        again = child if isinstance(child, str) else _copy(child)
        part.children.insert(draw(_place(part)), again)


def _drop(draw: st.DrawFn, part: Element) -> None:
    if part.children:
        del part.children[draw(st.integers(0, len(part.children) - 1))]


def _move(draw: st.DrawFn, part: Element) -> None:
    if part.children:
        child = part.children.pop(draw(st.integers(0, len(part.children) - 1)))
        part.children.insert(draw(_place(part)), child)


def _rename(draw: st.DrawFn, part: Element) -> None:
    for child in elements(part)[:1]:
        child.name = draw(_NAMES)


def _moveToNamespace(draw: st.DrawFn, part: Element) -> None:
    for child in elements(part)[-1:]:
        child.uri = child.defaultUri = draw(_URIS)


def _forward(draw: st.DrawFn, part: Element) -> None:
    """Put a message around what there is, and that into another element."""
    inner = make("message", {"to": "a@b", "type": draw(_TYPES["message"])})
    inner.children = part.children
    around = Element((ns.FORWARD, "forwarded"), ns.FORWARD)
    around.children = [inner]
    part.children = [around]


def _place(part: Element) -> st.SearchStrategy[int]:
    return st.integers(0, len(part.children))


_TYPES: Mapping[str, st.SearchStrategy[str | None]] = {
    kind: st.sampled_from(sorted(types, key=str)) for kind, types in TYPES.items()
}

_HAPPENINGS: tuple[_Happening, ...] = (
    *(_setAttribute, _changeAttribute, _dropAttribute, _declare),
    *(_insertText, _replaceText, _insertElement, _insertKnown),
    *(_repeat, _drop, _move, _rename, _moveToNamespace, _forward),
)


@st.composite
def stanzas(draw: st.DrawFn) -> Element:
    """Stanzas as the parser reads them."""
    kind = draw(st.sampled_from(("message", "presence", "iq")))
    stanza = make(kind, {"type": draw(_TYPES[kind])})
    children = draw(st.lists(st.sampled_from(_known(kind)), max_size=3))
    stanza.children = [_copy(child) for child in children]
    for name in draw(st.sets(st.sampled_from(("to", "from", "id", "a", LANG)))):
        stanza.attributes[name] = draw(TEXTS)
    for happening in draw(st.lists(st.sampled_from(_HAPPENINGS), max_size=5)):
        part = draw(st.sampled_from([*within(stanza)]))
        if part is not stanza or happening not in _ATTRIBUTES_CHANGE:
            happening(draw, part)
    for part in within(stanza):
        if part.name in TYPES and part.attributes.get("to") == "":
            del part.attributes["to"]  # It is for nobody, so it does not come here.
    # Implied is none, so that jabber:client and no namespace are not the same.
    return xml(toXML(stanza, ""))


#: What does not happen to the stanza itself: its type, if there is one, is proper.
_ATTRIBUTES_CHANGE = (_setAttribute, _changeAttribute, _dropAttribute)


# --- JSON forms -----------------------------------------------------------------

#: The schemas of the OpenAPI document.
COMPONENTS: Schema = document(DOMAIN, "1")["components"]

_STRINGS = st.sampled_from(
    ("", "a", "a b", " ", "1", "\n", "a\nb\n", "\r", "\t", "<&'")
)
_LEAVES: st.SearchStrategy[Value] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _STRINGS
)
#: Any JSON value that is not large.
ANYTHING: st.SearchStrategy[Value] = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(_STRINGS, inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def jsonForms(draw: st.DrawFn) -> Value:
    """Generate values that the schema of some kind of stanza allows."""
    kind = draw(st.sampled_from(("message", "presence", "iq")))
    return _drawn(draw, COMPONENTS["schemas"][kind], 0)


@st.composite
def nearlyJSONForms(draw: st.DrawFn) -> Value:
    """Generate such values with one value in them replaced by another."""
    form = draw(jsonForms())
    ways = [*_ways(form)]
    *way, last = draw(st.sampled_from(ways)) if ways else [None]
    if last is None:
        return draw(ANYTHING)
    # Any, since nobody but the way knows what is a list and what an object.
    holder: Any = form
    for step in way:
        holder = holder[step]
    holder[last] = draw(ANYTHING)
    return form


def _ways(value: Value) -> Iterator[list[int | str]]:
    """The ways to all that is in a value."""
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for step, member in members:
        yield [step]
        yield from ([step, *way] for way in _ways(member))


def _drawn(draw: st.DrawFn, schema: Schema, depth: int) -> Value:
    """A value that a schema allows; few keys, and fewer deep down."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _drawn(draw, COMPONENTS["schemas"][name], depth)
    if "anyOf" in schema:
        return _drawn(draw, draw(st.sampled_from(schema["anyOf"])), depth)
    if "enum" in schema or "const" in schema:
        known: list[Value] = schema.get("enum") or [schema["const"]]
        return draw(st.sampled_from(known))
    types = schema.get("type", "anything")
    type = types if isinstance(types, str) else draw(st.sampled_from(types))
    if type == "object":
        return _drawnObject(draw, schema, depth)
    if type == "array":
        count = draw(st.integers(0, 2 if depth < 4 else 1))
        items = schema.get("items", {})
        return [_drawn(draw, items, depth + 1) for _ in range(count)]
    return draw(_SCALARS[type](schema))


def _drawnObject(draw: st.DrawFn, schema: Schema, depth: int) -> Value:
    properties = schema.get("properties", {})
    value: dict[str, Value] = {}
    if properties:
        names = st.sampled_from([*properties])
        few = draw(st.lists(names, max_size=4 if depth < 4 else 1, unique=True))
        for key in dict.fromkeys([*schema.get("required", ()), *few]):
            value[key] = _drawn(draw, properties[key], depth + 1)
    additional = schema.get("additionalProperties", {})
    if additional is not False:
        for key in draw(st.lists(_STRINGS, max_size=2, unique=True)):
            value[key] = _drawn(draw, additional, depth + 1)
    return value


_SCALARS: Mapping[str, Callable[[Schema], st.SearchStrategy[Value]]] = {
    "anything": lambda schema: ANYTHING,
    "null": lambda schema: st.none(),
    "boolean": lambda schema: st.booleans(),
    "string": lambda schema: TEXTS | _STRINGS,
    "integer": lambda schema: st.integers(
        schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
    ),
    "number": lambda schema: (
        st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
    ),
}
