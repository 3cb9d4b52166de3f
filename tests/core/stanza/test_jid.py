"""Tests of L{xmpprest.core.stanza.jid}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.words.protocols.jabber.xmpp_stringprep import resourceprep

from tests.core.codec.case import CoreTestCase
from tests.support.hypothesis_profiles import THOROUGH
from tests.test_hotpath import instructions
from xmpprest.core.stanza.jid import (
    JID,
    MAX_PART,
    bareOf,
    normaliseJID,
    parseJID,
    splitJID,
)

#: Characters that stringprep maps, joins, prohibits, or sees from right to left.
_PREPARED = (
    "ab1-\u00e9e\u0301\u00ad\u2163\u00a0\u2028\u0340\ue000\u05d0\u05d1\u0627\u0661"
)

#: Addresses and what servers take them for.
GOOD: dict[str, tuple[str, str, str]] = {
    # RFC 7622 §3.5, table 1
    "juliet@example.com": ("juliet", "example.com", ""),
    "juliet@example.com/foo": ("juliet", "example.com", "foo"),
    "juliet@example.com/foo bar": ("juliet", "example.com", "foo bar"),
    "juliet@example.com/foo@bar": ("juliet", "example.com", "foo@bar"),
    r"foo\20bar@example.com": (r"foo\20bar", "example.com", ""),
    "fussball@example.com": ("fussball", "example.com", ""),
    "fu\u00dfball@example.com": ("fussball", "example.com", ""),
    "\u03c0@example.com": ("\u03c0", "example.com", ""),
    "\u03a3@example.com/foo": ("\u03c3", "example.com", "foo"),
    "\u03c3@example.com/foo": ("\u03c3", "example.com", "foo"),
    "\u03c2@example.com/foo": ("\u03c3", "example.com", "foo"),
    "king@example.com/\u265a": ("king", "example.com", "\u265a"),
    "example.com": ("", "example.com", ""),
    "example.com/foobar": ("", "example.com", "foobar"),
    "a.example.com/b@example.net": ("", "a.example.com", "b@example.net"),
    # RFC 7622 §3.5, table 2: no longer addresses, but servers take them, as
    # RFC 6122 says.
    "juliet@example.com/ foo": ("juliet", "example.com", " foo"),
    "henry\u2163@example.com": ("henryiv", "example.com", ""),
    "\u265a@example.com": ("\u265a", "example.com", ""),
    # Capitals
    "Juliet@Example.COM/Foo": ("juliet", "example.com", "Foo"),
    "\u00c4@\u00c4.example/\u00c4": ("\u00e4", "\u00e4.example", "\u00c4"),
    # Nicknames in rooms
    "room@muc.example/\U0001f600": ("room", "muc.example", "\U0001f600"),
    "room@muc.example/\U0001f469\u200d\U0001f4bb": (
        "room",
        "muc.example",
        "\U0001f469\U0001f4bb",
    ),
    "room@muc.example/a/b/": ("room", "muc.example", "a/b/"),
    "room@muc.example/\U0001f130": ("room", "muc.example", "\U0001f130"),
    "room@muc.example/\u2460": ("room", "muc.example", "1"),
    "room@muc.example/\u0645\u0631\u062d\u0628\u0627": (
        "room",
        "muc.example",
        "\u0645\u0631\u062d\u0628\u0627",
    ),
    # Domains
    "localhost": ("", "localhost", ""),
    "example.com.": ("", "example.com", ""),
    "a_b.example": ("", "a_b.example", ""),
    "192.0.2.1": ("", "192.0.2.1", ""),
    "a@[2001:DB8::1]/b": ("a", "[2001:db8::1]", "b"),
    "[::ffff:192.0.2.1]": ("", "[::ffff:192.0.2.1]", ""),
    "b\u00fccher.example": ("", "b\u00fccher.example", ""),
    "xn--bcher-kva.example": ("", "xn--bcher-kva.example", ""),
    "\uff45\uff58\uff41mple.com": ("", "example.com", ""),
    "\u0645\u062b\u0627\u0644.example": ("", "\u0645\u062b\u0627\u0644.example", ""),
    # Limits
    f"{'a' * MAX_PART}@b/{'c' * MAX_PART}": ("a" * MAX_PART, "b", "c" * MAX_PART),
    "a/" + "\u00e4" * 511: ("", "a", "\u00e4" * 511),
    ".".join(["a" * 63] * 15): ("", ".".join(["a" * 63] * 15), ""),
}

#: What is no address, and what the reason tells.
BAD = {
    # RFC 7622 §3.5, table 2
    '"juliet"@example.com': "forbidden character '\"'",
    "foo bar@example.com": "forbidden character ' '",
    "@example.com/": "nothing before its '@'",
    "juliet@": "'' is not a domain",
    "/foobar": "'' is not a domain",
    # Empty parts
    "": "'' is not a domain",
    "@": "nothing before its '@'",
    "/": "nothing after its '/'",
    "@b": "nothing before its '@'",
    "a@/r": "'' is not a domain",
    "a@b/": "nothing after its '/'",
    "\u00ad@b": "no visible character",
    "a/\u200d": "no visible character",
    # Localparts
    "a@b@c": "'b@c' is not a domain",
    "a:b@c": "forbidden character ':'",
    "a<b@c": "forbidden character '<'",
    "a\nb@c": r"forbidden character '\n'",
    "\u00e4&@c": "forbidden character '&'",
    "a\u00a0@c": "not valid text",
    "\uff20a@c": "not valid text",
    # Domains
    "a@b..c": "'b..c' is not a domain",
    "a@.b": "'.b' is not a domain",
    "a@b..": "'b..' is not a domain",
    ".": "'.' is not a domain",
    " ": "' ' is not a domain",
    "a b": "'a b' is not a domain",
    "-a.b": "'-a.b' is not a domain",
    "a-.b": "'a-.b' is not a domain",
    f"{'a' * 64}.b": "is not a domain",
    "a@b\n": "is not a domain",
    "a@b:5222": "'b:5222' is not a domain",
    "\uff0e\u00e4": "is not a domain",
    "\u00e4.\u200d": "no visible character",
    "\u0645a.example": "not valid text",
    "a@[192.0.2.1]": "'192.0.2.1'",
    "a@[::1": "is not a domain",
    "a@[:.:]": "':.:'",
    "[::1%eth0]": "is not a domain",
    # Resources
    "a@b/\x00": "its resource has a control character",
    "a@b/c\nd": "its resource has a control character",
    "a@b/\u00e4\x7f": "its resource has a control character",
    "a@b/\ue000": "not valid text",
    "a@b/\ud800": "not valid text",
    "a@b/\u0645x": "not valid text",
    # Limits
    f"{'a' * 1024}@b": "longer than 1023 bytes",
    f"a@b/{'c' * 1024}": "longer than 1023 bytes",
    ".".join(["a"] * 513): "longer than 1023 bytes",
    "\u00e4" * 512 + "@b": "longer than 1023 bytes",
    "\ufdfa" + "\u00e4" * 500 + "@b": "not valid text",
    "a/" + "\ufdfa" * 100: "longer than 1023 bytes",
    "a/" + "\ud800" * 512: "longer than 1023 bytes",
}

#: Texts that come near to addresses.
_NEAR = st.lists(
    st.sampled_from(("@", "/", ".", "a", "B", "[::1]", "\u00df", "\u0130", "\u2163"))
    | st.characters(),
    max_size=12,
).map("".join)


class ParseTests(CoreTestCase):
    """
    L{parseJID}
    """

    def test_good(self) -> None:
        """
        Addresses are put into the form that servers give them.
        """
        for text, parts in GOOD.items():
            self.assertEqual(tuple(parseJID(text)), parts, text)

    def test_bad(self) -> None:
        """An invalid address is refused, with a reason that continues a sentence."""
        for text, reason in BAD.items():
            with self.assertRaises(ValueError, msg=text) as context:
                parseJID(text)
            self.assertIn(reason, str(context.exception), text)

    @settings(max_examples=THOROUGH // 5)
    @given(_NEAR)
    def test_normalForm(self, text: str) -> None:
        """
        The normal form of an address is an address, and its own normal form.
        """
        try:
            address = parseJID(text)
        except ValueError:
            return
        self.assertEqual(parseJID(str(address)), address)

    def test_long(self) -> None:
        """
        A part is measured before it is prepared: that takes long.
        """
        for text in ("\u00df" * 100_000, "a@b/" + "\u00ad" * 100_000):
            self.assertRaises(ValueError, parseJID, text)

    @settings(max_examples=THOROUGH // 5)
    @given(st.text(_PREPARED, min_size=1, max_size=12))
    def test_profile(self, text: str) -> None:
        """
        A resource is prepared as by Twisted's stringprep, right-to-left text included.
        """
        try:
            expected = resourceprep.prepare(text)
        except UnicodeError:
            self.assertRaises(ValueError, parseJID, f"a.example/{text}")
            return
        if expected:
            self.assertEqual(parseJID(f"a.example/{text}").resource, expected)

    def test_cost(self) -> None:
        """
        A long address of letters that were seen before costs little: any sender may
        write to a new one each time.
        """
        letters = "\u00e4\u00f6\u00fc\u00e9\u0430\u0431\u0432" * 72
        parseJID(f"{letters[:500]}@a.example")
        count = instructions(lambda: parseJID(f"{letters[1:501]}@a.example"))
        # It is 12; with all tables for each letter it was 443.
        self.assertLess(count / 500, 40)


class NormaliseTests(CoreTestCase):
    """
    L{normaliseJID}
    """

    def test_good(self) -> None:
        """
        For an address it is the normal form.
        """
        for text, parts in GOOD.items():
            self.assertEqual(tuple(normaliseJID(text)), parts, text)

    def test_bad(self) -> None:
        """
        For anything else it is the parts, with their case folded where case does not
        count.
        """
        for text, parts in {
            "A@B..C/D": ("a", "b..c", "D"),
            "A B@C": ("a b", "c", ""),
            "@B/": ("", "b", ""),
            "": ("", "", ""),
        }.items():
            self.assertEqual(tuple(normaliseJID(text)), parts, text)

    @settings(max_examples=THOROUGH // 5)
    @given(_NEAR)
    def test_anything(self, text: str) -> None:
        """Normalising never raises."""
        normaliseJID(text)


class JIDTests(CoreTestCase):
    """
    L{JID} and the functions that take addresses apart.
    """

    def test_text(self) -> None:
        """
        An address is written with those of its parts that it has.
        """
        for parts, text in {
            ("a", "b", "c"): "a@b/c",
            ("a", "b", ""): "a@b",
            ("", "b", "c"): "b/c",
            ("", "b", ""): "b",
        }.items():
            self.assertEqual(str(JID(*parts)), text)

    def test_bare(self) -> None:
        """
        The bare address has no resource.
        """
        self.assertEqual(JID("a", "b", "c").bare, JID("a", "b", ""))

    def test_split(self) -> None:
        """
        The first slash ends the bare address, and the first at sign within that the
        localpart; a part that is not there is told from one that is empty.
        """
        for text, parts in {
            "a@b/c": ("a", "b", "c"),
            "a": (None, "a", None),
            "a/b@c/d": (None, "a", "b@c/d"),
            "a@b@c": ("a", "b@c", None),
            "@/": ("", "", ""),
            "": (None, "", None),
        }.items():
            self.assertEqual(splitJID(text), parts, text)

    def test_bareOf(self) -> None:
        """
        The bare form of an address that arrived is written as it was.
        """
        for text, bare in {
            "Room@Muc.example/Nick/name": "Room@Muc.example",
            "a": "a",
            "a b@c..d/": "a b@c..d",
        }.items():
            self.assertEqual(bareOf(text), bare, text)
