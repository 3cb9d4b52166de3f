"""
An XMPP user who does not share a line of code with xmpprest, as an object for
tests: slixmpp in a process of its own (L{tests.servers._slixmpp_user}).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from tests.servers.peer import Once, Peer, PeerLost
from tests.servers.splitter import StreamSplitter
from tests.support.process import LOOPBACK, ServerProcess

_ROOT = Path(__file__).resolve().parents[2]
_HEADER = (
    b"<stream:stream xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
_numbers = count(1)


class User(Peer):
    """
    A user with one connection and available presence.

    @ivar jid: the full JID; the bare one until L{ready}.
    @ivar bareJID: the JID without the resource.
    """

    def __init__(
        self,
        server: ServerProcess,
        user: str,
        password: str = "secret",
        *,
        resource: str = "",
        priority: int = 1,
    ) -> None:
        """
        Start to log in to an account that exists.

        @param resource: the server's choice if empty.
        """
        from twisted.internet import reactor

        super().__init__()
        self.bareJID = self.jid = f"{user}@{server.host}"
        self._syncTarget = server.host
        self._splitter = StreamSplitter()
        self._splitter.feed(_HEADER)
        self._ready = Once()
        self._process = _Process(self._event, self._disconnected)
        search = os.pathsep.join(filter(None, (str(_ROOT), os.getenv("PYTHONPATH"))))
        reactor.spawnProcess(
            self._process,
            sys.executable,
            [sys.executable, "-m", "tests.servers._slixmpp_user"],
            env={**os.environ, "PYTHONPATH": search},
        )
        self._process.order(
            {
                "jid": f"{self.bareJID}/{resource}" if resource else self.bareJID,
                "password": password,
                "host": LOOPBACK,
                "port": server.clientPort,
                "priority": priority,
            }
        )

    @classmethod
    async def login(
        cls,
        server: ServerProcess,
        user: str = "",
        *,
        resource: str = "",
        priority: int = 1,
    ) -> User:
        """
        Make the account, log in, and wait until the user is there.

        @param user: a name nobody else in this run has, if empty.
        """
        name = user or f"user{next(_numbers)}"
        await deferToThread(server.register, name, "secret")
        self = cls(server, name, resource=resource, priority=priority)
        try:
            await self.ready()
        except BaseException:
            await self.kill()
            raise
        return self

    async def ready(self, timeout: float = 30) -> None:
        """
        Wait until the server has taken the user's presence.

        @raise PeerLost: the user could not log in.
        @raise TimeoutError: neither has happened.
        """
        await self._ready.wait(timeout)

    def send(self, xml: str) -> None:
        self._process.order({"send": xml})

    async def close(self, timeout: float = 10) -> None:
        """
        Log out and wait for the end of the process.

        @raise TimeoutError: it was late, and has been killed.
        """
        self._process.finish()
        try:
            await self._process.gone.wait(timeout)
        except TimeoutError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """
        Let the connection break without a word.
        """
        self._process.kill()
        await self._process.gone.wait(10)

    def _event(self, line: bytes) -> None:
        event = json.loads(line)
        match event["event"]:
            case "stanza":
                for stanza in self._splitter.feed(event["xml"].encode()):
                    self._deliver(stanza)
            case "ready":
                self.jid = event["jid"]
                self._ready.happen()
            case "disconnected":
                self._disconnected(event["reason"])

    def _disconnected(self, reason: str) -> None:
        self._ready.happen(PeerLost(f"{self.jid}: {reason}"))
        self._connectionEnded(f"{self.jid}: {reason}")


class _Process(ProcessProtocol):
    """
    @ivar gone: the process has ended and been reaped.
    """

    transport: IProcessTransport

    def __init__(
        self, onLine: Callable[[bytes], None], onEnd: Callable[[str], None]
    ) -> None:
        self.gone = Once()
        self._onLine = onLine
        self._onEnd = onEnd
        self._output = b""
        self._errors = b""

    def order(self, order: dict[str, Any]) -> None:  # JSON
        if self.gone.happened:
            raise PeerLost("the user's process has ended")
        self.transport.writeToChild(0, json.dumps(order).encode() + b"\n")

    def finish(self) -> None:
        if not self.gone.happened:
            self.transport.closeStdin()

    def kill(self) -> None:
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        *lines, self._output = (self._output + data).split(b"\n")
        for line in lines:
            self._onLine(line)

    def errReceived(self, data: bytes) -> None:
        self._errors = (self._errors + data)[-10000:]

    def processEnded(self, reason: Failure) -> None:
        said = self._errors.decode(errors="replace")
        self._onEnd(f"{reason.getErrorMessage()} {said}")
        self.gone.happen()
