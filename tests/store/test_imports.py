"""Tests that a gateway without PostgreSQL needs nothing of it."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

_SCRIPT = """
import sys
import xmpprest.tap, xmpprest.__main__
from twisted.internet import reactor
from xmpprest.config.config import Config
from xmpprest.gateway import makeGateway
makeGateway(Config(domain="x.example", secret="s", credentials=("t",)), reactor)
print(*(name for name in sys.modules if "psycopg" in name or "postgresql" in name
    or "cluster" in name))
"""


class ImportTests(SynchronousTestCase):
    """
    Tests for what a gateway imports.
    """

    def test_withoutDatabase(self) -> None:
        """
        With the default store, neither psycopg, nor the store in PostgreSQL, nor what
        several instances need is imported.
        """
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.assertEqual((done.stdout.strip(), done.stderr), ("", ""))
