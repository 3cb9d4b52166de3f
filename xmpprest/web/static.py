"""Pages for browsers, and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.web.server import Request

from ..core.policy.permissions import Grant
from .response import Headers, Response
from .router import Route

#: Media types by file name extension.
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

#: The user enters a token into a page, so no other origin may load or frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def pageHeaders(policy: str = "") -> Headers:
    """
    Return the header fields of a page and its files.

    @param policy: Additions to the Content Security Policy.
    """
    return (
        ("Content-Security-Policy", _POLICY + policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    )


class StaticFiles:
    """
    Serves a fixed set of files without credentials.
    """

    def __init__(
        self, page: str, files: Mapping[str, Response | Callable[[], Response]]
    ) -> None:
        """
        @param page: The path, below C{/rest}, of the one that is a page.
        @param files: The response of each path, or a function that makes it at the
            first request.
        """
        self._page = page
        self._files = dict(files)

    @property
    def routes(self) -> dict[str, Route]:
        """Return the routes below C{/rest}."""
        route = Route({"GET": self.get}, isPublic=True)
        return dict.fromkeys(self._files, route)

    async def get(self, request: Request, body: bytes, grant: Grant) -> Response:
        """Return the response for a path of L{routes}."""
        assert request.postpath
        path = b"/".join(request.postpath).decode("ascii")
        if path == self._page:
            # The page refers to its files by relative URLs.
            return Response(308, headers=(("Location", f"{path}/"),))
        return self._response(path.rstrip("/"))

    def _response(self, path: str) -> Response:
        """Return the response of a path; make it, if this is its first request."""
        file = self._files[path]
        if not isinstance(file, Response):
            file = self._files[path] = file()
        return file
