"""A component on a stream whose other end the test holds."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Problem, Refusal
from xmpprest.xmpp.backpressure import LIMIT
from xmpprest.xmpp.component import ComponentService
from xmpprest.xmpp.sender import StanzaSender

from ..support.doubles import DOMAIN, HeldEndpoint, HeldServer, stanza

#: Not ASCII, so that its encoding matters.
SECRET = "sëcret"
#: Whom the tests of pairing ask.
PEER = "juliet@example.org/balcony"


class ComponentTestCase(SynchronousTestCase):
    """
    A test that has a component service, started, and decides what the server does.

    @ivar received: What the component has passed on.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = HeldEndpoint()
        self.sender = StanzaSender(DOMAIN, self.clock)
        self.received: list[Element] = []
        self.component = ComponentService(
            self.endpoint,
            "tcp:xmpp.example:5347",
            lambda: SECRET,
            self.clock,
            sender=self.sender,
            handler=self.handle,
        )
        self.component.startService()

    def handle(self, stanza: Element) -> None:
        """Take what the component passes on."""
        self.received.append(stanza)

    def connect(self) -> HeldServer:
        """Let the component in."""
        server = self.endpoint.accept()
        server.accept()
        self.assertTrue(self.component.ready)
        return server

    def congest(self, server: HeldServer) -> None:
        """Write as much as may wait for a server that takes nothing."""
        server.transport.fill()
        body = "x" * 2**18
        large = stanza(
            f"<message from='{DOMAIN}' to='a@example.org'><body>{body}</body></message>"
        )
        for _ in range(LIMIT // 2**18):
            self.sender.send(large)

    def refusedBy(self, action: Callable[[], object]) -> Problem:
        """The problem that an action is refused for."""
        with self.assertRaises(Refusal) as raised:
            action()
        problem: Problem = raised.exception.problem
        return problem

    def problemOf(
        self, deferred: Deferred[list[Element]] | Deferred[Element]
    ) -> Problem:
        """The problem that a request has failed of."""
        problem: Problem = self.failureResultOf(deferred, Refusal).value.problem
        return problem

    def timers(self) -> list[float]:
        """When timers will go off, in seconds from now."""
        now = self.clock.seconds()
        return sorted(call.getTime() - now for call in self.clock.getDelayedCalls())


class PairingTestCase(ComponentTestCase):
    """A component on a stream that is up."""

    def setUp(self) -> None:
        super().setUp()
        self.server: HeldServer = self.connect()
        self.pairing = self.sender.iqTracker

    def ask(
        self,
        to: str = PEER,
        id: str = "mine",
        sender: str = DOMAIN,
        timeout: float = 30,
        payload: str = "<ping xmlns='urn:xmpp:ping'/>",
    ) -> tuple[Deferred[list[Element]], str]:
        """
        Send an iq.

        @return: The reply to come, and the id on the wire.
        """
        replying = self.sender.request(
            stanza(
                f"<iq type='get' to='{to}' from='{sender}' id='{id}'>{payload}</iq>"
            ),
            timeout,
        )
        return replying, self.server.stanza()["id"]

    def reply(
        self,
        wireID: str,
        sender: str | None = PEER,
        type: str = "result",
        payload: str = "",
    ) -> None:
        """Have a stanza arrive that looks like a reply."""
        origin = "" if sender is None else f"from='{sender}'"
        self.server.send(
            f"<iq type='{type}' id='{wireID}' {origin} to='{DOMAIN}'>{payload}</iq>"
        )

    def replyTo(self, replying: Deferred[list[Element]]) -> Element:
        """The reply, and all, that a request has got."""
        (reply,) = self.successResultOf(replying)
        return reply

    def assertIdle(self) -> None:
        """Nothing waits, and nothing is left of what did."""
        self.assertEqual(len(self.pairing), 0)
        self.assertEqual(self.timers(), [15])
