"""
The beginning of a test case that is the same for every kind of server.

    class MessageMixin(ServerMixin):
        async def test_something(self) -> None: ...

    class ProsodyMessageTests(MessageMixin, TestCase):
        kind = Prosody

    class EjabberdMessageTests(MessageMixin, TestCase):
        kind = Ejabberd
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.threads import deferToThread

from tests.servers import shared
from tests.servers.client import User
from tests.servers.rawcomponent import RawComponent
from tests.support.process import ServerProcess

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Base
else:
    # No TestCase, so that trial does not run the mixins by themselves.
    _Base = object


class ServerMixin(_Base):
    """
    A test's server, components and users, for the time of the test.

    @cvar kind: which server.
    @ivar server: the shared one of that kind, running.
    """

    kind: type[ServerProcess]
    server: ServerProcess
    timeout = 120

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits
        """
        Have the shared server, or skip.
        """
        self.server = await deferToThread(shared.shared, self.kind)

    async def connect(self, domain: str = "") -> RawComponent:
        """
        A component, by default in the gateway's own place.
        """
        component = await RawComponent.connect(
            self.server.componentPort,
            domain or self.server.componentDomain,
            self.server.componentSecret,
        )
        self.addCleanup(component.close)
        return component

    async def login(
        self, user: str = "", *, resource: str = "", priority: int = 1
    ) -> User:
        """
        A user as by L{User.login}: a new one, unless a name is given.
        """
        one = await User.login(self.server, user, resource=resource, priority=priority)
        self.addCleanup(one.close)
        return one
