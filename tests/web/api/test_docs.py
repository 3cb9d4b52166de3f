"""Tests for L{xmpprest.web.api.docs}."""

from __future__ import annotations

import gzip
import json
import re

from xmpprest.web.api.docs import SwaggerUI

from ...support.doubles import HTTPResponse
from ..case import SiteTestCase

FILES = {
    "": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}


def get(path: str) -> bytes:
    """A request as a browser writes it."""
    return f"GET /rest/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class SwaggerUITests(SiteTestCase):
    """
    Tests for L{SwaggerUI}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.made = 0
        self.build(SwaggerUI(self.makeDocument).routes)

    def makeDocument(self) -> dict[str, str]:
        """Make a short document, and count how often that is done."""
        self.made += 1
        return {"openapi": "3.1.0"}

    def fetch(self, path: str) -> HTTPResponse:
        """Make one request without credentials, and take its answer."""
        client = self.client()
        client.send(get(path))
        return client.response()

    def test_files(self) -> None:
        """The page and each file that it names are served, with their media types."""
        named = re.findall(
            r' (?:src|href)="([\w.-]+)"', self.fetch("docs/").body.decode()
        )
        self.assertEqual({"", *named}, set(FILES))
        for name, contentType in FILES.items():
            response = self.fetch(f"docs/{name}")
            self.assertEqual((response.status, name), (200, name))
            self.assertEqual(response["Content-Type"], contentType)
            self.assertEqual(response["X-Content-Type-Options"], "nosniff")
            self.assertGreater(len(response.body), 50)

    def test_others(self) -> None:
        """Other paths are 404, also for files that lie beside the served ones."""
        for name in (
            "swagger_bundle.js",
            "../offapi/url.json",
            "scalar.js",
            "../openapi.json/x",
            "%00",
            "..%2F..%2Ftemplates.py",
        ):
            self.assertEqual(self.fetch(f"docs/{name}").status, 404, name)

    def test_document(self) -> None:
        """
        Beside it is the document that it shows, as JSON.
        """
        response = self.fetch("openapi.json")
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertEqual(json.loads(response.body), {"openapi": "3.1.0"})

    def test_documentMadeOnce(self) -> None:
        """
        The document is made at the first request for it, and kept.
        """
        self.fetch("docs/")
        self.assertEqual(self.made, 0)
        first, second = self.fetch("openapi.json"), self.fetch("openapi.json")
        self.assertEqual(self.made, 1)
        self.assertEqual(first.body, second.body)

    def test_slash(self) -> None:
        """
        Without a slash at its end the URL leads to the one with it, relative to
        wherever the gateway is.
        """
        response = self.fetch("docs")
        self.assertEqual((response.status, response["Location"]), (308, "docs/"))

    def test_policy(self) -> None:
        """
        The browser lets the page use what comes from the gateway, and nothing else:
        no script or style within the page, no frame, no form.
        """
        for name in FILES:
            policy = self.fetch(f"docs/{name}")["Content-Security-Policy"]
            directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
            self.assertEqual(
                directives,
                {
                    "default-src": "'none'",
                    "script-src": "'self'",
                    "style-src": "'self'",
                    "img-src": "'self' data:",
                    "connect-src": "'self'",
                    "base-uri": "'none'",
                    "form-action": "'none'",
                    "frame-ancestors": "'none'",
                },
            )
            self.assertEqual(
                self.fetch(f"docs/{name}")["Referrer-Policy"], "no-referrer"
            )

    def test_swaggerUI(self) -> None:
        """The Swagger UI is version 5 or later, which reads OpenAPI 3.1."""
        response = self.fetch("docs/swagger-ui-bundle.js")
        self.assertEqual(response["Content-Encoding"], "gzip")
        script = gzip.decompress(response.body).decode()
        version = re.search(r'PACKAGE_VERSION:"(\d+)\.', script)
        assert version is not None
        self.assertGreaterEqual(int(version[1]), 5)

    def test_manyAtOnce(self) -> None:
        """
        However often a client asks for a large file at once, no more than one of them
        waits in memory for the client to read it.
        """
        client = self.client()
        client.transport.highWater = 2**16
        client.send(get("docs/swagger-ui-bundle.js") * 100)
        for _ in range(3):
            self.settle()
            self.assertEqual(client.response().status, 200)
            client.transport.drain()
