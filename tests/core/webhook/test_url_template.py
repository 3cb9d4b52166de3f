"""Tests of L{xmpprest.core.webhook.url_template}."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from tests.core.codec.case import CoreTestCase
from xmpprest.core.webhook.url_template import URLTemplate

VALUES = {"kind": "message", "type": "chat", "to": "a@b/c d", "from": "ü@x/{to}?&#%"}


class CallbackURLTests(CoreTestCase):
    """
    L{URLTemplate}
    """

    def test_fill(self) -> None:
        """
        Each placeholder is replaced, percent-encoded so that it ends neither a
        segment nor a value, and nothing in a value is replaced again.
        """
        for url, filled in {
            "http://127.0.0.1:9999/stanzas": b"http://127.0.0.1:9999/stanzas",
            "https://h": b"https://h/",
            "http://[::1]:80/{kind}/{type}": b"http://[::1]:80/message/chat",
            "http://h/{to}": b"http://h/a%40b%2Fc%20d",
            "http://h/?f={from}&t={to}": (
                b"http://h/?f=%C3%BC%40x%2F%7Bto%7D%3F%26%23%25&t=a%40b%2Fc%20d"
            ),
            "http://h/{kind}{kind}": b"http://h/messagemessage",
            "http://h/a%20b?c=%7Bto%7D": b"http://h/a%20b?c=%7Bto%7D",
            "http://h/x#{kind}": b"http://h/x",
            "http://h?k={kind}": b"http://h/?k=message",
        }.items():
            self.assertEqual(URLTemplate(url).expand(VALUES), filled, url)

    def test_dotSegments(self) -> None:
        """
        A placeholder in the path leads nowhere above the template's path, even on a
        server that decodes it once and then resolves dot segments (RFC 3986 §5.2.4).
        """
        for value, quoted in {
            "bot@d/../../admin/x": "bot%40d%2F%252E%252E%2F%252E%252E%2Fadmin%2Fx",
            "..": "%252E%252E",
            ".": "%252E",
            "a/./b": "a%2F%252E%2Fb",
            "a/..": "a%2F%252E%252E",
            "a\\..\\b": "a%5C%252E%252E%5Cb",
            "a/..;x/b": "a%2F%252E%252E%3Bx%2Fb",
            "a@b.example/c..d": "a%40b.example%2Fc..d",
            "a/...": "a%2F...",
            "a/.b": "a%2F.b",
        }.items():
            template = URLTemplate("http://h/cb/{to}?to={to}")
            url = template.expand({**VALUES, "to": value}).decode()
            path, _, query = url.partition("?")
            self.assertEqual(path, f"http://h/cb/{quoted}", value)
            self.assertEqual(query, f"to={quote(value, safe='')}", value)
            segments = re.split(r"[/\\;]", unquote(path.removeprefix("http://h/cb/")))
            self.assertNotIn("..", segments)

    def test_userinfo(self) -> None:
        """
        User and password become a header (RFC 7617), decoded, and are no part of the
        URL, nor of what is logged of it.
        """
        for userinfo, header in {
            "": None,
            "bot:pw@": "Basic Ym90OnB3",
            "bot@": "Basic Ym90Og==",
            "b%40t:p%3Aw@": "Basic YkB0OnA6dw==",
            "b:p:w@": "Basic YjpwOnc=",
            "b%C3%BC:x@": "Basic YsO8Ong=",
        }.items():
            url = URLTemplate(f"http://{userinfo}h:1/{{kind}}")
            self.assertEqual(url.authorization, header, userinfo)
            self.assertEqual(url.expand(VALUES), b"http://h:1/message", userinfo)
            self.assertEqual(str(url), "http://h:1/{kind}", userinfo)

    def test_refused(self) -> None:
        """
        An unusable URL is refused with the expected form, and without the password that
        may
        be in it.
        """
        for url, expected in {
            "": "a URL like",
            "h/x": "a URL like",
            "/x": "a URL like",
            "ftp://u:hunter2@h/": "a URL like",
            "file:///etc/passwd": "a URL like",
            "http://": "a URL like",
            "http://u:hunter2@/x": "a URL like",
            "http://u:hunter2@h:port/": "a URL like",
            "http://u:hunter2@h:99999/": "a URL like",
            "http://u:hunter2@[::1/": "a URL like",
            "http://h/a b": "visible ASCII",
            "http://h/ü": "visible ASCII",
            "http://hü/": "visible ASCII",
            "http://h/\n": "visible ASCII",
            "http://u:hunter2@h/{id}": "are of {kind}, {type}, {to}, {from}",
            "http://h/{kind": "placeholders are of",
            "http://h/kind}": "placeholders are of",
            "http://h/{}": "placeholders are of",
            "http://h/{{kind}}": "placeholders are of",
            "http://h/%zz": "write the character '%' itself as '%25'",
            "http://h/100%": "two hexadecimal digits",
            "http://h/?a=%{kind}": "two hexadecimal digits",
            "http://u:hunter2@h/%4": "two hexadecimal digits",
            "http://{to}/": "without placeholders before its path",
            "http://{to}:hunter2@h/": "without placeholders before its path",
        }.items():
            error = self.assertRaises(ValueError, URLTemplate, url)
            self.assertTrue(str(error).startswith("expected a URL "), error)
            self.assertIn(expected, str(error), url)
            self.assertNotIn("hunter2", str(error), url)
