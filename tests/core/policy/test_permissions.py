"""Tests of L{xmpprest.core.policy.permissions}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.words.xish.domish import Element

from tests.core.codec.case import DOMAIN, CoreTestCase, xml
from xmpprest.core.policy.permissions import FULL_ACCESS, NO_ACCESS, PERMISSIONS, Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.stanza.build import TYPES
from xmpprest.core.stanza.jid_pattern import JIDPatterns

#: What one may do who sends alerts.
NOTIFIER = Grant(
    "notifier",
    kinds=frozenset({"message", "presence"}),
    senders=JIDPatterns(f"alerts@{DOMAIN}", f"bot-*@{DOMAIN}"),
    recipients=JIDPatterns("*@example.org"),
)


def stanza(
    kind: str = "message",
    sender: str = f"alerts@{DOMAIN}",
    to: str = "user@example.org",
) -> Element:
    """A stanza, as it would be sent."""
    return xml(f"<{kind} from='{sender}' to='{to}' id='1'/>")


class NavigationTests(CoreTestCase):
    """
    L{Grant.authorizeNavigation}
    """

    ask = (
        f"<iq to='a@b' from='{DOMAIN}' id='1' type='get'>"
        "<ping xmlns='urn:xmpp:ping'/></iq>"
    )
    change = (
        f"<iq to='a@b' from='{DOMAIN}' id='1' type='set'>"
        "<command xmlns='http://jabber.org/protocol/commands' node='x'/></iq>"
    )
    archive = (
        f"<iq to='a@b' from='{DOMAIN}' id='1' type='set'>"
        "<query xmlns='urn:xmpp:mam:2'/></iq>"
    )

    def test_set(self) -> None:
        """
        A GET with Basic credentials, which a web page can make a browser send, cannot
        change anything; an archive query, which only reads, is allowed.
        """
        basic = Grant(isBasic=True)
        basic.authorizeNavigation(xml(self.ask))
        basic.authorizeNavigation(xml(self.archive))
        problem = self.refusal(basic.authorizeNavigation, xml(self.change))
        self.assertEqual(problem.status, 403)
        self.assertIn("use POST, or a Bearer token", problem.text)

    def test_bearer(self) -> None:
        """
        A browser sends no Bearer token by itself, so it may change something.
        """
        for document in (self.ask, self.change, self.archive):
            FULL_ACCESS.authorizeNavigation(xml(document))


class CheckTests(CoreTestCase):
    """
    L{Grant.authorize}
    """

    def test_may(self) -> None:
        """
        A token may send to and from every client of its addresses; an unlimited token
        may
        send everything.
        """
        for good in (
            stanza(),
            stanza("presence"),
            stanza(sender=f"alerts@{DOMAIN}/x"),
            stanza(sender=f"bot-7@{DOMAIN}"),
            stanza(to="User@Example.ORG/x y"),
        ):
            NOTIFIER.authorize(good)
        for kind in TYPES:
            FULL_ACCESS.authorize(stanza(kind, DOMAIN, "anybody.example/x"))

    def test_mayNot(self) -> None:
        """
        Anything else is 403, and the text says what may be.
        """
        for bad, said in (
            (stanza("iq"), "may send message or presence, not an iq."),
            (
                stanza(sender=DOMAIN),
                f"set 'from' to what it may: alerts@{DOMAIN}, bot-",
            ),
            (stanza(sender=f"bot@{DOMAIN}"), f"may not send from 'bot@{DOMAIN}'; set"),
            (stanza(to="example.org"), "may not send to 'example.org', only to: *@exa"),
            (stanza(to="evil.example/a@example.org"), "only to: *@example.org."),
            (stanza(to="a@evil.example/b@example.org"), "only to: *@example.org."),
        ):
            problem = self.refusal(NOTIFIER.authorize, bad)
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (403, "auth", "not-authorized"),
            )
            self.assertSentence(problem.text)
            self.assertIn("The token 'notifier' may", problem.text)
            self.assertIn(said, problem.text)

    def test_nothing(self) -> None:
        """
        A token without kinds sends nothing.
        """
        looker = Grant("looker", kinds=frozenset())
        for kind in TYPES:
            text = self.refusal(looker.authorize, stanza(kind)).text
            self.assertIn("'looker' may send nothing, not a", text)


class SpendTests(CoreTestCase):
    """
    L{Grant.consumeRateLimit}
    """

    def test_rate(self) -> None:
        """
        A stanza above the rate is refused with 429, and with the whole seconds until
        the
        next one is allowed.
        """
        clock = Clock()
        grant = Grant("slow", rateLimiter=RateLimiter(0.4, 2, clock.seconds))
        for _ in range(2):
            grant.consumeRateLimit()
        for passed, retryAfter in ((0, "3"), (0.6, "2"), (0.9, "1"), (0.9, "1")):
            clock.advance(passed)
            problem = self.refusal(grant.consumeRateLimit)
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (429, "wait", "resource-constraint"),
            )
            self.assertEqual(problem.headers, (("Retry-After", retryAfter),))
            self.assertSentence(problem.text)
            self.assertIn("'slow' may send 0.4 stanzas a second", problem.text)
        clock.advance(0.1)
        grant.consumeRateLimit()

    def test_noRate(self) -> None:
        """A token without a rate sends without a limit."""
        for _ in range(10_000):
            FULL_ACCESS.consumeRateLimit()


class RightTests(CoreTestCase):
    """
    L{Grant.requirePermission}
    """

    def test_has(self) -> None:
        """A token has its own rights; credentials have every right."""
        Grant("scraper", frozenset({"metrics"})).requirePermission("metrics")
        for right in PERMISSIONS:
            FULL_ACCESS.requirePermission(right)

    def test_hasNot(self) -> None:
        """
        Anything else is 403, and the text says what to write where.
        """
        scraper = Grant("scraper", frozenset({"metrics"}))
        for right in {*PERMISSIONS} - {"metrics"}:
            problem = self.refusal(scraper.requirePermission, right)
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (403, "auth", "not-authorized"),
            )
            self.assertSentence(problem.text)
            self.assertIn("'scraper'", problem.text)
            self.assertIn(repr(right), problem.text)
            self.assertIn("[tokens.scraper]", problem.text)
            self.assertEqual(
                self.refusal(NO_ACCESS.requirePermission, right).status, 403
            )
