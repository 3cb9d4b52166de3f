"""
Tests of L{xmpprest.core.updates.cursor}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.core.updates.cursor import Cursor, CursorCodec

CURSORS = st.builds(
    Cursor,
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


class CursorTests(SynchronousTestCase):
    """
    Tests of L{CursorCodec}.
    """

    def setUp(self) -> None:
        self.codec = CursorCodec("laptop", 7)

    @given(CURSORS)
    def test_roundTrip(self, cursor: Cursor) -> None:
        """
        A cursor that was written is read unchanged.
        """
        self.assertEqual(self.codec.decode(self.codec.encode(cursor)), cursor)

    @given(CURSORS)
    def test_foreign(self, cursor: Cursor) -> None:
        """
        A cursor of another callback or of another store is refused with 400.
        """
        for other in (CursorCodec("phone", 7), CursorCodec("laptop", 8)):
            refusal = self.assertRaises(
                Refusal, self.codec.decode, other.encode(cursor)
            )
            self.assertEqual(refusal.problem.status, 400)
            self.assertIn("laptop", refusal.problem.text)

    @given(st.text(max_size=60))
    def test_garbage(self, text: str) -> None:
        """
        A text that is no cursor is refused with 400.
        """
        refusal = self.assertRaises(Refusal, self.codec.decode, text)
        self.assertEqual(refusal.problem.status, 400)

    def test_changed(self) -> None:
        """
        A cursor with one other, added or missing character is refused.
        """
        text = self.codec.encode(Cursor(41, 2, 3))
        for other in (text[:-1], text + "A", text + "\n", "B" + text[1:], "=" + text):
            self.assertRaises(Refusal, self.codec.decode, other)

    def test_urlSafe(self) -> None:
        """
        A cursor needs no percent-encoding in a query.
        """
        for position in range(200):
            text = self.codec.encode(Cursor(position * 999_999_937, 1, 2))
            self.assertRegex(text, r"\A[A-Za-z0-9_-]+\Z")
