"""Tests of the page about tokens: its commands are pasted, its tables are checked."""

from __future__ import annotations

import json
import re
import tomllib
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT, USER
from xmpprest.config.config import Config
from xmpprest.config.setting import settingsOf
from xmpprest.config.tokens import TokenConfig
from xmpprest.config.toml import readTable
from xmpprest.core.policy.permissions import PERMISSIONS
from xmpprest.core.stanza.jid_pattern import JIDPatterns

PAGE = Document(ROOT / "docs/how-to/tokens.rst")
ROTATE = Document(ROOT / "docs/how-to/rotate-a-token.rst")
RATES = Document(ROOT / "docs/how-to/rate-limits.rst")
REFERENCE = Document(ROOT / "docs/reference/tokens.rst")
(MAKE, MAY, MAY_NOT) = PAGE.of("sh")
(TABLE,) = PAGE.of("toml")
(ROTATED,) = ROTATE.of("toml")
(LIMITED,) = RATES.of("toml")
(REFUSED,) = PAGE.of("json")


class TableTests(SynchronousTestCase):
    """
    Tests of what stands there for the file.
    """

    def token(self, text: str) -> TokenConfig:
        """The token that a table means."""
        (table,) = tomllib.loads(text)["tokens"].values()
        return readTable(TokenConfig, table, "docs/how-to/tokens.rst", name="notifier")

    def test_same(self) -> None:
        """
        The table has every key, and the SHA-256 of the token that is used below it;
        while the token is changed, also that of another one.
        """
        (secret,) = set(re.findall(r"secret-token:\w+", f"{MAY}{MAY_NOT}"))
        digest = sha256(secret.encode()).hexdigest()
        token, rotated = self.token(TABLE), self.token(ROTATED)
        self.assertEqual(token.sha256, (digest,))
        self.assertEqual((rotated.sha256[0], len(set(rotated.sha256))), (digest, 2))
        (table,) = tomllib.loads(TABLE)["tokens"].values()
        keys = [each.name for each in settingsOf(TokenConfig)]
        # The updates of callbacks have a page of their own.
        self.assertEqual([*table], [key for key in keys if key != "callbacks"])
        entries = REFERENCE.entries("Keys")
        self.assertEqual([each.name for each in entries], keys)
        rights = REFERENCE.table("Rights")
        self.assertEqual([row[0].text for row in rights], [*PERMISSIONS])

    def test_rate(self) -> None:
        """
        The example of a rate limit is good, and is that of the table.
        """
        token, limited = self.token(TABLE), self.token(LIMITED)
        self.assertEqual((limited.rate, limited.burst), (token.rate, token.burst))

    def test_rotateCommand(self) -> None:
        """
        The command that makes the new token is the one that made the first.
        """
        (command,) = ROTATE.of("sh")
        self.assertEqual(command, MAKE.partition(" >>")[0])

    def test_patterns(self) -> None:
        """
        The patterns are some, and the word for word example of a program is right.
        """
        rows = REFERENCE.table("Address patterns")
        patterns = {text for row in rows for text in row[0].literals}
        self.assertGreater(len(patterns), 4)
        for pattern in patterns:
            JIDPatterns(pattern)
        self.assertEqual(Config.__dataclass_fields__["tokens"].default, ())
        self.assertIn("from_", TokenConfig.__dataclass_fields__)


class PasteTests(PasteTestCase):
    """
    Tests of the commands, in their order.
    """

    async def test_asWritten(self) -> None:
        """
        The command makes a token that is good, the one of the table sends from where
        it may, and is refused as it stands there what it may not.
        """
        await self.prepare()
        self.place.write("xmpprest.toml", "")
        said = await self.run_(MAKE)
        (made,) = re.findall(r"secret-token:\S+", said)
        path = self.place.path / "xmpprest.toml"
        own = path.read_text()
        self.assertNotIn(made, own)
        own = own.replace("[tokens.notifier]", "[tokens.own]")
        path.write_text(f"{TABLE}\n{own}")
        await self.start("--config", "xmpprest.toml")
        status, body = await self.paste(MAY)
        self.assertEqual((status, body), (202, ""))
        message = await self.received()
        self.assertEqual(
            (message["to"], message["from"], str(message.body)),
            (USER, "alerts@gateway.example.org", "The backup is done."),
        )
        self.assertEqual((await self.received())["type"], "error")
        status, body = await self.paste(MAY_NOT)
        self.assertEqual(status, 403)
        self.assertJSON(body, REFUSED)
        self.assertEqual(json.loads(body)["status"], 403)
        (secret,) = set(re.findall(r"secret-token:\w+", MAY))
        status, _ = await self.paste(MAY_NOT.replace(secret, made))
        self.assertEqual(status, 202)
