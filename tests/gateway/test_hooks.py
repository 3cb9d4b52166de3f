"""Tests for hooks in L{xmpprest.gateway}: templates, reload, metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.core.hooks.hooks import DIGEST, SECRET, hookConfig, makeHook
from tests.support.doubles import DOMAIN, HTTPClient
from xmpprest.gateway.hooks import makeHooks

from .test_gateway import configuration
from .test_reload import ReloadTestCase

HOOK = hookConfig()


class TemplateFilesTests(SynchronousTestCase):
    """
    L{makeHooks}
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / "alertmanager").mkdir(parents=True)

    def refusal(self, **settings: Any) -> str:
        """Return the message about a hook that cannot be made."""
        config = configuration(hooks=[hookConfig(**settings)])
        error = self.assertRaises(ValueError, makeHooks, config, lambda: 0.0)
        return str(error)

    def test_directory(self) -> None:
        """
        Files of a directory replace built-in templates by their names; the others
        remain.
        """
        for name in ("slack.j2", "alertmanager/resolved.j2"):
            (self.directory / name).write_text("x")
        templates = makeHook(template=str(self.directory)).templates
        names = ("slack", "alertmanager/resolved", "default")
        self.assertEqual(
            [templates[name].name for name in names],
            [*(str(self.directory / f"{name}.j2") for name in names[:2]), "default.j2"],
        )

    def test_file(self) -> None:
        """
        One file is the template of every shape and event.
        """
        path = self.directory / "any.j2"
        path.write_text("x")
        templates = makeHook(template=str(path)).templates
        self.assertEqual({each.name for each in templates.values()}, {str(path)})
        self.assertIn("text", templates)

    def test_invalid(self) -> None:
        """
        A template that is missing, malformed or has no name of a shape is refused,
        with the hook and the file.
        """
        missing = str(self.directory / "no.j2")
        message = self.refusal(template=missing)
        self.assertIn("hook alerts cannot be read", message)
        self.assertIn(missing, message)
        (self.directory / "slack.j2").write_text("{% if %}")
        self.assertIn("slack.j2, line 1", self.refusal(template=str(self.directory)))
        (self.directory / "slack.j2").write_bytes(b"\xff")
        self.assertIn("not UTF-8", self.refusal(template=str(self.directory)))
        (self.directory / "slack.j2").rename(self.directory / "teams.j2")
        self.assertIn(
            "not named after a shape", self.refusal(template=str(self.directory))
        )


class HookGatewayTests(ReloadTestCase):
    """
    A gateway with hooks
    """

    def hook(self, secret: str = SECRET, path: str = "/hooks") -> int:
        """POST to the hook; returns the status."""
        self.client.send(
            f"POST {path}/alerts/{secret} HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 2\r\n\r\nhi".encode()
        )
        return self.client.response().status

    def test_sent(self) -> None:
        """A message made of a request to a hook is sent to the server."""
        server = self.begin(hooks=[HOOK])
        self.assertEqual(self.hook(), 202)
        stanza = server.stanza()
        self.assertEqual((stanza["to"], stanza["from"]), ("ann@example.org", DOMAIN))

    def test_mounted(self) -> None:
        """
        The resource of the hooks may be mounted at any path of any site.
        """
        self.begin(hooks=[HOOK])
        root = Resource()
        root.putChild(b"in", self.gateway.hooks)
        self.client = HTTPClient(Site(root, reactor=self.reactor))
        self.assertEqual(self.hook(path="/in"), 202)

    def test_reload(self) -> None:
        """
        A reload adds, changes and removes hooks; the use of a rate limit is kept.
        """
        self.begin()
        self.assertEqual(self.hook(), 404)
        limited = hookConfig(rate=0.1, burst=1)
        self.change(hooks=[limited])
        self.assertEqual([self.hook(), self.hook()], [202, 429])
        other = hookConfig(rate=0.1, burst=1, secretSha256=["0" * 64, DIGEST])
        self.change(hooks=[other])
        self.assertEqual(self.hook(), 429)
        self.change(hooks=[hookConfig(secretSha256=["0" * 64])])
        self.assertEqual(self.hook(), 404)

    def test_badReload(self) -> None:
        """
        A reload with a template that cannot be read changes nothing.
        """
        self.begin(hooks=[HOOK])
        broken = hookConfig(template="/nothing/there.j2")
        self.assertRaises(ValueError, self.change, hooks=[broken])
        self.assertEqual(self.hook(), 202)

    def test_metrics(self) -> None:
        """
        Requests to hooks are counted by hook and result, and by route.
        """
        self.begin(hooks=[HOOK])
        for secret in (SECRET, SECRET, "wrong"):
            self.hook(secret)
        self.client.send(
            f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            f"{configuration().credentials[0]}\r\n\r\n".encode()
        )
        self.reactor.advance(2)
        text = self.client.response().body.decode()
        self.assertIn(
            'xmpprest_hook_requests_total{hook="alerts",result="accepted"} 2', text
        )
        self.assertIn('route="/hooks/{name}/{secret}"', text)
        self.assertNotIn(SECRET, text)
