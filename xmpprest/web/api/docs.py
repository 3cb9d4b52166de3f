"""The page at C{/rest/docs}, on which a person tries each route, and its document."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources

from ...core.media.formats import JSON
from ..response import Response
from ..static import TYPES, StaticFiles, pageHeaders

_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>xmpprest</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="swagger-ui.css">
<link rel="stylesheet" href="page.css">
<script src="swagger-ui-bundle.js" defer></script>
<script src="page.js" defer></script>
</head>
<body>
<main id="page"></main>
<noscript>
This page needs JavaScript. What it shows is also in
<a href="../openapi.json">openapi.json</a>.
</noscript>
</body>
</html>
"""

# There is one server and there are no links to choose from; the buttons at the end of
# an answer do not lie on a short one.
_CSS = """\
body { margin: 0; }
.swagger-ui .scheme-container .schemes .schemes-server-container,
.swagger-ui .response-col_links { display: none; }
.swagger-ui .live-responses-table .highlight-code > pre
{ padding-bottom: 44px !important; }
noscript { display: block; margin: 2em; font-family: sans-serif; }
"""

# The document is beside the page, wherever both are mounted. Nobody else is asked
# whether it is valid, and nothing is kept when the page is left. Without C{omit} a
# browser that is refused would ask for a password by itself, and remember it.
_JS = """\
"use strict";
SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "list",
  displayRequestDuration: true,
  persistAuthorization: false,
  requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""

_HEADERS = pageHeaders()


class SwaggerUI(StaticFiles):
    """
    Serves the page, C{openapi.json}, and the files that they need.
    """

    def __init__(self, document: bytes) -> None:
        """
        @param document: What C{openapi.json} is.
        @raise ImportError: Swagger UI is not installed.
        @raise OSError: Its files are not where they were.
        """
        described = Response(200, document, JSON, _HEADERS)
        super().__init__("docs", {"openapi.json": described, **_files()})


@cache
def _files() -> dict[str, Response]:
    """By their paths; read once."""
    return {
        "docs": _own(_HTML, TYPES["html"]),
        "docs/page.css": _own(_CSS, TYPES["css"]),
        "docs/page.js": _own(_JS, TYPES["js"]),
        "docs/swagger-ui.css": _packed("stylesheets/swagger-ui.css", TYPES["css"]),
        "docs/swagger-ui-bundle.js": _packed(
            "javascripts/swagger-ui-bundle.js", TYPES["js"]
        ),
    }


def _own(text: str, contentType: str) -> Response:
    return Response(200, text.encode(), contentType, _HEADERS)


def _packed(path: str, contentType: str) -> Response:
    """
    A file of Swagger UI, a fourth of its size whether that is asked for or not (RFC
    9110 §12.5.3), since there is no browser that cannot unpack it.
    """
    # A plugin for MkDocs; the module of that name, which is empty, is all of it that
    # is imported.
    root = resources.files("mkdocs_swagger_ui_tag") / "swagger-ui"
    packed = gzip.compress((root / path).read_bytes(), mtime=0)
    headers = (*_HEADERS, ("Content-Encoding", "gzip"))
    return Response(200, packed, contentType, headers)
