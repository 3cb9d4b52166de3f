"""Pages for browsers, and the files that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.web.server import Request

from ..core.policy.permissions import Grant
from .response import Headers, Response
from .router import Route

#: The media types of files, by the endings of their names.
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

#: A page is given a token; nobody else may have a say in what it does with it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def pageHeaders(policy: str = "") -> Headers:
    """
    The headers of a page and its files.

    @param policy: What is added to the Content Security Policy.
    """
    return (
        ("Content-Security-Policy", _POLICY + policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    )


class StaticFiles:
    """
    Serves files, and no others. Whoever asks may have them: there is no secret in them.
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
        """Where it answers, below C{/rest}."""
        route = Route({"GET": self.get}, isPublic=True)
        return dict.fromkeys(self._files, route)

    async def get(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Answer with a file.

        @param request: One for a path of L{routes}.
        """
        assert request.postpath
        path = b"/".join(request.postpath).decode("ascii")
        if path == self._page:
            # What the page names is relative to it.
            return Response(308, headers=(("Location", f"{path}/"),))
        return self._response(path.rstrip("/"))

    def _response(self, path: str) -> Response:
        """Return the response of a path; make it, if this is its first request."""
        file = self._files[path]
        if not isinstance(file, Response):
            file = self._files[path] = file()
        return file
