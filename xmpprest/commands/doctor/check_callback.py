"""Checks a callback with the OPTIONS request that the gateway sends at startup."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.web.http_headers import Headers

from ...config.callback import CallbackConfig
from ...config.config import Config
from ...core.webhook.conversation_key import DEFAULT
from ...core.webhook.errors import DeliveryError
from ...core.webhook.url_template import URLTemplate
from ...webhook.http_client import BoundedClient
from ...webhook.tls_policy import WebhookTLSPolicy
from .result import FAILED, OK, WARNING, CheckResult, failed

_FINE = "it answers"
_REDIRECT = "redirects are not followed; give the target of the redirect in {url}"
_DENIED = (
    "if it needs a password, set {key} to https://USER:PASSWORD@HOST in the TOML file"
)
_DOWN = "a proxy answers, but not the callback behind it; start the callback"

#: Meaning of a status other than 2xx; many callbacks do not implement OPTIONS.
_STATUSES: Mapping[int, tuple[str, str]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), (FAILED, _REDIRECT)),
    **dict.fromkeys((401, 403, 407), (WARNING, _DENIED)),
    404: (WARNING, "perhaps the path in {url} is wrong"),
    **dict.fromkeys((502, 503, 504), (FAILED, _DOWN)),
    **dict.fromkeys((400, 405, 426, 501), (OK, "it does not need to support OPTIONS")),
}


def labelOf(callback: CallbackConfig) -> str:
    """Return the subject of a check result about a callback."""
    return "callback" if callback.name == DEFAULT else f"callback {callback.name}"


async def checkCallback(
    callback: CallbackConfig, config: Config, reactor: Any, timeout: float
) -> tuple[CheckResult, datetime | None]:
    """
    Send OPTIONS to a callback.

    @return: The result, and the time in the response's Date header, if any.
    """
    try:
        trust = WebhookTLSPolicy(callback.caFile)
    except (OSError, ValueError) as error:
        words = f"{_of(callback, 'ca-file')} {callback.caFile} cannot be used: {error}"
        return failed(labelOf(callback), f"{words}; expected a PEM file"), None
    client = BoundedClient(
        reactor,
        trust,
        1,
        config.stanzaSizeLimit,
        headTimeout=timeout,
        totalTimeout=timeout,
    )
    try:
        return await _ask(callback, config.domain, client, reactor)
    finally:
        await client.close()


def checkPull(callback: CallbackConfig, config: Config) -> CheckResult:
    """Check that a client can fetch the stanzas of a callback with the URL pull:."""
    subject = labelOf(callback)
    clients = [
        f"the token {token.name}"
        for token in config.tokens
        if "updates" in token.may
        and (not token.callbacks or callback.name in token.callbacks)
    ]
    if config.credentials:
        clients.append("the credentials")
    if not clients:
        return failed(
            subject,
            f"its URL is {callback.url}, but no token may fetch its stanzas: add"
            " \"updates\" to 'may' of a token",
        )
    words = f"clients fetch its stanzas with {' or '.join(clients)}"
    return CheckResult(OK, subject, words)


def _of(callback: CallbackConfig, key: str) -> str:
    """Return the name of a callback's setting, as the operator finds it."""
    return f"--callback-{key}" if callback.name == DEFAULT else f"its {key}"


async def _ask(
    callback: CallbackConfig, domain: str, client: BoundedClient, reactor: Any
) -> tuple[CheckResult, datetime | None]:
    url, subject = URLTemplate(callback.url), labelOf(callback)
    values = {"kind": "meta", "type": "info"}
    target = url.expand({**values, "to": domain, "from": domain})
    headers = Headers()
    if url.authorization is not None:
        headers.addRawHeader(b"Authorization", url.authorization.encode())
    started = reactor.seconds()
    try:
        answer = await client.request(b"OPTIONS", target, headers)
    except DeliveryError as reason:
        words = f"{url} does not answer ({reason}): start it, or correct"
        return failed(subject, f"{words} {_of(callback, 'url')}"), None
    took = 1000 * (reactor.seconds() - started)
    state, words = _meaning(answer.status)
    setting = _of(callback, "url")
    words = words.format(url=setting, key=setting.removeprefix("--"))
    said = f"{url} answered OPTIONS with {answer.status} in {took:.1f} ms: {words}"
    return CheckResult(state, subject, said), _date(answer.header("Date"))


def _meaning(status: int) -> tuple[str, str]:
    if 200 <= status < 300:
        return OK, _FINE
    return _STATUSES.get(status, (WARNING, "its log may contain the reason"))


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
