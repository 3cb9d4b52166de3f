"""Tests of C{docs/reference/settings.rst}: it has every setting that can be given."""

from __future__ import annotations

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
            row[0].text
            for section in ("Settings", "Secrets")
            for row in PAGE.table(section)
        }

    def test_flags(self) -> None:
        """
        They have every flag of the command line, and no others.
        """
        flags = {name.rstrip("=") for name in Options().longOpt}
        self.assertEqual(self.named(), flags - _ABOUT)

    def test_defaults(self) -> None:
        """
        The defaults are good as they stand there, but for lists, one by one.
        """
        defaults = {row[0].text: row[1].literals for row in PAGE.table("Settings")}
        for setting in SETTINGS:
            texts = defaults[setting.name]
            if texts:
                self.assertEqual(setting.parse(texts), setting.field.default)
        required = {name for name, texts in defaults.items() if not texts}
        self.assertIn("domain", required)

    def test_expected(self) -> None:
        """
        What may stand there is said where not everything may.
        """
        (row,) = [row for row in PAGE.table("Settings") if row[0].text == "iq-timeout"]
        self.assertTrue(row[2].text.endswith("Expected a number of seconds above 0."))

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
