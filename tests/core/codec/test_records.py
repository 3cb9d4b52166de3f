"""Tests of L{xmpprest.core.codec.records}."""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator

from tests.core.codec.case import CoreTestCase
from tests.core.stanza.test_stored import disorderly
from xmpprest.core.codec.records import (
    INCOMING_SCHEMA,
    OUTGOING_SCHEMA,
    incomingDetailSchema,
    incomingDetailToJSON,
    incomingToJSON,
    outgoingToJSON,
)
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    PENDING,
    DeliveryAttempt,
    InboxRecord,
    OutboxRecord,
)
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.parser import MAX_ELEMENTS

DEFINED = f"<gone xmlns='{ns.STANZA_ERRORS}'/>"


def bounced(error: str) -> Any:
    """Return the JSON form of a message that bounced."""
    xml = f"<message type='error' from='a' id='m'><body>hi</body>{error}</message>"
    return outgoingToJSON(OutboxRecord(1, "m", "a", "", BOUNCED, 0.0, 1.0, xml))


class OutgoingTests(CoreTestCase):
    """
    Tests of L{outgoingToJSON}.
    """

    def test_errors(self) -> None:
        """The JSON form has the keys of an error, and the complete error as XML."""
        for xml, error in (
            (f"<error type='cancel'>{DEFINED}</error>", ("cancel", "gone")),
            (
                f"<error type='wait'>{DEFINED}<own xmlns='urn:x'><a/></own></error>",
                ("wait", "gone"),
            ),
            (f"<error code='404' type='auth'>{DEFINED}</error>", ("auth", "gone")),
            ("<error type='cancel'/>", ("cancel", None)),
            (f"<error>{DEFINED}</error>", (None, "gone")),
        ):
            told = bounced(xml)
            error_ = told["error"]
            self.assertEqual((error_.get("type"), error_.get("condition")), error, xml)
            self.assertEqual(told["error_xml"], xml)
            Draft202012Validator({**OUTGOING_SCHEMA}).validate(told)

    def test_strange(self) -> None:
        """A malformed error is there as XML, or not at all."""
        told = bounced("<error type='odd'/>")
        self.assertEqual(
            (told["error"], told["error_xml"]), ({}, "<error type='odd'/>")
        )
        self.assertNotIn("error", bounced(""))

    def test_disorderly(self) -> None:
        """An answer that cannot be read is told as it is."""
        for xml in (*disorderly(), "x"):
            told = outgoingToJSON(OutboxRecord(1, "m", "a", "", BOUNCED, 0.0, 1.0, xml))
            self.assertNotIn("error", told)
            self.assertEqual(told["error_xml"], xml)
            Draft202012Validator({**OUTGOING_SCHEMA}).validate(told)

    def test_confirmed(self) -> None:
        """Without an error there is none."""
        told = outgoingToJSON(OutboxRecord(1, "m", "a", "", CONFIRMED, 0.0, 1.0))
        self.assertNotIn("error", told)
        Draft202012Validator({**OUTGOING_SCHEMA}).validate(told)


class IncomingTests(CoreTestCase):
    """
    Tests of L{incomingToJSON} and L{incomingDetailToJSON}.
    """

    def test_schemas(self) -> None:
        """The schemas allow every form of an inbound stanza."""
        listed = Draft202012Validator({**INCOMING_SCHEMA})
        whole = Draft202012Validator({**incomingDetailSchema({"type": "object"})})
        for state in (PENDING, DELIVERED, DEAD):
            for xml in ("", "<iq to='a' from='b'/>", "<presence from='b'/>"):
                stanza = InboxRecord(1, "msg_1", "c", xml, state, 0.0, 2, 5.0)
                listed.validate(incomingToJSON(stanza))
                for attempts in (
                    [],
                    [DeliveryAttempt(1.0, None, "x"), DeliveryAttempt(2.0, 5, None)],
                ):
                    whole.validate(incomingDetailToJSON(stanza, attempts))

    def test_large(self) -> None:
        """An inbound stanza may be larger than an outbound one."""
        inner = "<x xmlns='y'/>" * (MAX_ELEMENTS + 1)
        xml = f"<message from='a' to='b'>{inner}</message>"
        stanza = InboxRecord(1, "msg_1", "c", xml, DEAD, 0.0)
        told: Any = incomingDetailToJSON(stanza, [])
        self.assertEqual(told["xml"], xml)
        self.assertEqual(len(told["stanza"]["xml"]), MAX_ELEMENTS + 1)

    def test_disorderly(self) -> None:
        """
        A malformed stanza is there as XML, with the kind and addresses of its first
        tag.
        """
        listed = Draft202012Validator({**INCOMING_SCHEMA})
        whole = Draft202012Validator({**incomingDetailSchema({"type": "object"})})
        head = {"kind": "message", "from": "e@example.org/x", "to": "bot@example.com"}
        for xml, said in (*((xml, head) for xml in disorderly()), ("x", {})):
            stanza = InboxRecord(1, "msg_1", "c", xml, DEAD, 0.0)
            told = incomingToJSON(stanza)
            self.assertEqual({k: told.get(k) for k in said}, said)
            listed.validate(told)
            self.assertEqual(
                incomingDetailToJSON(stanza, []), {**told, "attempts": [], "xml": xml}
            )
            whole.validate(incomingDetailToJSON(stanza, []))
