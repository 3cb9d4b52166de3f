"""Tests of the rights that the routes of rooms and bots need."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.web.api.bots import BotsHandler
from xmpprest.web.api.rooms import RoomsHandler
from xmpprest.web.router import Route

from ...support.doubles import DOMAIN

#: No route is called.
NOTHING: Any = None


class RightsTests(SynchronousTestCase):
    """
    Every route has a right of its own, so that a token without it gets 403.
    """

    def test_every(self) -> None:
        """
        Each route of a room needs the right C{rooms}, and each of a bot C{bots}.
        """
        for right, routes in (
            ("rooms", RoomsHandler(NOTHING, DOMAIN).routes),
            ("bots", BotsHandler(NOTHING, DOMAIN, NOTHING).routes),
        ):
            for path, made in routes.items():
                values = ["x"] * path.count("{")
                route = made if isinstance(made, Route) else made(*values)
                self.assertEqual(route.permission, right, path)
                self.assertTrue(route.methods, path)
