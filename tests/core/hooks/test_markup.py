"""Tests for L{xmpprest.core.hooks.markup}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.hooks.markup import MAX_TEXT, fromMarkdown, fromMrkdwn

#: What Slack writes, and what a message has in its place.
MRKDWN = [
    ("*bold* _it_ ~no~ `code`", "*bold* _it_ ~no~ `code`"),
    ("<https://x.example/a?b=1|a page>", "a page (https://x.example/a?b=1)"),
    ("<https://x.example/>", "https://x.example/"),
    ("<https://x.example/|https://x.example/>", "https://x.example/"),
    ("<mailto:a@x.example|mail us>", "mail us (a@x.example)"),
    ("<@U012AB3CD> <@U1|ann> <#C024BE7LR|general>", "@U012AB3CD @ann #general"),
    ("<!here> <!subteam^SAZ94GDB8> <!date^1^{date}|today>", "@here @subteam today"),
    ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
    ("**bold** [a](https://x.example) ~~no~~", "*bold* a (https://x.example) ~no~"),
    ("# Title", "*Title*"),
    ("`<@U1> **x**`", "`<@U1> **x**`"),
    ("```\n<@U1>\n```", "```\n<@U1>\n```"),
    ("disk <web1> full", "disk <web1> full"),
]

#: What GitHub or Discord write, and what a message has in its place.
MARKDOWN = [
    ("**bold** and __bold__", "*bold* and *bold*"),
    ("*it* and _it_", "_it_ and _it_"),
    ("***both***", "***both***"),
    ("~~no~~ `**code**`", "~no~ `**code**`"),
    ("## Title with **bold** ##", "*Title with bold*"),
    ('[a page](https://x.example "t")', "a page (https://x.example)"),
    ("![alt](https://x.example/i.png)", "alt (https://x.example/i.png)"),
    ("<https://x.example/>", "https://x.example/"),
    ("- a\n- b\n\n> quote", "- a\n- b\n\n> quote"),
    ("a<!-- hidden\n -->b<br/>c", "ab\nc"),
    ("<@80351110224678912> <#1> <:smile:12>", "@80351110224678912 #1 :smile:"),
    ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
    ("```py\n**x**\n```\n**y**", "```py\n**x**\n```\n*y*"),
]


class MarkupTests(SynchronousTestCase):
    """
    Conversion to message styling
    """

    def test_mrkdwn(self) -> None:
        """
        Slack's mrkdwn, also with Markdown in it, becomes message styling.
        """
        for written, expected in MRKDWN:
            self.assertEqual(fromMrkdwn(written), expected)

    def test_markdown(self) -> None:
        """
        Markdown becomes message styling.
        """
        for written, expected in MARKDOWN:
            self.assertEqual(fromMarkdown(written), expected)

    def test_hostile(self) -> None:
        """
        Marks that never close stay as they are, and do not make a text longer.
        """
        for piece in ("*a", "**", "[", "[a](", "<", "`", "_a", "~~", "<!--", "# "):
            text = piece * (MAX_TEXT // len(piece))
            for convert in (fromMrkdwn, fromMarkdown):
                self.assertLessEqual(len(convert(text)), MAX_TEXT)
