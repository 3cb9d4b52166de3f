"""Tests of L{xmpprest.gateway.files}: how many connections are accepted."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from xmpprest import Config
from xmpprest.config.callback import CallbackConfig
from xmpprest.gateway.files import LEAST, connectionLimit, reservedFiles


def config(*callbacks: CallbackConfig) -> Config:
    """Make a configuration with some callbacks."""
    return Config(
        domain="gateway.example",
        server="tcp:127.0.0.1:5347",
        secret="secret",
        credentials=("token",),
        callbacks=callbacks,
    )


class FilesTests(SynchronousTestCase):
    """
    The limit on connections
    """

    def test_reserved(self) -> None:
        """
        The files of the callbacks, the stream and the store are kept free.
        """
        callback = CallbackConfig(name="a", url="http://a.example/", connections=50)
        none, some = config(), config(callback)
        self.assertEqual(reservedFiles(some) - reservedFiles(none), 50)
        self.assertGreaterEqual(reservedFiles(none), 100)
        self.assertEqual(connectionLimit(some, 1000), 1000 - reservedFiles(some))

    def test_few(self) -> None:
        """
        However few files may be open, some connections are accepted.
        """
        self.assertEqual(connectionLimit(config(), 100), LEAST)

    def test_infinite(self) -> None:
        """
        Without a limit on files there is none on connections that could be reached.
        """
        limit = connectionLimit(config(), resource.RLIM_INFINITY)
        self.assertGreater(limit, 10**8)
