"""
Tests for L{xmpprest.web.api.console}, and of its files as far as they can be read.
"""

from __future__ import annotations

import re
from importlib import resources
from posixpath import normpath

from xmpprest.web.api.console import ConsolePage

from ...support.doubles import HTTPResponse
from ..case import SiteTestCase

FILES = {file.name for file in (resources.files("xmpprest") / "console").iterdir()}
HTML, JS, CSS = "text/html", "text/javascript", "text/css"

#: What makes code, or HTML, of text.
_SINKS = (
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "srcdoc"),
    *("eval(", "new Function", 'setTimeout("', "createContextualFragment", "DOMParser"),
)


class ConsolePageTests(SiteTestCase):
    """
    Tests for L{ConsolePage}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.build(ConsolePage().routes)

    def fetch(self, path: str) -> HTTPResponse:
        """Make one request without credentials, and take its answer."""
        client = self.client()
        client.send(f"GET /rest/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return client.response()

    def text(self, name: str) -> str:
        """A file of the page."""
        response = self.fetch(f"console/{name}")
        self.assertEqual((response.status, name), (200, name))
        return response.body.decode()

    def named(self, name: str) -> set[str]:
        """The files that a file names, but those that stand beside the console."""
        patterns = {
            "": r' (?:src|href)="([^"#]+)"',
            "js": r'^import .* from "(.+)";$',
        }
        pattern = patterns.get(name.rpartition(".")[2])
        found = re.findall(pattern, self.text(name), re.MULTILINE) if pattern else []
        return {normpath(each) for each in found if not each.startswith("../")}

    def test_files(self) -> None:
        """
        Every file is served, and every one is named by the page or by what it names.
        """
        found, todo = set(), {""}
        while todo:
            name = todo.pop()
            found.add(name or "index.html")
            todo |= self.named(name) - found
        self.assertEqual(found, FILES)

    def test_headers(self) -> None:
        """
        Each says what it is, and that nothing but files of the gateway may be part of
        it, nor any text become code.
        """
        types = {"html": HTML, "js": JS, "css": CSS, "svg": "image/svg+xml"}
        for name in FILES:
            response = self.fetch(f"console/{name.replace('index.html', '')}")
            contentType = types[name.rpartition(".")[2]]
            self.assertTrue(response["Content-Type"].startswith(contentType), name)
            policy = response["Content-Security-Policy"].split("; ")
            for directive in (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            ):
                self.assertIn(directive, policy)
            self.assertNotIn("unsafe", response["Content-Security-Policy"])
            self.assertEqual(response["X-Content-Type-Options"], "nosniff")
            self.assertEqual(response["Referrer-Policy"], "no-referrer")

    def test_others(self) -> None:
        """Other paths below the console are 404."""
        for name in ("index.html", "x.js", "../console.py", "%2e%2e/py.typed", "page"):
            self.assertEqual(self.fetch(f"console/{name}").status, 404, name)

    def test_slash(self) -> None:
        """
        Without its slash the page is elsewhere: what it names is relative to it.
        """
        response = self.fetch("console")
        self.assertEqual((response.status, response["Location"]), (308, "console/"))

    def test_nothingInline(self) -> None:
        """
        In the page there is neither code nor style, and no address of anybody else.
        """
        page = self.text("")
        self.assertNotRegex(page, r"<style|\son\w+=|\sstyle=|javascript:|https?://")
        self.assertEqual(re.findall(r"<script[^>]*>(.*?)</script>", page), [""])

    def test_noSinks(self) -> None:
        """
        In its code there is nothing that makes code or HTML of a text, and no address
        of anybody else but the names of XML.
        """
        for name in FILES:
            if name.endswith(".js"):
                text = self.text(name)
                for sink in _SINKS:
                    self.assertNotIn(sink, text, name)
                found = re.findall(r"https?://[^\"]+", text)
                self.assertLessEqual({*found}, {"http://www.w3.org/2000/svg"}, name)

    def test_labels(self) -> None:
        """
        Every field of the page has a label, every id is used once, and what refers to
        one refers to something.
        """
        page = self.text("")
        ids = re.findall(r'\sid="([^"]+)"', page)
        self.assertEqual(len(ids), len({*ids}))
        referred = " ".join(
            re.findall(
                r'(?:for|aria-labelledby|aria-describedby|href)="#?([\w -]+)"', page
            )
        )
        self.assertLessEqual({*referred.split()}, {*ids})
        labels = {*re.findall(r'<label for="([^"]+)"', page)}
        fields = re.findall(r'<(?:input|select|textarea) id="([^"]+)"', page)
        self.assertEqual({*fields}, labels)
        boxes = re.findall(r"<label><input type=\"checkbox\"", page)
        self.assertEqual(len(boxes), page.count('type="checkbox"'))
