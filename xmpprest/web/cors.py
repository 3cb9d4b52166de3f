"""Cross-origin requests (Fetch Standard §3.2): what browsers must be told."""

from __future__ import annotations

from ..core.errors import Problem, Refusal
from .response import Headers, Response

#: How long a browser may remember the answer to a preflight, in seconds.
_MAX_AGE = "7200"


class CORS:
    """
    Which origins may use the gateway from a browser.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        """
        @param origins: Like C{"https://app.example"}, or C{"*"} for every one; none
            turns CORS off.
        """
        self._origins = frozenset(origins)

    def headers(self, origin: str | None) -> Headers:
        """
        What every answer to that origin carries.

        @param origin: The value of C{Origin}, if there is one.
        """
        if not self._origins:
            return ()
        if "*" in self._origins:
            return (("Access-Control-Allow-Origin", "*"), _EXPOSED)
        vary = ("Vary", "Origin")
        if origin is None or origin not in self._origins:
            return (vary,)
        return (("Access-Control-Allow-Origin", origin), _EXPOSED, vary)

    def check(self, origin: str | None, site: str | None, host: str | None) -> None:
        """
        Refuse a browser that another page sends here: it may have been told the
        credentials by a person, and would use them for anybody.

        @param site: The value of C{Sec-Fetch-Site}, which browsers send where there is
            TLS, and to localhost.
        @param host: The value of C{Host}.
        @raise Refusal: 403.
        """
        if site is None:
            isOurs = origin is None or origin.partition("://")[2] == host
        else:
            isOurs = site in ("none", "same-origin")
        if not isOurs and not ({"*", origin} & self._origins):
            raise Refusal(
                Problem(
                    403,
                    "auth",
                    "not-authorized",
                    "Pages from elsewhere may not send here; see --cors-origin.",
                )
            )

    @property
    def enabled(self) -> bool:
        """Whether there is any origin to answer to."""
        return bool(self._origins)

    def preflight(self, methods: str) -> Response:
        """
        Answer C{OPTIONS}.

        @param methods: What the resource allows.
        """
        return Response(
            204,
            headers=(
                ("Allow", methods),
                ("Access-Control-Allow-Methods", methods),
                ("Access-Control-Allow-Headers", _ALLOWED_HEADERS),
                ("Access-Control-Max-Age", _MAX_AGE),
            ),
        )


_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, Prefer, Idempotency-Key, Last-Event-ID,"
    " Request-Id, Prosody-Rest-Timeout"
)
_EXPOSED = (
    "Access-Control-Expose-Headers",
    "Stanza-Id, Location, Preference-Applied, Request-Id, Retry-After,"
    " WWW-Authenticate",
)
