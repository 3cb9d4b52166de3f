"""The time that a client wants to wait (RFC 7240 §4.3, and mod_rest's own header)."""

from __future__ import annotations

import re

from twisted.web.server import Request

from ..core.errors import badRequest
from .server.request import header

_WAIT = re.compile(r"""(?:^|[,;])\s*wait\s*=\s*"?([^",;\s]*)"?""", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def iqTimeoutOf(request: Request) -> float | None:
    """
    Return how long the client wants to wait for the reply to an iq.

    @return: Seconds; C{None} if the request does not say.
    @raise Refusal: 400 if a header is malformed.
    """
    text = header(request, b"prosody-rest-timeout")
    if text is None:
        return preferredWait(request)
    seconds = _seconds(text)
    if seconds is None:
        raise badRequest(
            "Prosody-Rest-Timeout takes a number of seconds above 0, such as 30."
        )
    return seconds


def preferredWait(request: Request) -> float | None:
    """
    Return how long the client prefers to wait.

    @return: Seconds; C{None} if the preference cannot be honoured, and so is ignored
        (RFC 7240 §2).
    """
    text = header(request, b"prefer")
    if text is None:
        return None
    preference = _WAIT.search(text)
    return _seconds(preference[1]) if preference else None


def preferenceApplied(seconds: float) -> tuple[str, str]:
    """Return the header that confirms a preferred wait."""
    return ("Preference-Applied", f"wait={seconds:.15g}")


def _seconds(text: str) -> float | None:
    return (float(text) or None) if _SECONDS.fullmatch(text) else None
