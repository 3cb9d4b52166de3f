"""Tests of the page about mod_rest: what it says of this gateway is so."""

from __future__ import annotations

import re
from dataclasses import fields

from twisted.internet.testing import MemoryReactorClock
from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import DOMAIN, ROOT
from tests.support.doubles import HTTPClient
from tests.support.programs import Place
from xmpprest import Config, makeGateway
from xmpprest.config.config import SETTINGS
from xmpprest.config.loader import SECRETS, ConfigLoader
from xmpprest.core.codec.table import KEYS
from xmpprest.core.errors import errorFromStatus
from xmpprest.core.media.formats import SHORT_NAMES

PAGE = Document(ROOT / "docs/how-to/migrate-from-mod-rest.rst")
DIFFERENCES = Document(ROOT / "docs/reference/mod-rest.rst")

#: What mod_rest reads from Prosody's configuration.
OPTIONS = {
    "anonymous_rest",
    "component_secret",
    "rest_auth_mechanisms",
    "rest_callback_content_type",
    "rest_callback_events",
    "rest_callback_stanzas",
    "rest_callback_url",
    "rest_demo_resources",
    "rest_iq_max_timeout",
    "rest_iq_timeout",
    "rest_stanza_size_limit",
}

#: The keys of an iq in the schema and the mappings of mod_rest.
IQ_KEYS = {
    *("archive", "block", "blocklist", "command", "dataform", "delay", "disco"),
    *("extdisco", "gateway", "items", "lastactivity", "nick", "oob", "payload"),
    *("ping", "register", "result", "rsm", "stats", "upload_request", "upload_slot"),
    "version",
}


class MovingTests(SynchronousTestCase):
    """
    The page
    """

    def test_tests(self) -> None:
        """
        Each test that is named is one.
        """
        named = [each for each in DIFFERENCES.literals if each.startswith("tests.")]
        self.assertGreater(len(named), 17)
        for name in named:
            self.assertTrue(callable(namedAny(name)), name)
            self.assertRegex(name, r"\.test_\w+$")

    def test_options(self) -> None:
        """
        Every option of mod_rest is there, and what stands beside it is ours.
        """
        known = {each.name for each in SETTINGS} | {f"{name}-file" for name in SECRETS}
        theirs, ours = set(), set()
        for left, right in PAGE.table("Configuration"):
            theirs |= {*left.literals}
            ours |= {text for text in right.literals if re.fullmatch("[a-z-]+", text)}
        self.assertLessEqual(OPTIONS, theirs)
        self.assertEqual(ours - known, {*SHORT_NAMES})
        self.assertIn("callback-connections", known)

    def test_defaults(self) -> None:
        """
        The defaults are ours.
        """
        defaults = {each.name: each.default for each in fields(Config)}
        found = 0
        for _, right in PAGE.table("Configuration"):
            said = re.match(r"([a-z-]+), (\d+) (?:bytes|s) by default", right.text)
            if said:
                found += 1
                (name,) = [s.field.name for s in SETTINGS if s.name == said[1]]
                self.assertEqual(defaults[name], int(said[2]))
        self.assertEqual(found, 3)
        (limit,) = re.findall(r"At most (\d+) requests", DIFFERENCES.text)
        self.assertEqual(defaults["callbackConnections"], int(limit))

    def test_toml(self) -> None:
        """
        The file says what the lines of mod_rest's configuration did.
        """
        place = Place(self)
        (toml,) = PAGE.of("toml")
        for name, text in (("secret", "x"), ("credentials", "Bearer x")):
            toml = toml.replace(f'-file = "{name}"', f'-file = "{place.path / name}"')
            place.write(name, text)
        path = place.write("xmpprest.toml", toml)
        config = ConfigLoader({"config": [path]}, {}).load().config
        after, before = PAGE.of("lua")
        self.assertIn(f'Component "{config.domain}" "rest"', before)
        self.assertIn(f'rest_callback_url = "{config.callbackURL}"', before)
        self.assertIn(f'content_type = "{config.callbackContentType}"', before)
        kinds = ", ".join(f'"{kind}"' for kind in config.callbackStanzas)
        self.assertIn(f"rest_callback_stanzas = {{ {kinds} }}", before)
        self.assertEqual(
            [line for line in before.splitlines() if "rest_" not in line],
            after.replace(
                f'"{config.domain}"', f'"{config.domain}" "rest"'
            ).splitlines(),
        )
        self.assertEqual(PAGE.languages, {"lua", "toml"})

    def test_routes(self) -> None:
        """
        The routes that have other names are there.
        """
        config = Config(domain=DOMAIN, secret="x", credentials=("x",), store="memory")
        site = makeGateway(config, MemoryReactorClock()).site
        paths = [
            literal.removeprefix("GET ")
            for _, right in DIFFERENCES.table("Routes")
            for literal in right.literals
        ]
        self.assertEqual(len(paths), 2)
        for path in paths:
            client = HTTPClient(site)
            client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertIn(client.response().status, (200, 308), path)

    def test_keys(self) -> None:
        """
        Every key that mod_rest has for an iq is one of ours.
        """
        self.assertEqual(IQ_KEYS - {*KEYS["iq"]}, set())

    def test_errors(self) -> None:
        """
        The error that a 402 becomes is ours.
        """
        (ours,) = [
            r for left, _, r in DIFFERENCES.table("The callback") if left.text == "402"
        ]
        self.assertEqual(ours.literals, [errorFromStatus(402).condition])
