"""Inbound stanzas and responses of callbacks, for the tests of the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from tests.core.codec.case import CoreTestCase, counting, xml
from tests.support.canonical import canonical
from xmpprest.core.errors import reasonPhrase
from xmpprest.core.media.formats import CBOR, FORM, JSON, XML
from xmpprest.core.media.values import Value, toCBOR, toJSON
from xmpprest.core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    interpretResponse,
)
from xmpprest.core.stanza import namespaces as ns

#: How inbound stanzas are addressed, and how their answers are.
IN = "from='juliet@example.com/balcony' to='bot@gateway.example/x'"
OUT = "to='juliet@example.com/balcony' from='bot@gateway.example/x'"
ROOM_IN = "from='room@muc.example/Juliet' to='bot@gateway.example/x'"
ROOM_OUT = "to='room@muc.example' from='bot@gateway.example/x'"

PING = "<ping xmlns='urn:xmpp:ping'/>"
REQUEST = "<request xmlns='urn:xmpp:receipts'/>"
RECEIVED = "<received xmlns='urn:xmpp:receipts' id='i'/>"
MUC_USER = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
BUSY = f"<error type='wait'><gone xmlns='{ns.STANZA_ERRORS}'/></error>"

#: One of each that may be answered.
CHAT = f"<message {IN} id='i' type='chat'><body>hi</body></message>"
PRESENCE = f"<presence {IN} id='i'/>"
GET = f"<iq {IN} id='i' type='get'>{PING}</iq>"
SET = f"<iq {IN} id='i' type='set'>{PING}</iq>"

#: One of each that comes through a room.
FROM_ROOM = (
    f"<message {ROOM_IN} id='i' type='groupchat'><body>hi</body></message>",
    f"<message {ROOM_IN} id='i' type='chat'><body>hi</body>{MUC_USER}</message>",
    f"<presence {ROOM_IN} id='i'>{MUC_USER}</presence>",
    f"<presence {ROOM_IN} id='i' type='unavailable'>{MUC_USER}</presence>",
)

#: Answers themselves.
RESPONSES = (
    f"<iq {IN} id='i' type='result'>{PING}</iq>",
    f"<iq {IN} id='i' type='error'>{BUSY}</iq>",
    f"<message {IN} id='i' type='error'>{REQUEST}{BUSY}</message>",
    f"<presence {IN} id='i' type='error'>{BUSY}</presence>",
)


def stanzaXML(body: str, status: int = 200) -> CallbackResponse:
    """A callback's answer in XML."""
    return CallbackResponse(status, XML, body.encode())


def stanzaJSON(value: Value, status: int = 200) -> CallbackResponse:
    """A callback's answer in JSON."""
    return CallbackResponse(status, JSON, toJSON(value))


def inFormats(
    said: Mapping[str, Value], status: int = 200
) -> Iterator[CallbackResponse]:
    """Yield a response in JSON, in CBOR and, if a form can hold it, as a form."""
    value = {**said}
    yield stanzaJSON(value, status)
    yield CallbackResponse(
        status, f"{JSON}; charset=utf-8", b" " + toJSON(value) + b"\n"
    )
    yield CallbackResponse(status, CBOR, toCBOR(value))
    texts = {key: "" if text is True else text for key, text in value.items()}
    if all(isinstance(text, str) for text in texts.values()):
        yield CallbackResponse(status, FORM, urlencode(texts).encode())


def errorXML(kind: str, status: int, told: tuple[str, str]) -> str:
    """The error that a status of the callback becomes."""
    text = f"{status} {reasonPhrase(status)}".rstrip()
    return (
        f"<{kind} {OUT} id='i' type='error'><error type='{told[0]}'>"
        f"<{told[1]} xmlns='{ns.STANZA_ERRORS}'/>"
        f"<text xmlns='{ns.STANZA_ERRORS}'>{text}</text></error></{kind}>"
    )


class AnswerTestCase(CoreTestCase):
    """
    A test case that compares what is sent.
    """

    def verdict(self, inbound: str, said: CallbackResponse) -> ReplyPlan:
        """Return the plan that follows from a response."""
        return interpretResponse(xml(inbound), said, counting())

    def assertSent(
        self,
        verdict: ReplyPlan,
        *expected: str,
        complaint: str | None = None,
        key: str | None = None,
    ) -> None:
        """
        These stanzas are sent; the complaint contains this, or there is none.

        @param key: The JSON key that the complaint names, if it is checked.
        """
        self.assertEqual(
            [canonical(stanza) for stanza in verdict.stanzas],
            [canonical(xml(document)) for document in expected],
        )
        if complaint is None:
            self.assertIsNone(verdict.complaint)
            return
        assert verdict.complaint is not None, complaint
        self.assertIn(complaint, verdict.complaint.reason)
        self.assertRegex(verdict.complaint.reason, r"^[a-z].*[.?]$")
        if key is not None:
            self.assertEqual(verdict.complaint.key, key)
