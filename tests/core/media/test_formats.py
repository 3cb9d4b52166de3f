"""Tests of L{xmpprest.core.media.formats}."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from tests.core.codec.case import CoreTestCase, xml
from tests.support.canonical import canonical
from xmpprest.core.codec.mapping import StanzaContext
from xmpprest.core.errors import Problem
from xmpprest.core.media import formats, values
from xmpprest.core.media.formats import (
    CBOR,
    FORM,
    JSON,
    OUTPUT_TYPES,
    PROBLEM_JSON,
    TEXT,
    XML,
    decode,
    encode,
    encodeProblem,
    formatOf,
)
from xmpprest.core.media.negotiation import negotiate, parseContentType
from xmpprest.core.stanza import namespaces as ns


class ContentTypeTests(CoreTestCase):
    """
    L{parseContentType} and L{formatOf}
    """

    def test_parsed(self) -> None:
        """
        The type and the charset are told in lower case, whatever else there is.
        """
        for header, parsed in {
            "text/plain": ("text/plain", None),
            "Text/Plain": ("text/plain", None),
            " text/plain ": ("text/plain", None),
            "application/xmpp+xml": ("application/xmpp+xml", None),
            "text/plain;charset=utf-8": ("text/plain", "utf-8"),
            "text/plain; charset=UTF-8": ("text/plain", "utf-8"),
            'text/plain ; Charset="Utf-8"': ("text/plain", "utf-8"),
            'text/plain; charset="u\\tf-8"': ("text/plain", "utf-8"),
            "text/plain; charset=iso-8859-1": ("text/plain", "iso-8859-1"),
            'text/plain; a="; charset=x"; charset=utf8': ("text/plain", "utf8"),
            'text/plain; a="\\"; charset=x"': ("text/plain", None),
            "text/plain; format=flowed; delsp=yes": ("text/plain", None),
            "text/plain;": ("text/plain", None),
            "text/plain; ; charset=utf-8;": ("text/plain", "utf-8"),
            "a.b-c+d/x!#$&^_": ("a.b-c+d/x!#$&^_", None),
        }.items():
            self.assertEqual(parseContentType(header), parsed, header)

    def test_malformed(self) -> None:
        """A malformed media type is an error."""
        for header in (
            "",
            "text",
            "text/",
            "/plain",
            "text plain",
            "text/plain charset=utf-8",
            "text/plain; charset",
            "text/plain; charset=",
            "text/plain; =utf-8",
            'text/plain; charset="utf-8',
            "text/plain, text/plain",
            "text/pl\xe4in",
        ):
            self.assertRaises(ValueError, parseContentType, header)

    def test_formats(self) -> None:
        """Every name of UTF-8 is accepted as a charset."""
        for header, name in {
            "application/xmpp+xml": XML,
            "APPLICATION/XMPP+XML; charset=UTF-8": XML,
            "text/plain": TEXT,
            'text/plain; charset="utf8"; format=flowed': TEXT,
            "text/plain; charset=US-ASCII": TEXT,
        }.items():
            self.assertIs(formatOf(header), formats.FORMATS[name], header)

    def test_unsupported(self) -> None:
        """
        No type, another type and another charset are refused with 415, and the
        refusal says what is read.
        """
        for header, reason in {
            None: "There is no Content-Type",
            "": "not a media type",
            "nonsense": "not a media type",
            "text/html": "text/html is not supported",
            "application/xml": "application/xml is not supported",
            "text/*": "text/* is not supported",
            "text/plain; charset=iso-8859-1": "must be UTF-8",
            "application/xmpp+xml; charset=utf-16": "must be UTF-8",
            'text/plain; charset=""': "must be UTF-8",
        }.items():
            problem = self.refusal(formatOf, header)
            self.assertEqual((problem.status, problem.condition), (415, "bad-format"))
            self.assertEqual(problem.headers, (("Accept", formats.INPUT_TYPES),))
            self.assertIn(reason, problem.text, header)
            self.assertSentence(problem.text)


class DecodeTests(CoreTestCase):
    """
    L{decode}
    """

    def test_xml(self) -> None:
        """
        XML says itself what it is.
        """
        stanza = decode(XML, b"<presence><show>away</show></presence>")
        self.assertEqual(
            canonical(stanza), canonical(xml("<presence><show>away</show></presence>"))
        )

    def test_text(self) -> None:
        """
        Plain text is the body of a message, or the show of a presence, and has no
        type of its own.
        """
        for kind, body, stanza in (
            ("message", "hi <b>", "<message><body>hi &lt;b></body></message>"),
            ("message", " ü\r\n", "<message><body> ü&#13;\n</body></message>"),
            ("presence", "away", "<presence><show>away</show></presence>"),
            ("presence", " dnd\r\n", "<presence><show>dnd</show></presence>"),
        ):
            self.assertEqual(
                canonical(decode(TEXT, body.encode(), StanzaContext(kind))),
                canonical(xml(stanza)),
            )

    def test_kind(self) -> None:
        """
        Plain text is a chat message where nothing else is known, and never an iq. A
        byte order mark is no part of it.
        """
        self.assertEqual(
            canonical(decode(TEXT, b"hi")),
            canonical(xml("<message type='chat'><body>hi</body></message>")),
        )
        self.assertEqual(
            canonical(decode(TEXT, b"\xef\xbb\xbfhi")),
            canonical(xml("<message type='chat'><body>hi</body></message>")),
        )
        problem = self.refusal(decode, TEXT, b"hi", StanzaContext("iq"))
        self.assertEqual((problem.status, problem.condition), (415, "bad-format"))
        self.assertEqual(
            problem.text, "Plain text cannot stand for an iq; send JSON or XML."
        )

    def test_badText(self) -> None:
        """
        Text that is not UTF-8 is refused with 400; what XML cannot carry, and what
        no presence shows, with 422.
        """
        for kind, body, status, reason in (
            ("message", b"caf\xe9", 400, "not UTF-8"),
            ("message", "hi".encode("utf-16"), 400, "not UTF-8"),
            ("message", b"\xed\xa0\x80", 400, "not UTF-8"),
            ("message", b"a\x00", 422, "U+0000 at position 1,"),
            ("message", b"\x1b[0m", 422, "U+001B"),
            ("message", "\uffff".encode(), 422, "U+FFFF"),
            ("presence", b"OK", 422, "one of away, chat, dnd, xa."),
            ("presence", b" ", 422, "one of away, chat, dnd, xa."),
        ):
            problem = self.refusal(decode, TEXT, body, StanzaContext(kind))
            self.assertEqual(problem.status, status, body)
            self.assertIn(reason, problem.text, body)
            self.assertSentence(problem.text)

    def test_unsupported(self) -> None:
        """
        Another type is not read.
        """
        self.assertEqual(self.refusal(decode, "text/html", b"<p>hi").status, 415)


class EncodeTests(CoreTestCase):
    """
    L{encode}
    """

    def test_xml(self) -> None:
        """
        XML is written in UTF-8.
        """
        stanza = xml("<message><body>ü</body></message>")
        self.assertEqual(
            encode([stanza], XML), "<message><body>ü</body></message>".encode()
        )

    def test_several(self) -> None:
        """
        Several stanzas stand in one <xmpp/>, or in one list; of them a form has the
        last.
        """
        stanzas = [xml("<message><body>1</body></message>"), xml("<iq id='i'/>")]
        for name, written in {
            XML: b"<xmpp><message><body>1</body></message><iq id='i'/></xmpp>",
            JSON: b'{"xmpp": [{"kind": "message", "type": "normal", "body": "1"},'
            b' {"kind": "iq", "id": "i"}]}',
            FORM: b"kind=iq&id=i",
        }.items():
            self.assertEqual(encode(stanzas, name), written)
        self.assertEqual(
            values.fromCBOR(encode(stanzas, CBOR)),
            values.fromJSON(encode(stanzas, JSON)),
        )

    def test_types(self) -> None:
        """
        Plain text is only read.
        """
        self.assertEqual(formats.OUTPUT_TYPES, [XML, JSON, CBOR, FORM])
        self.assertEqual(formats.INPUT_TYPES, f"{XML}, {JSON}, {CBOR}, {FORM}, {TEXT}")


#: By C{Accept}, what a client gets that may have a, b/x or b/y, by default b/x.
CHOSEN: dict[str | None, str] = {
    None: "b/x",
    "": "b/x",
    "*/*": "b/x",
    "a/a": "a/a",
    "A/A": "a/a",
    "b/*": "b/x",
    "a/*": "a/a",
    "b/y": "b/y",
    # Weights
    "a/a;q=0.5, b/y": "b/y",
    "a/a;q=0.5, b/y;q=0.4": "a/a",
    "a/a; q=0.500 ,b/y;Q=0.9": "b/y",
    "a/a;version=1;q=0.2, b/y;q=0.3;ext=1": "b/y",
    "a/a, b/y, b/x": "a/a",
    "a/a, b/y": "a/a",
    # The most specific range counts, wherever it stands.
    "*/*, b/x;q=0.5": "a/a",
    "b/x;q=0.1, b/*;q=0.2, */*;q=0.05": "b/y",
    "b/*;q=0.9, a/a;q=1": "a/a",
    "*/*;q=0.1, b/*;q=0": "a/a",
    # Not acceptable
    "b/x;q=0, */*": "a/a",
    "b/x;q=0.0, a/a;q=0.000, b/y": "b/y",
    "b/x;q=0": "b/x",
    "*/*;q=0": "b/x",
    "text/html": "b/x",
    "text/html, application/xhtml+xml, */*;q=0.8": "b/x",
    # Garbage
    "a/a;q=": "b/x",
    "a/a;q=high": "b/x",
    "a/a;q=-1": "b/x",
    "a/a;q=nan, b/y;q=0.1": "b/y",
    "a/a;q=inf, b/y;q=0.1": "b/y",
    "a/a;q=1e-9, b/y;q=0.1": "b/y",
    "b/y;q=7, a/a": "b/y",
    "text/html, image/gif, *; q=.2, */*; q=.2": "b/x",
    "a/a;q=.2, b/y;q=.1": "a/a",
    "a/a;q=1.": "a/a",
    ",,a/a,": "a/a",
    ";;;,/,a": "b/x",
}


class NegotiateTests(CoreTestCase):
    """
    L{negotiate}
    """

    def test_chosen(self) -> None:
        """
        A client gets what it prefers; among equals, and where it prefers nothing
        that there is, what it would get by default.
        """
        for accept, chosen in CHOSEN.items():
            self.assertEqual(
                negotiate(accept, ["a/a", "b/x", "b/y"], "b/x"), chosen, accept
            )

    def test_ties(self) -> None:
        """
        Among types with equal weights, those named exactly come first, in the header's
        order, before wildcards and the default.
        """
        for accept, chosen in {
            "application/json, text/plain, */*": JSON,  # axios
            "application/json,*/*": JSON,
            "*/*, application/json": JSON,
            f"{FORM}, application/json": FORM,
            f"application/json, {FORM}": JSON,
            "application/*, application/json": JSON,
            "application/json;q=0.5, */*;q=0.5": JSON,
            "application/json;q=0.5, */*": XML,
            "application/json;q=0, */*;q=0": XML,
            "application/json;q=0": XML,
            "text/html, */*": XML,
            "text/html": XML,
        }.items():
            self.assertEqual(negotiate(accept, OUTPUT_TYPES, XML), chosen, accept)

    @given(st.text(st.sampled_from('ab/xy*;q=.019, \t"nan')))
    def test_anything(self, accept: str) -> None:
        """Every C{Accept} header selects a format."""
        offers = ["a/a", "b/x"]
        self.assertIn(negotiate(accept, offers, "a/a"), offers)


class EncodeProblemTests(CoreTestCase):
    """
    L{encodeProblem}
    """

    problem = Problem(
        422, "modify", "bad-format", "Neither <a> nor 'ü' & co.", (("Accept", "x"),)
    )

    def test_json(self) -> None:
        """
        Both types of JSON have the keys of mod_rest and those of RFC 9457.
        """
        for name in (JSON, PROBLEM_JSON):
            body = encodeProblem(self.problem, name)
            self.assertEqual(
                json.loads(body),
                {
                    "type": "error",
                    "code": 422,
                    "error": {
                        "type": "modify",
                        "condition": "bad-format",
                        "text": "Neither <a> nor 'ü' & co.",
                    },
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "Neither <a> nor 'ü' & co.",
                },
            )

    def test_xml(self) -> None:
        """
        XML is mod_rest's: the error of a stream (RFC 6120 §4.9).
        """
        body = encodeProblem(self.problem, XML)
        self.assertEqual(
            body.decode(),
            "<error xmlns='http://etherx.jabber.org/streams'>"
            "<bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
            "Neither &lt;a&gt; nor 'ü' &amp; co.</text></error>",
        )
        error = ElementTree.fromstring(body)
        self.assertEqual(
            error.findtext(f"{{{ns.STREAM_ERRORS}}}text"), self.problem.text
        )
