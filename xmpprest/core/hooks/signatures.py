"""
Verifies that a request comes from the sender that shares a secret with the hook.

A check takes constant time for each secret. Several secrets may be valid during a
rotation.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence

from ..webhook.signing import parseSecret
from .request import HookRequest

#: Seconds by which the clock of a sender may differ (Standard Webhooks 1.0.0,
#: "Verifying webhook authenticity").
TOLERANCE = 300.0

#: Takes a request, a secret and the time in seconds since 1970; returns whether the
#: secret has signed the request.
Check = Callable[[HookRequest, str, float], bool]


def isSigned(
    check: Check, request: HookRequest, secrets: Sequence[str], now: float
) -> bool:
    """Return whether one of the secrets has signed a request."""
    # A list, so that each secret is tried and the time tells nothing.
    return any([check(request, secret, now) for secret in secrets])  # noqa: C419


def hubSignature(request: HookRequest, secret: str, now: float) -> bool:
    """
    Check C{X-Hub-Signature-256}: the HMAC-SHA256 of the body, in hexadecimal
    (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries).
    """
    given = request.header("x-hub-signature-256")
    return _isEqual(given.removeprefix("sha256="), _hexHMAC(request, secret))


def gitlabToken(request: HookRequest, secret: str, now: float) -> bool:
    """
    Check C{X-Gitlab-Token}, which is the secret itself, or the signature of newer
    versions, which is that of Standard Webhooks
    (https://docs.gitlab.com/user/project/integrations/webhooks/).
    """
    if "webhook-signature" in request.headers:
        return standardWebhooks(request, secret, now)
    return _isEqual(request.header("x-gitlab-token"), secret)


def giteaSignature(request: HookRequest, secret: str, now: float) -> bool:
    """
    Check C{X-Gitea-Signature} or C{X-Forgejo-Signature}: the HMAC-SHA256 of the body,
    in hexadecimal (https://docs.gitea.com/usage/webhooks).
    """
    given = request.header(
        "x-forgejo-signature", "x-gitea-signature", "x-gogs-signature"
    )
    if not given:
        return hubSignature(request, secret, now)
    return _isEqual(given, _hexHMAC(request, secret))


def grafanaSignature(request: HookRequest, secret: str, now: float) -> bool:
    """
    Check C{X-Grafana-Alerting-Signature}: the HMAC-SHA256 of the body, in hexadecimal,
    without a timestamp header
    (https://grafana.com/docs/grafana/latest/alerting/, webhook notifier).
    """
    given = request.header("x-grafana-alerting-signature")
    return _isEqual(given, _hexHMAC(request, secret))


def standardWebhooks(request: HookRequest, secret: str, now: float) -> bool:
    """
    Check C{webhook-signature} of Standard Webhooks 1.0.0, with a timestamp that is not
    more than L{TOLERANCE} away.
    """
    written = request.header("webhook-timestamp")
    if not (written.isascii() and written.isdigit() and len(written) <= 12):
        return False
    try:
        key = parseSecret(secret)
    except ValueError:
        key = secret.encode()
    id = request.header("webhook-id").encode("latin-1", "replace")
    signed = b"%s.%s.%s" % (id, written.encode(), request.body)
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    given = request.header("webhook-signature").split()
    isKnown = any([_isEqual(each, expected) for each in given[:20]])  # noqa: C419
    return isKnown and abs(now - int(written)) <= TOLERANCE


def _hexHMAC(request: HookRequest, secret: str) -> str:
    return hmac.digest(secret.encode(), request.body, "sha256").hex()


def _isEqual(given: str, expected: str) -> bool:
    return hmac.compare_digest(
        given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")
    )
