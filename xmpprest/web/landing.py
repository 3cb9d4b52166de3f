"""The page that a browser gets at C{/} and C{/rest}: links to the console and docs."""

from __future__ import annotations

from twisted.web.server import Request

from .response import Response
from .server.request import header
from .static import TYPES, pageHeaders

_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>xmpprest</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>xmpprest</h1>
<p>This is an HTTP gateway to XMPP. Programs use the API at <code>/rest</code>.</p>
<ul>
<li><a href="{base}console/">Web console</a>: see the traffic and the queues</li>
<li><a href="{base}docs">API documentation</a>: try every route</li>
</ul>
</body>
</html>
"""

_SECURITY = pageHeaders()


def wantsPage(request: Request) -> bool:
    """Return whether a browser asks for a page; other clients do not name HTML."""
    accept = header(request, b"accept") or ""
    return request.method in (b"GET", b"HEAD") and "text/html" in accept


def landingPage(base: str) -> Response:
    """
    Make the page.

    @param base: The URL of the API, relative to the page, with a slash at its end.
    """
    body = _HTML.format(base=base).encode()
    return Response(200, body, TYPES["html"], security=_SECURITY)


def relativeBase(request: Request) -> str:
    """Return the base for the page at the API's own path, wherever it is mounted."""
    path = request.path.decode("latin-1")
    return "" if path.endswith("/") else f"{path.rpartition('/')[2]}/"
