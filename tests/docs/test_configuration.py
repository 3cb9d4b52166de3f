"""Tests of C{docs/reference/settings.rst}: it has every setting that can be given."""

from __future__ import annotations

import re
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import DOMAIN, ROOT
from tests.support.programs import Place
from xmpprest.config.config import SETTINGS
from xmpprest.config.loader import ConfigLoader
from xmpprest.tap import Options

PAGE = Document(ROOT / "docs/reference/settings.rst")

#: What is no setting, but about them.
_ABOUT = {"config", "check-config", "print-config", "demo", "help", "version"}


class SettingsTests(SynchronousTestCase):
    """
    Tests of the tables.
    """

    def named(self) -> set[str]:
        """The settings that they have."""
        return {
            each.name
            for section in ("Settings", "Secrets")
            for each in PAGE.entries(section)
        }

    def test_flags(self) -> None:
        """
        They have every flag of the command line, and no others.
        """
        flags = {name.rstrip("=") for name in Options().longOpt}
        self.assertEqual(self.named(), flags - _ABOUT)

    def test_defaults(self) -> None:
        """
        Each default can be read, and is the one of the setting.
        """
        entries = {each.name: each.text for each in PAGE.entries("Settings")}
        for setting in SETTINGS:
            text = entries[setting.name]
            found = re.search(r"(?m)^Default: (.*?)\.(?: A change|$)", text)
            if not setting.format(setting.field.default):
                self.assertIsNone(found, setting.name)
                continue
            assert found is not None
            texts = found[1].split(" ")
            self.assertEqual(setting.parse(texts), setting.field.default)

    def test_restart(self) -> None:
        """
        Each entry says whether a change needs a restart.
        """
        for setting, entry in zip(SETTINGS, PAGE.entries("Settings"), strict=True):
            said = "A change needs a restart." in entry.text
            self.assertEqual((entry.name, said), (setting.name, setting.needsRestart))

    def test_expected(self) -> None:
        """
        A setting that takes only some values says which.
        """
        (entry,) = [e for e in PAGE.entries("Settings") if e.name == "iq-timeout"]
        self.assertIn("Expected a number of seconds above 0.", entry.text)

    def test_examples(self) -> None:
        """
        The lines for a file are good.
        """
        text = "\n".join([f'domain = "{DOMAIN}"', *PAGE.of("toml")])
        tomllib.loads(text)
        place = Place(self)
        secrets = {"XMPPREST_SECRET": "x", "XMPPREST_CREDENTIALS": "Bearer x"}
        path = place.write("xmpprest.toml", text)
        loaded = ConfigLoader({"config": [path]}, secrets).load()
        self.assertEqual(loaded.config.iqTimeout, 60)
        self.assertEqual(len(loaded.config.listen), 2)
