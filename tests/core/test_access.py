"""Tests of L{xmpprest.core.access}."""

from __future__ import annotations

from tests.core.case import CoreTestCase
from xmpprest.core.access import EVERYTHING, NOTHING, RIGHTS, Grant


class RightTests(CoreTestCase):
    """
    L{Grant.require}
    """

    def test_has(self) -> None:
        """
        What a token has the right to do it may; the credentials have every right.
        """
        Grant("scraper", frozenset({"metrics"})).require("metrics")
        for right in RIGHTS:
            EVERYTHING.require(right)

    def test_hasNot(self) -> None:
        """
        Anything else is 403, and the text says what to write where.
        """
        scraper = Grant("scraper", frozenset({"metrics"}))
        for right in {*RIGHTS} - {"metrics"}:
            problem = self.refusal(scraper.require, right)
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (403, "auth", "not-authorized"),
            )
            self.assertSentence(problem.text)
            self.assertIn("'scraper'", problem.text)
            self.assertIn(repr(right), problem.text)
            self.assertIn("[tokens.scraper]", problem.text)
            self.assertEqual(self.refusal(NOTHING.require, right).status, 403)
