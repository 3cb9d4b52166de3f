"""Tests for L{xmpprest.inbox.logged_webhook}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.logged_webhook import LoggedWebhook

from ..support.delivery import HeldCallback
from ..support.doubles import said, stanza

MESSAGE = "<message from='ann@example.com' to='bot@x'><body>secret</body></message>"


class ToldTests(SynchronousTestCase):
    """
    The line of a delivery in the log
    """

    def setUp(self) -> None:
        self.callback = HeldCallback()
        self.told = LoggedWebhook(self.callback, "orders")

    def post(self) -> Deferred[CallbackResponse]:
        """Deliver something."""
        return Deferred.fromCoroutine(self.told.post(stanza(MESSAGE), "msg_1"))

    def test_answered(self) -> None:
        """It has what one looks for, and nothing of what was said."""
        posting = self.post()
        answer = CallbackResponse(204)
        with capturedLogs() as logs:
            self.callback.posts[0].said.callback(answer)
        self.assertIs(self.successResultOf(posting), answer)
        (line,) = said(logs)
        self.assertRegex(
            line,
            "^Delivery msg_1: a message from ann@example.com to callback orders,"
            " 204 in [0-9.]+ ms$",
        )
        self.assertNotIn("secret", repr(logs))

    def test_unanswered(self) -> None:
        """It says why there is no answer."""
        posting = self.post()
        with capturedLogs() as logs:
            self.callback.posts[0].said.errback(DeliveryError("it is out"))
        self.failureResultOf(posting, DeliveryError)
        (line,) = said(logs)
        self.assertIn("callback orders, no answer, it is out in ", line)
