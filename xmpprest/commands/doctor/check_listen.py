"""Checks the endpoint on which the gateway listens, or will listen."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.web.http_headers import Headers

from ...core.webhook.errors import DeliveryError
from ...web.server.listener import serverEndpoint
from ...webhook.http_client import BoundedClient
from .result import CheckResult, failed, ok, warning

_ADVICE: Mapping[int, str] = {
    errno.EACCES: "it may not be used by this user; give a port above 1023, or let"
    " systemd allow it (AmbientCapabilities=CAP_NET_BIND_SERVICE)",
    errno.EADDRNOTAVAIL: "this machine has no such address; correct interface=",
}


@dataclass(frozen=True)
class ListenResult:
    """
    The state of an endpoint.

    @ivar ready: The response of C{/readyz} if a gateway listens there.
    @ivar mayBeOurs: Whether a gateway listens there, or may do so.
    """

    finding: CheckResult
    ready: Mapping[str, Any] | None = None
    mayBeOurs: bool = False


async def checkListen(
    description: str, client: BoundedClient, reactor: Any
) -> ListenResult:
    """
    Listen for a moment; if the endpoint is in use, find out whether a gateway uses it.
    """
    subject = "listen"
    if description.startswith("systemd:"):
        return ListenResult(ok(subject, f"{description} is up to systemd"))
    try:
        endpoint = serverEndpoint(description, reactor)
    except ValueError as error:
        return ListenResult(failed(subject, str(error)))
    factory = Factory()
    factory.noisy = False
    try:
        port = await endpoint.listen(factory)
    except CannotListenError as error:
        return await _taken(description, error, client)
    except Exception as error:
        # An endpoint plugin may raise any exception.
        return ListenResult(failed(subject, f"{description} cannot be used: {error}"))
    await maybeDeferred(port.stopListening)
    return ListenResult(ok(subject, f"{description} is free"))


async def _taken(
    description: str, error: CannotListenError, client: BoundedClient
) -> ListenResult:
    """Describe an endpoint that is in use or unavailable."""
    number = getattr(error.socketError, "errno", None) or 0
    if number in _ADVICE:
        return ListenResult(failed("listen", f"{description}: {_ADVICE[number]}"))
    if number != errno.EADDRINUSE or not description.startswith("tcp"):
        # With TLS or a Unix socket the other program cannot be asked.
        return ListenResult(
            warning(
                "listen",
                f"{description} cannot be used ({error.socketError}): if that is not"
                " this gateway, running, stop what it is, or give another --listen",
            ),
            mayBeOurs=True,
        )
    ready = await _ready(error.interface, error.port, client)
    if ready is not None:
        words = f"a gateway listens on {description} already"
        return ListenResult(ok("listen", words), ready, mayBeOurs=True)
    return ListenResult(
        failed(
            "listen",
            f"another program uses {description}: stop that, or give another port with"
            " --listen",
        )
    )


async def _ready(host: str, port: int, client: BoundedClient) -> Any:
    """Return the response of C{/readyz}; C{None} if no gateway answers."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"[{host}]" if ":" in host else host
    url = f"http://{address}:{port}/readyz"
    try:
        answer = await client.request(b"GET", url.encode(), Headers())
        said = json.loads(answer.body)
    except (DeliveryError, ValueError):
        return None
    return said if isinstance(said, dict) and "ready" in said else None


def checkRunning(ready: Mapping[str, Any]) -> CheckResult:
    """Check what a running gateway reports about itself."""
    if ready["ready"]:
        means = (ready.get("barrier") or {}).get("means")
        return ok("gateway", f"it runs and is ready (barrier: {means})")
    reasons = [
        f"{part}: {ready[part].get('reason')}"
        for part in ("stream", "store", "barrier")
        if isinstance(ready.get(part), dict) and not ready[part].get("ready")
    ]
    return failed(
        "gateway",
        f"it runs, but is not ready ({'; '.join(reasons)}): its log says why, or stop"
        " it, and run the doctor again, who then connects in its place",
    )
