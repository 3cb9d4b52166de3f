"""Tests for L{xmpprest.core.hooks.notice}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.hooks.notice import (
    MAX_LINK,
    SYMBOLS,
    Notice,
    layout,
    levelOfColor,
    linkOf,
    symbolOf,
)

GOOD, BAD, WARNING, INFO = (SYMBOLS[k] for k in ("good", "bad", "warning", "info"))


class NoticeTests(SynchronousTestCase):
    """
    The facts of a request and their layout
    """

    def test_symbols(self) -> None:
        """
        A resolved notice is green, even if it was critical; otherwise the severity
        counts, and
        then the state.
        """
        for state, severity, expected in [
            ("RESOLVED", "critical", GOOD),
            ("FIRING", "critical", BAD),
            ("FIRING", "warning", WARNING),
            ("FIRING", "P3", WARNING),
            ("FIRING", "info", INFO),
            ("FIRING", "", BAD),
            ("", "success", GOOD),
            ("QUEUED", "", ""),
            ("", "", ""),
        ]:
            self.assertEqual(symbolOf(state, severity), expected, (state, severity))

    def test_colors(self) -> None:
        """
        A colour stands for the level that people use it for; grey stands for none.
        """
        for color, expected in [
            (0x992D22, "bad"),
            (0xFF0000, "bad"),
            (0xA30200, "bad"),
            (0xE60042, "bad"),
            (0xFF8000, "warning"),
            (0xDAA038, "warning"),
            (0x2ECC71, "good"),
            (0x36A64F, "good"),
            (0x439FE0, "info"),
            (0x9B59B6, ""),
            (0x95A5A6, ""),
            (0, ""),
            (0xFFFFFF, ""),
        ]:
            self.assertEqual(levelOfColor(color), expected, hex(color))

    def test_layout(self) -> None:
        """
        First what happened and how severe, then where, the text, the items and the
        link; what is missing has no line.
        """
        item = Notice(title="a", text="one\ntwo", link="http://a.example", where="x")
        notice = Notice(
            title="Full",
            state="FIRING",
            severity="critical",
            where="web1",
            text="text",
            link="http://b.example",
            items=(item,),
            omitted=1,
        )
        self.assertEqual(
            layout(notice),
            f"{BAD} FIRING: Full (critical)\nweb1\ntext\n- a, x\n  one\n  two\n"
            "  http://a.example\nand 1 other\nhttp://b.example",
        )
        self.assertEqual(layout(Notice(title="a")), "a")

    def test_links(self) -> None:
        """
        A link is a URL on one line that is not too long.
        """
        self.assertEqual(linkOf(" https://a.example/ü "), "https://a.example/ü")
        for text in ("", "a", "http://a b", "http://a\nb", "http://" + "a" * MAX_LINK):
            self.assertEqual(linkOf(text), "")
