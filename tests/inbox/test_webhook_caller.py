"""Tests for L{xmpprest.inbox.webhook_caller}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.webhook_caller import WebhookCaller

from ..support.delivery import HeldCallback
from ..support.doubles import said, stanza

MESSAGE = "<message from='ann@example.com' to='bot@x'><body>secret</body></message>"


class LogTests(SynchronousTestCase):
    """
    Tests of the log line of each attempt, if the caller is told to write one.
    """

    def setUp(self) -> None:
        """Make a caller that logs each attempt."""
        self.callback = HeldCallback()
        self.caller = WebhookCaller(
            self.callback, lambda: 0.0, None, "orders", isLogged=True
        )

    def post(self) -> Deferred[CallbackResponse]:
        """Post a message."""
        return Deferred.fromCoroutine(self.caller.call(stanza(MESSAGE), "msg_1"))

    def test_answered(self) -> None:
        """The line has id, sender, callback, status and time, but no content."""
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
        """The line says why there was no response."""
        posting = self.post()
        with capturedLogs() as logs:
            self.callback.posts[0].said.errback(DeliveryError("it is out"))
        self.failureResultOf(posting, DeliveryError)
        line, _ = said(logs)
        self.assertIn("callback orders, no response, it is out in ", line)
