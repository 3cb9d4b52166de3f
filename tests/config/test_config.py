"""Tests for L{xmpprest.config.config} and L{xmpprest.config.parsers}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.config.config import SETTINGS, Config
from xmpprest.config.parsers import maskSecrets
from xmpprest.config.setting import Setting, flagName

#: What posts to the callback may be signed with.
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

#: By the name of the setting: what somebody may write, and what it means.
GOOD: dict[str, list[tuple[list[str], object]]] = {
    "domain": [
        (["gateway.example.org"], "gateway.example.org"),
        (["GATEWAY.Example.ORG."], "gateway.example.org"),
        (["localhost"], "localhost"),
        (["bücher.example"], "bücher.example"),
    ],
    "server": [(["tls:xmpp.example:5348"], "tls:xmpp.example:5348")],
    "listen": [
        (["tcp:80"], ("tcp:80",)),
        (["tcp:80", "unix:/run/x.sock"], ("tcp:80", "unix:/run/x.sock")),
    ],
    "admin-listen": [
        (["9090"], "tcp:9090:interface=127.0.0.1"),
        (["tcp:9090:interface=10.0.0.1"], "tcp:9090:interface=10.0.0.1"),
        (["unix:/run/admin.sock"], "unix:/run/admin.sock"),
    ],
    "log-format": [(["json"], "json"), (["text"], "text")],
    "log-requests": [(["yes"], "yes"), (["no"], "no")],
    "callback-url": [
        (["http://127.0.0.1:9999/"], "http://127.0.0.1:9999/"),
        (["https://bot:pw@bot.example/{kind}?f={from}"], None),
    ],
    "callback-content-type": [
        (["xml"], "application/xmpp+xml"),
        (["application/xmpp+xml"], "application/xmpp+xml"),
    ],
    "callback-stanzas": [
        (["message"], frozenset({"message"})),
        (["message,iq"], frozenset({"message", "iq"})),
        (["message, iq"], frozenset({"message", "iq"})),
        (["message", "iq"], frozenset({"message", "iq"})),
    ],
    "callback-events": [(["bare host"], frozenset({"bare", "host"}))],
    "callback-connections": [(["1"], 1), (["64"], 64)],
    "callback-batch": [(["1"], 1), (["16"], 16), (["100"], 100)],
    "callback-reflections": [
        (["true"], True),
        (["yes"], True),
        (["False"], False),
        (["no"], False),
    ],
    "callback-occupants": [(["true"], True), (["no"], False)],
    "rooms-accept": [
        (["Boss@example.org", "*@example.net"], ("boss@example.org", "*@example.net"))
    ],
    "callback-ca-file": [(["/etc/ssl/my ca.pem"], "/etc/ssl/my ca.pem")],
    "iq-timeout": [(["60"], 60.0), (["0.5"], 0.5)],
    "iq-max-timeout": [(["600"], 600.0)],
    "stanza-size-limit": [(["1048576"], 1048576)],
    "hook-size-limit": [(["1"], 1)],
    "upload-service": [(["Upload.example.org"], "upload.example.org")],
    "upload-size-limit": [(["1"], 1)],
    "waiting-limit": [(["1"], 1)],
    "store": [
        (["sqlite:xmpprest.db"], "sqlite:xmpprest.db"),
        (["sqlite:/var/lib/my store/x:y.db"], "sqlite:/var/lib/my store/x:y.db"),
        (["memory"], "memory"),
        (["postgresql://me@db/x"], "postgresql://me@db/x"),
        (["postgres://db/x?sslmode=require"], "postgresql://db/x?sslmode=require"),
        (["postgresql: host=/run dbname=x"], "postgresql:host=/run dbname=x"),
    ],
    "outbox-limit": [(["1"], 1), (["1000000"], 1_000_000)],
    "outbox-size": [(["1"], 1), (["1000000"], 1_000_000)],
    "record-limit": [(["1"], 1), (["1000000"], 1_000_000)],
    "outbox-age": [(["60"], 60.0), (["0.5"], 0.5)],
    "inbox-limit": [(["1"], 1), (["1000000"], 1_000_000)],
    "inbox-size": [(["1"], 1), (["1000000"], 1_000_000)],
    "reply-limit": [(["1"], 1), (["100"], 100)],
    "record-days": [(["1"], 1.0), (["0.25"], 0.25)],
    "dead-days": [(["90"], 90.0)],
    "cors-origin": [
        ([], ()),
        (["*"], ("*",)),
        (["https://a.example", "http://b:81"], ("https://a.example", "http://b:81")),
    ],
    "name": [(["Echo bot"], "Echo bot"), (["🤖"], "🤖")],
}

#: The same for what nobody may write, and what he is told.
BAD: dict[str, list[tuple[list[str], str]]] = {
    "domain": [
        ([text], "expected a domain like gateway.example.org")
        for text in (
            "",
            "a b",
            "bot@gateway",
            "gateway/x",
            "-a.example",
            "a..b",
            "x" * 64,
        )
    ],
    "server": [([""], "expected one line"), (["a\nb"], "expected one line")],
    "listen": [([], "expected at least one"), (["tcp:80", " "], "expected one line")],
    "admin-listen": [([""], "expected one line")],
    "log-format": [(["xml"], "expected text or json"), ([""], "expected text or")],
    "log-requests": [(["true"], "expected no or yes")],
    "callback-url": [
        (["ftp://bot.example/"], "expected a URL"),
        (["bot.example"], "expected a URL"),
        (["http://["], "expected a URL"),
        (["http://bot.example:port/"], "expected a URL"),
        (["http://bot.example/{nick}"], "{kind}, {type}, {to}, {from}"),
        (["http://bot:****@bot.example/"], "expected the secret itself"),
    ],
    "callback-content-type": [(["text/html"], "expected application/xmpp+xml")],
    "callback-stanzas": [
        (["messages"], "expected a comma-separated list of message, presence, iq"),
        ([""], "expected a comma-separated list"),
        ([], "expected a comma-separated list"),
    ],
    "callback-events": [(["all"], "expected a comma-separated list of bare, full")],
    "callback-connections": [
        ([text], "expected a whole number above 0")
        for text in ("0", "-1", "1.5", "many", "", "9" * 13, "\u0661")
    ],
    "callback-batch": [
        ([text], "expected a whole number from 1 to 100")
        for text in ("0", "101", "-1", "1.5", "all", "", "9" * 13, "\u0661")
    ],
    "callback-ca-file": [([""], "expected one line")],
    "iq-timeout": [
        ([text], "expected a number of seconds above 0")
        for text in ("0", "-1", "soon", "", "inf", "nan", "1e400")
    ],
    "iq-max-timeout": [(["0"], "expected a number of seconds above 0")],
    "stanza-size-limit": [(["192k"], "expected a whole number above 0")],
    "hook-size-limit": [(["0"], "expected a whole number above 0")],
    "upload-service": [(["a@b"], "expected")],
    "upload-size-limit": [(["0"], "expected a whole number above 0")],
    "waiting-limit": [(["0"], "expected a whole number above 0")],
    "store": [
        (["postgres:xmpprest"], "expected postgresql://ROLE@HOST/DATABASE, or"),
        (["postgresql://me:****@x/y"], "expected the password itself"),
        *(
            ([text], "expected sqlite:PATH, as in sqlite:/var/lib/xmpprest/store.db,")
            for text in (
                "",
                "sqlite",
                "sqlite:",
                "sqlite: ",
                "sqlite:a\0b",
                "sqlite:///xmpprest.db",
                "sqlite::memory:",
                "memory:",
                "Memory",
                "xmpprest.db",
            )
        ),
    ],
    "outbox-limit": [(["0"], "expected a whole number above 0")],
    "outbox-size": [(["0"], "expected a whole number above 0")],
    "record-limit": [(["0"], "expected a whole number above 0")],
    "outbox-age": [(["0"], "expected a number of seconds above 0")],
    "callback-reflections": [(["maybe"], "expected true or false")],
    "callback-occupants": [(["maybe"], "expected true or false")],
    "rooms-accept": [(["@"], "expected an address like user@example.org")],
    "inbox-limit": [(["0"], "expected a whole number above 0")],
    "inbox-size": [(["1 GB"], "expected a whole number above 0")],
    "reply-limit": [(["0"], "expected a whole number above 0")],
    "record-days": [
        ([text], "expected a number of days above 0")
        for text in ("0", "-1", "week", "", "inf")
    ],
    "dead-days": [(["0"], "expected a number of days above 0")],
    "cors-origin": [
        (["app.example"], "expected an origin like https://app.example, or *"),
        (["https://app.example/path"], "expected an origin"),
    ],
    "name": [(["\x01"], "expected one line"), (["\ud800"], "expected one line")],
}


def setting(name: str) -> Setting:
    """The setting of that name."""
    return next(each for each in SETTINGS if each.name == name)


def make(**values: Any) -> Config:
    """A configuration with what every one needs."""
    needed = {"domain": "gateway.example", "secret": "s", "credentials": ["t"]}
    return Config(**{**needed, **values})


class SettingTests(SynchronousTestCase):
    """
    Tests for L{Setting}.
    """

    def test_good(self) -> None:
        """The text of a setting becomes its value."""
        for name, table in GOOD.items():
            for texts, value in table:
                expected = texts[0] if value is None else value
                self.assertEqual(setting(name).parse(texts), expected, (name, texts))

    def test_bad(self) -> None:
        """An invalid text is refused with the expected form."""
        for name, table in BAD.items():
            for texts, message in table:
                error = self.assertRaises(ValueError, setting(name).parse, texts)
                self.assertIn(message, str(error), (name, texts))

    def test_all(self) -> None:
        """
        Each setting stands in both tables of these tests.
        """
        names = {each.name for each in SETTINGS}
        self.assertEqual(set(GOOD), names)
        self.assertEqual(set(BAD), names)

    def test_writeAndRead(self) -> None:
        """
        A value that is written reads as the same value.
        """
        for name, table in GOOD.items():
            each = setting(name)
            for texts, _ in table:
                value = each.parse(texts)
                self.assertEqual(each.parse(each.format(value)), value, (name, texts))

    @given(st.floats(min_value=1e-9, max_value=1e15))
    def test_seconds(self, seconds: float) -> None:
        """
        A number of seconds is written without loss.
        """
        each = setting("iq-timeout")
        self.assertEqual(each.parse(each.format(seconds)), seconds)

    def test_flagName(self) -> None:
        """
        A field's name becomes that of a flag by its words, where abbreviations in
        capitals are words.
        """
        for name, flag in [
            ("domain", "domain"),
            ("callbackURL", "callback-url"),
            ("callbackCAFile", "callback-ca-file"),
            ("iqMaxTimeout", "iq-max-timeout"),
            ("deadDays", "dead-days"),
        ]:
            self.assertEqual(flagName(name), flag)


class ConfigTests(SynchronousTestCase):
    """
    Tests for L{Config}, as a program makes it.
    """

    def test_defaults(self) -> None:
        """
        A domain, a secret and a credential are all that one needs to give.
        """
        config = make()
        self.assertEqual(config.server, "tcp:127.0.0.1:5347")
        self.assertEqual(config.listen, ("tcp:8080:interface=127.0.0.1",))
        self.assertIsNone(config.callbackURL)
        self.assertIsNone(config.callbackCAFile)
        self.assertEqual(config.callbackConnections, 32)
        self.assertEqual(config.callbackBatch, 1)
        self.assertEqual(config.iqTimeout, 120)
        self.assertEqual(config.iqMaxTimeout, 300)
        self.assertEqual(config.stanzaSizeLimit, 196608)
        self.assertEqual(config.hookSizeLimit, 2**20)
        self.assertIsNone(config.uploadService)
        self.assertEqual(config.uploadSizeLimit, 100_000_000)
        self.assertEqual(config.waitingLimit, 10_000)
        self.assertEqual(config.store, "sqlite:xmpprest.db")
        self.assertEqual(config.outboxLimit, 100_000)
        self.assertEqual(config.outboxSize, 2**30)
        self.assertEqual(config.recordLimit, 1_000_000)
        self.assertEqual(config.outboxAge, 86400)
        self.assertEqual(config.recordDays, 7)
        self.assertEqual(config.deadDays, 30)
        self.assertEqual(config.corsOrigin, ())
        self.assertEqual(config.name, "xmpprest")
        self.assertEqual(config.callbackSigningSecrets, ())

    def test_normalForm(self) -> None:
        """
        Values are brought into their normal form.
        """
        config = make(
            domain="Gateway.EXAMPLE",
            callbackStanzas=["message", "iq"],
            callbackEvents="bare",
            listen=["tcp:1"],
            corsOrigin="*",
            iqTimeout=5,
            store=" sqlite: my.db ",
            credentials=["a", "b"],
            callbackSigningSecrets=[SIGNING],
        )
        self.assertEqual(config.domain, "gateway.example")
        self.assertEqual(config.callbackStanzas, frozenset({"message", "iq"}))
        self.assertEqual(config.callbackEvents, frozenset({"bare"}))
        self.assertEqual(config.listen, ("tcp:1",))
        self.assertEqual(config.corsOrigin, ("*",))
        self.assertEqual(config.iqTimeout, 5.0)
        self.assertEqual(config.store, "sqlite:my.db")
        self.assertEqual(config.credentials, ("a", "b"))
        self.assertEqual(config.callbackSigningSecrets, (SIGNING,))

    def test_bad(self) -> None:
        """
        A bad value is refused by naming the setting, the value and what was
        expected.
        """
        table: list[tuple[dict[str, Any], str]] = [
            ({"domain": None}, "domain is '': expected a domain like"),
            ({"domain": "a b"}, "domain is 'a b': expected a domain like"),
            ({"iqTimeout": -1}, "iq-timeout is '-1': expected a number of seconds"),
            ({"callbackStanzas": []}, "callback-stanzas is '': expected a comma-"),
            ({"server": None}, "server is '': expected one line"),
            ({"listen": ()}, "listen is '': expected at least one"),
            ({"secret": " "}, "The component's secret is empty."),
            ({"credentials": ()}, "There are no credentials and no tokens"),
            ({"credentials": "token"}, "expected a list of tokens"),
            ({"credentials": ["a b"]}, "expected 'Bearer TOKEN'"),
            ({"callbackSigningSecrets": SIGNING}, "are a text: expected a list"),
            ({"callbackSigningSecrets": [SIGNING, "x"]}, "expected 'whsec_' and 24"),
            ({"store": "x.db"}, "store is 'x.db': expected sqlite:PATH"),
            ({"recordDays": 0}, "record-days is '0': expected a number of days"),
            (
                {"iqTimeout": 301},
                "iq-timeout is 301 s, which is more than iq-max-timeout (300 s)",
            ),
        ]
        for values, message in table:
            error = self.assertRaises(ValueError, make, **values)
            self.assertIn(message, str(error))

    def test_noSecretShown(self) -> None:
        """
        Neither a configuration in a log nor the message about a bad one has a
        secret in it.
        """
        config = make(
            secret="hush",
            credentials=["psst"],
            callbackURL="http://bot:shh@bot.example/",
            callbackSigningSecrets=[SIGNING],
        )
        tries: list[Callable[[], object]] = [
            lambda: make(secret="hush", credentials=["psst psst"]),
            lambda: make(callbackURL="ftp://bot:shh@bot.example/"),
            lambda: make(callbackSigningSecrets=SIGNING),
            lambda: make(callbackSigningSecrets=[SIGNING[:-1]]),
        ]
        shown = [str(self.assertRaises(ValueError, each)) for each in tries]
        for text in (repr(config), *shown):
            for secret in ("hush", "psst", "shh", SIGNING[6:-1]):
                self.assertNotIn(secret, text)


class MaskedTests(SynchronousTestCase):
    """
    Tests for L{maskSecrets}.
    """

    def test_masked(self) -> None:
        """
        The password in a URL is masked, and so is a user name that stands alone,
        which may be a key.
        """
        for url, shown in [
            ("http://bot:pw@bot.example/", "http://bot:****@bot.example/"),
            ("http://bot:p:w@x@bot.example", "http://bot:****@bot.example"),
            ("http://key@bot.example/a@b", "http://:****@bot.example/a@b"),
            ("http://bot.example/a@b", "http://bot.example/a@b"),
            ("tcp:127.0.0.1:5347", "tcp:127.0.0.1:5347"),
            ("http://[", "http://["),
        ]:
            self.assertEqual(maskSecrets(url), shown)
