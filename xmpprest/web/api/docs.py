"""Swagger UI at C{/rest/docs}, and the OpenAPI document at C{/rest/openapi.json}."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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

# Hide the choice of servers and links, since there is one of each; keep the buttons
# below a short response from covering it.
_CSS = """\
body { margin: 0; }
.swagger-ui .scheme-container .schemes .schemes-server-container,
.swagger-ui .response-col_links { display: none; }
.swagger-ui .live-responses-table .highlight-code > pre
{ padding-bottom: 44px !important; }
noscript { display: block; margin: 2em; font-family: sans-serif; }
"""

# The document is beside the page, wherever both are mounted. The page sends it to no
# validator and stores no credentials. Without C{omit}, a browser would ask for a
# password after a 401, and remember it.
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

_SECURITY = pageHeaders()


class SwaggerUI(StaticFiles):
    """
    Serves the page, C{openapi.json}, and the files of Swagger UI. The large ones are
    made at their first request, so that the start of a gateway does not wait for them.
    """

    def __init__(self, makeDocument: Callable[[], Mapping[str, Any]]) -> None:
        """
        @param makeDocument: Makes the OpenAPI document.
        @raise ImportError: Swagger UI is not installed.
        @raise OSError: Swagger UI is installed, but lacks a file.
        """
        swaggerUI = _findSwaggerUI()
        super().__init__(
            "docs",
            {
                "docs": _own(_HTML, TYPES["html"]),
                "docs/page.css": _own(_CSS, TYPES["css"]),
                "docs/page.js": _own(_JS, TYPES["js"]),
                "docs/swagger-ui.css": _packed(
                    swaggerUI / "swagger_style.css", TYPES["css"]
                ),
                "docs/swagger-ui-bundle.js": _packed(
                    swaggerUI / "swagger_bundle.js", TYPES["js"]
                ),
                "openapi.json": partial(_described, makeDocument),
            },
        )


def _findSwaggerUI() -> Path:
    """
    Find the directory of the package offapi without importing it: on import it reads
    all of its files, 9 MB, into memory.
    """
    spec = find_spec("offapi")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("Swagger UI is not installed; run: pip install offapi")
    return Path(spec.submodule_search_locations[0])


def _described(makeDocument: Callable[[], Mapping[str, Any]]) -> Response:
    text = json.dumps(makeDocument(), separators=(",", ":"))
    return Response(200, text.encode(), JSON, security=_SECURITY)


def _own(text: str, contentType: str) -> Response:
    return Response(200, text.encode(), contentType, security=_SECURITY)


def _packed(file: Path, contentType: str) -> Callable[[], Response]:
    """
    Return a function that compresses a file of Swagger UI. The response is compressed
    whatever the request accepts (RFC 9110 §12.5.3), since every browser can unpack it.

    @raise OSError: There is no such file.
    """
    file.stat()

    def pack() -> Response:
        # Level 9 takes twice as long and saves one byte in a hundred.
        packed = gzip.compress(file.read_bytes(), 5, mtime=0)
        headers = (("Content-Encoding", "gzip"),)
        return Response(200, packed, contentType, headers, security=_SECURITY)

    return pack
