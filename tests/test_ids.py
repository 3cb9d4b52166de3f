"""Tests of L{xmpprest.ids}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.ids import newID


class IDTests(SynchronousTestCase):
    """Ids of stanzas."""

    def test_form(self) -> None:
        """Each has 16 characters, which need no quoting anywhere."""
        for _ in range(1000):
            self.assertRegex(newID(), r"\A[A-Za-z0-9_-]{16}\Z")

    def test_unique(self) -> None:
        """No two are alike."""
        self.assertEqual(len({newID() for _ in range(10_000)}), 10_000)

    def test_together(self) -> None:
        """
        Ids made at the same time begin alike, and later ones sort later, for three
        days. The
        other 72 bits are never alike.
        """
        times = (0.0, 0.01, 0.02, 0.1, 1.0, 60.0, 3600.0, 86_400.0, 3 * 86_400.0)
        made = [self.madeAt(7000 * 2**18 + at) for at in times]
        beginnings = [id[:4] for id in made]
        self.assertEqual(beginnings[0], beginnings[1])
        self.assertEqual(beginnings, sorted(beginnings))
        self.assertEqual(len({*beginnings}), len(times) - 1)
        self.assertEqual(len({id[4:] for id in made}), len(times))

    def madeAt(self, seconds: float) -> str:
        """An id that is made at a time."""
        return newID(lambda: seconds)

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
