"""Tests of L{xmpprest.core.webhook.batch}."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.doubles import stanza
from xmpprest.core.media import formats
from xmpprest.core.media.formats import JSON
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.policy.callback_response import CallbackResponse, interpretResponse
from xmpprest.core.webhook.batch import BatchResponse, encodeLine, parseBatchResponse

from ..codec.stanzamaker import stanzas

MESSAGE = "<message from='a@b/c' to='d@e' type='chat' id='1'><body>hi</body></message>"
IDS = ("msg_1", "msg_2")

NO_LINE = "its answer to a batch has no line for it"
NO_STATUS = "its line for it in the answer to a batch has no status from 200 to 599"

#: What a line says beside its id, and what an answer to the stanza alone would have
#: been; C{None}, there is none.
LINES: list[tuple[dict[str, Any], CallbackResponse | None]] = [
    ({"status": 204}, CallbackResponse(204)),
    ({"status": 200}, CallbackResponse(200)),
    ({"status": 404, "detail": "unknown", "index": 7}, CallbackResponse(404)),
    ({"status": 599}, CallbackResponse(599)),
    ({"status": 503, "retry_after": 60}, CallbackResponse(503, retryAfter="60")),
    ({"status": 429, "retry_after": "60"}, CallbackResponse(429, retryAfter="60")),
    ({"status": 503, "retry_after": None}, CallbackResponse(503)),
    ({"status": 503, "retry_after": [1]}, CallbackResponse(503, retryAfter="[1]")),
    ({"reply": {"body": "ü"}}, CallbackResponse(200, JSON, b'{"body": "\\u00fc"}')),
    ({"status": 403, "reply": {"a": 1}}, CallbackResponse(403, JSON, b'{"a": 1}')),
    ({"status": 204, "reply": None}, CallbackResponse(204)),
    ({"reply": "yes"}, CallbackResponse(200, JSON, b'"yes"')),
    ({"reply": False}, CallbackResponse(200, JSON, b"false")),
    ({}, None),
    ({"reply": None}, None),
    ({"status": None}, None),
    ({"status": "204"}, None),
    ({"status": 204.0}, None),
    ({"status": True}, None),
    ({"status": 199}, None),
    ({"status": 600}, None),
    ({"status": "ok", "reply": {"body": "x"}}, None),
]

#: Bodies with a line that is no stanza's.
STRAY: list[bytes] = [
    b"x",
    b"[]",
    b'"msg_2"',
    b"null",
    b"{}",
    b'{"status": 204}',
    b'{"id": null, "status": 204}',
    b'{"id": 2, "status": 204}',
    b'{"id": ["msg_2"], "status": 204}',
    b'{"id": "msg_3", "status": 204}',
    b'{"id": "MSG_2", "status": 204}',
    b'{"id": "msg_2", "status": 204',
    b'{"id": "msg_2", "status": 204}}',
    b'{"id": "msg_\xff", "status": 204}',
    b'{"id": "msg_2", "status": ' + b"9" * 5000 + b"}",
    b"[" * 90_000,
    b'{"id": "msg_2", "reply": ' + b"[" * 90_000,
]

#: The status of the whole, whether it has C{Retry-After}, what is then said of each
#: stanza, and whether one of them may be at fault.
WHOLE: list[tuple[int, str | None, CallbackResponse | str, bool]] = [
    (410, None, CallbackResponse(410), False),
    (410, "60", CallbackResponse(410, retryAfter="60"), False),
    (429, "60", CallbackResponse(429, retryAfter="60"), False),
    (503, "60", CallbackResponse(503, retryAfter="60"), False),
    (429, None, "it answered a batch with 429 Too Many Requests", False),
    (503, None, "it answered a batch with 503 Service Unavailable", False),
    (502, None, "it answered a batch with 502 Bad Gateway", False),
    (401, None, "it answered a batch with 401 Unauthorized", False),
    (302, None, "it answered a batch with 302 Found", True),
    (400, None, "it answered a batch with 400 Bad Request", True),
    (500, "60", "it answered a batch with 500 Internal Server Error", True),
    (799, None, "it answered a batch with 799", True),
    (204, None, f"it answered a batch with 204, and not with {NDJSON}", False),
]


def reading(*lines: bytes, contentType: str | None = NDJSON) -> BatchResponse:
    """Read the lines of a response."""
    return parseBatchResponse(
        CallbackResponse(200, contentType, b"\n".join(lines)), IDS
    )


def line(id: str, **others: Any) -> bytes:
    """A line."""
    return json.dumps({"id": id, **others}).encode()


class LineTests(SynchronousTestCase):
    """
    Tests of L{encodeLine}.
    """

    def test_line(self) -> None:
        """A line has the id, and the stanza as it would be posted alone."""
        text = encodeLine("msg_1", stanza(MESSAGE))
        self.assertTrue(text.endswith(b"}\n"))
        alone = json.loads(formats.encode([stanza(MESSAGE)], JSON))
        self.assertEqual(json.loads(text), {"id": "msg_1", "stanza": alone})

    @given(stanzas())
    def test_anyStanza(self, any: Element) -> None:
        """Every stanza fits on one line."""
        text = encodeLine("msg_1", any)
        self.assertEqual(text.count(b"\n"), 1)
        self.assertNotIn(b"\r", text)
        alone = json.loads(formats.encode([any], JSON))
        self.assertEqual(json.loads(text), {"id": "msg_1", "stanza": alone})


class ReadTests(SynchronousTestCase):
    """
    Tests of L{parseBatchResponse}.
    """

    def test_lines(self) -> None:
        """
        A line says what an answer to the stanza alone would have said.
        """
        for others, expected in LINES:
            found = reading(line("msg_1", **others), line("msg_2", status=204))
            answers = {"msg_1": expected, "msg_2": CallbackResponse(204)}
            faults = {"msg_1": NO_STATUS} if expected is None else {}
            said = {id: each for id, each in answers.items() if each is not None}
            self.assertEqual(found, BatchResponse(said, faults), others)

    def test_order(self) -> None:
        """
        They come in any order, with empty lines and ends of lines as they like.
        """
        one, two = line("msg_1", status=200), line("msg_2", status=404)
        answers = {"msg_1": CallbackResponse(200), "msg_2": CallbackResponse(404)}
        for lines in ((one, two), (two, one), (b"", one + b"\r", b" \t", two, b"")):
            self.assertEqual(reading(*lines), BatchResponse(answers))

    def test_missing(self) -> None:
        """A stanza without a line has no response."""
        self.assertEqual(reading(), BatchResponse(errors=dict.fromkeys(IDS, NO_LINE)))
        self.assertEqual(
            reading(line("msg_2", status=204)),
            BatchResponse({"msg_2": CallbackResponse(204)}, {"msg_1": NO_LINE}),
        )

    def test_stray(self) -> None:
        """
        A line that is none, or of another, touches nobody.
        """
        good = line("msg_1", status=204)
        expected = BatchResponse(
            {"msg_1": CallbackResponse(204)}, {"msg_2": NO_LINE}, 1
        )
        for bad in STRAY:
            self.assertEqual(reading(bad, good), expected, bad[:80])
            self.assertEqual(reading(good, bad), expected, bad[:80])

    def test_twice(self) -> None:
        """
        If several lines are for one stanza the first counts, even if it is invalid.
        """
        lines = (line("msg_1", status=204), line("msg_1", status=404))
        faults = {"msg_2": NO_LINE}
        found = reading(*lines)
        self.assertEqual(
            found, BatchResponse({"msg_1": CallbackResponse(204)}, faults, 1)
        )
        found = reading(line("msg_1", status=0), line("msg_1", status=204))
        self.assertEqual(found, BatchResponse({}, {"msg_1": NO_STATUS, **faults}, 1))

    def test_endless(self) -> None:
        """Lines for unknown stanzas are read only up to the number of stanzas."""
        found = reading(*[b"{}"] * 10_000, line("msg_1", status=204))
        self.assertEqual(found, BatchResponse({}, dict.fromkeys(IDS, NO_LINE), 3))

    def test_badReply(self) -> None:
        """
        A reply that cannot be one is as bad as it is alone: with a 2xx the stanza is
        accepted, and somebody is told why the rest is not sent.
        """
        for reply in ('{"body": "\\u0000"}', '{"body": NaN}', '{"bdoy": "x"}', "[]"):
            found = reading(f'{{"id": "msg_1", "reply": {reply}}}'.encode())
            verdict = interpretResponse(
                stanza(MESSAGE), found.answers["msg_1"], lambda: "id"
            )
            self.assertEqual(verdict.stanzas, ())
            assert verdict.complaint is not None
            self.assertIn("its body is not a reply", verdict.complaint.reason)

    def test_contentType(self) -> None:
        """
        A body with another content type has no lines; that is no fault of a stanza.
        """
        text = line("msg_1", status=204)
        for contentType in (NDJSON, f"{NDJSON}; charset=utf-8", NDJSON.upper()):
            found = reading(text, contentType=contentType)
            self.assertEqual(found.answers, {"msg_1": CallbackResponse(204)})
        fault = f"it answered a batch with 200, and not with {NDJSON}"
        for other in (None, "", JSON, "text/html", "nonsense", f"{NDJSON}; x"):
            found = reading(text, contentType=other)
            self.assertEqual(found, BatchResponse(errors=dict.fromkeys(IDS, fault)))

    def test_alone(self) -> None:
        """A response to a batch of one is about its stanza, unless it cannot be."""
        for status, expected in ((400, True), (500, True), (502, False), (401, False)):
            found = parseBatchResponse(CallbackResponse(status), IDS[:1])
            self.assertEqual(
                found.answers == {IDS[0]: CallbackResponse(status)}, expected
            )
            self.assertEqual(len(found.errors), not expected)

    def test_whole(self) -> None:
        """A status other than 2xx counts for every stanza, whatever the lines say."""
        text = line("msg_1", status=204)
        for status, retryAfter, each, isSuspect in WHOLE:
            contentType = None if status == 204 else NDJSON
            found = parseBatchResponse(
                CallbackResponse(status, contentType, text, retryAfter), IDS
            )
            if isinstance(each, CallbackResponse):
                expected = BatchResponse(answers=dict.fromkeys(IDS, each))
            else:
                faults = dict.fromkeys(IDS, each)
                expected = BatchResponse(errors=faults, rejectedAsWhole=isSuspect)
            self.assertEqual(found, expected, status)

    @given(st.binary(max_size=300))
    def test_anything(self, body: bytes) -> None:
        """
        Each stanza has a result, or a reason for having none, for every response.
        """
        found = reading(body)
        self.assertEqual({*found.answers, *found.errors}, {*IDS})
        self.assertEqual(len(found.answers) + len(found.errors), len(IDS))
