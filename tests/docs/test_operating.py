"""Tests of C{docs/how-to/reload.rst} and C{docs/how-to/several-callbacks.rst}."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT
from tests.support.programs import Place
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import SETTINGS
from xmpprest.config.loader import OPTIONAL_SECRETS, SECRETS, ConfigLoader
from xmpprest.config.setting import settingsOf
from xmpprest.service.reload import ReloadOnSIGHUP

OPERATING = Document(ROOT / "docs/how-to/reload.rst")
CALLBACKS = Document(ROOT / "docs/how-to/several-callbacks.rst")
SETTINGS_PAGE = Document(ROOT / "docs/reference/settings.rst")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class ChangesTests(SynchronousTestCase):
    """
    Tests of what changes when.
    """

    def test_complete(self) -> None:
        """
        Every setting, file with secrets and table is there once. The settings that say
        so of themselves need a restart, and so does the password of the database.
        """
        rows = {
            row[0].text: row[1].literals
            for row in OPERATING.table("When a change takes effect")
        }
        restart = {each.name for each in SETTINGS if each.needsRestart}
        self.assertEqual(
            set(rows["After a restart"]), {*restart, "store-password-file"}
        )
        named = [each for names in rows.values() for each in names]
        files = [f"{name}-file" for name in (*SECRETS, *OPTIONAL_SECRETS)]
        known = [each.name for each in SETTINGS] + files
        tables = ["[tokens.NAME]", "[[callbacks]]", "[[hooks]]"]
        self.assertEqual(sorted(named), sorted([*known, *tables]))

    def test_log(self) -> None:
        """The page quotes the log literally."""
        text = Path(ROOT, "docs/how-to/reload.rst").read_text()
        source = Path(str(ReloadOnSIGHUP.__module__).replace(".", "/") + ".py")
        source = ROOT / source
        for line in re.findall(r"(?m)^    (The configuration[^:.]*|Other [^:]*)", text):
            self.assertIn(line, source.read_text())


class CallbacksTests(SynchronousTestCase):
    """
    Tests of the tables.
    """

    def test_example(self) -> None:
        """
        The example is good, and has every key.
        """
        (text,) = CALLBACKS.of("toml")
        place = Place(self)
        secrets = place.write("orders-secret", f"{SECRET}\n")
        text = text.replace("/etc/xmpprest/orders-secret", secrets)
        path = place.write("xmpprest.toml", f'domain = "x.example"\n{text}')
        environ = {"XMPPREST_SECRET": "x", "XMPPREST_CREDENTIALS": "Bearer x"}
        config = ConfigLoader({"config": [path]}, environ).load().config
        names = [each.name for each in config.allCallbacks]
        self.assertEqual(names, ["orders", "queries", "default"])
        self.assertEqual(config.callbacks[0].signingSecrets, (SECRET,))
        keys = [each.name for each in settingsOf(CallbackConfig)]
        first = tomllib.loads(text)["callbacks"][0]
        self.assertEqual([*first], [*keys, "signing-secret-file"])
        entries = [each.name for each in SETTINGS_PAGE.entries("Callbacks")]
        self.assertEqual(entries, [*keys, "signing-secret-file"])
