"""Tests for L{xmpprest.gateway.metrics}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.cluster.role import Role
from xmpprest.gateway.metrics import ROLES


class RoleTests(SynchronousTestCase):
    """
    The metric of the role of an instance.
    """

    def test_all(self) -> None:
        """
        Each role has a time series. The names stand in both places, because a gateway
        without a database imports nothing of the instances.
        """
        self.assertEqual([*ROLES], [each.value for each in Role])
