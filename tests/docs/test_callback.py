"""Tests of C{docs/reference/callback.rst}: its tables and numbers are the code's."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT
from xmpprest.config.config import Config
from xmpprest.core.errors import ERROR_BY_STATUS
from xmpprest.core.webhook.signing import Signer
from xmpprest.webhook.http_client import HEAD_TIMEOUT, TOTAL_TIMEOUT
from xmpprest.webhook.limited_transport import CONNECT_TIMEOUT

PAGE = Document(ROOT / "docs/reference/callback.rst")
TEXT = " ".join(PAGE.text.split())


class CallbackTests(SynchronousTestCase):
    """
    Tests of the page.
    """

    def test_errors(self) -> None:
        """
        The table has the stanza error of each status.
        """
        rows = {
            int(row[0].text): (row[2].text, row[1].text) for row in PAGE.table("Errors")
        }
        self.assertEqual(rows, ERROR_BY_STATUS)

    def test_numbers(self) -> None:
        """
        The limits are those of the code.
        """
        connections = Config.callbackConnections
        for words, number in {
            r"``--callback-connections`` requests \((\d+)\)": connections,
            r"open within (\d+) seconds": CONNECT_TIMEOUT,
            r"arrive within (\d+) seconds": HEAD_TIMEOUT,
            r"whole response within (\d+) seconds": TOTAL_TIMEOUT,
        }.items():
            (found,) = re.findall(words, TEXT)
            self.assertEqual(float(found), number, words)

    def test_headers(self) -> None:
        """
        The table has the headers of a signature.
        """
        names = {row[0].text for row in PAGE.table("The request")}
        signer = Signer(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
        self.assertLessEqual({name for name, _ in signer.headers("w1", 1, b"")}, names)
