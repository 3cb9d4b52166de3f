"""
Tests of L{xmpprest.core.codec.mapping}, and of L{xmpprest.core.codec.field} and
L{xmpprest.core.codec.shapes}, which it works with.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.words.xish.domish import Element

from tests.core.codec.case import CoreTestCase, xml
from tests.core.codec.pairs import kept
from tests.core.codec.stanzamaker import stanzas, within
from tests.support.canonical import canonical
from xmpprest.core.codec.fields_presence import PRESENCE
from xmpprest.core.codec.mapping import NO_CONTEXT, StanzaContext, toForm
from xmpprest.core.codec.slots import LocalizedChild
from xmpprest.core.codec.table import KEYS, MESSAGE, STANZAS
from xmpprest.core.errors import Refusal
from xmpprest.core.media.values import Value
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import element, make
from xmpprest.core.stanza.parser import MAX_DEPTH, MAX_ELEMENTS, MAX_PREFIXES

#: By the key at fault: what is wrong with it, and what is said of it, between "The key
#: 'path' must be " and the end. Any, since a literal is to mypy no Value.
WRONG: tuple[tuple[Any, str, str], ...] = (
    # The stanza's own.
    ({"to": 1}, "to", "a string, not a number"),
    ({"from": {}}, "from", "a string, not an object"),
    ({"id": True}, "id", "a string, not a boolean"),
    ({"lang": []}, "lang", "a string, not a list"),
    ({"type": ["get"]}, "type", "a string, not a list"),
    # Texts and attributes.
    ({"body": 5}, "body", "a string, not a number"),
    ({"body": 1.5}, "body", "a string, not a number"),
    ({"body": False}, "body", "a string, not a boolean"),
    ({"replace": {}}, "replace", "a string, not an object"),
    ({"oob_url": []}, "oob_url", "a string, not a list"),
    ({"html": 1}, "html", "a string, not a number"),
    ({"delay": 1290000000}, "delay", "a string, not a number"),
    # Numbers and booleans.
    ({"priority": "1"}, "priority", "an integer from -128 to 127, not a string"),
    ({"priority": 128}, "priority", "an integer from -128 to 127, not 128"),
    ({"priority": 0.5}, "priority", "an integer from -128 to 127, not 0.5"),
    ({"priority": True}, "priority", "an integer from -128 to 127, not a boolean"),
    ({"rsm": {"max": -1}}, "rsm.max", "an integer of at least 0, not -1"),
    ({"rsm": {"index": "1"}}, "rsm.index", "an integer of at least 0, not a string"),
    (
        {"rsm": {"first": "a", "index": "1"}},
        "rsm.index",
        "an integer of at least 0, not a string",
    ),
    (
        {"upload_request": {"filename": "a", "size": 0}},
        "upload_request.size",
        "an integer of at least 1, not 0",
    ),
    (
        {"stats": [{"name": "a"}, {"name": "b", "value": "1"}]},
        "stats[1].value",
        "a number, not a string",
    ),
    (
        {"invite": {"jid": "a@b", "continue": "true"}},
        "invite.continue",
        "true or false, not a string",
    ),
    # One of several.
    ({"show": "OK"}, "show", "one of away, chat, dnd, xa, not 'OK'"),
    (
        {"state": "typing"},
        "state",
        "one of active, composing, gone, inactive, paused, not 'typing'",
    ),
    (
        {"state": ["active"]},
        "state",
        "one of active, composing, gone, inactive, paused, not a list",
    ),
    ({"hints": "store"}, "hints", "a list, not a string"),
    (
        {"hints": ["store", 1]},
        "hints[1]",
        "one of no-copy, no-permanent-store, no-store, store, not a number",
    ),
    (
        {"error": {"type": "fatal"}},
        "error.type",
        "one of auth, cancel, continue, modify, wait, not 'fatal'",
    ),
    # True.
    ({"ping": 1}, "ping", "true, not a number"),
    ({"markable": "true"}, "markable", "true, not a string"),
    ({"join": {"password": "a"}}, "join", "true, not an object"),
    # Objects and lists, and what is in them.
    ({"oob": "http://a/"}, "oob", "an object, not a string"),
    ({"oob": {"url": 1}}, "oob.url", "a string, not a number"),
    ({"files": {"url": "a"}}, "files", "a list, not an object"),
    ({"files": ["a"]}, "files[0]", "an object, not a string"),
    ({"files": [{"url": 1}]}, "files[0].url", "a string, not a number"),
    ({"files": [{"url": 1, "size": 1}]}, "files[0].url", "a string, not a number"),
    (
        {"files": [{"url": "a", "size": "1"}]},
        "files[0].size",
        "an integer of at least 0, not a string",
    ),
    (
        {"files": [{"url": "a", "sha-256": "abc"}]},
        "files[0].sha-256",
        "64 hexadecimal digits, not a string",
    ),
    (
        {"files": [{"url": "a", "sha-256": " ".join(["2c"] * 32)}]},
        "files[0].sha-256",
        "64 hexadecimal digits, not a string",
    ),
    ({"files": [{"url": "a", "mirrors": "b"}]}, "files[0].mirrors", "a list"),
    ({"thread": 1}, "thread", "an object, not a number"),
    ({"disco": ["a"]}, "disco", "an object, not a list"),
    ({"items": 1}, "items", "a list, not a number"),
    ({"items": {"node": 1}}, "items.node", "a string, not a number"),
    ({"items": ["a@b", 1]}, "items[1]", "an object, not a number"),
    ({"stats": {}}, "stats", "a list, not an object"),
    ({"stanza_ids": {}}, "stanza_ids", "a list, not an object"),
    ({"stanza_ids": ["a"]}, "stanza_ids[0]", "an object, not a string"),
    (
        {"stanza_ids": [{"id": "a", "by": "b"}, {"id": "a", "by": 7}]},
        "stanza_ids[1].by",
        "a string, not a number",
    ),
    ({"muc_user": {"item": {"actor": 1}}}, "muc_user.item.actor", "an object, not a"),
    (
        {"muc_user": {"status": [1000]}},
        "muc_user.status[0]",
        "an integer from 0 to 999",
    ),
    ({"payload": {"datatype": 1, "data": 1}}, "payload.datatype", "a string, not"),
    ({"carbon": "sent"}, "carbon", "an object, not a string"),
    ({"carbon": {}}, "carbon.direction", "one of received, sent, not null"),
    ({"carbon": {"direction": "up"}}, "carbon.direction", "one of received, sent, not"),
    (
        {"archive": {"max": "ten"}},
        "archive.max",
        "an integer of at least 0, not 'ten'",
    ),
    ({"archive": {"with": ["a"]}}, "archive.with", "a string, not a list"),
    ({"archive": {"ids": "1,2"}}, "archive.ids", "a list, not a string"),
    ({"archive": {"ids": ["1", 2]}}, "archive.ids[1]", "a string, not a number"),
    # Stanzas in stanzas.
    ({"forwarded": {"message": "hi"}}, "forwarded.message", "an object, not a string"),
    (
        {"forwarded": {"message": {"oob": {"url": 1}}}},
        "forwarded.message.oob.url",
        "a string, not a number",
    ),
    (
        {
            "carbon": {
                "direction": "sent",
                "forwarded": {"message": {"hints": ["store", "no"]}},
            }
        },
        "carbon.forwarded.message.hints[1]",
        "one of no-copy, no-permanent-store, no-store, store, not 'no'",
    ),
    # XML.
    ({"xml": "<a/>"}, "xml", "a list of strings, not a string"),
    ({"xml": {}}, "xml", "a list of strings, not an object"),
    ({"xml": ["<a/>", 1]}, "xml[1]", "a string, not a number"),
)

#: Other mistakes, and how the text begins.
MISTAKEN: tuple[tuple[Any, str], ...] = (
    # Keys that nobody knows.
    ({"bdoy": "hi"}, "The key 'bdoy' is not known; did you mean 'body'?"),
    ({"kind": "iq", "pong": True}, "The key 'pong' is not known; did you mean 'ping'?"),
    ({"pong": True}, "The key 'pong' is not known; did you mean 'ping'?"),
    ({"satus": "a"}, "The key 'satus' is not known; did you mean 'status'?"),
    ({"type": "chat", "pong": 1}, "The key 'pong' is not known; known here are arch"),
    ({"body": "a", "pong": 1}, "The key 'pong' is not known; known here are archive, "),
    ({"knid": "iq"}, "The key 'knid' is not known; did you mean 'kind'?"),
    ({"kind": "presence", "q": 1}, "The key 'q' is not known; known here are caps, "),
    ({"": 1}, "The key '' is not known; known here are archive, attach_to, "),
    ({"q" * 61: 1}, f"The key '{'q' * 57}...' is not known; known here are "),
    ({"oob": {"ulr": "a"}}, "The key 'ulr' in 'oob' is not known; did you mean 'url'?"),
    (
        {"stanza_ids": [{"id": "a", "by": "b", "form": "c"}]},
        "The key 'form' in 'stanza_ids[0]' is not known; known here are by, id.",
    ),
    (
        {"files": [{"url": "a", "nmae": "b"}]},
        "The key 'nmae' in 'files[0]' is not known; did you mean 'name'?",
    ),
    (
        {"forwarded": {"message": {"files": [{"name": "a", "data": ""}]}}},
        "The key 'forwarded.message.files[0].data' uploads a file, which only a",
    ),
    ({"files": [{"name": "a"}]}, "The key 'files[0]' needs a 'url'."),
    (
        {"archive": {"whit": "a@b"}},
        "The key 'whit' in 'archive' is not known; did you mean 'with'?",
    ),
    (
        {"carbon": {"direction": "sent", "q": 1}},
        "The key 'q' in 'carbon' is not known; known here are direction, forwarded.",
    ),
    (
        {"forwarded": {"message": {"bdoy": "a"}}},
        "The key 'bdoy' in 'forwarded.message' is not known; did you mean 'body'?",
    ),
    # Keys of another kind.
    (
        {"body": "a", "show": "away"},
        "The key 'show' belongs to presence, but this is a message.",
    ),
    (
        {"show": "away", "body": "a"},
        "The key 'body' belongs to message, but this is a presence.",
    ),
    (
        {"type": "get", "body": "a"},
        "The key 'body' belongs to message, but this is an iq.",
    ),
    (
        {"kind": "presence", "oob": {}},
        "The key 'oob' belongs to message and iq, but this is a presence.",
    ),
    (
        {"forwarded": {"message": {"ping": True}}},
        "The key 'forwarded.message.ping' belongs to iq, but this is a message.",
    ),
    (
        {"forwarded": {"message": {"kind": "iq"}}},
        "The key 'forwarded.message.kind' is 'iq', but here it must be 'message'; ",
    ),
    # Keys that are missing, or of no use.
    ({"stanza_ids": [{"id": "a"}]}, "The key 'stanza_ids[0]' needs a 'by'."),
    ({"reaction": 1, "reactions": {}}, "The key 'reaction' is not known; did you mean"),
    ({"reactions": {"id": None}}, "The key 'reactions' needs a 'id'."),
    ({"command": True}, "The key 'command' needs a 'node'."),
    ({"command": {"action": "next"}}, "The key 'command' needs a 'node'."),
    ({"payload": {"datatype": "a"}}, "The key 'payload' needs a 'data'."),
    ({"carbon": {"direction": "sent"}}, "The key 'carbon' needs a 'forwarded'."),
    ({"items": [{"node": "a"}]}, "The key 'items[0]' needs a 'jid'."),
    ({"upload_request": {"size": 1}}, "The key 'upload_request' needs a 'filename'."),
    (
        {"error": {"lang": "de"}},
        "The key 'error.lang' belongs to another key, which is",
    ),
    # Long and short.
    (
        {"archive": {"form": {}, "with": "a@b"}},
        "The key 'archive' has both 'form' and its short form 'with'; leave one of",
    ),
    (
        {"archive": {"page": {"max": 1}, "after": "1"}},
        "The key 'archive' has both 'page' and its short form 'after'; leave one of",
    ),
    # What is no XML.
    ({"html": "<p>"}, "The key 'html' is not XHTML: "),
    ({"html": "</body><body>"}, "The key 'html' is not XHTML: "),
    ({"html": "<!-- a -->"}, "The key 'html' is not XHTML: "),
    ({"xml": ["<a/>", "<b>"]}, "The key 'xml[1]' is not XML: "),
    ({"xml": ["</xml><xml>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["</xml><xml xmlns='urn:a'>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<a", "/>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<![CDATA[", "]]>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<a:b/>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["&nbsp;"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<!-- a -->"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<?a b?>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<?xml version='1.0'?><a/>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<!DOCTYPE a>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<!ENTITY a 'b'>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<xml:a/>"]}, "The key 'xml[0]' is not XML: "),
    ({"xml": ["<a xmlns='a b'/>"]}, "The key 'xml[0]' is not XML: "),
    (
        {"forwarded": {"message": {"xml": ["<a"]}}},
        "The key 'forwarded.message.xml[0]' is not XML: ",
    ),
)


class RefusalTests(CoreTestCase):
    """
    Values that L{STANZAS.decode} refuses.
    """

    def assertRefused(self, value: Value, given: StanzaContext = NO_CONTEXT) -> str:
        """A value is refused with 422 and one sentence, which may be a question."""
        problem = self.refusal(STANZAS.decode, value, given)
        self.assertEqual((problem.status, problem.type), (422, "modify"))
        self.assertEqual(problem.condition, "bad-format")
        self.assertSentence(problem.text.replace("?", "."))
        return problem.text

    def test_wrong(self) -> None:
        """
        A value of a wrong type is refused, and the text names the whole way to it.
        """
        for value, at, expected in WRONG:
            text = self.assertRefused(value)
            self.assertTrue(
                text.startswith(f"The key '{at}' must be {expected}"), (value, text)
            )

    def test_mistaken(self) -> None:
        """
        So is any other mistake.
        """
        for value, expected in MISTAKEN:
            text = self.assertRefused(value)
            self.assertTrue(text.startswith(expected), (value, text))

    def test_noObject(self) -> None:
        """
        A stanza is an object.
        """
        # Any, as above.
        values: Any = (None, True, 0, 1.5, "", "hi", [], [{"body": "hi"}])
        for value in values:
            self.assertIn("must be one object, as in {", self.assertRefused(value))

    def test_example(self) -> None:
        """The example in the text of the error is valid."""
        stanza = STANZAS.decode(
            {"kind": "message", "to": "user@example.org", "body": "Hello"}
        )
        self.assertEqual(
            canonical(stanza),
            canonical(
                xml("<message to='user@example.org'><body>Hello</body></message>")
            ),
        )

    def test_kind(self) -> None:
        """A stanza has one of three kinds."""
        # Any, as above.
        kinds: Any = ("stanza", "Message", "", 1, True, [], {}, ["iq"])
        for kind in kinds:
            problem = self.refusal(STANZAS.decode, {"kind": kind})
            self.assertEqual(problem.status, 422)
            self.assertEqual(problem.condition, "unsupported-stanza-type")
            self.assertEqual(
                problem.text, "The key 'kind' must be message, presence or iq."
            )

    def test_given(self) -> None:
        """A body may repeat what its context says, but not contradict it."""
        given = StanzaContext(kind="iq", type="get", to="a@b")
        expected = canonical(xml("<iq type='get' to='a@b'/>"))
        # Any, as above.
        forms: Any = (
            {},
            {"kind": "iq", "type": "get", "to": "a@b"},
            {"kind": None, "type": None, "to": None},
        )
        for value in forms:
            stanza = STANZAS.decode(value, given)
            self.assertEqual(canonical(stanza), expected)
        # Any, as above.
        others: Any = {
            "kind": ("message", 1),
            "type": ("set", [], ""),
            "to": ("c@b", "", 1),
        }
        for key, values in others.items():
            for value in values:
                text = self.assertRefused({key: value}, given)
                self.assertRegex(text, f"^The key '{key}' is '.*', but here it must be")

    def test_typeOfPath(self) -> None:
        """
        The type of a message or a presence is that of the path, whatever the body
        says, as in mod_rest; an address may be written in another way.
        """
        given = StanzaContext(kind="message", type="chat", to="a@b")
        expected = canonical(xml("<message type='chat' to='a@b'/>"))
        # Any, as above.
        forms: Any = ({"type": "groupchat"}, {"type": "x"}, {"to": "A@B"})
        for value in forms:
            stanza = STANZAS.decode(value, given)
            self.assertEqual(canonical(stanza), expected)

    def test_numberAsID(self) -> None:
        """
        An id may be an integer, as in mod_rest, but no other number.
        """
        # Any, as above.
        numbers: Any = {5: "5", -1: "-1", 2**53: "9007199254740992"}
        for number, text in numbers.items():
            stanza = STANZAS.decode({"id": number})
            self.assertEqual(stanza["id"], text)
        others: Any = (1.5, True, [1])
        for value in others:
            self.assertRefused({"id": value})

    def test_meant(self) -> None:
        """
        An unknown key in other capitals, or a word of other interfaces, is refused
        with the key that was meant.
        """
        for key, meant in {
            "text": "body",
            "message": "body",
            "Content": "body",
            "To": "to",
            "FROM": "from",
            "Body": "body",
            "recipient": "to",
        }.items():
            text = self.assertRefused({key: "x"})
            self.assertIn(f"did you mean '{meant}'?", text)

    def test_payload(self) -> None:
        """
        A payload is refused as it would be in a stanza.
        """
        given = StanzaContext(kind="iq", to="a@b", payload="version")
        # Any, as above.
        forms: Any = (
            ({"nmae": "a"}, "The key 'nmae' in 'version' is not known; did you mean"),
            ({"version": {}}, "The key 'version.version' must be a string, not an"),
            ({"to": "a@b"}, "The key 'to' in 'version' is not known; known here are"),
            ("a", "The key 'version' must be an object, not a string."),
        )
        for value, expected in forms:
            text = self.assertRefused(value, given)
            self.assertTrue(text.startswith(expected), text)


class LimitTests(CoreTestCase):
    """
    How large what L{STANZAS.decode} makes may be.
    """

    def assertTooLarge(self, value: Value, what: str) -> None:
        """Check that a value is refused, with a text that names the exceeded limit."""
        problem = self.refusal(STANZAS.decode, value)
        self.assertEqual(problem.status, 422)
        self.assertIn(what, problem.text)
        self.assertSentence(problem.text)

    def test_depth(self) -> None:
        """JSON may be as deep as XML that the parser accepts, and no deeper."""

        def nested(levels: int) -> str:
            return "<a>" * levels + "</a>" * levels

        STANZAS.decode({"xml": [nested(MAX_DEPTH - 1)]})
        self.assertTooLarge({"xml": [nested(MAX_DEPTH)]}, "deeper than 64 levels")
        inner: Value = {"xml": [nested(MAX_DEPTH - 3)]}
        STANZAS.decode({"forwarded": {"message": inner}})
        for _ in range(2):
            inner = {"forwarded": {"message": inner}}
        self.assertTooLarge(inner, "more than 64 levels of XML")
        html = f"<body>{nested(MAX_DEPTH - 2)}</body>"
        self.assertTooLarge({"forwarded": {"message": {"html": html}}}, "64 levels")

    def test_deepJSON(self) -> None:
        """
        Stanzas within stanzas count.
        """
        value: Value = {"body": "a"}
        for _ in range(31):
            value = {"forwarded": {"message": value}}
        STANZAS.decode(value)
        self.assertTooLarge({"forwarded": {"message": value}}, "64 levels")

    def test_elements(self) -> None:
        """
        JSON may make as many elements as XML that the parser accepts, and no more.
        """
        many = ["<a/>"] * (MAX_ELEMENTS - 1)
        STANZAS.decode({"xml": [*many]})
        # Any, since lists are invariant.
        forms: Any = (
            {"xml": [*many, "<a/>"]},
            {"xml": ["<a/>" * MAX_ELEMENTS]},
            {"xml": [*many], "body": "a"},
            {"xml": [""] * 20_000},
            {"stanza_ids": [{"id": "a", "by": "b"}] * MAX_ELEMENTS},
            {"dataform": {"fields": [{}] * (MAX_ELEMENTS - 1)}},
            {"dataform": {"fields": [{"value": ["a"] * MAX_ELEMENTS}]}},
        )
        for form in forms:
            self.assertTooLarge(form, "more than 4096 ")

    def test_lines(self) -> None:
        """
        Lines of text that would be values of their own are counted before they are.
        """
        lines = "\n" * 4000
        forms: Any = (
            {"command": {"node": "n", "data": {"a": "\n" * 5000}}},
            {"command": {"node": "n", "data": {"a": lines, "b": lines}}},
            {"dataform": {"fields": [{"type": "text-multi", "value": lines}] * 2}},
            {"disco": {"extensions": {"a": {"x": lines}, "b": {"x": lines}}}},
            {"archive": {"ids": [""] * 5000}},
            {"items": ["a@b"] * 5000},
        )
        for form in forms:
            self.assertTooLarge(form, "more than 4096 ")

    def test_large(self) -> None:
        """
        A large child stands as XML only, and so does a smaller one within another
        stanza, where it would be read again and again.
        """
        form = "<x xmlns='jabber:x:data' type='form'>{}</x>"
        small, large = ("<field var='a'/>" * count for count in (1500, 4097))
        inner = f"<message xmlns='{ns.CLIENT}'>{form.format(small)}</message>"
        for child, keys in (
            (form.format(small), {"dataform"}),
            (f"<forwarded xmlns='{ns.FORWARD}'>{inner}</forwarded>", {"xml"}),
        ):
            value = STANZAS.encode(xml(f"<message>{child}</message>"))
            self.assertEqual(value.keys() - {"kind", "type"}, keys)
        message = make("message", {}, [element(ns.DATA, "x")])
        message.children[0].children = [
            element(ns.DATA, "field", {"var": "a"}) for _ in range(large.count("<"))
        ]
        self.assertEqual(STANZAS.encode(message).keys() - {"kind", "type"}, {"xml"})

    def test_prefixes(self) -> None:
        """
        JSON may declare as many prefixes as XML that the parser accepts, and no more.
        """

        def declaring(count: int) -> str:
            names = " ".join(f"xmlns:p{number}='u'" for number in range(count))
            return f"<a {names}/>"

        STANZAS.decode({"xml": [declaring(32), declaring(32)]})
        self.assertTooLarge({"xml": [declaring(MAX_PREFIXES + 1)]}, "64 prefixes")
        self.assertTooLarge({"xml": [declaring(32), declaring(33)]}, "64 prefixes")


class EncodeTests(CoreTestCase):
    """
    L{STANZAS.encode}
    """

    def test_attributes(self) -> None:
        """
        A stanza's own attributes stand before all others, and others than its own
        nowhere.
        """
        value = STANZAS.encode(
            xml(
                "<message xmlns:p='urn:p' p:id='a' foo='b' xml:space='default'"
                " id='1' xml:lang='de' from='c@d' to='a@b'/>"
            )
        )
        self.assertEqual(
            [*value.items()],
            [
                ("kind", "message"),
                ("type", "normal"),
                ("to", "a@b"),
                ("from", "c@d"),
                ("id", "1"),
                ("lang", "de"),
            ],
        )

    def test_language(self) -> None:
        """
        If a text is there in several languages, such as a body, its key has the first
        one
        in the stanza's own language, else the first one; C{xml} has all of them.
        """
        localized = [
            (kind, key)
            for kind, fields in (("message", MESSAGE), ("presence", PRESENCE))
            for key, field in fields.items()
            if isinstance(field.slot, LocalizedChild)
        ]
        self.assertLessEqual(
            {("message", "body"), ("presence", "status")}, {*localized}
        )
        for kind, key in localized:
            for lang, children, value in (
                ("", (("en", "hi"), (None, "plain")), "plain"),
                ("de", (("en", "hi"), ("de", "hallo")), "hallo"),
                ("de", (("en", "hi"), (None, "hallo")), "hallo"),
                ("de", (("en", "hi"), ("fr", "salut")), "hi"),
                ("", (("en", "hi"), ("fr", "salut")), "hi"),
            ):
                content = "".join(
                    f"<{key}>{text}</{key}>"
                    if language is None
                    else f"<{key} xml:lang='{language}'>{text}</{key}>"
                    for language, text in children
                )
                own = f"xml:lang='{lang}'" if lang else ""
                stanza = xml(f"<{kind} {own}>{content}</{kind}>")
                encoded = STANZAS.encode(stanza)
                self.assertEqual(encoded[key], value, content)
                self.assertEqual(
                    canonical(STANZAS.decode({**encoded, "type": None})),
                    canonical(stanza),
                    content,
                )

    def test_untyped(self) -> None:
        """
        A message without a type is normal, a presence without one available; an empty
        attribute says no more than none.
        """
        for stanza, type in {
            "<message/>": "normal",
            "<message type=''/>": "normal",
            "<presence/>": "available",
            "<presence type='probe'/>": "probe",
            "<iq type='result'/>": "result",
        }.items():
            self.assertEqual(STANZAS.encode(xml(stanza))["type"], type)

    def test_indentation(self) -> None:
        """
        White space between children says nothing; other characters that are not seen
        do.
        """
        for space, isKept in {
            " ": False,
            "\r\n\t ": False,
            "\u00a0": True,
            "\u2028": True,
            "\u3000": True,
        }.items():
            stanza = Element((ns.CLIENT, "message"), ns.CLIENT)
            stanza.children = [space]
            self.assertEqual("xml" in STANZAS.encode(stanza), isKept, ascii(space))

    #: What of a message stands in xml, and what else is there. Any, as above.
    inexact: tuple[tuple[str, list[str], Any], ...] = (
        # No key knows it.
        ("<x xmlns='urn:x'/>", ["<x xmlns='urn:x'/>"], {}),
        ("<body xmlns='urn:x'/>", ["<body xmlns='urn:x'/>"], {}),
        ("hello &amp; &lt;more>", ["hello &amp; &lt;more&gt;"], {}),
        # A key knows it, but not all of it.
        (
            "<body xml:lang='de'>a</body>",
            ["<body xml:lang='de'>a</body>"],
            {"body": "a"},
        ),
        ("<body>a<b/></body>", ["<body>a<b/></body>"], {}),
        (
            "<body>a</body><body xml:lang='de'>b</body>",
            ["<body>a</body>", "<body xml:lang='de'>b</body>"],
            {"body": "a"},
        ),
        (
            "<delay xmlns='urn:xmpp:delay' from='a@b' stamp='2002-09-10T23:08:25Z'/>",
            ["<delay xmlns='urn:xmpp:delay' from='a@b' stamp='2002-09-10T23:08:25Z'/>"],
            {"delay": "2002-09-10T23:08:25Z"},
        ),
        (
            "<request xmlns='urn:xmpp:receipts'> </request>",
            ["<request xmlns='urn:xmpp:receipts'> </request>"],
            {"receipt_request": True},
        ),
        (
            "<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>",
            ["<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>"],
            {},
        ),
        (
            "<active xmlns='http://jabber.org/protocol/chatstates'/>"
            "<paused xmlns='http://jabber.org/protocol/chatstates'/>",
            [
                "<active xmlns='http://jabber.org/protocol/chatstates'/>",
                "<paused xmlns='http://jabber.org/protocol/chatstates'/>",
            ],
            {"state": "active"},
        ),
        # Two of a list, with something else between.
        (
            "<store xmlns='urn:xmpp:hints'/><body>a</body>"
            "<no-copy xmlns='urn:xmpp:hints'/>",
            [
                "<store xmlns='urn:xmpp:hints'/>",
                "<body>a</body>",
                "<no-copy xmlns='urn:xmpp:hints'/>",
            ],
            {"hints": ["store", "no-copy"], "body": "a"},
        ),
        # Only from the first to the last.
        (
            "<subject>s</subject><a xmlns='urn:a'/><body>b</body><c xmlns='urn:c'/>"
            "<thread>t</thread>",
            ["<a xmlns='urn:a'/>", "<body>b</body>", "<c xmlns='urn:c'/>"],
            {"subject": "s", "body": "b", "thread": {"id": "t"}},
        ),
        # What is declared, in case a text uses it, by the child or by the stanza.
        (
            "<body xmlns:q='urn:q'>q:a</body>",
            ["<body xmlns:q='urn:q'>q:a</body>"],
            {"body": "q:a"},
        ),
        (
            "<a xmlns='urn:a' type='p:t'/>",
            ["<a xmlns='urn:a' xmlns:p='urn:p' type='p:t'/>"],
            {},
        ),
    )

    def test_inexact(self) -> None:
        """
        Children that no key can hold exactly are in C{xml}, from the first to the last
        of
        them with everything between. Their keys are there, too, as far as possible.
        """
        for content, raw, others in self.inexact:
            declared = " xmlns:p='urn:p'" if "'p:t'" in content else ""
            value = STANZAS.encode(xml(f"<message{declared}>{content}</message>"))
            rest = {k: v for k, v in value.items() if k not in ("kind", "type", "xml")}
            self.assertEqual(value["xml"], raw)
            self.assertEqual(rest, others)
            self.assertEqual(
                canonical(xml(f"<message>{''.join(raw)}</message>"))[3],
                kept(STANZAS.decode({"xml": [*raw]}))[3],
            )

    @given(stanzas())
    def test_minimal(self, stanza: Element) -> None:
        """
        Neither the first nor the last in C{xml} could be said by its key, unless it
        declares what its text may use.
        """
        for part in within(stanza):
            part.localPrefixes = {}
        value = STANZAS.encode(stanza)
        raw = value.get("xml")
        if raw is None:
            return
        assert isinstance(raw, list)
        for rest in (raw[1:], raw[:-1]):
            again = STANZAS.decode({**value, "xml": rest})
            self.assertNotEqual(kept(again), kept(stanza), value)

    def test_games(self) -> None:
        """
        Messages that nest deeper than anybody needs are not taken apart: else each
        level would be written once more for each level around it.
        """
        text = "<message><body>a</body></message>"
        for levels in range(1, 8):
            inner = text.removeprefix("<message>")
            text = (
                "<message><forwarded xmlns='urn:xmpp:forward:0' a='b'>"
                f"<message xmlns='jabber:client'>{inner}</forwarded></message>"
            )
            value = STANZAS.encode(xml(text))
            self.assertEqual("forwarded" in value, levels <= 4, levels)
            self.assertEqual(kept(STANZAS.decode(value)), kept(xml(text)))
        self.assertLess(len(str(value)), 2 * len(text))

    def test_improper(self) -> None:
        """
        A message within another is read if it is of a type that messages have.
        """
        for type, isRead in (
            ("chat", True),
            ("error", True),
            ("a", False),
            ("", False),
        ):
            text = (
                "<message><forwarded xmlns='urn:xmpp:forward:0'>"
                f"<message xmlns='jabber:client' type='{type}'/></forwarded></message>"
            )
            value = STANZAS.encode(xml(text))
            self.assertEqual("forwarded" in value, isRead, type)
            self.assertEqual(kept(STANZAS.decode(value)), kept(xml(text)))

    def test_oneText(self) -> None:
        """
        Two texts with nothing between them are one, whose white space counts.
        """
        stanza = STANZAS.decode({"xml": ["a", " ", "<![CDATA[b]]>"]})
        self.assertEqual(stanza.children, ["a b"])
        self.assertEqual(STANZAS.encode(stanza)["xml"], ["a b"])

    def test_deepPayload(self) -> None:
        """
        A JSON container that nests deeper than it could in a JSON form is left as it
        is.
        """
        for depth, isRead in ((32, True), (33, False), (64, False)):
            data = "[" * depth + "]" * depth
            value = STANZAS.encode(
                xml(
                    "<message><payload xmlns='urn:xmpp:json-msg:0' datatype='a'>"
                    f"<json xmlns='urn:xmpp:json:0'>{data}</json></payload></message>"
                )
            )
            self.assertEqual("payload" in value, isRead, depth)
            self.assertEqual("xml" in value, not isRead, depth)

    def test_largeNumbers(self) -> None:
        """
        A number that JSON could not be sent with is left as it is.
        """
        for number in ("9" * 19, "9" * 400, "1e999", "1_0", "+1", "٣", "nan", "0x1"):
            text = (
                "<iq type='result'><query xmlns='http://jabber.org/protocol/stats'>"
                f"<stat name='a' value='{number}'/></query></iq>"
            )
            value = STANZAS.encode(xml(text))
            self.assertIn("xml", value, number)
            self.assertEqual(kept(STANZAS.decode(value)), kept(xml(text)))


class PairsTests(CoreTestCase):
    """
    L{STANZAS.fromPairs} and L{toForm}
    """

    def test_read(self) -> None:
        """
        A form has what is single: texts, numbers, an empty text for true, and commas
        between several.
        """
        for form, stanza in (
            ({"body": "a=b&c", "subject": ""}, {"body": "a=b&c", "subject": ""}),
            ({"show": "away", "priority": "-1"}, {"show": "away", "priority": -1}),
            ({"ping": ""}, {"ping": True}),
            ({"ping": "true"}, {"ping": True}),
            ({"hints": "store,no-copy"}, {"hints": ["store", "no-copy"]}),
            ({"kind": "iq", "type": "set", "disco": ""}, {"disco": True}),
            ({"kind": "iq", "disco": "node"}, {"disco": "node"}),
            ({"to": "a@b", "thread": "t"}, {"to": "a@b", "thread": "t"}),
        ):
            value = STANZAS.fromForm({**form})
            assert isinstance(value, dict)
            self.assertEqual(value, {**value, **stanza})
            self.assertEqual(value.keys(), form.keys())

    def test_payload(self) -> None:
        """
        A query has the keys of the payload.
        """
        given = StanzaContext(kind="iq", payload="archive")
        value = STANZAS.fromForm({"max": "10", "with": "a@b", "ids": "1,2"}, given)
        self.assertEqual(value, {"max": 10, "with": "a@b", "ids": ["1", "2"]})
        self.assertEqual(
            STANZAS.fromForm({}, StanzaContext("iq", payload="ping")), True
        )

    def test_longNumber(self) -> None:
        """
        A long text that is no number is refused in linear time: in quadratic time this
        one would take hours.
        """
        digits = "9" * 500_000
        for number in (digits, f".{digits}", f"1e{digits}", f"{digits}.{digits}"):
            stanza = xml(
                "<presence><hats xmlns='urn:xmpp:hats:0'>"
                f"<hat title='a' uri='u' hue='{number}x'/></hats></presence>"
            )
            self.assertNotIn("hats", STANZAS.encode(stanza))

    def test_items(self) -> None:
        """A query cannot give the items of a list, and the error says what to do."""
        context = StanzaContext("iq", payload="block")
        problem = self.refusal(STANZAS.fromForm, {"jid": "a@b"}, context)
        self.assertEqual(
            problem.text,
            "The key 'jid' in 'block' is not known; POST the items as JSON.",
        )

    def test_refused(self) -> None:
        """Values that a form cannot hold are refused, and so are invalid ones."""
        for form, expected in (
            ({"bdoy": "a"}, "The key 'bdoy' is not known; did you mean 'body'?"),
            ({"xml": "<a/>", "subjct": ""}, "The key 'subjct' is not known; did you"),
            (
                {"oob": "a"},
                "The key 'oob' is not a single value, so no form can hold it;",
            ),
            (
                {"priority": "high"},
                "The key 'priority' must be an integer from -128 to",
            ),
            ({"priority": "1_0"}, "The key 'priority' must be an integer from -128 to"),
            ({"priority": "٣"}, "The key 'priority' must be an integer from -128 to"),
            ({"show": "OK"}, "The key 'show' must be one of away, chat, dnd, xa, not"),
            ({"ping": "yes"}, "The key 'ping' must be true or false, not 'yes'."),
            (
                {"ping": "", "body": ""},
                "The key 'body' belongs to message, but this is",
            ),
            ({"hints": "store,"}, "The key 'hints' must be one of no-copy,"),
        ):
            problem = self.refusal(STANZAS.fromForm, {**form})
            self.assertEqual((problem.status, problem.condition), (422, "bad-format"))
            self.assertTrue(problem.text.startswith(expected), problem.text)
            self.assertSentence(problem.text.replace("?", "."))

    @given(
        st.sampled_from(sorted(KEYS)),
        st.dictionaries(
            st.sampled_from(sorted({key for rows in KEYS.values() for key in rows})),
            st.text(st.sampled_from("a1,.-\u00e9 "), max_size=3),
            max_size=2,
        ),
    )
    def test_anything(self, kind: str, form: dict[str, str]) -> None:
        """Every form gives a value or a refusal."""
        with contextlib.suppress(Refusal):
            STANZAS.decode(
                STANZAS.fromForm(form, StanzaContext(kind)), StanzaContext(kind)
            )

    def test_written(self) -> None:
        """
        A form is written of strings, numbers, and true as empty; of nothing else.
        """
        self.assertEqual(
            toForm(
                {
                    "text": "b",
                    "empty": "",
                    "integer": 1,
                    "number": 1.5,
                    "yes": True,
                    "no": False,
                    "null": None,
                    "list": [],
                    "object": {},
                }
            ),
            {"text": "b", "empty": "", "integer": "1", "number": "1.5", "yes": ""},
        )
