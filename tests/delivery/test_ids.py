"""Tests of L{xmpprest.delivery.ids}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.delivery.ids import newID


class IDTests(SynchronousTestCase):
    """Ids of stanzas."""

    def test_form(self) -> None:
        """Each has 96 bits, as 16 characters that need no quoting anywhere."""
        for _ in range(1000):
            self.assertRegex(newID(), r"\A[A-Za-z0-9_-]{16}\Z")

    def test_unique(self) -> None:
        """No two are alike."""
        self.assertEqual(len({newID() for _ in range(10_000)}), 10_000)

    def test_fork(self) -> None:
        """A process and its child do not make the same."""
        newID()
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, "".join(newID() for _ in range(100)).encode())
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            theirs = pipe.read().decode()
        os.waitpid(child, 0)
        self.assertEqual(len(theirs), 1600)
        for _ in range(100):
            self.assertNotIn(newID(), theirs)
