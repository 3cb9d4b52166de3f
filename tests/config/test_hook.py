"""Tests for L{xmpprest.config.hook} and the tables of hooks."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.hooks.hooks import DIGEST, hookConfig
from tests.support.doubles import DOMAIN
from xmpprest import Config
from xmpprest.config import hook as module
from xmpprest.config.config import ConfigurationError
from xmpprest.config.tables import formatTables, readHooks

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class HookConfigTests(SynchronousTestCase):
    """
    L{HookConfig<xmpprest.config.hook.HookConfig>}
    """

    def refusal(self, **settings: Any) -> str:
        """Return the message about settings that are invalid."""
        return str(self.assertRaises(ValueError, hookConfig, **settings))

    def test_invalid(self) -> None:
        """
        Each mistake is refused with what to change.
        """
        mistakes: list[tuple[dict[str, Any], str]] = [
            ({"name": None}, "add the key name"),
            ({"secretSha256": []}, "xmpprest hook alerts"),
            ({"secretSha256": ["hush hush"]}, "64 hexadecimal digits"),
            ({"to": []}, "add the key to"),
            ({"to": ["a@@b"]}, "address like user@example.org"),
            ({"type": "error"}, "chat or groupchat or headline or normal"),
            ({"shape": "teams"}, "expected auto or"),
            ({"burst": 3}, "add a rate"),
            ({"signingSecrets": ["x"]}, "name the shape of a sender that signs"),
            ({"signingSecrets": "x", "shape": "json"}, "expected a list"),
        ]
        for settings, expected in mistakes:
            with self.subTest(str(settings)):
                self.assertIn(expected, self.refusal(**settings))

    def test_secretIsMasked(self) -> None:
        """
        A secret in the place of its hash is not repeated.
        """
        self.assertNotIn("hush", self.refusal(secretSha256=["hush hush"]))

    def test_withoutTemplates(self) -> None:
        """
        Without Jinja2 only the shapes text and json are accepted; the error for others
        names the extra.
        """
        self.patch(module, "hasTemplates", False)
        for shape in ("auto", "slack", "alertmanager"):
            self.assertIn("xmpprest[hooks]", self.refusal(shape=shape))
        self.assertIn("xmpprest[hooks]", self.refusal(shape="json", template="a.j2"))
        for shape in ("text", "json"):
            self.assertEqual(hookConfig(shape=shape).shape, shape)

    def test_together(self) -> None:
        """
        Two hooks of one name, and a sender at another domain, are refused.
        """

        def config(*hooks: Any) -> Config:
            return Config(domain=DOMAIN, secret="s", credentials=("t",), hooks=hooks)

        error = self.assertRaises(ValueError, config, hookConfig(), hookConfig())
        self.assertIn("2 hooks have the name alerts", str(error))
        elsewhere = hookConfig(from_="bot@elsewhere.example")
        error = self.assertRaises(ValueError, config, elsewhere)
        self.assertIn(f"sends only from {DOMAIN}", str(error))
        self.assertEqual(len(config(hookConfig(), hookConfig(name="b")).hooks), 2)


class TableTests(SynchronousTestCase):
    """
    The tables C{[[hooks]]}
    """

    def setUp(self) -> None:
        self.secrets = Path(self.mktemp())
        self.secrets.write_text(f"# GitHub\nIt's a Secret\n{WHSEC}\n")
        self.text = (
            f'[[hooks]]\nname = "a"\nsecret-sha256 = "{DIGEST}"\nto = "a@x.example"\n'
            f'shape = "json"\nsigning-secret-file = "{self.secrets}"\n'
        )

    def test_read(self) -> None:
        """
        A table has the settings, and the lines of its secret file are any text.
        """
        ((hook, sources),) = readHooks(tomllib.loads(self.text), "x.toml")
        self.assertEqual((hook.name, hook.to), ("a", ("a@x.example",)))
        self.assertEqual(hook.signingSecrets, ("It's a Secret", WHSEC))
        self.assertEqual([each.path for each in sources], [self.secrets])
        self.assertNotIn("Secret", repr(hook))

    def test_format(self) -> None:
        """The printed table can be read back."""
        ((hook, sources),) = readHooks(tomllib.loads(self.text), "x.toml")
        lines = formatTables((), (), {}, [hook], {"a": sources})
        ((again, _),) = readHooks(tomllib.loads("\n".join(lines)), "x.toml")
        self.assertEqual(again, hook)

    def test_invalid(self) -> None:
        """
        A table in the wrong form, an unknown key and an empty secret file are refused.
        """
        empty = Path(self.mktemp())
        empty.write_text("\n# none\n")
        for text, expected in [
            ("hooks = 1", "tables like [[hooks]]"),
            ('[[hooks]]\nname = "a"\nurl = "x"', "unknown key 'url'"),
            (
                f'[[hooks]]\nname = "a"\nsigning-secret-file = "{empty}"',
                "no signing secrets",
            ),
        ]:
            error = self.assertRaises(
                ConfigurationError, readHooks, tomllib.loads(text), "x.toml"
            )
            self.assertIn(expected, str(error))
