"""Tests for L{xmpprest.webhook.tls_policy}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.odd_certificates import OddAuthority
from xmpprest.webhook.tls_policy import WebhookTLSPolicy


class FileTests(SynchronousTestCase):
    """
    Tests of the file with the CAs to trust.
    """

    def path(self, content: bytes) -> str:
        """A file with some content."""
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_missing(self) -> None:
        """
        A file that is not there is an C{OSError}.
        """
        self.assertRaises(OSError, WebhookTLSPolicy, self.mktemp())

    def test_empty(self) -> None:
        """
        A file without a certificate is a C{ValueError} that names it.
        """
        for content in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nMII"):
            path = self.path(content)
            error = self.assertRaises(ValueError, WebhookTLSPolicy, path)
            self.assertEqual(f"{path} holds no PEM certificate", str(error))

    def test_damaged(self) -> None:
        """
        A file with a certificate that cannot be read is a C{ValueError}, too.
        """
        start, end = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"
        for content in (b"MIIB", b"!", b"", "ä".encode(), b"MIIB" * 100):
            path = self.path(start + content + end)
            error = self.assertRaises(ValueError, WebhookTLSPolicy, path)
            self.assertEqual(f"{path} holds a certificate that is damaged", str(error))

    def test_several(self) -> None:
        """
        A file may hold several, and text between them.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        one = OddAuthority(directory).caFile.read_bytes()
        two = OddAuthority(directory).caFile.read_bytes()
        WebhookTLSPolicy(
            self.path(b"# One\n" + one + b"\n# Two\n" + two + b"\n# End\n")
        )
