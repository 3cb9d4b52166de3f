"""Tests for L{xmpprest.web.landing}."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from xmpprest.web.health.resource import LivenessResource
from xmpprest.web.server.site import GatewaySite, makeRoot

from .case import SiteTestCase, request

#: The header of a browser.
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Authorization": None}


class LandingPageTests(SiteTestCase):
    """
    The page at C{/} and C{/rest}
    """

    def test_browser(self) -> None:
        """A browser gets links to the console and the docs, without credentials."""
        for path in ("/", "/rest", "/rest/", "/rest?x=1", "/?x"):
            page = self.ask(b"", BROWSER, "GET", path)
            self.assertEqual(page.status, 200, path)
            self.assertEqual(page["Content-Type"], "text/html; charset=utf-8")
            self.assertIn("default-src 'none'", page["Content-Security-Policy"] or "")
            links = re.findall(rb'<a href="([^"]+)"', page.body)
            self.assertEqual(
                [urljoin(path, each.decode()) for each in links],
                ["/rest/console/", "/rest/docs"],
                path,
            )

    def test_head(self) -> None:
        """HEAD gets the same without the body."""
        for path in ("/", "/rest"):
            client = self.client()
            client.send(request(b"", BROWSER, "HEAD", path))
            head, _, body = client.transport.value().partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
            self.assertEqual(body, b"")

    def test_programs(self) -> None:
        """Programs, which do not accept HTML, get the errors as before."""
        for accept in ("*/*", "application/json", None):
            headers = {"Accept": accept, "Content-Type": None}
            self.assertProblem(self.ask(b"", headers, "GET", "/"), 404)
            refusal = self.ask(b"", headers, "GET", "/rest")
            self.assertProblem(refusal, 405)
            self.assertEqual(refusal["Allow"], "POST")

    def test_elsewhere(self) -> None:
        """Other paths and methods have no page."""
        for method, path, status in (
            ("GET", "/other", 404),
            ("GET", "/rest/nothing", 404),
            ("GET", "/rest/echo", 405),
            ("POST", "/", 404),
        ):
            self.assertEqual(self.ask(b"", BROWSER, method, path).status, status, path)

    def test_adminSite(self) -> None:
        """A site without the API has no page."""
        root = makeRoot({"livez": LivenessResource()})
        self.site = GatewaySite(root, self.settings, self.clock)
        self.assertEqual(self.ask(b"", BROWSER, "GET", "/").status, 404)
