"""Refuses requests to an instance of the gateway that is not the active one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..core.errors import serviceUnavailable
from ..core.media.values import Value
from .resource import Router
from .router import Route


class InstanceStatus(Protocol):
    """The role of this process among the instances of the gateway."""

    @property
    def isActive(self) -> bool:
        """Whether it is the active one."""

    @property
    def role(self) -> str:
        """The role: C{joining}, C{standby}, C{active} or C{retiring}."""

    @property
    def reason(self) -> str:
        """Why it is not, and which one is: a sentence without a full stop."""

    @property
    def report(self) -> Mapping[str, Value]:
        """Return the role and the lease, for C{/readyz}."""


class StandbyRouter:
    """
    A router that refuses all requests while the instance is not the active one.
    """

    def __init__(self, routes: Router, instance: InstanceStatus) -> None:
        self._routes = routes
        self._instance = instance

    def match(self, path: Sequence[bytes]) -> Route:
        """
        Return the route of a path.

        @raise Refusal: 404 if there is none; 503 if the instance is not active.
        """
        if not self._instance.isActive:
            raise serviceUnavailable(
                "resource-constraint",
                f"{self._instance.reason}. Try again, or send requests to a load"
                " balancer that checks /readyz.",
                retryAfter=1,
            )
        return self._routes.match(path)
