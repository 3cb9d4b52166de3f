"""Tests for L{xmpprest.config.callback}, and for their tables in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.config.test_loader import NEW, OLD, SourcesTestCase
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import Config
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.webhook.conversation_key import DEFAULT

URL = "http://127.0.0.1:9999/"
TWO = f"""
callback-url = "{URL}"
callback-stanzas = ["message"]

[[callbacks]]
name = "orders"
url = "{URL}orders"
content-type = "json"
stanzas = ["message", "presence"]
events = ["bare"]
to = ["orders@gateway.example", "*-orders@gateway.example"]
connections = 2
ca-file = "/etc/ssl/orders.pem"

[[callbacks]]
name = "alerts"
url = "{URL}alerts"
to = ["alerts@gateway.example"]
"""


def configuration(**settings: Any) -> Config:
    """Enough for a configuration, and what a test adds."""
    enough = {"domain": "gateway.example", "secret": "hush", "credentials": ["token"]}
    return Config(**{**enough, **settings})


class PullTests(SynchronousTestCase):
    """
    Tests of callbacks whose client fetches its stanzas.
    """

    def test_flag(self) -> None:
        """
        The URL of the only callback, and of one of several, may be pull:.
        """
        laptop = CallbackConfig(name="laptop", url="pull:", contentType="json")
        config = configuration(callbackURL="pull:", callbacks=[laptop])
        self.assertEqual([True, True], [each.isPull for each in config.allCallbacks])
        self.assertFalse(CallbackConfig(name="a", url=URL).isPull)

    def test_requests(self) -> None:
        """
        Settings of requests, which it never gets, are refused by name.
        """
        for settings, key in (
            ({"contentType": "application/x-www-form-urlencoded"}, "content-type"),
            ({"connections": 2}, "connections"),
            ({"batch": 10}, "batch"),
            ({"caFile": "/etc/ssl/a.pem"}, "ca-file"),
            ({"signingSecrets": [NEW]}, "signing-secret-file"),
        ):
            error = self.assertRaises(
                ValueError,
                lambda settings=settings: CallbackConfig(
                    name="laptop", url="pull:", **settings
                ),
            )
            self.assertIn(f"remove {key}.", str(error))

    def test_reflections(self) -> None:
        """
        Reflections need no content type: updates are JSON.
        """
        CallbackConfig(name="laptop", url="pull:", reflections=True)

    def test_store(self) -> None:
        """A pull callback needs a durable store, so the store memory is refused."""
        error = self.assertRaises(
            ValueError, configuration, callbackURL="pull:", store="memory"
        )
        self.assertIn("set store to sqlite:PATH", str(error))

    def test_tokens(self) -> None:
        """
        A token may name callbacks, which must exist, and needs the right updates.
        """

        def token(**settings: Any) -> TokenConfig:
            return TokenConfig(name="bot", sha256=("0" * 64,), **settings)

        laptop = CallbackConfig(name="laptop", url="pull:")
        for names, known in ((["laptop"], True), (["phone"], False)):
            bot = token(may=["updates"], callbacks=names)
            if known:
                configuration(callbacks=[laptop], tokens=[bot])
                continue
            error = self.assertRaises(
                ValueError, configuration, callbacks=[laptop], tokens=[bot]
            )
            self.assertIn("phone", str(error))
            self.assertIn("known: laptop", str(error))
        error = self.assertRaises(ValueError, token, callbacks=["laptop"])
        self.assertIn("add updates to 'may'", str(error))


class CallbackTests(SourcesTestCase):
    """
    Tests of L{CallbackConfig}, and of several together.
    """

    def test_defaults(self) -> None:
        """
        With a name and a URL it is what the settings for one alone make by default.
        """
        (alone,) = configuration(callbackURL=URL).allCallbacks
        self.assertEqual(alone, CallbackConfig(name=DEFAULT, url=URL))
        self.assertEqual(configuration().allCallbacks, ())

    def test_alone(self) -> None:
        """
        Each setting of the one alone is one of its callback.
        """
        config = configuration(
            callbackURL=URL,
            callbackContentType="json",
            callbackStanzas=["iq"],
            callbackEvents=["host"],
            callbackConnections=3,
            callbackBatch=4,
            callbackReflections=True,
            callbackOccupants=True,
            callbackCAFile="x",
            callbackSigningSecrets=[OLD],
        )
        (alone,) = config.allCallbacks
        expected = CallbackConfig(
            name=DEFAULT,
            url=URL,
            contentType="application/json",
            stanzas=frozenset({"iq"}),
            events=frozenset({"host"}),
            connections=3,
            batch=4,
            reflections=True,
            occupants=True,
            caFile="x",
            signingSecrets=(OLD,),
        )
        self.assertEqual(alone, expected)

    def test_order(self) -> None:
        """
        The one alone comes last.
        """
        several = [CallbackConfig(name=name, url=URL) for name in ("b", "a")]
        config = configuration(callbackURL=URL, callbacks=several)
        names = [each.name for each in config.allCallbacks]
        self.assertEqual(names, ["b", "a", DEFAULT])

    def test_bad(self) -> None:
        """Missing and bad values are refused, and repeated if they hold no secret."""
        good = {"name": "a", "url": URL}
        for change, expected in (
            ({"name": None}, "A callback has no name"),
            ({"url": None}, "A callback has no url"),
            ({"name": "a b"}, "expected up to 64 letters"),
            ({"url": "nowhere"}, "expected a URL"),
            ({"stanzas": ["x"]}, "expected a comma-separated list of"),
            ({"to": []}, "expected at least one"),
            ({"to": ["@x"]}, "expected an address like"),
            ({"reflections": True}, "A callback with reflections gets XML"),
            ({"reflections": "maybe"}, "expected true or false"),
            ({"signingSecrets": OLD}, "expected a list"),
            ({"signingSecrets": ["whsec_"]}, "expected"),
        ):
            with self.subTest(**change):
                settings: dict[str, Any] = {**good, **change}
                error = self.assertRaises(ValueError, CallbackConfig, **settings)
                self.assertIn(expected, str(error))
                self.assertNotIn("whsec_M", str(error))

    def test_twice(self) -> None:
        """
        Two of one name are refused, and so is one that has that of the one alone.
        """
        for names, url in ((("a", "b", "a"), None), ((DEFAULT,), URL)):
            several = [CallbackConfig(name=name, url=URL) for name in names]
            error = self.assertRaises(
                ValueError, configuration, callbacks=several, callbackURL=url
            )
            self.assertIn("each needs its own", str(error))

    def test_repr(self) -> None:
        """The C{repr} of a callback has neither its URL nor its secrets."""
        shown = repr(
            CallbackConfig(name="a", url="http://x:y@z/", signingSecrets=(OLD,))
        )
        self.assertNotIn("x:y", shown)
        self.assertNotIn(OLD, shown)


class TableTests(SourcesTestCase):
    """
    Tests of what stands in a file.
    """

    def test_read(self) -> None:
        """
        Each table is a callback, in the order of the file.
        """
        orders, alerts, alone = self.load(toml=TWO).config.allCallbacks
        self.assertEqual([orders.name, alerts.name], ["orders", "alerts"])
        self.assertEqual(orders.url, f"{URL}orders")
        self.assertEqual(orders.contentType, "application/json")
        self.assertEqual(orders.stanzas, {"message", "presence"})
        self.assertEqual(orders.events, {"bare"})
        self.assertEqual(
            orders.to, ("orders@gateway.example", "*-orders@gateway.example")
        )
        self.assertEqual(orders.connections, 2)
        self.assertEqual(orders.caFile, "/etc/ssl/orders.pem")
        self.assertEqual(alone.stanzas, {"message"})

    def secrets(self) -> list[str]:
        """Two files with secrets."""
        return [self.file(f"{each}\n") for each in (OLD, NEW)]

    def test_signing(self) -> None:
        """
        The secrets that posts are signed with are those of a file, or of several.
        """
        old, new = self.secrets()
        for value, expected in (
            (f'"{old}"', (OLD,)),
            (f'["{old}", "{new}"]', (OLD, NEW)),
        ):
            config = self.load(toml=f"{TWO}signing-secret-file = {value}\n").config
            orders, alerts = config.callbacks
            self.assertEqual(orders.signingSecrets, ())
            self.assertEqual(alerts.signingSecrets, expected)

    def test_fedBack(self) -> None:
        """Printed callbacks can be read back, and hold no secret."""
        old, new = self.secrets()
        text = f'{TWO}signing-secret-file = ["{old}", "{new}"]\n'
        loaded = self.load(toml=text)
        described = loaded.describe()
        self.assertNotIn(OLD, described)
        self.assertEqual(
            self.load(toml=described).config.allCallbacks, loaded.config.allCallbacks
        )

    def test_refused(self) -> None:
        """
        A value that is no table, an unknown key, and an unusable file are refused with
        their place.
        """
        empty = self.file("# none\n")
        missing = str(Path(self.mktemp()))
        for text, expected in (
            ('callbacks = "x"', "expected tables like [[callbacks]]"),
            ("callbacks = [1]", "[[callbacks]] 1 in "),
            ("[callbacks]\nx = 1", "expected tables like [[callbacks]]"),
            (f"{TWO}sort = 1", "[[callbacks]] 2 in "),
            (f"{TWO}connection = 1", "did you mean connections?"),
            (f"{TWO}connections = 0", "connections in [[callbacks]] 2 in "),
            ('[[callbacks]]\nname = "a"', "A callback has no url"),
            (f'{TWO}signing-secret-file = "{missing}"', "cannot be read"),
            (f'{TWO}signing-secret-file = "{empty}"', "There are no signing secrets"),
            (f'{TWO}[[callbacks]]\nname = "orders"\nurl = "{URL}"', "the name orders"),
        ):
            with self.subTest(text=text):
                self.assertIn(expected, self.refusal(toml=text))
