"""
The world that the documents speak of: an XMPP server for C{gateway.example.org}, and
C{user@example.org}, who echoes.
"""

from __future__ import annotations

import stat
import sys
import sysconfig
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.words.xish.domish import Element

from tests.docs.uploads import UploadService
from tests.support.doubles import stanza
from tests.support.programs import ROOT, TIMEOUT, Place, Program
from xmpprest.demo import DemoPeer, DemoRouter, componentServer

reactor: Any = _reactor

DOMAIN = "gateway.example.org"
USER = "user@example.org"
#: What README.rst tells one to put into files.
SECRET = "a long random text"
TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"

_T = TypeVar("_T")


class _Peer(DemoPeer):
    """
    One who keeps what he receives.

    @ivar isSilent: Whether he leaves it at that.
    @ivar service: Replies to some queries, which are not kept.
    """

    isSilent = False
    service: Callable[[Element], Element | None] = staticmethod(lambda stanza: None)

    def __init__(self) -> None:
        super().__init__("example.org", reactor)
        self.received: DeferredQueue[Element] = DeferredQueue()

    def answer(self, stanza: Element) -> tuple[Element, ...]:
        reply = self.service(stanza)
        if reply is not None:
            return (reply,)
        self.received.put(stanza)
        return () if self.isSilent else super().answer(stanza)


class _Router(DemoRouter):
    """One that tells when a component has come."""

    def __init__(self, peer: _Peer) -> None:
        super().__init__(peer)
        self.components: DeferredQueue[str] = DeferredQueue()

    def addRoute(self, destination: str, xs: Any) -> None:
        super().addRoute(destination, xs)
        self.components.put(destination)


class _Recorder(Resource):
    """A callback that keeps what is posted to it, and accepts it."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.posted: DeferredQueue[tuple[Request, bytes]] = DeferredQueue()

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        self.posted.put((request, request.content.read()))
        request.setResponseCode(204)
        return b""


class WorldTestCase(TestCase):
    """
    A test in that world.

    @ivar place: Where programs run, with a C{.venv} as the documents have it.
    @ivar serverPort: What the documents call 5347.
    """

    timeout = 4 * TIMEOUT

    def setUp(self) -> None:
        self.place = Place(self)
        scripts = self.place.path / ".venv" / "bin"
        scripts.mkdir(parents=True)
        for name, module in (
            ("twist", "-m twisted"),
            ("twistd", sysconfig.get_path("scripts") + "/twistd"),
            ("xmpprest", "-m xmpprest"),
            ("python", ""),
        ):
            script = scripts / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self._peer = _Peer()
        self._router = _Router(self._peer)
        self.serverPort = self.listen(componentServer(self._router, SECRET, reactor))

    def uploads(self) -> UploadService:
        """Let the server be an upload service, for the time of the test."""
        service = UploadService()
        service.port = self.listen(service.site())
        self._peer.service = service.answer
        return service

    def listen(self, factory: Any) -> int:
        """Listen on loopback for the time of the test; returns the port."""
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def record(self) -> tuple[int, DeferredQueue[tuple[Request, bytes]]]:
        """Have a callback; returns its port, and what is posted to it."""
        recorder = _Recorder()
        site = Site(recorder)
        site.log = lambda request: None  # type: ignore[method-assign]
        return self.listen(site), recorder.posted

    def shell(self, command: str, **environ: str) -> Program:
        """Start a shell command, as if pasted."""
        return self.place.start(["bash", "-c", command], **environ)

    async def run_(self, command: str, **environ: str) -> str:
        """Paste a shell command; returns what it prints, if it is content."""
        program = self.shell(command, **environ)
        self.assertEqual(await self.waiting(program.end), 0, program.output)
        return program.output

    async def waiting(self, call: Callable[..., _T], *arguments: Any) -> _T:
        """Call something that blocks, while the world goes on."""
        return await deferToThread(call, *arguments)

    async def connected(self) -> None:
        """Wait until the gateway has connected."""
        component = self._router.components.get()
        await component.addTimeout(TIMEOUT, reactor)

    def silence(self) -> None:
        """Let nobody at example.org answer any more; see L{send}."""
        self._peer.isSilent = True

    async def received(self) -> Element:
        """The next stanza that somebody at example.org receives."""
        return await self._peer.received.get().addTimeout(TIMEOUT, reactor)

    def send(self, xml: str) -> None:
        """Send a stanza to the gateway, or wherever."""
        self._router.route(stanza(xml))


async def got(queue: DeferredQueue[_T]) -> _T:
    """The next element of a queue, within a time."""
    element: Deferred[_T] = queue.get()
    return await element.addTimeout(TIMEOUT, reactor)


__all__ = ["DOMAIN", "ROOT", "SECRET", "TOKEN", "USER", "WorldTestCase", "got"]
