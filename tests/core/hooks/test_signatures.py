"""Tests for L{xmpprest.core.hooks.signatures}."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime

from standardwebhooks import Webhook
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.hooks import signatures
from xmpprest.core.hooks.request import HookRequest

BODY = b"Hello, World!"
#: The example of GitHub's documentation
#: (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries).
SECRET = "It's a Secret to Everybody"
DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def request(body: bytes = BODY, **headers: str) -> HookRequest:
    """Return a request with header fields, whose names have underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HookRequest(named, body)


class SignatureTests(SynchronousTestCase):
    """
    The checks of signatures
    """

    def test_hub(self) -> None:
        """
        The signature of GitHub is the HMAC of the body, with its algorithm before it.
        """
        check = signatures.hubSignature
        right = request(x_hub_signature_256=f"sha256={DIGEST}")
        self.assertTrue(check(right, SECRET, 0))
        self.assertFalse(check(right, "other", 0))
        self.assertFalse(check(request(), SECRET, 0))
        other = request(b"Hello", x_hub_signature_256=f"sha256={DIGEST}")
        self.assertFalse(check(other, SECRET, 0))
        self.assertFalse(check(request(x_hub_signature_256="sha256=é"), SECRET, 0))

    def test_gitea(self) -> None:
        """
        Gitea and Forgejo have the HMAC alone, in a header of their own.
        """
        check = signatures.giteaSignature
        for name in ("x_gitea_signature", "x_forgejo_signature", "x_gogs_signature"):
            self.assertTrue(check(request(BODY, **{name: DIGEST}), SECRET, 0))
            self.assertFalse(check(request(BODY, **{name: DIGEST[:-1]}), SECRET, 0))
        hub = request(x_hub_signature_256=f"sha256={DIGEST}")
        self.assertTrue(check(hub, SECRET, 0))
        self.assertFalse(check(request(), SECRET, 0))

    def test_grafana(self) -> None:
        """
        Grafana has the HMAC alone.
        """
        check = signatures.grafanaSignature
        right = request(x_grafana_alerting_signature=DIGEST)
        self.assertTrue(check(right, SECRET, 0))
        self.assertFalse(check(request(), SECRET, 0))

    def test_gitlabToken(self) -> None:
        """
        GitLab sends the secret itself.
        """
        check = signatures.gitlabToken
        self.assertTrue(check(request(x_gitlab_token="schlüssel"), "schlüssel", 0))
        self.assertFalse(check(request(x_gitlab_token="other"), SECRET, 0))
        self.assertFalse(check(request(), SECRET, 0))

    def test_standardWebhooks(self) -> None:
        """
        The signature of the Standard Webhooks library is accepted while its time is
        near.
        """
        now = 1_700_000_000
        body = json.dumps({"a": "ü"})
        time = datetime.fromtimestamp(now, UTC)
        signature = Webhook(WHSEC).sign("msg_1", time, body)
        fields = {
            "webhook_id": "msg_1",
            "webhook_timestamp": str(now),
            "webhook_signature": f"v1,x v1a,y {signature}",
        }
        signed = request(body.encode(), **fields)
        for check in (signatures.standardWebhooks, signatures.gitlabToken):
            self.assertTrue(check(signed, WHSEC, now + 299))
            self.assertTrue(check(signed, WHSEC, now - 299))
            self.assertFalse(check(signed, WHSEC, now + 301))
            self.assertFalse(check(signed, WHSEC, now - 301))
            self.assertFalse(check(signed, "whsec_" + "A" * 32, now))
        for name in fields:
            changed = request(body.encode(), **{**fields, name: "1"})
            self.assertFalse(signatures.standardWebhooks(changed, WHSEC, now), name)
        self.assertFalse(signatures.standardWebhooks(request(), WHSEC, now))

    def test_rotation(self) -> None:
        """
        One of several secrets is enough.
        """
        signed = request(x_gitea_signature=hmac.digest(b"new", BODY, "sha256").hex())
        check = signatures.giteaSignature
        self.assertTrue(signatures.isSigned(check, signed, ["old", "new"], 0))
        self.assertFalse(signatures.isSigned(check, signed, ["old"], 0))
