"""Tests for L{xmpprest.config.tokens}, and of its tables in L{xmpprest.config.toml}."""

from __future__ import annotations

import tomllib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.config.test_loader import ENOUGH, SourcesTestCase
from xmpprest.config.config import Config
from xmpprest.config.setting import settingsOf
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.policy.permissions import PERMISSIONS
from xmpprest.core.stanza.build import TYPES

ONE, OTHER = "a" * 64, "0123456789abcdef" * 4

NOTIFIER = f"""
[tokens.notifier]
sha256 = "{ONE}"
from = ["alerts@gateway.example"]
kinds = ["message"]
to = ["*@example.org"]
rate = 10
burst = 20
may = ["outbox", "inbox"]
"""

#: What the table means.
MEANT = TokenConfig(
    name="notifier",
    sha256=(ONE,),
    from_=("alerts@gateway.example",),
    kinds=frozenset({"message"}),
    to=("*@example.org",),
    rate=10,
    burst=20,
    may=frozenset({"outbox", "inbox"}),
)


def make(**values: Any) -> TokenConfig:
    """A token that may do all that it does not say."""
    return TokenConfig(**{"name": "one", "sha256": [ONE], **values})


class TokenTests(SynchronousTestCase):
    """
    L{TokenConfig}, as a program makes it.
    """

    def test_defaults(self) -> None:
        """
        By default a token may send from every address to every address without a limit,
        and
        nothing else.
        """
        token = make()
        self.assertEqual((token.from_, token.to), (("*",), ("*",)))
        self.assertEqual(token.kinds, frozenset(TYPES))
        self.assertEqual((token.rate, token.burst), (None, None))
        self.assertEqual(token.may, frozenset())

    def test_normalForm(self) -> None:
        """
        Values are brought into their normal form.
        """
        token = make(
            sha256=[OTHER.upper()],
            from_="Alerts@Gateway.Example",
            kinds=["iq", "message"],
            to=["*@EXAMPLE.org", "u@example.org/R"],
            rate=5,
            may="metrics,events",
        )
        self.assertEqual(token.sha256, (OTHER,))
        self.assertEqual(token.from_, ("alerts@gateway.example",))
        self.assertEqual(token.kinds, frozenset({"iq", "message"}))
        self.assertEqual(token.to, ("*@example.org", "u@example.org/R"))
        self.assertEqual((token.rate, type(token.rate)), (5.0, float))
        self.assertEqual(token.may, frozenset({"metrics", "events"}))

    def test_nothing(self) -> None:
        """
        A token may send nothing, and only look.
        """
        token = make(kinds=[], may=PERMISSIONS)
        self.assertEqual(token.kinds, frozenset())
        self.assertEqual(token.may, frozenset(PERMISSIONS))

    def test_bad(self) -> None:
        """
        A bad value is refused by naming what is bad, and what was expected.
        """
        table: list[tuple[dict[str, Any], str]] = [
            ({"name": "a b"}, "The name of a token is 'a b': expected up to 64 lette"),
            ({"name": ""}, "The name of a token is ''"),
            ({"name": "x" * 65}, "expected up to 64 letters"),
            ({"sha256": []}, "run 'xmpprest token one' to create"),
            ({"sha256": ["secret"]}, "expected the 64 hexadecimal digits"),
            ({"sha256": [ONE[1:]]}, "expected the 64 hexadecimal digits"),
            ({"from_": ["a b@x"]}, "from is 'a b@x': expected an address like"),
            ({"from_": []}, "from is '': expected at least one."),
            ({"to": ["@example.org"]}, "to is '@example.org': expected an address"),
            ({"kinds": ["msg"]}, "kinds is 'msg': expected a comma-separated list"),
            ({"may": ["all"]}, "may is 'all': expected a comma-separated list of outb"),
            (
                {"rate": 0},
                "rate is '0': expected a number of stanzas per second above 0",
            ),
            ({"rate": 1, "burst": 0.5}, "burst is '0.5': expected a whole number"),
            ({"burst": 5}, "has a burst but no rate: add a rate"),
        ]
        for values, message in table:
            error = self.assertRaises(ValueError, make, **values)
            self.assertIn(message, str(error))


class TogetherTests(SynchronousTestCase):
    """
    Tokens in a L{Config}.
    """

    def config(self, *tokens: TokenConfig) -> Config:
        """A configuration with tokens and nothing else to send with."""
        return Config(domain="gateway.example", secret="s", tokens=tokens)

    def test_enough(self) -> None:
        """
        Where there is a token, there needs to be no credential.
        """
        config = self.config(make(), make(name="other", sha256=[OTHER]))
        self.assertEqual([each.name for each in config.tokens], ["one", "other"])
        self.assertEqual(config.credentials, ())
        error = self.assertRaises(ValueError, self.config)
        self.assertIn("There are no credentials and no tokens", str(error))

    def test_twice(self) -> None:
        """
        No two tokens have the same name, or the same secret.
        """
        error = self.assertRaises(ValueError, self.config, make(), make(sha256=[OTHER]))
        self.assertIn("2 tokens have the name one: each needs its own", str(error))
        for other in (make(name="other"), make(name="other", sha256=[OTHER, ONE])):
            error = self.assertRaises(ValueError, self.config, make(), other)
            self.assertIn(f"2 tokens have the sha256 {ONE}", str(error))

    def test_from(self) -> None:
        """
        The C{from} of a token must be at the gateway's domain, or be able to match it.
        """
        for good in (
            *("*", "gateway.example", "*@gateway.example", "bot@gateway.example/x"),
            *("*@*", "*.example", "bot@*.example"),
        ):
            self.config(make(from_=[good]))
        for bad in ("bot@example", "example", "*@other.example", "*.gateway.example"):
            error = self.assertRaises(ValueError, self.config, make(from_=["*", bad]))
            self.assertIn(
                f"has {bad} in 'from', but the gateway sends only", str(error)
            )
            self.assertIn("from gateway.example: expected addresses at", str(error))


class TableTests(SourcesTestCase):
    """
    Tokens in a TOML file.
    """

    def test_read(self) -> None:
        """
        A table is a token, which is called as the table is; several may stand there.
        """
        self.assertEqual(self.load(toml=NOTIFIER).config.tokens, (MEANT,))
        both = f'{NOTIFIER}\n[tokens.other]\nsha256 = ["{OTHER}", "{"b" * 64}"]'
        _, other = self.load(toml=both).config.tokens
        self.assertEqual((other.name, other.sha256), ("other", (OTHER, "b" * 64)))

    def test_enough(self) -> None:
        """
        With a token nobody needs a file of credentials; with neither it is said what
        to do.
        """
        environ = {**ENOUGH}
        del environ["XMPPREST_CREDENTIALS"]
        config = self.load(environ=environ, toml=NOTIFIER).config
        self.assertEqual((config.credentials, config.tokens), ((), (MEANT,)))
        self.assertIn(
            "xmpprest token NAME >> xmpprest.toml", self.refusal(environ=environ)
        )

    def test_misspelt(self) -> None:
        """
        An unknown key is refused by naming the table and the nearest that is known; a
        setting of the gateway, by naming the place that it belongs to.
        """
        for wrong, right in [
            ("form", "from"),
            ("SHA_256", "sha256"),
            ("kind", "kinds"),
        ]:
            path = self.file(f'{NOTIFIER}{wrong} = "x"')
            self.assertEqual(
                self.refusal({"config": [path]}),
                f"[tokens.notifier] in {path} has an unknown key {wrong!r}; did you"
                f" mean {right}?",
            )
        self.assertIn("known: sha256, from, kinds", self.refusal(toml=f"{NOTIFIER}z=1"))
        misplaced = self.refusal(toml=f'{NOTIFIER}callback-url = "pull:"')
        self.assertIn("'callback-url', which is a setting of the gateway", misplaced)
        near = self.refusal(toml=NOTIFIER.replace("tokens", "token"))
        self.assertIn("has an unknown key 'token'; did you mean tokens?", near)

    def test_bad(self) -> None:
        """A bad token is refused with the file, the table and the key."""
        for old, new, message in (
            ("rate = 10", "rate = 0", "rate in [tokens.notifier] in "),
            ("rate = 10", "rate = 0", " is '0': expected a number of stanzas"),
            ("rate = 10", "rate = true", " has a wrong type: expected a text, a"),
            ("rate = 10", "", "has a burst but no rate"),
            ("*@example.org", "a b@example.org", " is 'a b@example.org': expected an"),
            (f'sha256 = "{ONE}"', "", "The token notifier has no sha256: run 'xmpp"),
            (f'"{ONE}"', "[]", "The token notifier has no sha256"),
            ("alerts@gateway.example", "a@x.y", "notifier has a@x.y in 'from', but"),
            ("tokens.notifier", 'tokens."a b"', "The name of a token is 'a b'"),
        ):
            self.assertIn(message, self.refusal(toml=NOTIFIER.replace(old, new)))

    def test_noTable(self) -> None:
        """
        Where tables are expected, nothing else may be.
        """
        for text in ("tokens = 5", "tokens = []", f'[[tokens]]\nname = "{ONE}"'):
            self.assertIn("expected tables like [tokens.NAME]", self.refusal(toml=text))
        self.assertIn("expected a table.", self.refusal(toml="[tokens]\none = 5"))

    def test_secret(self) -> None:
        """
        A token that stands where its hash should, or its table, is not repeated.
        """
        secret = "secret-token:0123456789abcdef"
        for text in (
            f'tokens = "{secret}"',
            f'[tokens]\none = "{secret}"',
            f'[tokens.one]\nsha256 = "{secret}"',
            f'[tokens.one]\nsha256 = ["{ONE}", "{secret}"]',
        ):
            refusal = self.refusal(toml=text)
            self.assertIn("expected", refusal)
            self.assertNotIn("0123456789abcdef", refusal)

    def test_fedBack(self) -> None:
        """Tokens that C{--print-config} prints can be read back."""
        toml = f'{NOTIFIER}\n[tokens.other]\nsha256 = "{OTHER}"\nkinds = []'
        text = self.load(toml=toml).describe()
        tables = tomllib.loads(text)["tokens"]
        self.assertEqual([*tables], ["notifier", "other"])
        self.assertEqual(
            {*tables["notifier"]}, {each.name for each in settingsOf(TokenConfig)}
        )
        again = self.load(toml=text).config
        self.assertEqual(again, self.load(toml=toml).config)
        self.assertEqual(again.tokens[0], MEANT)
