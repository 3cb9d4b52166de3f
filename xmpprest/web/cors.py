"""Cross-origin requests of browsers (Fetch Standard §3.2)."""

from __future__ import annotations

from ..core.errors import Problem, Refusal
from ..core.live import Live, LiveSettings
from .response import Headers, Response

#: Seconds for which a browser may cache the response to a preflight.
_MAX_AGE = "7200"


class CORS:
    """
    The origins whose pages may use the gateway.
    """

    def __init__(self, settings: Live[LiveSettings]) -> None:
        """
        @param settings: With the origins, such as C{"https://app.example"}, or C{"*"}
            for all; CORS is off if there are none.
        """
        self._settings = settings

    @property
    def _origins(self) -> tuple[str, ...]:
        return self._settings.value.corsOrigin

    def headers(self, origin: str | None) -> Headers:
        """
        Return the header fields of every response to an origin.

        @param origin: The value of C{Origin}; C{None} if it is missing.
        """
        origins = self._origins
        if not origins:
            return ()
        if "*" in origins:
            return (("Access-Control-Allow-Origin", "*"), _EXPOSED)
        vary = ("Vary", "Origin")
        if origin is None or origin not in origins:
            return (vary,)
        return (("Access-Control-Allow-Origin", origin), _EXPOSED, vary)

    def check(self, origin: str | None, site: str | None, host: str | None) -> None:
        """
        Refuse a browser that a page of another origin sends here: the user may have
        given it credentials, which it would use for any page.

        @param site: The value of C{Sec-Fetch-Site}, which browsers send over TLS and to
            localhost.
        @param host: The value of C{Host}.
        @raise Refusal: 403.
        """
        if site is None:
            isOurs = origin is None or origin.partition("://")[2] == host
        else:
            isOurs = site in ("none", "same-origin")
        if not isOurs and not ({"*", origin} & {*self._origins}):
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
        """Whether any origin is allowed."""
        return bool(self._origins)

    def preflight(self, methods: str) -> Response:
        """
        Return the response to C{OPTIONS}.

        @param methods: The methods that the resource allows.
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
