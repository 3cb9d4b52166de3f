"""Tests for L{xmpprest.commands.hook}."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tomllib
from hashlib import sha256
from pathlib import Path

from tests.config.test_loader import SourcesTestCase
from tests.core.hooks.test_hook import group
from xmpprest.__main__ import main as command
from xmpprest.commands.hook import main
from xmpprest.config.tables import readHooks


class HookCommandTests(SourcesTestCase):
    """
    L{main}
    """

    def made(self, *arguments: str) -> tuple[str, str]:
        """Run the command; returns what it prints, to both."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command(["hook", *arguments])
        return out.getvalue(), err.getvalue()

    def failure(self, *arguments: str) -> str:
        """Return what the command says when it fails."""
        return str(self.assertRaises(SystemExit, self.made, *arguments).code)

    def test_created(self) -> None:
        """
        The URL is printed once, on standard error; the table has the hash of its
        secret, and can be used as it is.
        """
        url = ("--url", "https://gw.example/")
        out, err = self.made("alerts", "--to", "a@x.example", *url)
        (secret,) = re.findall(r"https://gw\.example/hooks/alerts/([\w-]{43})\n", err)
        self.assertNotIn(secret, out)
        ((hook, _),) = readHooks(tomllib.loads(out), "x.toml")
        self.assertEqual(hook.secretSha256, (sha256(secret.encode()).hexdigest(),))
        self.assertEqual((hook.name, hook.to), ("alerts", ("a@x.example",)))

    def test_recipient(self) -> None:
        """
        Without a recipient the table has none, and both say so.
        """
        out, err = self.made("alerts")
        self.assertIn("Set the recipient", err)
        self.assertEqual(tomllib.loads(out)["hooks"][0]["to"], [])

    def test_unlikelyRecipient(self) -> None:
        """
        A recipient whose domain has no dot is warned of, unless it is local: it may be
        the name of an account without its server.
        """
        for address, isLikely in (
            ("nobody", False),
            ("user@server", False),
            ("user@x.example", True),
            ("user@localhost", True),
            ("user@[::1]", True),
        ):
            out, err = self.made("alerts", "--to", address)
            self.assertEqual("has no dot" not in err, isLikely, address)
            self.assertEqual(tomllib.loads(out)["hooks"][0]["to"], [address])

    def test_twice(self) -> None:
        """
        A second hook of one name is not appended to a file.
        """
        path = Path(self.mktemp())
        path.write_text('[[hooks]]\nname = "alerts"\n')
        error = self.assertRaises(SystemExit, main, ["alerts"], destination=str(path))
        self.assertIn("already has a hook alerts", str(error))
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            main(["other"], destination=str(path))
        self.assertIn('name = "other"', quiet.getvalue())

    def test_invalid(self) -> None:
        """
        A mistake in the arguments is said in one sentence, with the usage.
        """
        for arguments, expected in [
            ((), "Expected one name"),
            (("a b",), "letters, digits"),
            (("a", "--shape", "teams"), "expected auto or"),
            (("a", "--to", "@"), "address like user@example.org"),
            (("a", "--header", "x", "--try", "y"), "Name: value"),
            (("a", "--too", "b@x.example"), "no flag --too; did you mean --to?"),
            (("a", "--try", "/nothing/there.json"), "Cannot read /nothing/there.json"),
        ]:
            self.assertIn(expected, self.failure(*arguments))

    def test_try(self) -> None:
        """
        With a payload the message is printed, and nothing is created.
        """
        path = self.mktemp()
        Path(path).write_text(json.dumps(group(1)))
        out, err = self.made("alerts", "--try", path)
        self.assertEqual(
            (out, err),
            (
                "🔴 FIRING: DiskFull\ninstance web0\nDisk of web0 is full\n"
                "http://alerts.example:9093\n",
                "",
            ),
        )

    def test_tryConfigured(self) -> None:
        """
        The template of a hook in the configuration is tried; if it fails, the reason is
        printed, too.
        """
        payload, template, config = (Path(self.mktemp()) for _ in range(3))
        payload.write_text(json.dumps(group(1)))
        template.write_text("{{ title }} of {{ payload.status }}{{ x | length }}")
        config.write_text(
            f'[[hooks]]\nname = "a"\nsecret-sha256 = "{"0" * 64}"\n'
            f'to = "a@x.example"\ntemplate = "{template}"\n'
        )
        given = ("--config", str(config), "--try", str(payload))
        self.assertEqual(self.made("a", *given)[0], "DiskFull of firing0\n")
        template.write_text("{{ 1 / 0 }}")
        out, err = self.made("a", *given)
        self.assertIn("division by zero", err)
        self.assertIn("DiskFull", out)
        self.assertIn("has no hook b; it has: a", self.failure("b", *given))
        template.write_text("{% for %}")
        self.assertIn("template of the hook a is invalid", self.failure("a", *given))
