"""Tests for L{xmpprest.web.standby}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.core.media.values import Value
from xmpprest.web.router import Route
from xmpprest.web.standby import StandbyRouter


class Status:
    """An instance that is active, or not."""

    isActive = True
    role = "standby"
    reason = "This instance is on standby; the active one is x"
    report: Mapping[str, Value] = {"role": "standby"}


class Routes:
    """A router with one route."""

    def __init__(self) -> None:
        self.route = Route({})

    def match(self, path: Sequence[bytes]) -> Route:
        """Return the route."""
        return self.route


class StandbyRouterTests(SynchronousTestCase):
    """
    Requests to one of several instances.
    """

    def test_active(self) -> None:
        """The active instance handles them."""
        routes = Routes()
        self.assertIs(StandbyRouter(routes, Status()).match([b"x"]), routes.route)

    def test_standby(self) -> None:
        """Others refuse all, and say why and when to try again."""
        status = Status()
        router = StandbyRouter(Routes(), status)
        status.isActive = False
        with self.assertRaises(Refusal) as raised:
            router.match([b"x"])
        problem = raised.exception.problem
        self.assertEqual(problem.status, 503)
        self.assertIn(("Retry-After", "1"), problem.headers)
        self.assertEqual(
            problem.text,
            "This instance is on standby; the active one is x. Try again, or send"
            " requests to a load balancer that checks /readyz.",
        )
