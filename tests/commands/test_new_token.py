"""Tests for L{xmpprest.commands.new_token}."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from hashlib import sha256

from tests.config.test_loader import ENOUGH, SourcesTestCase
from xmpprest.__main__ import main as command
from xmpprest._version import __version__
from xmpprest.commands.new_token import TOKEN_BYTES, main
from xmpprest.core.stanza.build import TYPES


class NewTokenTests(SourcesTestCase):
    """
    L{main}
    """

    def made(self, *arguments: str) -> tuple[str, str]:
        """Run the command; returns what it prints, to both."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command(["token", *arguments])
        return out.getvalue(), err.getvalue()

    def test_secret(self) -> None:
        """
        The token is a secret-token URI of 256 random bits, is shown once, and is not
        among what is to be appended to the file.
        """
        made = set()
        for _ in range(10):
            out, err = self.made("notifier")
            (token,) = re.findall(r"secret-token:([A-Za-z0-9_-]+)\n", err)
            self.assertGreaterEqual(len(token) * 6, 8 * TOKEN_BYTES)
            self.assertNotIn(token, out)
            made.add(token)
        self.assertEqual((len(made), TOKEN_BYTES * 8), (10, 256))

    def test_random(self) -> None:
        """The token is made of the random bytes, as many as are asked for."""
        asked: list[int] = []

        def random(size: int) -> str:
            asked.append(size)
            return "x" * 43

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(["notifier"], random)
        self.assertEqual(asked, [32])
        self.assertIn(f"    secret-token:{'x' * 43}\n", err.getvalue())

    def test_file(self) -> None:
        """
        The lines, appended to a file, are that token, which may send whatever it
        likes, and nothing more.
        """
        out, err = self.made("notifier")
        (secret,) = re.findall(r"secret-token:\S+", err)
        environ = {**ENOUGH}
        del environ["XMPPREST_CREDENTIALS"]
        toml = f'name = "x"{out}'
        (token,) = self.load(environ=environ, toml=toml).config.tokens
        self.assertEqual(token.name, "notifier")
        self.assertEqual(token.sha256, (sha256(secret.encode()).hexdigest(),))
        self.assertEqual(
            (token.from_, token.kinds, token.to, token.rate, token.may),
            (("*",), frozenset(TYPES), ("*",), None, frozenset()),
        )
        self.assertEqual([*tomllib.loads(out)["tokens"]], ["notifier"])
        for line in out.strip().splitlines()[1:]:
            self.assertRegex(line, r"  # [A-Z].*\.$")

    def test_refused(self) -> None:
        """
        Without a name, or with one that is none, nothing is made, and it is said what
        was expected.
        """
        for arguments, said in (
            ([], "Expected one name"),
            (["a", "b"], "Expected one name"),
            (["a b"], "'a b': expected up to 64 letters"),
            (["--nope"], "There is no flag --nope; see --help."),
        ):
            with self.assertRaises(SystemExit) as raised:
                self.made(*arguments)
            self.assertIn(said, str(raised.exception))
            self.assertIn("xmpprest token NAME", str(raised.exception))

    def test_repeated(self) -> None:
        """
        A token whose name is in the file to which the table is appended is refused,
        and nothing is printed.
        """
        file = self.file('name = "x"\n[tokens.notifier]\nsha256 = []\n')
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            error = self.assertRaises(SystemExit, main, ["notifier"], destination=file)
            self.assertEqual(out.getvalue(), "")
            main(["other"], destination=file)
        self.assertIn("The file already has a token notifier", str(error))
        self.assertIn("remove [tokens.notifier] first", str(error))
        self.assertIn("[tokens.other]", out.getvalue())

    def test_otherDestinations(self) -> None:
        """
        A destination that is not a TOML file, such as a pipe, does not matter.
        """
        for destination in ("/dev/null", self.mktemp(), self.file("[[ no TOML")):
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                main(["notifier"], destination=destination)
            self.assertIn("[tokens.notifier]", out.getvalue())


class CommandTests(SourcesTestCase):
    """
    C{xmpprest} without a command
    """

    def test_start(self) -> None:
        """
        Without a command, or with an unknown one, it prints how to start the gateway.
        """
        for arguments, reason in (
            ([], "There is no command."),
            (["start"], "There is no command 'start'."),
            (["--domain", "x"], "A flag needs a command before it"),
        ):
            error = self.assertRaises(SystemExit, command, arguments)
            self.assertIn(f"xmpprest: {reason}", str(error))
            self.assertIn("twist xmpprest --config xmpprest.toml", str(error))
            self.assertIn("doctor", str(error))

    def test_help(self) -> None:
        """
        The help lists the commands and how to start the gateway.
        """
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            command(["--help"])
            command(["--version"])
        for word in (
            "doctor",
            "token",
            "twist xmpprest --demo",
            f"xmpprest {__version__}",
        ):
            self.assertIn(word, out.getvalue())
