"""Tests for L{xmpprest.web.health.metrics}."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from xmpprest.core.policy.authentication import Authenticator, grantAll
from xmpprest.core.policy.permissions import Grant
from xmpprest.web.health.metrics import (
    Guard,
    MetricsResource,
    allowAnyone,
    requirePermission,
)
from xmpprest.web.server.site import GatewaySite, makeRoot

from ...support.doubles import DOMAIN, HTTPClient, HTTPResponse
from ..case import TOKEN, SiteTestCase, request


class HeldMetrics:
    """
    Something that was measured.

    @ivar showing: Who waits for it.
    @ivar problem: What is raised instead, if anything.
    """

    def __init__(self) -> None:
        self.showing: list[Deferred[None]] = []
        self.isHeld = False
        self.problem: Exception | None = None

    async def render(self) -> tuple[str, bytes]:
        """Show it, at once or when the test says so."""
        if self.isHeld:
            self.showing.append(Deferred())
            await self.showing[-1]
        if self.problem is not None:
            raise self.problem
        return "text/plain; version=0.0.4; charset=utf-8", b"x 1\n"


class MetricsTests(SiteTestCase):
    """
    C{GET /metrics}
    """

    def setUp(self) -> None:
        super().setUp()
        self.metrics = HeldMetrics()
        self.mount(allowAnyone)

    def mount(self, guard: Guard) -> None:
        """Put the resource on a site."""
        root = makeRoot({"metrics": MetricsResource(self.metrics, guard)})
        self.site = GatewaySite(root, self.settings, self.clock)

    def begin(self, token: str | None = None, method: str = "GET") -> HTTPClient:
        """Ask."""
        client = self.client()
        authorization = None if token is None else f"Bearer {token}"
        headers = {"Authorization": authorization, "Content-Type": None}
        client.send(request(b"", headers, method, "/metrics"))
        return client

    def see(self, token: str | None = None) -> HTTPResponse:
        """The answer."""
        return self.begin(token).response()

    def test_shown(self) -> None:
        """They are as Prometheus reads them."""
        answer = self.see()
        self.assertEqual((answer.status, answer.body), (200, b"x 1\n"))
        self.assertEqual(
            answer["Content-Type"], "text/plain; version=0.0.4; charset=utf-8"
        )

    def test_tokens(self) -> None:
        """Where anybody can ask, they are for those whose token may see them."""
        grants = (
            *grantAll([TOKEN], Grant("all", frozenset({"metrics"}))),
            *grantAll(["other"], Grant("other", frozenset({"outbox"}))),
        )
        self.mount(requirePermission(Authenticator(DOMAIN, grants), "metrics"))
        self.assertProblem(self.see(), 401)
        self.assertProblem(self.see("wrong"), 401)
        self.assertProblem(self.see("other"), 403)
        self.assertEqual(self.see(TOKEN).status, 200)

    def test_gone(self) -> None:
        """A client that does not wait for them is forgotten."""
        self.metrics.isHeld = True
        self.begin().leave()
        (showing,) = self.metrics.showing
        self.assertTrue(showing.called)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_broken(self) -> None:
        """An unexpected fault gives 500 at once."""
        self.metrics.problem = RuntimeError("broken")
        self.assertProblem(self.begin().response(), 500)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_method(self) -> None:
        """They are only looked at."""
        self.assertProblem(self.begin(method="POST").response(), 405)
