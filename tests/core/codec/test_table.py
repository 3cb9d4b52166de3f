"""
Tests of L{xmpprest.core.codec.table}: the table, against the specifications and against
whatever else may come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from hypothesis import given, settings
from jsonschema_rs import Draft202012Validator
from twisted.words.xish.domish import Element

from tests.core.codec.case import CoreTestCase, xml
from tests.core.codec.corpus import examples
from tests.core.codec.pairs import PAIRS, SHORTHANDS, Pair, compact, kept
from tests.core.codec.stanzamaker import (
    COMPONENTS,
    Schema,
    jsonForms,
    nearlyJSONForms,
    stanzas,
)
from tests.support.canonical import canonical
from tests.support.hypothesis_profiles import THOROUGH
from xmpprest.core.codec.fields_common import COMMON
from xmpprest.core.codec.fields_iq import IQ
from xmpprest.core.codec.fields_presence import PRESENCE
from xmpprest.core.codec.slots import Child
from xmpprest.core.codec.table import KEYS, MESSAGE, PAYLOADS, STANZAS
from xmpprest.core.errors import Refusal
from xmpprest.core.media import values
from xmpprest.core.media.values import Value
from xmpprest.core.stanza.build import TYPES
from xmpprest.core.stanza.serializer import toXML

_VALIDATORS = {
    kind: Draft202012Validator(
        {"$ref": f"#/components/schemas/{kind}", "components": COMPONENTS}
    )
    for kind in KEYS
}

#: A key of an object, named by all the keys that the object may have.
_Key: TypeAlias = tuple[tuple[str, ...], str]

#: The keys of objects that are only read: short for others.
_SHORT = {"with", "start", "end", "before-id", "after-id", "ids"} | {
    *("after", "before", "max", "values")
}


class _JSONTestCase(CoreTestCase):
    """
    A test case that compares stanzas, and checks their JSON form.
    """

    def assertKept(self, stanza: Element, value: Value, about: object = None) -> None:
        """A JSON form, sent as bytes, says all that the stanza says."""
        sent = values.fromJSON(values.toJSON(value))
        self.assertEqual(repr(values.fromCBOR(values.toCBOR(value))), repr(sent))
        again = STANZAS.decode(sent)
        self.assertEqual(kept(again), kept(stanza), (about, value))

    def assertValid(self, value: Mapping[str, Value], about: object = None) -> None:
        """A JSON form is what the OpenAPI document says that it is."""
        errors = [*_VALIDATORS[str(value["kind"])].iter_errors(value)]
        self.assertEqual(errors, [], (about, value))


class PairsTests(_JSONTestCase):
    """
    L{STANZAS}
    """

    def test_toJSON(self) -> None:
        """
        Each stanza of the specifications has the JSON form that it should have, and
        nothing of it needs to stand as XML.
        """
        for pair in PAIRS:
            value = STANZAS.encode(xml(compact(pair.stanza)))
            self.assertEqual(value, pair.value, pair.source)
            self.assertNotIn("xml", value)
            self.assertValid(value, pair.source)

    def test_toXML(self) -> None:
        """
        Each JSON form makes the stanza that it should make.
        """
        for pair in (*PAIRS, *SHORTHANDS):
            self.assertMakes(pair)

    def assertMakes(self, pair: Pair) -> None:
        """The JSON form says what the stanza says."""
        try:
            stanza = STANZAS.decode({**pair.value})
        except Refusal as refusal:
            self.fail(f"{pair.source}: {refusal}")
        expected = xml(compact(pair.stanza))
        self.assertEqual(kept(stanza), kept(expected), pair.source)

    def test_order(self) -> None:
        """
        The keys are in the order of the elements, so that what is sent to and fro
        stays as it was.
        """
        stanza = xml("<message><subject>s</subject><body>b</body></message>")
        self.assertEqual([*STANZAS.encode(stanza)], ["kind", "type", "subject", "body"])

    def test_complete(self) -> None:
        """Every key of every kind has a pair, and so has every key of all kinds."""
        found = {kind: set[str]() for kind in KEYS}
        for pair in PAIRS:
            found[pair.value["kind"]].update(pair.value)
        for kind, rows in {"message": MESSAGE, "presence": PRESENCE, "iq": IQ}.items():
            self.assertEqual(rows.keys() - found[kind], set(), kind)
            self.assertEqual({**COMMON, **rows}, KEYS[kind])
        self.assertEqual(COMMON.keys() - set.union(*found.values()), set())

    def test_completeWithin(self) -> None:
        """
        Every key of every object within has a pair, or a shorthand if it is only read.
        """
        known = {
            key
            for rows in KEYS.values()
            for row in rows.values()
            for key in _keysOf(row.slot.schema)
        }
        self.assertGreater(len(known), 100)
        read: set[_Key] = set()
        written: set[_Key] = set()
        for pairs, keys in ((PAIRS, written), (SHORTHANDS, read)):
            for pair in pairs:
                for key, value in pair.value.items():
                    for rows in KEYS.values():
                        if key in rows:
                            keys.update(_keysIn(rows[key].slot.schema, value))
        self.assertEqual({key for _, key in known - written}, _SHORT)
        self.assertEqual(known - written - read, set())

    def test_payloads(self) -> None:
        """Payloads that a path may name are keys of an iq, each for one element."""
        for key in PAYLOADS:
            self.assertIsInstance(KEYS["iq"][key].slot, Child)


def _keysOf(schema: Schema) -> Iterator[_Key]:
    """The keys of all objects that a schema describes."""
    for branch in schema.get("anyOf", ()):
        yield from _keysOf(branch)
    yield from _keysOf(schema["items"]) if "items" in schema else ()
    properties = schema.get("properties", {})
    for key, inner in properties.items():
        yield (tuple(properties), key)
        yield from _keysOf(inner)


def _keysIn(schema: Schema, value: Value) -> Iterator[_Key]:
    """Yield the keys of these objects that a value has."""
    for branch in schema.get("anyOf", ()):
        yield from _keysIn(branch, value)
    if isinstance(value, list):
        for item in value:
            yield from _keysIn(schema.get("items", {}), item)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key in value.keys() & properties.keys():
            yield (tuple(properties), key)
            yield from _keysIn(properties[key], value[key])


class RoundTripTests(_JSONTestCase):
    """
    L{STANZAS}, there and back
    """

    def test_corpus(self) -> None:
        """
        Every example of the specifications survives the conversion to JSON and back,
        compact or indented.
        """
        for example in examples():
            about = (example.specification, example.number)
            for document in (example.compact, example.pretty):
                stanza = xml(document.decode("utf-8"))
                value = STANZAS.encode(stanza)
                self.assertKept(stanza, value, about)
                # RFC 6120 has one of a type that its kind has not.
                if stanza.getAttribute("type") in TYPES[stanza.name]:
                    self.assertValid(value, about)

    @settings(max_examples=THOROUGH)
    @given(stanzas())
    def test_fromXML(self, stanza: Element) -> None:
        """
        Every stanza survives the conversion to JSON and back. Its JSON form conforms to
        the
        schema, and is the same after another round.
        """
        value = STANZAS.encode(stanza)
        self.assertKept(stanza, value)
        self.assertValid(value)
        self.assertEqual(STANZAS.encode(STANZAS.decode(value)), value)

    @settings(max_examples=THOROUGH)
    @given(jsonForms())
    def test_fromJSON(self, form: Value) -> None:
        """
        JSON that conforms to the schema makes a stanza that can be written and read, or
        is
        refused with a sentence; such a stanza survives the conversion to JSON and back.
        """
        self.assertStanzaOrRefusal(form)

    @given(nearlyJSONForms())
    def test_fromNearlyJSON(self, form: Value) -> None:
        """
        So does what is nearly that.
        """
        self.assertStanzaOrRefusal(form)

    def assertStanzaOrRefusal(self, form: Value) -> None:
        """A value is read, or not; there is no other error."""
        try:
            stanza = STANZAS.decode(form)
        except Refusal as refusal:
            self.assertIn(refusal.problem.status, (400, 422))
            self.assertSentence(refusal.problem.text.replace("?", "."))
            return
        self.assertEqual(canonical(xml(toXML(stanza))), canonical(stanza))
        if stanza.getAttribute("type") not in TYPES[stanza.name]:
            return  # it is not sent
        value = STANZAS.encode(stanza)
        self.assertKept(stanza, value, form)
        self.assertEqual(STANZAS.encode(STANZAS.decode(value)), value)
