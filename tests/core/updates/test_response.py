"""
Tests of L{xmpprest.core.updates.response}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.core.policy.callback_response import (
    CallbackResponse,
    ReplyComplaint,
    ReplyPlan,
)
from xmpprest.core.updates.response import requireFaultless, responseTo

JSON = "application/json"


class ResponseTests(SynchronousTestCase):
    """
    Tests of L{responseTo}.
    """

    def test_statuses(self) -> None:
        """
        The status is the one that is asked for, else 200, or 204 without a body.
        """
        for status, body, expected in (
            (None, b"", 204),
            (None, b"{}", 200),
            (404, b"", 404),
            (404, b"{}", 404),
            (202, b"{}", 202),
        ):
            said = responseTo(status, JSON, body)
            self.assertEqual(said, CallbackResponse(expected, JSON, body))

    def test_mediaType(self) -> None:
        """
        A reply has a media type of stanzas, which an error and an acknowledgement need
        not have.
        """
        for contentType in (None, "text/html"):
            refusal = self.assertRaises(Refusal, responseTo, 200, contentType, b"x")
            self.assertEqual(refusal.problem.status, 415)
            for status in (202, 204, 404):
                responseTo(status, contentType, b"x")


class FaultTests(SynchronousTestCase):
    """
    Tests of L{requireFaultless}.
    """

    def test_complaint(self) -> None:
        """
        A response with a fault is refused with 422, and the key at fault.
        """
        plan = ReplyPlan(complaint=ReplyComplaint("its body is strange.", "oob.url"))
        refusal = self.assertRaises(Refusal, requireFaultless, plan)
        self.assertEqual(refusal.problem.status, 422)
        self.assertEqual(refusal.problem.key, "oob.url")
        self.assertIn("its body is strange.", refusal.problem.text)
        requireFaultless(ReplyPlan())
