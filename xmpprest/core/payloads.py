"""The elements whose JSON is more than a rearrangement of their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from twisted.words.xish.domish import Element

from . import namespaces as ns
from . import values
from .errors import Refusal, unprocessable
from .forms import DATA_FORM, CompactForm, submit
from .parser import MAX_DEPTH, MAX_ELEMENTS, Name, parsePiece
from .scalars import (
    STRING,
    QName,
    Scalar,
    Schema,
    Unfit,
    integer,
    string,
    textOf,
    unknown,
    wrong,
)
from .shapes import Flag, Record, Text
from .slots import Attribute, Child, Choice, Content
from .stanza import LANG, element, elements, find
from .values import Value
from .writer import toXML


@dataclass(frozen=True)
class _OnePiece:
    """A shape without keys that a form could name."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """None."""
        return {}

    def fromText(self, text: str, at: str) -> Value:
        """The text, as if it had come in JSON."""
        return text

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """The texts, as if they had come in JSON."""
        return {**pairs}


@dataclass(frozen=True)
class Markup(_OnePiece):
    """XHTML-IM (XEP-0071): the body with all that is in it, as a string."""

    @property
    def schema(self) -> Schema:
        """Markup is a string."""
        return {
            "type": "string",
            "description": "XHTML, as in &lt;body>&lt;p>Hello&lt;/p>&lt;/body>.",
        }

    def read(self, element: Element) -> Value:
        """The one body, in no namespace, as mod_rest has it."""
        bodies = elements(element)
        if len(bodies) != 1 or (bodies[0].uri, bodies[0].name) != (ns.XHTML, "body"):
            raise Unfit
        return toXML(bodies[0], ns.XHTML)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The markup, in a body if it has none itself."""
        if not isinstance(value, str):
            raise wrong(at, "a string", value)
        body = parsePiece(f"<body xmlns='{ns.XHTML}'>", value, "</body>", at, "XHTML")
        inner = elements(body)
        isWhole = len(body.children) == len(inner) == 1
        if isWhole and (inner[0].uri, inner[0].name) == (ns.XHTML, "body"):
            body = inner[0]
        return element(*name, None, [body])


@dataclass(frozen=True)
class _JSON(_OnePiece):
    """A JSON container (XEP-0335): any JSON value."""

    @property
    def schema(self) -> Schema:
        """Anything."""
        return {}

    def read(self, element: Element) -> Value:
        """The value, if the text is JSON that could be sent as part of a stanza."""
        try:
            value = values.fromJSON(textOf(element).encode("utf-8"))
        except Refusal:
            raise Unfit from None
        if _depth(value) > MAX_DEPTH // 2:
            raise Unfit
        return value

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Its text."""
        return element(*name, None, [values.toJSON(value).decode("utf-8")])

    def fromText(self, text: str, at: str) -> Value:
        """The JSON that the text is."""
        return values.fromJSON(text.encode("utf-8"))


def _depth(value: Value) -> int:
    """How deep lists and objects nest in a value; it is known not to be very deep."""
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


class _Payload(Record):
    """Any JSON value, null as well, with the name of what it is (XEP-0432)."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element; null would be left out of any other."""
        if not isinstance(value, dict) or value.get("data", True) is not None:
            return super().write(name, value, at)
        made = super().write(name, {**value, "data": False}, at)
        assert made is not None  # a record always makes one
        null = element(ns.JSON, "json", None, ["null"])
        return element(*name, made.attributes, [null])


JSON_PAYLOAD = _Payload(
    {
        "datatype": Attribute("datatype"),
        "data": Child("json", _JSON(), ns.JSON),
    },
    required=("datatype", "data"),
)


@dataclass(frozen=True)
class _Names:
    """A list of strings that stand in a form with commas between."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """A list of strings."""
        return {"type": "array", "items": self.scalar.schema}

    def fromText(self, text: str, at: str) -> Value:
        """One or several; none if it is empty."""
        if text.count(",") > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint", f"The key {at!r} has too many values."
            )
        return [*text.split(",")] if text else []


@dataclass(frozen=True)
class Nowhere:
    """A key that the record itself puts where it belongs."""

    shape: Scalar | _Names
    isText = True

    @property
    def schema(self) -> Schema:
        """That of what it stands for."""
        return self.shape.schema

    def position(self, element: Element) -> int:
        """Nowhere."""
        return -1

    def read(self, element: Element) -> Value:
        """The record sees to that."""
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """The record has taken it out before, or has no place for it."""
        raise unprocessable(
            "bad-format", f"The key {at!r} is about another key that is not there."
        )

    def check(self, value: Value, at: str) -> None:
        """
        Look at a value for the record.

        @raise Refusal: 422, it is of another type.
        """
        if isinstance(self.shape, Scalar):
            self.shape.toText(value, at)
            return
        if not isinstance(value, list):
            raise wrong(at, "a list", value)
        for number, item in enumerate(value):
            self.shape.scalar.toText(item, f"{at}[{number}]")

    def fromText(self, text: str, at: str) -> Value:
        """As it stands in a query."""
        return self.shape.fromText(text, at)


class Beside(Record):
    """
    A record with a key for the attribute of a child that has a key of its own.
    """

    #: The key, the child, and its attribute.
    key: ClassVar[str]
    child: ClassVar[str]
    attribute: ClassVar[Name]
    scalar: ClassVar[Scalar] = STRING

    def read(self, element: Element) -> dict[str, Value]:
        """The keys, and the one beside."""
        record = super().read(element)
        for child in elements(element):
            text = child.attributes.get(self.attribute)
            if child.name == self.child in record and text is not None:
                record[self.key] = self.scalar.fromText(text, self.key)
        return record

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element, with the attribute on the child, if the child is there."""
        beside = value.get(self.key) if isinstance(value, dict) else None
        if (
            not isinstance(value, dict)
            or beside is None
            or value.get(self.child) is None
        ):
            return super().write(name, value, at)
        rest = {key: inner for key, inner in value.items() if key != self.key}
        made = super().write(name, rest, at)
        assert made is not None  # a record always makes one
        for child in elements(made):
            if child.name == self.child:
                text = self.scalar.toText(beside, f"{at}.{self.key}")
                child.attributes[self.attribute] = text
        return made


class _Page(Beside):
    """
    Result set management (XEP-0059). The index of the first item is an attribute of
    C{first} in a result, and an element of its own in a request.
    """

    key = "index"
    child = "first"
    attribute = "index"
    scalar = integer()


class _Error(Beside):
    """A stanza error (RFC 6120 §8.3); the language is that of its text."""

    key = "lang"
    child = "text"
    attribute = LANG


#: RFC 6120 §8.3.3
_CONDITIONS = (
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "recipient-unavailable",
    "redirect",
    "registration-required",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "subscription-required",
    "undefined-condition",
    "unexpected-request",
)

ERROR = _Error(
    {
        "type": Attribute(
            "type", string("auth", "cancel", "continue", "modify", "wait")
        ),
        "by": Attribute("by", string(format="xmpp-jid")),
        "code": Attribute("code", integer(100, 999)),
        "condition": Choice(_CONDITIONS, ns.STANZA_ERRORS),
        "text": Child("text", Text(), ns.STANZA_ERRORS),
        "lang": Nowhere(STRING),
    }
)


def _before(value: Value) -> str:
    """The end of a page; true is understood for the empty one."""
    return STRING.write("" if value is True else value)


#: Empty for the last page (XEP-0059 §2.5).
_BEFORE = Scalar(STRING.called, STRING.schema, STRING.read, _before)

PAGE = _Page(
    {
        "max": Child("max", Text(integer())),
        "after": Child("after", Text()),
        "before": Child("before", Text(_BEFORE)),
        "first": Child("first", Text()),
        "last": Child("last", Text()),
        "index": Child("index", Text(integer())),
        "count": Child("count", Text(integer())),
    }
)


#: XEP-0313 §4.1: what an archive may be asked for.
_FILTERS: Mapping[str, Nowhere] = {
    "with": Nowhere(string(format="xmpp-jid")),
    "start": Nowhere(string(format="date-time")),
    "end": Nowhere(string(format="date-time")),
    "before-id": Nowhere(STRING),
    "after-id": Nowhere(STRING),
    "ids": Nowhere(_Names()),
}
#: XEP-0313 §4.2: which page of it.
_PAGING: Mapping[str, Nowhere] = {
    "after": Nowhere(STRING),
    "before": Nowhere(_BEFORE),
    "max": Nowhere(integer()),
}


class _ArchiveQuery(Record):
    """A query of an archive (XEP-0313 §4), its form and its page also in short."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """In full."""
        if not isinstance(value, dict):
            return super().write(name, value, at)
        if isinstance(limit := value.get("max"), str):  # as mod_rest takes it
            value = {**value, "max": integer().fromText(limit, f"{at}.max")}
        filters = _taken(value, _FILTERS, at)
        paging = _taken(value, _PAGING, at)
        for short, long in ((filters, "form"), (paging, "page")):
            if short and value.get(long) is not None:
                raise unprocessable(
                    "bad-format",
                    f"The key {at!r} has both {long!r} and its short form"
                    f" {next(iter(short))!r}; leave one of them out.",
                )
        rest = {k: v for k, v in value.items() if k not in filters | paging}
        if paging:
            rest["page"] = paging
        made = super().write(name, rest, at)
        assert made is not None  # a record always makes one
        if filters:
            made.children.insert(0, submit(ns.MAM, filters, at))
        return made


def _taken(
    value: Mapping[str, Value], keys: Mapping[str, Nowhere], at: str
) -> dict[str, Value]:
    """Those of the keys that are there, each of its type."""
    taken = {key: value[key] for key in keys if value.get(key) is not None}
    for key, inner in taken.items():
        keys[key].check(inner, f"{at}.{key}")
    return taken


ARCHIVE_QUERY = _ArchiveQuery(
    {
        "queryid": Attribute("queryid"),
        "node": Attribute("node"),
        "form": Child("x", DATA_FORM, ns.DATA),
        "page": Child("set", PAGE, ns.RSM),
        **_FILTERS,
        **_PAGING,
    }
)


class _Command(Record):
    """An ad-hoc command (XEP-0050); its form may be given in short, as data."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The form counts, if there are both."""
        if isinstance(value, dict) and value.get("form") is not None:
            value = {key: inner for key, inner in value.items() if key != "data"}
        return super().write(name, value, at)


_ACTIONS = ("cancel", "complete", "execute", "next", "prev")

COMMAND = _Command(
    {
        "node": Attribute("node"),
        "action": Attribute("action", string(*_ACTIONS)),
        "sessionid": Attribute("sessionid"),
        "status": Attribute("status", string("canceled", "completed", "executing")),
        "actions": Child(
            "actions",
            Record(
                {
                    "execute": Attribute("execute", string(*_ACTIONS)),
                    "prev": Child("prev", Flag()),
                    "next": Child("next", Flag()),
                    "complete": Child("complete", Flag()),
                }
            ),
        ),
        "note": Child(
            "note",
            Record(
                {
                    "type": Attribute("type", string("error", "info", "warn")),
                    "text": Content(),
                }
            ),
        ),
        "form": Child("x", DATA_FORM, ns.DATA),
        "data": CompactForm(),
    },
    required=("node",),
)


@dataclass(frozen=True)
class Carbon(_OnePiece):
    """
    A carbon copy (XEP-0280): the direction is the element's name.

    @ivar forwarded: The shape of what was copied.
    """

    forwarded: Record
    isText = False

    @property
    def schema(self) -> Schema:
        """The direction, and the copy."""
        return {
            "type": "object",
            "properties": {
                "direction": {"type": "string", "enum": ["received", "sent"]},
                "forwarded": self.forwarded.schema,
            },
            "required": ["direction", "forwarded"],
            "additionalProperties": False,
        }

    def names(self, uri: str) -> Iterator[QName]:
        """Both directions."""
        yield from ((ns.CARBONS, "received"), (ns.CARBONS, "sent"))

    def position(self, element: Element) -> int:
        """It is in no record but the stanza, which does not ask."""
        return -1

    def read(self, element: Element) -> Value:
        """The copy, and its direction."""
        for name in self.names(element.uri):
            found = find(element, *name)
            if found is not None:
                return {"direction": name[1], **self._record.read(found)}
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add it."""
        if not isinstance(value, dict):
            raise wrong(at, "an object", value)
        direction = string("received", "sent").toText(
            value.get("direction"), f"{at}.direction"
        )
        rest = {key: inner for key, inner in value.items() if key != "direction"}
        for key in rest:
            if key != "forwarded":
                raise unknown(at, key, ("direction", "forwarded"))
        into.children.append(self._record.write((ns.CARBONS, direction), rest, at))

    @property
    def _record(self) -> Record:
        slots = {"forwarded": Child("forwarded", self.forwarded, ns.FORWARD)}
        return Record(slots, required=("forwarded",))
