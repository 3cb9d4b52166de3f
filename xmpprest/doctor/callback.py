"""Asks the callback, as the gateway does when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.web.http_headers import Headers

from ..config import Config
from ..core.callbackurl import CallbackURL
from ..delivery.httpclient import BoundedClient, NoAnswer
from ..delivery.tls import CallbackTrust
from .findings import FAILED, OK, WARNING, Finding, failed, ok

_FINE = "it answers"
_REDIRECT = "redirects are not followed; give the URL that it leads to"
_DENIED = (
    "if it wants a password, give that in --callback-url, as in https://USER:PASSWORD@…"
)
_DOWN = "a proxy answers, but not the callback behind it; start that"

#: What a status means here, beside 2xx; many callbacks know no OPTIONS.
_STATUSES: Mapping[int, tuple[str, str]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), (FAILED, _REDIRECT)),
    **dict.fromkeys((401, 403, 407), (WARNING, _DENIED)),
    404: (WARNING, "perhaps the path in --callback-url is not right"),
    **dict.fromkeys((502, 503, 504), (FAILED, _DOWN)),
    **dict.fromkeys((400, 405, 426, 501), (OK, "it need not know OPTIONS")),
}


async def checkCallback(
    config: Config, reactor: Any, timeout: float
) -> tuple[Finding, datetime | None]:
    """
    Ask it what it wants.

    @return: And the time that it says it is.
    """
    if config.callbackURL is None:
        return ok("callback", "there is none; what comes in is not posted"), None
    try:
        trust = CallbackTrust(config.callbackCAFile)
    except (OSError, ValueError) as error:
        words = f"--callback-ca-file {config.callbackCAFile} cannot be used: {error}"
        return failed("callback", f"{words}; expected a PEM file"), None
    client = BoundedClient(
        reactor,
        trust,
        1,
        config.stanzaSizeLimit,
        headTimeout=timeout,
        totalTimeout=timeout,
    )
    try:
        return await _ask(config, config.callbackURL, client, reactor)
    finally:
        await client.close()


async def _ask(
    config: Config, address: str, client: BoundedClient, reactor: Any
) -> tuple[Finding, datetime | None]:
    url = CallbackURL(address)
    values = {"kind": "meta", "type": "info"}
    target = url.fill({**values, "to": config.domain, "from": config.domain})
    headers = Headers()
    if url.authorization is not None:
        headers.addRawHeader(b"Authorization", url.authorization.encode())
    started = reactor.seconds()
    try:
        answer = await client.request(b"OPTIONS", target, headers)
    except NoAnswer as reason:
        words = f"{url} does not answer ({reason}): start it or mend that, or correct"
        return failed("callback", f"{words} --callback-url"), None
    took = 1000 * (reactor.seconds() - started)
    state, words = _meaning(answer.status)
    said = f"{url} answered OPTIONS with {answer.status} in {took:.1f} ms: {words}"
    return Finding(state, "callback", said), _date(answer.header("Date"))


def _meaning(status: int) -> tuple[str, str]:
    if 200 <= status < 300:
        return OK, _FINE
    return _STATUSES.get(status, (WARNING, "its log may say why"))


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
