"""Tests of L{xmpprest.core.policy.callback_response}: the replies of callbacks."""

from __future__ import annotations

from collections.abc import Mapping

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
    ROOM_IN,
    ROOM_OUT,
    SET,
    AnswerTestCase,
    errorXML,
    inFormats,
    stanzaJSON,
    stanzaXML,
)
from xmpprest.core.media.values import Value
from xmpprest.core.policy.callback_response import CallbackResponse, onUnreachable
from xmpprest.core.stanza import namespaces as ns


class ReplyTests(AnswerTestCase):
    """
    Rule 3
    """

    def test_addressed(self) -> None:
        """
        A reply goes from where the stanza went to where it came from; of its own
        attributes only id, type and xml:lang count.
        """
        for inbound, said, sent in (
            (
                CHAT,
                "<message to='a@b' from='c@d' id='r' type='normal' xml:lang='de' x='y'>"
                "<body>ho</body><x xmlns='urn:x'/></message>",
                f"<message {OUT} id='r' type='normal' xml:lang='de'>"
                "<body>ho</body><x xmlns='urn:x'/></message>",
            ),
            (
                PRESENCE,
                "<presence to='a@b' from='c@d' id='r' xml:lang='de' x='y'/>",
                f"<presence {OUT} id='r' xml:lang='de'/>",
            ),
            (
                GET,
                f"<iq to='a@b' from='c@d' id='r' type='result' x='y'>{PING}</iq>",
                f"<iq {OUT} id='i' type='result'>{PING}</iq>",
            ),
        ):
            self.assertSent(self.verdict(inbound, stanzaXML(said)), sent)

    def test_status(self) -> None:
        """
        A stanza is the reply whatever the HTTP status.
        """
        for status in (200, 201, 301, 404, 500, 501, 503):
            verdict = self.verdict(
                CHAT, stanzaXML("<message id='r'><body>ho</body></message>", status)
            )
            self.assertSent(
                verdict, f"<message {OUT} id='r' type='chat'><body>ho</body></message>"
            )
            self.assertFalse(verdict.deferToBuiltin)

    def test_messageType(self) -> None:
        """
        A message without a type gets that of the inbound one; one with a type keeps
        it.
        """
        for inbound, reply, sent in (
            ("type='chat'", "", "type='chat'"),
            ("type='headline'", "", "type='headline'"),
            ("", "", ""),
            ("type='chat'", "type='normal'", "type='normal'"),
            ("", "type='chat'", "type='chat'"),
        ):
            self.assertSent(
                self.verdict(
                    f"<message {IN} id='i' {inbound}/>",
                    stanzaXML(f"<message id='r' {reply}/>"),
                ),
                f"<message {OUT} id='r' {sent}/>",
            )

    def test_presenceType(self) -> None:
        """
        A presence has the type that it has, whatever came in.
        """
        for inbound, reply in (
            ("type='subscribe'", "type='subscribed'"),
            ("type='subscribe'", "type='unsubscribed'"),
            ("type='subscribe'", ""),
            ("type='probe'", ""),
            ("", "type='subscribe'"),
            ("type='unavailable'", "type='unavailable'"),
        ):
            self.assertSent(
                self.verdict(
                    f"<presence {IN} id='i' {inbound}/>",
                    stanzaXML(f"<presence id='r' {reply}/>"),
                ),
                f"<presence {OUT} id='r' {reply}/>",
            )

    def test_iqType(self) -> None:
        """
        The reply to an iq is a result unless it is an error, and has the inbound id.
        """
        for type in ("", "type='get'", "type='result'", "type='x'"):
            self.assertSent(
                self.verdict(SET, stanzaXML(f"<iq id='r' {type}/>")),
                f"<iq {OUT} id='i' type='result'/>",
            )
        self.assertSent(
            self.verdict(SET, stanzaXML(f"<iq type='error'>{PING}{BUSY}</iq>")),
            f"<iq {OUT} id='i' type='error'>{PING}{BUSY}</iq>",
        )

    def test_id(self) -> None:
        """
        A message or a presence without an id gets a new one.
        """
        for inbound, kind in ((CHAT, "message type='chat'"), (PRESENCE, "presence")):
            self.assertSent(
                self.verdict(inbound, stanzaXML(f"<{kind}/>")),
                f"<{kind} {OUT} id='new-0'/>",
            )

    def test_language(self) -> None:
        """
        The language is that of the reply, not of what came in.
        """
        self.assertSent(
            self.verdict(
                f"<message {IN} id='i' xml:lang='fr'/>", stanzaXML("<message id='r'/>")
            ),
            f"<message {OUT} id='r'/>",
        )

    def test_error(self) -> None:
        """
        An error has the id of what it answers.
        """
        for inbound in (CHAT, PRESENCE, GET):
            kind = xml(inbound).name
            self.assertSent(
                self.verdict(
                    inbound, stanzaXML(f"<{kind} id='r' type='error'>{BUSY}</{kind}>")
                ),
                f"<{kind} {OUT} id='i' type='error'>{BUSY}</{kind}>",
            )

    def test_room(self) -> None:
        """
        A reply to what is said in a room goes to the room, for all to read.
        """
        for said in (
            stanzaXML("<message id='r'><body>ho</body></message>"),
            stanzaXML("<message id='r' type='groupchat'><body>ho</body></message>"),
        ):
            self.assertSent(
                self.verdict(FROM_ROOM[0], said),
                f"<message {ROOM_OUT} id='r' type='groupchat'>"
                "<body>ho</body></message>",
            )

    def test_whispered(self) -> None:
        """
        A reply that says it is a chat goes to the one who spoke, since a room takes
        none.
        """
        (reply,) = self.verdict(
            FROM_ROOM[0], stanzaXML("<message type='chat'><body>psst</body></message>")
        ).stanzas
        self.assertEqual(reply["to"], xml(FROM_ROOM[0])["from"])
        self.assertIn("/", reply["to"])

    def test_private(self) -> None:
        """
        A reply to what somebody says in private goes to that person in the room.
        """
        self.assertSent(
            self.verdict(FROM_ROOM[1], stanzaXML("<message id='r'/>")),
            "<message to='room@muc.example/Juliet' from='bot@gateway.example/x' id='r'"
            " type='chat'/>",
        )

    def test_text(self) -> None:
        """
        Plain text is a message of the same type, without its trailing line breaks.
        """
        body = "<body>ho</body>"
        for inbound, said, sent in (
            (CHAT, b"ho", f"<message {OUT} id='new-0' type='chat'>{body}</message>"),
            (
                FROM_ROOM[0],
                b"ho",
                f"<message {ROOM_OUT} id='new-0' type='groupchat'>{body}</message>",
            ),
            (
                f"<message {IN}><body>hi</body></message>",
                b"ho\r\n\n",
                f"<message {OUT} id='new-0'>{body}</message>",
            ),
        ):
            self.assertSent(
                self.verdict(
                    inbound, CallbackResponse(200, "text/plain; charset=utf-8", said)
                ),
                sent,
            )

    def test_textToNoBody(self) -> None:
        """
        Plain text answers no receipt, chat state or marker, which bots would exchange
        without end; a receipt that was asked for is sent.
        """
        said = CallbackResponse(200, "text/plain", b"ho")
        for content in (
            RECEIVED,
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='i'/>",
            "<subject>s</subject>",
        ):
            for type in ("chat", "groupchat", "normal"):
                inbound = f"<message {IN} id='i' type='{type}'>{content}</message>"
                self.assertSent(
                    self.verdict(inbound, said), complaint="a message that has a body"
                )
        self.assertSent(
            self.verdict(f"<message {IN} id='i'>{REQUEST}</message>", said),
            f"<message {OUT} id='new-0'>{RECEIVED}</message>",
            complaint="a message that has a body",
        )

    def test_emptyText(self) -> None:
        """
        Plain text that holds only line breaks is an acknowledgement without fault.
        """
        for body in (b"", b"\n", b"\r\n\r\n"):
            for inbound in (CHAT, PRESENCE, FROM_ROOM[0]):
                said = CallbackResponse(200, "text/plain", body)
                self.assertSent(self.verdict(inbound, said))

    def test_privateToRoom(self) -> None:
        """
        A groupchat reply to a private message of a room goes to the room itself, from
        the address that the message was sent to.
        """
        for said in (
            stanzaXML("<message id='r' type='groupchat'><body>ho</body></message>"),
            stanzaJSON({"id": "r", "type": "groupchat", "body": "ho"}),
        ):
            self.assertSent(
                self.verdict(FROM_ROOM[1], said),
                f"<message {ROOM_OUT} id='r' type='groupchat'>"
                "<body>ho</body></message>",
            )

    def test_errorWithoutType(self) -> None:
        """
        An XML error without a type gets that of its condition, and makes the stanza one
        of type error (RFC 6120 §8.3.3).
        """
        condition = f"<forbidden xmlns='{ns.STANZA_ERRORS}'/>"
        for attribute in ("", "type='error'"):
            self.assertSent(
                self.verdict(
                    CHAT,
                    stanzaXML(
                        f"<message {attribute}><error by='a@b'>{condition}"
                        "<x xmlns='urn:x'/></error></message>"
                    ),
                ),
                f"<message {OUT} id='i' type='error'><error type='auth' by='a@b'>"
                f"{condition}<x xmlns='urn:x'/></error></message>",
            )

    def test_subscribe(self) -> None:
        """
        A subscription request is never answered by one.
        """
        for status in (200, 404):
            self.assertSent(
                self.verdict(
                    f"<presence {IN} id='i' type='subscribe'/>",
                    stanzaXML("<presence type='subscribe'/>", status),
                ),
                complaint="not sent",
            )

    def test_errorIntoRoom(self) -> None:
        """
        No error goes to where it would remove us from a room.
        """
        for inbound in FROM_ROOM:
            kind = xml(inbound).name
            self.assertSent(
                self.verdict(
                    inbound, stanzaXML(f"<{kind} type='error'>{BUSY}</{kind}>")
                ),
                complaint="would remove the gateway",
            )


class ReceiptTests(AnswerTestCase):
    """
    Receipts, where there is a reply.
    """

    inbound = f"<message {IN} id='i' type='chat'>{REQUEST}</message>"

    def test_within(self) -> None:
        """
        A receipt is added to the reply.
        """
        inbound = f"<message {IN} id='i' type='chat'><body>hi</body>{REQUEST}</message>"
        for said in (
            stanzaXML("<message id='new-0'><body>ho</body></message>"),
            CallbackResponse(200, "text/plain", b"ho"),
        ):
            self.assertSent(
                self.verdict(inbound, said),
                f"<message {OUT} id='new-0' type='chat'>"
                f"<body>ho</body>{RECEIVED}</message>",
            )

    def test_once(self) -> None:
        """
        A callback that has added one itself gets no second one.
        """
        self.assertSent(
            self.verdict(
                self.inbound, stanzaXML(f"<message id='r'>{RECEIVED}</message>")
            ),
            f"<message {OUT} id='r' type='chat'>{RECEIVED}</message>",
        )

    def test_apart(self) -> None:
        """
        With a reply that asks for a receipt itself, it is a message of its own: no
        message does both (XEP-0184 §5.4).
        """
        self.assertSent(
            self.verdict(
                self.inbound, stanzaXML(f"<message id='r'>{REQUEST}</message>")
            ),
            f"<message {OUT} id='new-0' type='chat'>{RECEIVED}</message>",
            f"<message {OUT} id='r' type='chat'>{REQUEST}</message>",
        )

    def test_notWithError(self) -> None:
        """A stanza that is answered by an error gets no receipt."""
        self.assertSent(
            self.verdict(
                self.inbound, stanzaXML(f"<message type='error'>{BUSY}</message>")
            ),
            f"<message {OUT} id='i' type='error'>{BUSY}</message>",
        )
        self.assertSent(
            self.verdict(self.inbound, CallbackResponse(404)),
            errorXML("message", 404, ("cancel", "item-not-found")),
        )
        self.assertEqual(len(onUnreachable(xml(self.inbound)).stanzas), 1)

    def test_notInRoom(self) -> None:
        """A message in a room gets no receipt."""
        self.assertSent(
            self.verdict(
                f"<message {ROOM_IN} id='i' type='groupchat'>{REQUEST}</message>",
                stanzaXML("<message id='r'/>"),
            ),
            f"<message {ROOM_OUT} id='r' type='groupchat'/>",
        )


class FormatTests(AnswerTestCase):
    """
    Rule 3, for replies that are not XML
    """

    def assertReplies(
        self,
        inbound: str,
        value: Mapping[str, Value],
        *sent: str,
        status: int = 200,
        complaint: str | None = None,
    ) -> None:
        """In whichever format, this is sent in reply."""
        for said in inFormats(value, status):
            self.assertSent(self.verdict(inbound, said), *sent, complaint=complaint)

    def test_kind(self) -> None:
        """
        The kind is that of what is answered, unless it is said.
        """
        for inbound, value, sent in (
            (
                CHAT,
                {"body": "ho"},
                f"<message {OUT} id='new-0' type='chat'><body>ho</body></message>",
            ),
            (
                PRESENCE,
                {"show": "away", "status": "ho"},
                f"<presence {OUT} id='new-0'><show>away</show><status>ho</status>"
                "</presence>",
            ),
            (GET, {"ping": True}, f"<iq {OUT} id='i' type='result'>{PING}</iq>"),
        ):
            self.assertReplies(inbound, value, sent)
            kind = xml(inbound).name
            self.assertReplies(inbound, {"kind": kind, **value}, sent)

    def test_frameworksStatus(self) -> None:
        """
        The status that a framework reports is not shown as ours.
        """
        values: list[dict[str, Value]] = [
            {"status": "ok"},
            {"status": "ok", "priority": 1},
            {"status": "prototype ok", "id": "type1"},
        ]
        for value in values:
            self.assertReplies(PRESENCE, value, complaint="needs a kind or type")
        said = {"status": "ok", "type": "available"}
        self.assertReplies(
            PRESENCE, said, f"<presence {OUT} id='new-0'><status>ok</status></presence>"
        )

    def test_otherKind(self) -> None:
        """
        Another kind is no reply.
        """
        for inbound, kind in (
            (CHAT, "presence"),
            (CHAT, "iq"),
            (PRESENCE, "message"),
        ):
            self.assertReplies(
                inbound, {"kind": kind}, complaint="The key 'kind' is", status=200
            )
        self.assertReplies(PRESENCE, {"body": "ho"}, complaint="'body' belongs to mess")
        self.assertReplies(CHAT, {"show": "away"}, complaint="'show' belongs to pres")
        self.assertReplies(
            GET,
            {"kind": "message"},
            f"<iq {OUT} id='i' type='result'/>",
            complaint="The key 'kind' is",
        )

    def test_addressed(self) -> None:
        """
        A reply goes from the recipient to the sender of the stanza; of its own
        attributes
        only id, type and lang count.
        """
        own: dict[str, Value] = {"to": "a@b", "from": "c@d", "id": "r", "lang": "de"}
        self.assertReplies(
            CHAT,
            {**own, "type": "headline", "body": "ho"},
            f"<message {OUT} id='r' type='headline' xml:lang='de'><body>ho</body>"
            "</message>",
        )
        self.assertReplies(
            GET,
            {**own, "ping": True},
            f"<iq {OUT} id='i' type='result' xml:lang='de'>{PING}</iq>",
        )

    def test_status(self) -> None:
        """
        A stanza is the reply whatever the HTTP status.
        """
        for status in (200, 201, 301, 404, 500, 501, 503):
            self.assertReplies(
                CHAT,
                {"body": "ho"},
                f"<message {OUT} id='new-0' type='chat'><body>ho</body></message>",
                status=status,
            )

    def test_messageType(self) -> None:
        """
        A message without a type gets that of the inbound one; one that says it is
        normal stays normal.
        """
        for inbound, reply, sent in (
            ("type='chat'", {}, "type='chat'"),
            ("type='headline'", {}, "type='headline'"),
            ("type='normal'", {}, "type='normal'"),
            ("", {}, ""),
            ("type='chat'", {"type": "normal"}, "type='normal'"),
            ("type='headline'", {"type": "normal"}, "type='normal'"),
            ("", {"type": "chat"}, "type='chat'"),
        ):
            self.assertReplies(
                f"<message {IN} id='i' {inbound}/>",
                {"body": "ho", **reply},
                f"<message {OUT} id='new-0' {sent}><body>ho</body></message>",
            )

    def test_unknownType(self) -> None:
        """
        A type that a kind does not have is no reply.
        """
        self.assertReplies(
            CHAT, {"type": "available", "body": "ho"}, complaint="The type of a message"
        )
        self.assertReplies(
            PRESENCE,
            {"type": "chat", "show": "away"},
            complaint="The type of a pres",
        )

    def test_presenceType(self) -> None:
        """
        A presence has the type that it says; that it is available is said, too.
        """
        for inbound, value, sent in (
            ("type='subscribe'", {"type": "subscribed"}, "type='subscribed'"),
            ("type='subscribe'", {"type": "unsubscribed"}, "type='unsubscribed'"),
            ("type='probe'", {"type": "available"}, ""),
            ("type='probe'", {"kind": "presence", "type": "available"}, ""),
            ("", {"type": "subscribe"}, "type='subscribe'"),
        ):
            self.assertReplies(
                f"<presence {IN} id='i' {inbound}/>",
                value,
                f"<presence {OUT} id='new-0' {sent}/>",
            )

    def test_subscribe(self) -> None:
        """
        A subscription request is never answered by one.
        """
        self.assertReplies(
            f"<presence {IN} id='i' type='subscribe'/>",
            {"type": "subscribe"},
            complaint="not sent",
        )

    def test_result(self) -> None:
        """The reply to an iq is its result, even if it names another type."""
        results: tuple[tuple[Mapping[str, Value], str], ...] = (
            (
                {"version": {"name": "Bot", "version": "1"}},
                f"<query xmlns='{ns.VERSION}'><name>Bot</name><version>1</version>"
                "</query>",
            ),
            ({"type": "set", "ping": True}, PING),
            ({"items": []}, f"<query xmlns='{ns.DISCO_ITEMS}'/>"),
            (
                {"disco": {"features": ["urn:x"]}},
                f"<query xmlns='{ns.DISCO_INFO}'><feature var='urn:x'/></query>",
            ),
            ({"xml": ["<a xmlns='urn:x'>b</a>"]}, "<a xmlns='urn:x'>b</a>"),
        )
        for value, payload in results:
            for status in (200, 404):
                self.assertReplies(
                    GET,
                    value,
                    f"<iq {OUT} id='i' type='result'>{payload}</iq>",
                    status=status,
                )

    def test_twoPayloads(self) -> None:
        """
        A result has one child at most.
        """
        self.assertReplies(
            GET,
            {"ping": True, "version": {"name": "Bot"}},
            f"<iq {OUT} id='i' type='result'/>",
            complaint="at most one child",
        )

    def test_error(self) -> None:
        """
        A reply with an error is a stanza of type error with the id of the stanza that
        it
        answers, even if it does not name that type.
        """
        gone: dict[str, Value] = {"error": {"type": "wait", "condition": "gone"}}
        for inbound in (CHAT, PRESENCE, GET):
            kind = xml(inbound).name
            for value in (gone, {"type": "error", "id": "r", **gone}):
                for status in (200, 404, 501):
                    self.assertReplies(
                        inbound,
                        value,
                        f"<{kind} {OUT} id='i' type='error'>{BUSY}</{kind}>",
                        status=status,
                    )

    def test_errorWithoutType(self) -> None:
        """
        An error that names only its condition gets the type that RFC 6120 §8.3.3 gives
        the condition.
        """
        for condition, type in (
            ("forbidden", "auth"),
            ("bad-request", "modify"),
            ("item-not-found", "cancel"),
            ("resource-constraint", "wait"),
            ("undefined-condition", "cancel"),
        ):
            for inbound in (CHAT, PRESENCE, GET):
                kind = xml(inbound).name
                self.assertReplies(
                    inbound,
                    {"error": {"condition": condition}},
                    f"<{kind} {OUT} id='i' type='error'><error type='{type}'>"
                    f"<{condition} xmlns='{ns.STANZA_ERRORS}'/></error></{kind}>",
                )

    def test_acknowledgement(self) -> None:
        """
        A body that only names or addresses a stanza is an acknowledgement.
        """
        values: tuple[dict[str, Value], ...] = (
            {"id": "abc"},
            {"lang": "en"},
            {"type": "chat"},
            {"to": "a@b", "from": "c@d"},
            {"kind": "message", "type": "chat", "id": "abc", "lang": "en"},
        )
        for value in values:
            for inbound in (CHAT, FROM_ROOM[0]):
                self.assertReplies(
                    inbound, value, complaint="taken as an acknowledgement"
                )
        self.assertReplies(PRESENCE, {"id": "abc"}, complaint="an acknowledgement")
        self.assertReplies(
            SET,
            {"id": "abc"},
            f"<iq {OUT} id='i' type='result'/>",
            complaint="an acknowledgement",
        )

    def test_fault(self) -> None:
        """
        The complaint about a reply names the key at fault.
        """
        faults: tuple[tuple[dict[str, Value], str, str], ...] = (
            ({"body": "x", "ok": True}, "ok", "'ok' is not known"),
            ({"body": 42}, "body", "'body' must be a string"),
            ({"oob": {"url": 1}}, "oob.url", "'oob.url' must be a string"),
            ({"oob": {"href": "x"}}, "oob.href", "'href' in 'oob'"),
        )
        for value, key, reason in faults:
            self.assertSent(
                self.verdict(CHAT, stanzaJSON(value)), complaint=reason, key=key
            )
        declared = "<?xml version='1.0'?><message><body>x</body></message>"
        self.assertSent(
            self.verdict(CHAT, stanzaXML(declared)), complaint="an XML declaration"
        )

    def test_errorText(self) -> None:
        """
        An error may say why, and who says so.
        """
        self.assertReplies(
            CHAT,
            {
                "error": {
                    "type": "cancel",
                    "by": "a@b",
                    "condition": "forbidden",
                    "text": "No.",
                }
            },
            f"<message {OUT} id='i' type='error'><error type='cancel' by='a@b'>"
            f"<forbidden xmlns='{ns.STANZA_ERRORS}'/>"
            f"<text xmlns='{ns.STANZA_ERRORS}'>No.</text></error></message>",
        )

    def test_errorIntoRoom(self) -> None:
        """
        No error goes to where it would remove us from a room.
        """
        for inbound in FROM_ROOM:
            self.assertReplies(
                inbound,
                {"error": {"type": "wait", "condition": "gone"}},
                complaint="would remove the gateway",
            )

    def test_room(self) -> None:
        """
        A reply to what is said in a room goes to the room, for all to read; one that
        says it is a chat to the one who spoke.
        """
        for value in ({"body": "ho"}, {"type": "groupchat", "body": "ho"}):
            self.assertReplies(
                FROM_ROOM[0],
                value,
                f"<message {ROOM_OUT} id='new-0' type='groupchat'>"
                "<body>ho</body></message>",
            )
        self.assertReplies(
            FROM_ROOM[0],
            {"type": "chat", "body": "psst"},
            "<message to='room@muc.example/Juliet' from='bot@gateway.example/x'"
            " id='new-0' type='chat'><body>psst</body></message>",
        )

    def test_receipt(self) -> None:
        """
        A receipt is added to the reply, once, and apart from a request for one.
        """
        self.assertReplies(
            ReceiptTests.inbound,
            {"id": "r", "body": "ho"},
            f"<message {OUT} id='r' type='chat'><body>ho</body>{RECEIVED}</message>",
        )
        self.assertReplies(
            ReceiptTests.inbound,
            {"id": "r", "received": "i"},
            f"<message {OUT} id='r' type='chat'>{RECEIVED}</message>",
        )
        self.assertReplies(
            ReceiptTests.inbound,
            {"id": "r", "receipt_request": True},
            f"<message {OUT} id='new-0' type='chat'>{RECEIVED}</message>",
            f"<message {OUT} id='r' type='chat'>{REQUEST}</message>",
        )

    def test_form(self) -> None:
        """
        A form is read as browsers write it.
        """
        self.assertSent(
            self.verdict(
                CHAT,
                CallbackResponse(
                    200,
                    "application/x-www-form-urlencoded;charset=UTF-8",
                    b"body=Gr%C3%BC%C3%9Fe+%26%0D%0A",
                ),
            ),
            f"<message {OUT} id='new-0' type='chat'><body>Grüße &amp;&#13;&#10;</body>"
            "</message>",
        )

    def test_text(self) -> None:
        """
        The text of JSON is text, as it stands there.
        """
        self.assertSent(
            self.verdict(CHAT, stanzaJSON({"body": "<b>ho</b>"})),
            f"<message {OUT} id='new-0' type='chat'><body>&lt;b>ho&lt;/b></body>"
            "</message>",
        )
