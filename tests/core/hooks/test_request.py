"""Tests for L{xmpprest.core.hooks.request}."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.core.hooks.request import MAX_DEPTH, Fields, HookRequest, parseRequest


def parsed(body: str | bytes, contentType: str = "", query: bytes = b"") -> HookRequest:
    """Parse a request with a body."""
    data = body.encode() if isinstance(body, str) else body
    headers = {"content-type": contentType} if contentType else {}
    return parseRequest(headers, data, query)


FORM = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="x-y"'


class ParseTests(SynchronousTestCase):
    """
    L{parseRequest}
    """

    def test_json(self) -> None:
        """
        JSON is parsed if the type says so, and also if the body looks like it.
        """
        for contentType in ("application/json", "application/vnd.x+json", "", FORM):
            self.assertEqual(parsed('{"a": 1}', contentType).value, {"a": 1})
        self.assertEqual(parsed("\ufeff[1]", "application/json").value, [1])

    def test_lenient(self) -> None:
        """
        Faults that do no harm are accepted: duplicate keys, NaN, half a surrogate pair.
        """
        value = parsed('{"a": 1, "a": 2, "b": NaN, "c": "\\ud800"}').value
        self.assertEqual(value["a"], 2)
        self.assertEqual(value["c"], "\ud800")

    def test_form(self) -> None:
        """
        A form has its fields, or the JSON that one of them holds.
        """
        self.assertEqual(parsed("a=1&b=x+y", FORM).value, {"a": "1", "b": "x y"})
        self.assertEqual(parsed('payload={"a":%201}', FORM).value, {"a": 1})

    def test_notAForm(self) -> None:
        """
        Text that C{curl -d} calls a form is text.
        """
        for text in ("Backup done", "Disk at 90 % = full", "ü"):
            request = parsed(text, FORM)
            self.assertEqual((request.value, request.text), (None, text))

    def test_multipart(self) -> None:
        """
        The fields of C{multipart/form-data} are read, without its files.
        """
        body = (
            '--x-y\r\nContent-Disposition: form-data; name="title"\r\n\r\nA b\r\n'
            '--x-y\r\nContent-Disposition: form-data; name="message"\r\n'
            "Content-Type: text/plain\r\n\r\ntwo\r\nlines\r\n"
            '--x-y\r\nContent-Disposition: form-data; name="f"; filename="../x"\r\n\r\n'
            "data\r\n--x-y--\r\n"
        )
        self.assertEqual(
            parsed(body, MULTIPART).value, {"title": "A b", "message": "two\r\nlines"}
        )

    def test_longHead(self) -> None:
        """
        A long head of a part takes linear time: in quadratic time this one would take
        hours.
        """
        head = "form-data " * 50_000
        body = f"--x-y\r\nContent-Disposition: {head}\r\n\r\nx\r\n--x-y--\r\n"
        self.assertEqual(parsed(body, MULTIPART).value, {})

    def test_charset(self) -> None:
        """
        Text is UTF-8, or Latin-1 if the type says so; other bytes are replaced.
        """
        self.assertEqual(parsed(b"\xc3\xbc").text, "ü")
        self.assertEqual(parsed(b"\xfc", "text/plain; charset=ISO-8859-1").text, "ü")
        self.assertEqual(parsed(b"\xfc").text, "\ufffd")

    def test_query(self) -> None:
        """
        The query is a form, too.
        """
        self.assertEqual(parsed("x", query=b"wait=true&a=%C3%BC").query["a"], "ü")

    def test_refused(self) -> None:
        """
        A body that is not what its type says is refused with 400.
        """
        deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
        for body, contentType in [
            ('{"a": ', "application/json"),
            ("", "application/json"),
            (deep, "application/json"),
            ("[" * 100_000, "application/json"),
            ('{"a":' * 1000 + "1" + "}" * 1000, "application/json"),
            ("1" * 5000, "application/json"),
            (f"[{'[],' * 60_000}[]]", "application/json"),
            ("a=" + "x" * 2**18, FORM),
            ("payload={", FORM),
            ("&".join(f"{n}=1" for n in range(1000)), FORM),
            ("x", "multipart/form-data"),
            ("--x-y\r\n" * 1000 + "--x-y--", MULTIPART),
        ]:
            refusal = self.assertRaises(Refusal, parsed, body, contentType)
            self.assertEqual(refusal.problem.status, 400, body[:30])

    def test_depth(self) -> None:
        """
        Brackets within texts do not count as levels.
        """
        text = '["' + "[" * 1000 + '\\"", ' + "[],[]," * 100 + "[]]"
        self.assertEqual(len(parsed(text).value), 202)

    def test_unreadable(self) -> None:
        """
        Text that only looks like JSON is text.
        """
        request = parsed("[WARN] disk full")
        self.assertEqual((request.value, request.text), (None, "[WARN] disk full"))


class FieldsTests(SynchronousTestCase):
    """
    L{Fields}
    """

    def test_wrongTypes(self) -> None:
        """
        A field that is missing or of another type is as an empty one.
        """
        anything: list[Any] = [None, 1, "x", [], {}, True, {"a": None}, {"a": {"b": 1}}]
        for value in anything:
            fields = Fields(value)
            self.assertEqual(fields.text("a.b.c"), "")
            self.assertEqual(list(fields.list("a")), [])
            self.assertFalse(fields.object("a.x"))
            self.assertIsNone(fields.number("a.x"))
            self.assertFalse(fields.isTrue("a"))

    def test_text(self) -> None:
        """
        Numbers and truth values are read as text, and the first text wins.
        """
        fields = Fields(json.loads('{"a": 1.5, "b": true, "c": " ", "d": {"e": "x"}}'))
        self.assertEqual(fields.text("a"), "1.5")
        self.assertEqual(fields.text("b"), "true")
        self.assertEqual(fields.text("nothing", "c", "d.e"), "x")
