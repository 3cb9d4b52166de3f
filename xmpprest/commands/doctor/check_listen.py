"""Checks the endpoint on which the gateway listens, or will listen."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.web.http_headers import Headers

from ...core.webhook.errors import DeliveryError
from ...web.server.certificates import checkCertificates
from ...web.server.listener import serverEndpoint
from ...webhook.http_client import BoundedClient
from .result import CheckResult, failed, ok, warning

_ADVICE: Mapping[int, str] = {
    errno.EACCES: "this user may not use it: give a port above 1023, or let systemd"
    " allow it (AmbientCapabilities=CAP_NET_BIND_SERVICE)",
    errno.EADDRNOTAVAIL: "this machine has no such address: correct interface=",
}


@dataclass(frozen=True)
class ListenResult:
    """
    Whether a program listens on an endpoint, and which one.

    @ivar ready: The response of C{/readyz}; C{None} if no gateway listens there.
    @ivar url: The URL of the gateway without a path; empty if none listens there.
    @ivar mayBeOurs: False only if it is certain that no gateway listens there.
    """

    finding: CheckResult
    ready: Mapping[str, Any] | None = None
    mayBeOurs: bool = False
    url: str = ""


class ListenChecker:
    """
    Checks endpoints by listening on them. It keeps the ports open until L{close}, so
    that two settings with the same port are found.
    """

    def __init__(self, client: BoundedClient, reactor: Any, mayRun: bool) -> None:
        """
        @param client: Asks C{/readyz} of a program that uses a port.
        @param mayRun: Whether a gateway may run that uses the same configuration.
        """
        self._client = client
        self._reactor = reactor
        self._mayRun = mayRun
        self._open: dict[int, tuple[str, IListeningPort]] = {}

    async def check(self, description: str, setting: str = "listen") -> ListenResult:
        """
        Check an endpoint; if it is in use, find out whether a gateway uses it.

        @param setting: The setting that has the description.
        """
        if description.startswith("systemd:"):
            return ListenResult(ok(setting, f"{description} is opened by systemd"))
        try:
            endpoint = serverEndpoint(description, self._reactor, setting)
            checkCertificates(description)
        except ValueError as error:
            return ListenResult(failed(setting, str(error)))
        factory = Factory()
        factory.noisy = False
        try:
            port = await endpoint.listen(factory)
        except CannotListenError as error:
            return await self._taken(description, setting, error)
        except Exception as error:
            # An endpoint plugin may raise any exception.
            reason = getattr(error, "strerror", None) or error
            words = f"{description} cannot be used ({reason}): correct --{setting}"
            return ListenResult(failed(setting, words))
        number = getattr(port.getHost(), "port", id(port))
        self._open[number] = setting, port
        return ListenResult(ok(setting, f"{description} is free"))

    async def close(self) -> None:
        """Close all ports."""
        for _, port in self._open.values():
            await maybeDeferred(port.stopListening)
        self._open.clear()

    async def _taken(
        self, description: str, setting: str, error: CannotListenError
    ) -> ListenResult:
        """Describe an endpoint that is in use or unavailable."""
        number = getattr(error.socketError, "errno", None) or 0
        if number in _ADVICE:
            words = f"{description} cannot be used: {_ADVICE[number]}"
            return ListenResult(failed(setting, words))
        isTCP = description.startswith("tcp")
        if isTCP and number != errno.EADDRINUSE:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            words = f"{description} cannot be used ({reason}): correct --{setting}"
            return ListenResult(failed(setting, words))
        if isinstance(error.port, int) and error.port in self._open:
            other, _ = self._open[error.port]
            words = f"{description} has the port of --{other}: give each its own"
            return ListenResult(failed(setting, words))
        if isTCP:
            url = _url(error.interface, error.port)
            ready = await _ready(url, self._client)
            if ready is not None:
                words = f"a running gateway listens on {description}"
                return ListenResult(ok(setting, words), ready, True, url)
        elif self._mayRun:
            # With TLS or a Unix socket the other program cannot be asked.
            words = (
                f"{description} is in use: if not by this gateway, which is running,"
                f" stop the other program, or give another --{setting}"
            )
            return ListenResult(warning(setting, words), mayBeOurs=True)
        return ListenResult(
            failed(
                setting,
                f"another program uses {description}: stop it, or give another port"
                f" with --{setting}",
            )
        )


def _url(host: str, port: int) -> str:
    """Return the URL of a program that listens."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"[{host}]" if ":" in host else host
    return f"http://{address}:{port}"


async def _ready(url: str, client: BoundedClient) -> Any:
    """Return the response of C{/readyz}; C{None} if no gateway answers."""
    try:
        answer = await client.request(b"GET", f"{url}/readyz".encode(), Headers())
        said = json.loads(answer.body)
    except (DeliveryError, ValueError):
        return None
    return said if isinstance(said, dict) and "ready" in said else None


def checkRunning(ready: Mapping[str, Any]) -> CheckResult:
    """Check what a running gateway reports about itself."""
    if ready["ready"]:
        means = (ready.get("barrier") or {}).get("means")
        return ok("gateway", f"it runs and is ready (barrier: {means})")
    reasons = {
        part: ready[part].get("reason")
        for part in ("stream", "store", "barrier")
        if isinstance(ready.get(part), dict) and not ready[part].get("ready")
    }
    shown = "; ".join(f"{part}: {reason}" for part, reason in reasons.items())
    advice = "its log says more"
    if "stream" in reasons:
        advice += (
            "; or stop it and run the doctor again, which then connects to the XMPP"
            " server itself"
        )
    return failed("gateway", f"it runs, but is not ready ({shown}): {advice}")
