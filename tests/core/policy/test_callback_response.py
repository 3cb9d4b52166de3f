"""Tests of L{xmpprest.core.policy.callback_response}: the rules of a response."""

from __future__ import annotations

from dataclasses import replace

from tests.core.codec.case import xml
from tests.core.policy.answering import (
    BUSY,
    CHAT,
    FROM_ROOM,
    GET,
    IN,
    OUT,
    PING,
    PRESENCE,
    RECEIVED,
    REQUEST,
    RESPONSES,
    ROOM_IN,
    SET,
    AnswerTestCase,
    errorXML,
    inFormats,
    stanzaJSON,
    stanzaXML,
)
from tests.core.test_errors import TOLD
from tests.support.canonical import canonical
from tests.support.traps import cborTraps, jsonTraps
from xmpprest.core.errors import StanzaError
from xmpprest.core.media.formats import CBOR, FORM, JSON, XML
from xmpprest.core.media.values import Value
from xmpprest.core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    errorReply,
    onUnreachable,
    unhandledReply,
)
from xmpprest.core.stanza import namespaces as ns

#: A subscription, which is a request and not a state.
SUBSCRIBE = f"<presence {IN} id='i' type='subscribe'/>"


class ResponseTests(AnswerTestCase):
    """
    Rule 1
    """

    def test_nothing(self) -> None:
        """
        To an error or a result nothing is sent, whatever the callback says.
        """
        for inbound in RESPONSES:
            kind = xml(inbound).name
            for said in (
                CallbackResponse(200),
                CallbackResponse(204),
                CallbackResponse(404, "text/html", b"<p>"),
                CallbackResponse(501),
                CallbackResponse(200, "text/plain", b"hi"),
                stanzaXML(f"<{kind} type='error'>{BUSY}</{kind}>"),
                stanzaXML(f"<{kind}/>"),
            ):
                self.assertEqual(self.verdict(inbound, said), ReplyPlan(), inbound)


class AcceptedTests(AnswerTestCase):
    """
    Rule 2
    """

    #: A body does not count with 202 and 204.
    accepted = (
        CallbackResponse(200),
        CallbackResponse(200, XML),
        CallbackResponse(201),
        CallbackResponse(202),
        CallbackResponse(202, "text/plain", b"Accepted"),
        CallbackResponse(202, XML, b"<message/>"),
        CallbackResponse(204),
        CallbackResponse(204, "application/json", b"{}"),
        CallbackResponse(299, "text/html"),
    )

    def test_nothing(self) -> None:
        """
        To a message or a presence nothing is sent, nor is a subscription request
        echoed.
        """
        for inbound in (
            CHAT,
            PRESENCE,
            f"<presence {IN} type='subscribe'/>",
            *FROM_ROOM,
        ):
            for said in self.accepted:
                self.assertEqual(self.verdict(inbound, said), ReplyPlan(), said)

    def test_result(self) -> None:
        """
        An iq gets an empty result, but an iq get first the built-in answer, if there
        is one: no empty result answers disco or version.
        """
        for inbound in (GET, SET):
            for said in self.accepted:
                verdict = self.verdict(inbound, said)
                self.assertSent(verdict, f"<iq {OUT} id='i' type='result'/>")
                self.assertEqual(verdict.deferToBuiltin, inbound == GET)

    def test_receipt(self) -> None:
        """
        A message that asks for a receipt gets one, of its own type, with an id of
        its own.
        """
        for type in ("", "type='chat'", "type='normal'", "type='headline'"):
            for said in self.accepted:
                self.assertSent(
                    self.verdict(
                        f"<message {IN} id='i' {type}>{REQUEST}</message>", said
                    ),
                    f"<message {OUT} id='new-0' {type}>{RECEIVED}</message>",
                )

    def test_noReceipt(self) -> None:
        """Messages of a room, messages without an id, and receipts get no receipt."""
        for inbound in (
            f"<message {ROOM_IN} id='i' type='groupchat'>{REQUEST}</message>",
            f"<message {IN} type='chat'>{REQUEST}</message>",
            f"<message {IN} id='j' type='chat'>{REQUEST}{RECEIVED}</message>",
        ):
            self.assertEqual(
                self.verdict(inbound, CallbackResponse(200)), ReplyPlan(), inbound
            )


#: Bodies that are no reply to a message, with what the warning says.
NO_REPLY: tuple[tuple[str | None, bytes, str], ...] = (
    (None, b"hi", "There is no Content-Type"),
    ("text/html", b"<p>hi</p>", "text/html is not supported"),
    (JSON, b"{}", "taken as an acknowledgement; answer 204"),
    (
        JSON,
        b' {"kind": "message"}\n',
        "taken as an acknowledgement; answer 204",
    ),
    (JSON, b'{"body": null}', "taken as an acknowledgement; answer 204"),
    (JSON, b'{"detail": "gone"}', "'detail' is not known"),
    (JSON, b'{"boddy": "hi"}', "did you mean 'body'?"),
    (JSON, b'{"body": 5}', "'body' must be a string, not a number."),
    (JSON, b"[]", "must be one object"),
    (JSON, b"null", "must be one object"),
    (JSON, b'"hi"', "must be one object"),
    (JSON, b"hi", "not well-formed JSON"),
    (JSON, b"<message/>", "not well-formed JSON"),
    (JSON, b"\n", "is empty"),
    (JSON, b'{"type": "x", "body": "a"}', "The type of a message"),
    (JSON, b'{"type": "error", "body": "a"}', "an error without an <error/>"),
    (JSON, b'{"error": true}', "an error without a condition"),
    (JSON, b'{"error": {"type": "cancel"}}', "an error without a condition"),
    (JSON, b'{"body": "a\\u0000"}', "U+0000"),
    (f"{JSON}; charset=utf-16", b"{}", "must be UTF-8"),
    (CBOR, b"\xa0", "taken as an acknowledgement; answer 204"),
    (CBOR, b"\xbf\xff", "taken as an acknowledgement; answer 204"),
    (CBOR, b"\x80", "must be one object"),
    (CBOR, b"hi", "beyond the end of the body"),
    (FORM, b"OK", "key=value"),
    (FORM, b"kind=message", "taken as an acknowledgement; answer 204"),
    (FORM, b"error=gone", "no form can hold it"),
    (FORM, b"body=%FF", "not UTF-8"),
    ("text/html", b"{}", "text/html is not supported"),
    ("nonsense", b"hi", "not a media type"),
    ("text/plain; charset=latin1", b"hi", "must be UTF-8"),
    ("text/plain", b"caf\xe9", "not UTF-8"),
    ("text/plain", b"\x00", "U+0000"),
    (XML, b"hi", "not well-formed"),
    (XML, b"<!DOCTYPE message><message/>", "a document type declaration"),
    (XML, b"\n", "is empty"),
    (XML, b"<message xmlns='jabber:server'/>", "jabber:client"),
    (XML, b"<body/>", "a message, a presence or an iq"),
    (XML, b"<presence/>", "A presence cannot answer a message."),
    (XML, b"<iq type='result'/>", "An iq cannot answer a message."),
    (XML, b"<message type='x'/>", "The type of a message"),
    (XML, b"<message type='error'/>", "an error without an <error/>"),
    (XML, b"<message type='error'><error xmlns='urn:x'/></message>", "an error"),
    (XML, b"<message type='error'><error/></message>", "without a condition"),
)


#: How frameworks, services and we ourselves write an error in JSON.
ERROR_PAGES: tuple[Value, ...] = (
    {},
    [],
    None,
    "Not Found",
    {"detail": "Not Found"},  # FastAPI, Django REST framework
    {"message": "Not Found"},  # Flask-RESTful, Laravel
    {"error": "Not Found"},
    {"error": True},
    {"error": {}},
    {"error": {"code": 404}},
    {"error": {"message": "Not Found"}},
    {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}},  # Google
    {"errors": [{"status": "404", "title": "Not Found"}]},  # JSON:API
    {"status": 404, "error": "Not Found"},  # Rails
    {"statusCode": 404, "message": "Cannot POST /", "error": "Not Found"},  # NestJS
    {"timestamp": "x", "status": 404, "error": "Not Found", "path": "/"},  # Spring
    {"type": "about:blank", "title": "Not Found", "status": 404},  # RFC 9457
    {"jsonrpc": "2.0", "error": {"code": -32601, "message": "x"}, "id": None},
    {
        "type": "error",
        "code": 404,
        "error": {"type": "cancel", "condition": "item-not-found", "text": "x"},
        "title": "Not Found",
        "status": 404,
        "detail": "x",
    },
)


class NoReplyTests(AnswerTestCase):
    """
    Rules 4 and 5, where there is a body
    """

    def test_accepted(self) -> None:
        """
        A success with a body that is no reply is one without, and a warning.
        """
        for contentType, body, warning in NO_REPLY:
            said = CallbackResponse(200, contentType, body)
            self.assertSent(self.verdict(CHAT, said), complaint=warning)
            self.assertSent(
                self.verdict(
                    f"<message {IN} id='i'><body>hi</body>{REQUEST}</message>", said
                ),
                f"<message {OUT} id='new-0'>{RECEIVED}</message>",
                complaint=warning,
            )

    def test_failed(self) -> None:
        """
        A failure with a body that is no reply is told by its status. There is a
        warning if the body seems to have been meant as one.
        """
        for contentType, body, warning in NO_REPLY:
            self.assertSent(
                self.verdict(CHAT, CallbackResponse(404, contentType, body)),
                errorXML("message", 404, ("cancel", "item-not-found")),
                complaint=warning if contentType == XML else None,
            )

    def test_errorPage(self) -> None:
        """
        Plain text is a reply only with a success: it is how Go and aiohttp write the
        pages of their errors.
        """
        for status, told in {
            404: ("cancel", "item-not-found"),
            500: ("wait", "internal-server-error"),
        }.items():
            for type in ("text/plain", "Text/Plain; charset=utf-8"):
                self.assertSent(
                    self.verdict(
                        CHAT, CallbackResponse(status, type, b"404 page not found\n")
                    ),
                    errorXML("message", status, told),
                )

    def test_errorPageJSON(self) -> None:
        """
        The pages of frameworks' errors are told by their status, and nothing to warn
        of.
        """
        for value in ERROR_PAGES:
            for status, told in {
                404: ("cancel", "item-not-found"),
                500: ("wait", "internal-server-error"),
            }.items():
                for inbound in (CHAT, PRESENCE, GET, SET):
                    for contentType in (JSON, "application/problem+json"):
                        said = replace(
                            stanzaJSON(value, status), contentType=contentType
                        )
                        self.assertSent(
                            self.verdict(inbound, said),
                            errorXML(xml(inbound).name, status, told),
                        )
                for inbound in FROM_ROOM:
                    verdict = self.verdict(inbound, stanzaJSON(value, status))
                    self.assertEqual(verdict, ReplyPlan())

    def test_notImplemented(self) -> None:
        """
        With such a page, too, 501 leaves an iq to the gateway's own answers.
        """
        for value in ERROR_PAGES:
            self.assertTrue(self.verdict(GET, stanzaJSON(value, 501)).deferToBuiltin)

    def test_empty(self) -> None:
        """
        An empty object is no reply: an iq has its result, a presence nothing.
        """
        for said in inFormats({}):
            if said.body:
                warning = "taken as an acknowledgement; answer 204"
                self.assertSent(self.verdict(PRESENCE, said), complaint=warning)
                self.assertSent(
                    self.verdict(SET, said),
                    f"<iq {OUT} id='i' type='result'/>",
                    complaint=warning,
                )

    def test_traps(self) -> None:
        """A malicious response is no reply, and the warning about it is short."""
        for contentType, traps in ((JSON, jsonTraps()), (CBOR, cborTraps())):
            for trap in traps:
                if not trap.body:
                    continue
                verdict = self.verdict(
                    CHAT, CallbackResponse(200, contentType, trap.body)
                )
                self.assertSent(verdict, complaint=trap.says)
                assert verdict.complaint is not None
                self.assertLess(len(verdict.complaint.reason), 1000)
                self.assertSent(
                    self.verdict(CHAT, CallbackResponse(500, contentType, trap.body)),
                    errorXML("message", 500, ("wait", "internal-server-error")),
                )

    def test_iq(self) -> None:
        """Two children, another kind, or a text cannot be the result of an iq."""
        for contentType, body, warning in (
            (XML, f"<iq>{PING}{PING}</iq>", "at most one child"),
            (XML, "<message/>", "A message cannot answer an iq."),
            (XML, "<iq type='error'/>", "an error without an <error/>"),
            ("text/plain", "OK", "Plain text cannot stand for an iq"),
        ):
            self.assertSent(
                self.verdict(GET, CallbackResponse(200, contentType, body.encode())),
                f"<iq {OUT} id='i' type='result'/>",
                complaint=warning,
            )
            self.assertSent(
                self.verdict(GET, CallbackResponse(403, contentType, body.encode())),
                errorXML("iq", 403, ("auth", "forbidden")),
                complaint=warning if contentType == XML else None,
            )

    def test_presence(self) -> None:
        """
        A callback that says OK to a presence does not make us show it.
        """
        self.assertSent(
            self.verdict(PRESENCE, CallbackResponse(200, "text/plain", b"OK")),
            complaint="Plain text cannot answer a presence",
        )

    def test_emptyFailure(self) -> None:
        """
        A failure without a body is nothing to warn of.
        """
        self.assertSent(
            self.verdict(CHAT, CallbackResponse(404, XML)),
            errorXML("message", 404, ("cancel", "item-not-found")),
        )


class StatusTests(AnswerTestCase):
    """
    Rule 5
    """

    def test_table(self) -> None:
        """
        Any other status becomes the error of the contract's table, with the id and
        without the payload of what came in.
        """
        for statuses, told in TOLD.items():
            for status in statuses:
                for inbound in (CHAT, PRESENCE, GET, SET):
                    kind = xml(inbound).name
                    verdict = self.verdict(inbound, CallbackResponse(status))
                    self.assertSent(verdict, errorXML(kind, status, told))

    def test_unanswered(self) -> None:
        """
        With 501, or a success without a reply, an iq get is left to the built-in
        answers; with no other status.
        """
        for status in (*range(200, 210), 301, 400, 404, 500, 501, 502, 503):
            verdict = self.verdict(GET, CallbackResponse(status))
            isDeferred = status < 300 or status == 501
            self.assertEqual(verdict.deferToBuiltin, isDeferred, status)
            verdict = self.verdict(SET, CallbackResponse(status))
            self.assertEqual(verdict.deferToBuiltin, status == 501, status)
            self.assertEqual(len(verdict.stanzas), 1, status)

    def test_room(self) -> None:
        """
        No status becomes an error to where it would remove us from a room.
        """
        for inbound in FROM_ROOM:
            for status in (301, 404, 500, 501):
                self.assertSent(self.verdict(inbound, CallbackResponse(status)))


class NoAnswerTests(AnswerTestCase):
    """
    Rule 6: L{onUnreachable}, L{errorReply} and L{unhandledReply}
    """

    def test_unavailable(self) -> None:
        """
        Without an answer the sender is told to try later; an iq is left to the
        gateway's own answers first.
        """
        for inbound in (CHAT, SUBSCRIBE, GET, SET):
            kind = xml(inbound).name
            verdict = onUnreachable(xml(inbound))
            self.assertSent(
                verdict,
                f"<{kind} {OUT} id='i' type='error'><error type='wait'>"
                f"<recipient-unavailable xmlns='{ns.STANZA_ERRORS}'/></error></{kind}>",
            )
            self.assertTrue(verdict.deferToBuiltin)

    def test_presence(self) -> None:
        """
        Presence gets no error while the callback is down: it would show the bot as
        broken until the sender's next login.
        """
        for type in ("", "type='unavailable'", "type='probe'"):
            verdict = onUnreachable(xml(f"<presence {IN} id='i' {type}/>"))
            self.assertSent(verdict)

    def test_silent(self) -> None:
        """
        Neither a room nor an answer gets an error.
        """
        for inbound in (*FROM_ROOM, *RESPONSES):
            self.assertEqual(onUnreachable(xml(inbound)).stanzas, (), inbound)
            self.assertEqual(
                errorReply(xml(inbound), StanzaError("wait", "gone")), (), inbound
            )

    def test_unwanted(self) -> None:
        """
        A message that no callback wants is answered with service-unavailable, unless
        nobody expects an answer; presence is ignored.
        """
        for inbound in (CHAT, f"<message {IN} id='i'/>", GET):
            kind = xml(inbound).name
            (stanza,) = unhandledReply(xml(inbound))
            self.assertEqual(
                canonical(stanza),
                canonical(
                    xml(
                        f"<{kind} {OUT} id='i' type='error'><error type='cancel'>"
                        f"<service-unavailable xmlns='{ns.STANZA_ERRORS}'/>"
                        f"</error></{kind}>"
                    )
                ),
            )
        for inbound in (
            f"<message {IN} id='i' type='headline'/>",
            PRESENCE,
            f"<presence {IN} id='i' type='subscribe'/>",
            *FROM_ROOM,
            *RESPONSES,
        ):
            self.assertEqual(unhandledReply(xml(inbound)), (), inbound)
