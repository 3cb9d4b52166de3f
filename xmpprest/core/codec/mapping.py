"""Converts stanzas to JSON and back by the table of keys, without losing anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..errors import Refusal, unprocessable
from ..media.values import Value
from ..stanza import jid
from ..stanza.build import LANG, TYPES, make, withArticle
from ..stanza.parser import MAX_DEPTH, MAX_ELEMENTS, MAX_PREFIXES, Name
from .field import Field, FieldTable
from .files import withLink, withoutLinks
from .raw_xml import parseRaw
from .scalars import ID, STRING, quoteShort, unknownKey, wrongType
from .slots import Child

#: The attributes of a stanza by their keys, without its type.
ATTRIBUTES: Mapping[str, Name] = {"to": "to", "from": "from", "id": "id", "lang": LANG}
_OWN = ("kind", "type", *ATTRIBUTES, "xml")

#: The same and the type, with the scalars of their values.
_TEXTS = (
    *((key, name, ID if key == "id" else STRING) for key, name in ATTRIBUTES.items()),
    ("type", "type", STRING),
)

#: The value of C{type} for a stanza without a type (RFC 6121 §5.2.2, and mod_rest).
UNTYPED = {"message": "normal", "presence": "available"}

#: The kind by its type; the type error, which every kind has, is left out.
_KIND_BY_TYPE = {
    type: kind
    for kind, types in (*TYPES.items(), ("presence", ["available"]))
    for type in types
    if type not in (None, "error")
}


@dataclass(frozen=True, slots=True)
class StanzaContext:
    """
    Facts about a stanza that are known before its body is read: from the path of a
    request, or from the stanza that it answers.

    @ivar payload: The iq payload that the JSON stands for, if it is not a whole stanza.
    """

    kind: str | None = None
    type: str | None = None
    to: str | None = None
    payload: str | None = None


#: The context of a body that is a whole stanza.
NO_CONTEXT = StanzaContext()


class StanzaMapping:
    """Converts stanzas by a table of keys."""

    def __init__(
        self,
        keys: Mapping[str, Mapping[str, Field]],
        likely: Mapping[str, str],
        sets: Iterable[str],
    ) -> None:
        """
        @param keys: The fields by kind and key.
        @param likely: The kind of a key that several kinds have, where that kind is not
            message.
        @param sets: The payloads of iqs that have the type set unless they name
            another. C{pubsub.publish} stands for the payload C{pubsub} with the key
            C{publish}.
        """
        self._kinds = {kind: FieldTable(kind, fields) for kind, fields in keys.items()}
        self._likely = likely
        self._sets = tuple(tuple(each.split(".")) for each in sets)

    # --- XML to JSON ---

    def encode(self, stanza: Element) -> dict[str, Value]:
        """
        Return the JSON form of a stanza: kind, type, attributes, then the keys of the
        children.
        """
        kind = stanza.name
        value: dict[str, Value] = {"kind": kind}
        type = stanza.getAttribute("type") or UNTYPED.get(kind)
        if type is not None:
            value["type"] = type
        for key, name in ATTRIBUTES.items():
            if name in stanza.attributes:
                value[key] = stanza.attributes[name]
        value |= self._kinds[kind].toJSON(stanza)
        return withLink(value) if "oob" in value and kind == "message" else value

    # --- JSON to XML ---

    def decode(self, value: Value, context: StanzaContext = NO_CONTEXT) -> Element:
        """
        Make the stanza that a JSON value stands for. The caller checks whether it may
        be sent, with
        L{buildSubmission<xmpprest.core.policy.submission.buildSubmission>}.

        @raise Refusal: 422, the text names the key at fault.
        """
        stanza = self.decodeNested(value, context, "")
        _checkSize(stanza)
        return stanza

    def decodeNested(self, value: Value, context: StanzaContext, at: str) -> Element:
        """
        Make the stanza for a JSON value within another stanza's, without checking its
        size.

        @param at: The keys around it, each followed by a dot.
        @raise Refusal: 422, the text names the key at fault.
        """
        if context.payload is not None:
            value = {context.payload: True if value in (None, {}) else value}
        if not isinstance(value, dict):
            if at:
                raise wrongType(at.rstrip("."), "an object", value)
            raise unprocessable(
                "bad-format",
                "The body must be one object, as in"
                ' {"kind": "message", "to": "user@example.org", "body": "Hello"}.',
            )
        if context is not NO_CONTEXT:
            value = _completed(value, context, at)
        kind = self._kind(value, at)
        stanza = make(kind, self._attributes(value, kind, at))
        raw = parseRaw(value["xml"], f"{at}xml") if "xml" in value else ()
        if "files" in value:
            value = withoutLinks(value, raw)
        overridden = self._kinds[kind].shadowedKeys(value, raw)
        fields = self._kinds[kind].fields
        for key, inner in value.items():
            if key == "xml":
                stanza.children.extend(raw)
            elif key not in fields and key not in _OWN:
                if inner is not None or not self._kindsWith(key):
                    raise self._unknown(key, kind, at, value)
            elif key in fields and inner is not None and key not in overridden:
                fields[key].slot.write(inner, at + key, stanza)
        return stanza

    def _kind(self, value: Mapping[str, Value], at: str) -> str:
        """
        Return the kind that an object names, or the kind that follows from its keys.
        """
        kind = value.get("kind")
        if kind is None:
            return self._inferred(value) or "message"
        if not isinstance(kind, str) or kind not in self._kinds:
            raise unprocessable(
                "unsupported-stanza-type",
                f"The key '{at}kind' must be message, presence or iq.",
                f"{at}kind",
            )
        return kind

    def _inferred(self, value: Mapping[str, Value]) -> str | None:
        """
        Infer the kind from the type, then from the keys.
        """
        type = value.get("type")
        if isinstance(type, str) and type in _KIND_BY_TYPE:
            return _KIND_BY_TYPE[type]
        present = [key for key, inner in value.items() if inner is not None]
        for key in present:
            kinds = self._kindsWith(key)
            if len(kinds) == 1:
                return kinds[0]
        likely = (self._likely[key] for key in present if key in self._likely)
        return next(likely, None)

    def _kindsWith(self, key: str) -> list[str]:
        return [kind for kind, table in self._kinds.items() if key in table.fields]

    def _attributes(
        self, value: Mapping[str, Value], kind: str, at: str
    ) -> dict[Name, str | None]:
        """
        Return the stanza's attributes, among them the type that follows if none is
        named.
        """
        attributes: dict[Name, str | None] = {}
        for key, name, scalar in _TEXTS:
            text = value.get(key)
            if text is not None:
                attributes[name] = scalar.toText(text, at + key)
        type = attributes.pop("type", None) or None
        if type is not None:
            attributes["type"] = type
        # A reply may name "normal" to differ from the chat message that it answers, so
        # a message keeps it, but not a nested one, where it makes no difference.
        if type is not None and type == UNTYPED.get(kind) and (at or kind != "message"):
            del attributes["type"]
        elif type is None and value.get("error") is not None:
            attributes["type"] = "error"
        elif type is None and kind == "iq":
            isSet = any(_has(value, path) for path in self._sets)
            attributes["type"] = "set" if isSet else "get"
        return attributes

    def _unknown(
        self, key: str, kind: str, at: str, value: Mapping[str, Value]
    ) -> Refusal:
        """
        Make the refusal of an unknown key, naming its kind or the key that was meant.

        @param value: The object with the key.
        """
        kinds = self._kindsWith(key)
        if not kinds:
            known = (*self._kinds[kind].fields, *_OWN)
            # Without anything that tells the kind, a key of any kind may be meant.
            isOpen = value.get("kind") is None and self._inferred(value) is None
            tables = self._kinds.values() if isOpen else ()
            others = [each for table in tables for each in table.fields]
            return unknownKey(at.rstrip("."), key, known, others)
        return unprocessable(
            "bad-format",
            f"The key {at + key!r} belongs to {' and '.join(kinds)}, but this is"
            f" {withArticle(kind)}.",
            at + key,
        )

    # --- forms ---

    def fromForm(
        self, pairs: Mapping[str, str], context: StanzaContext = NO_CONTEXT
    ) -> Value:
        """
        Convert the keys of a form or a query to the JSON form of a stanza.

        @param pairs: The texts by key.
        @return: A value for L{decode}.
        @raise Refusal: 422, a key is unknown, or cannot be given in a form.
        """
        if context.payload is not None:
            slot = self._kinds["iq"].fields[context.payload].slot
            assert isinstance(slot, Child)  # as all payloads are
            return slot.shape.fromPairs(pairs, context.payload)
        kind = context.kind or self._kind({**pairs}, "")
        fields = self._kinds[kind].fields
        value: dict[str, Value] = {}
        for key, text in pairs.items():
            if key in _OWN:
                value[key] = text
            elif key in fields:
                value[key] = fields[key].slot.fromText(text, key)
            else:
                raise self._unknown(key, kind, "", {"kind": context.kind, **pairs})
        return value


def _has(value: Mapping[str, Value], path: Sequence[str]) -> bool:
    """Check whether nested objects have a value at the end of a path of keys."""
    *parents, last = path
    for key in parents:
        inner = value.get(key)
        if not isinstance(inner, dict):
            return False
        value = inner
    return value.get(last) is not None


def toForm(value: Mapping[str, Value]) -> dict[str, str]:
    """
    Return the part of a JSON form that a form can hold: strings, numbers, true as
    empty.
    """
    return {
        key: "" if inner is True else str(inner)
        for key, inner in value.items()
        if isinstance(inner, str | int | float) and inner is not False
    }


def _completed(
    value: dict[str, Value], context: StanzaContext, at: str
) -> dict[str, Value]:
    """
    Complete a JSON object by its context.

    The type of a message or a presence gives way to that of the context, as in
    mod_rest. Another kind or recipient is refused, and the other type of an iq: the
    stanza could reach another address, or change something, against its author's will.

    @raise Refusal: 422, the object contradicts the context.
    """
    known = {"kind": context.kind, "type": context.type, "to": context.to}
    for key, expected in known.items():
        written = value.get(key)
        if expected is None or written is None or written == expected:
            continue
        if key == "to" and _isSameAddress(written, expected):
            continue
        if key == "type" and context.kind != "iq":
            continue
        raise unprocessable(
            "bad-format",
            f"The key {at + key!r} is {quoteShort(str(written))}, but here it must be"
            f" {expected!r}; leave it out.",
            at + key,
        )
    return {**value, **{key: fact for key, fact in known.items() if fact is not None}}


def _isSameAddress(one: Value, other: str) -> bool:
    return isinstance(one, str) and jid.normaliseJID(one) == jid.normaliseJID(other)


def _checkSize(stanza: Element) -> None:
    """
    Check the limits that the parser applies to XML.

    @raise Refusal: 422, the stanza exceeds one.
    """
    depth = number = prefixes = 0
    level = [stanza]
    while level:
        depth += 1
        number += len(level)
        if depth > MAX_DEPTH:
            raise _tooLarge(MAX_DEPTH, "levels")
        if number > MAX_ELEMENTS:
            raise _tooLarge(MAX_ELEMENTS, "elements")
        below: list[Element] = []
        for each in level:
            prefixes += len(each.localPrefixes)
            below += [child for child in each.children if not isinstance(child, str)]
        if prefixes > MAX_PREFIXES:
            raise _tooLarge(MAX_PREFIXES, "prefixes")
        level = below


def _tooLarge(limit: int, what: str) -> Refusal:
    return unprocessable(
        "resource-constraint", f"It makes more than {limit} {what} of XML; send less."
    )
