"""Tests of L{xmpprest.core.stanza.jid_pattern}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.core.codec.case import CoreTestCase
from xmpprest.core.stanza import jid
from xmpprest.core.stanza.jid_pattern import (
    ANY_JID,
    JIDPatterns,
    canMatchDomain,
    normalisePattern,
)

#: A pattern; for which addresses it holds, and for which it does not.
TABLE: dict[str, tuple[list[str], list[str]]] = {
    "user@example.org": (
        ["user@example.org", "USER@Example.ORG", "user@example.org/a/b@c"],
        ["user@example.org.evil", "xuser@example.org", "example.org", "user@example"],
    ),
    "*@example.org": (
        ["a@example.org", "a@example.org/x", "\u00fc@example.org"],
        [
            "example.org",
            "example.org/x",
            "a@sub.example.org",
            # Only its resource is like that.
            "a@evil.example/@example.org",
            "evil.example/a@example.org",
        ],
    ),
    "example.org": (
        ["example.org", "example.org/x", "EXAMPLE.org."],
        ["a@example.org", "sub.example.org", "exampleXorg"],
    ),
    "*.example.org": (
        ["a.example.org", "a.b.example.org/x"],
        ["example.org", "u@a.example.org", "aexample.org"],
    ),
    "*@*.example.org": (["u@a.example.org", "u@a.b.example.org"], ["a.example.org"]),
    "*@*": (["a@b", "a@b/c"], ["b", "b/c@d"]),
    "bot-*@example.org": (
        ["bot-1@example.org", "bot-@example.org", "BOT-x@example.org/y"],
        ["bot@example.org", "a-bot-1@example.org"],
    ),
    "a*b*c@d": (["abc@d", "aXXbYYc@d", "abbc@d"], ["ac@d", "acb@d", "ab@d/c@d"]),
    "**@d": (["a@d"], ["d"]),
    "u@d/*": (["u@d/a", "u@d/a/b", "u@d/a\u2028b"], ["u@d"]),
    "u@d/Room*x": (["u@d/Roomx", "u@d/Room/x"], ["u@d/roomx", "u@d/Room", "u@d"]),
    "[::1]": (["[::1]", "[::1]/x"], ["[::2]"]),
    "u.+(x)@d": (["u.+(x)@d"], ["uu+x@d"]),
    "B\u00fc*@B\u00dcCHER.example": (
        ["b\u00fcx@b\u00fccher.example"],
        ["bux@bucher.example"],
    ),
}


class AddressesTests(CoreTestCase):
    """
    L{JIDPatterns}
    """

    def test_table(self) -> None:
        """
        A pattern holds for what it says, and its asterisk for what is in its part.
        """
        for pattern, (those, others) in TABLE.items():
            addresses = JIDPatterns(pattern)
            for address in those:
                self.assertIn(address, addresses, pattern)
            for address in others:
                self.assertNotIn(address, addresses, pattern)

    def test_several(self) -> None:
        """An address has to match one of several patterns; it matches no empty list."""
        addresses = JIDPatterns("a@x", "*@y")
        self.assertIn("a@x", addresses)
        self.assertIn("b@y", addresses)
        self.assertNotIn("b@x", addresses)
        self.assertEqual(str(addresses), "a@x, *@y")
        self.assertNotIn("a@x", JIDPatterns())
        self.assertNotIn("", JIDPatterns())

    @given(st.text())
    def test_anybody(self, address: str) -> None:
        """
        An asterisk alone holds for everything, also beside others.
        """
        self.assertIn(address, ANY_JID)
        self.assertIn(address, JIDPatterns("a@b", "*"))

    @given(
        st.from_regex(r"[a-z*]{1,8}@[a-z*]{1,8}\.x(/[a-z*@/]{1,5})?", fullmatch=True)
    )
    def test_normal(self, pattern: str) -> None:
        """
        A pattern in its normal form is the same pattern, and one without asterisks
        holds for itself.
        """
        self.assertEqual(
            normalisePattern(normalisePattern(pattern)), normalisePattern(pattern)
        )
        plain = pattern.replace("*", "z")
        self.assertIn(plain, JIDPatterns(plain))
        self.assertIn(plain, JIDPatterns(pattern))

    @given(
        st.from_regex(r"[ab]{1,8}", fullmatch=True),
        st.from_regex(r"[ab*]{1,6}", fullmatch=True),
    )
    def test_localpart(self, text: str, pattern: str) -> None:
        """
        Any number of asterisks mean what they mean in a shell.
        """
        # By hand: which lengths of the text the beginning of the pattern may take.
        lengths = {0}
        for character in pattern:
            if character == "*":
                lengths = {*range(min(lengths, default=len(text) + 1), len(text) + 1)}
            else:
                lengths = {n + 1 for n in lengths if text[n : n + 1] == character}
        self.assertEqual(
            f"{text}@x" in JIDPatterns(f"{pattern}@x"), len(text) in lengths
        )

    def test_bad(self) -> None:
        """An invalid pattern is refused with an example of a valid one."""
        for bad in ("", "@x", "a b@x", "a@", "a@b@c", "a/", "-x.y", "a..b", "\u0378@x"):
            error = self.assertRaises(ValueError, JIDPatterns, bad)
            self.assertIn("or a pattern like *@example.org or *", str(error), bad)

    def test_isAt(self) -> None:
        """
        A pattern may hold for an address at a domain, or not.
        """
        for pattern, isThere in (
            *((each, True) for each in ("*", "gateway.x", "*@gateway.x", "a@*.x/b")),
            *((each, False) for each in ("x", "a@x", "*@other.x", "*.gateway.x")),
        ):
            self.assertEqual(canMatchDomain(pattern, "gateway.x"), isThere, pattern)

    def test_long(self) -> None:
        """
        Many asterisks against a long address that nearly fits are tried in the time
        of one reading, or this test would not end.
        """
        addresses = JIDPatterns(f"{'*a' * 30}*b@x")
        self.assertNotIn(f"{'a' * jid.MAX_PART}@x", addresses)
