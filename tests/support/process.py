"""
A server process: its directory, its ports, its life and its certain death.

Nothing here knows the reactor: every method blocks, for a bounded time, so
that it can be called before a test run's reactor starts as well as through
C{deferToThread}.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import ClassVar

LOOPBACK = "127.0.0.1"

# Reads until the test process closes the pipe, by whatever end it meets, then
# does what that process can no longer do. "$0" is the server's directory, and
# goes when the server has ended: a signal only begins that.
_GUARD = """
cat > /dev/null
if test -f "$0/group"; then
    group=$(cat "$0/group")
    kill -s KILL -- "-$group"
    tries=50
    while test $tries -gt 0 && kill -s 0 -- "-$group"; do
        sleep 0.1
        tries=$((tries - 1))
    done
fi
rm -rf "$0" || { sleep 1; rm -rf "$0"; }
"""


def freePorts(count: int) -> list[int]:
    """
    Find TCP ports of the loopback interface that nobody listens on.

    @return: C{count} different ports.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]


class ServerFailed(Exception):
    """
    A server did not do what was asked of it; says which, what, and the tail
    of its log.
    """


class ServerProcess:
    """
    An XMPP server of our own on the loopback interface.

    Both components' domains belong to the component that authenticates for
    them and to nothing else; rooms open unlocked, and keep what is said in
    them; clients may log in without TLS; nothing is limited in rate;
    server-to-server traffic is off. Only L{componentDomain} gets upload slots
    and external services, only L{admin} the administrative commands of L{host}.

    @cvar name: what messages to people call this server.
    @cvar admin: a bare JID; every resource of it is meant.
    @cvar uploadLimit: bytes that the upload service takes of a file.
    @cvar others: domains of further components.
    @cvar stunPort: of the STUN and TURN service that L{host} offers at the
        loopback address; nothing listens there.
    @cvar place: where L{directory} is made; by default where temporary files go.
    @ivar directory: holds configuration, data and log; gone after L{stop}.
    @ivar ports: every port it listens on, the same after a restart.
    @ivar log: the file with everything the server printed, over all starts.
    @ivar startSeconds: how long the last L{start} took.
    """

    name: ClassVar[str] = "a server"
    startTimeout: ClassVar[float] = 60.0
    portCount: ClassVar[int] = 2
    place: ClassVar[str | None] = None

    host: ClassVar[str] = "localhost"
    componentDomain: ClassVar[str] = "gateway.localhost"
    peerDomain: ClassVar[str] = "peer.localhost"
    mucDomain: ClassVar[str] = "rooms.localhost"
    plainMUCDomain: ClassVar[str] = "plain.localhost"
    uploadDomain: ClassVar[str] = "upload.localhost"
    uploadLimit: ClassVar[int] = 2**20
    admin: ClassVar[str] = "bot@gateway.localhost"
    others: ClassVar[tuple[str, ...]] = ()
    stunPort: ClassVar[int] = 3478

    def __init__(self) -> None:
        self.directory = Path(
            tempfile.mkdtemp(prefix=f"xmpprest-{self.name}-", dir=self.place)
        )
        self.log = self.directory / "server.log"
        self.componentSecret = secrets.token_hex(8)
        self.ports = freePorts(self.portCount)
        self.clientPort, self.componentPort = (self.ports * 2)[:2]
        self.startSeconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.stop)

    # What each kind of server says about itself.

    @classmethod
    def missing(cls) -> str:
        """
        @return: why this server cannot run on this machine; empty if it can.
        """
        raise NotImplementedError

    @classmethod
    def available(cls) -> bool:
        """
        @return: whether this server can run on this machine; if not,
            L{missing} has the reason.
        """
        return not cls.missing()

    def register(self, user: str, password: str) -> None:
        """
        Make the account C{user} at L{host}, or give it this password.
        """
        raise NotImplementedError

    def _configure(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {}

    def _started(self, log: str) -> bool:
        """
        @param log: what the server has printed since this start.
        """
        return True

    # Life and death.

    @property
    def running(self) -> bool:
        """
        Whether the process exists; a suspended one does.
        """
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """
        Start, and return when every port accepts connections.

        @raise ServerFailed: it ended, or was not there in time.
        """
        if self.running:
            return
        began = time.monotonic()
        self._configure()
        with self.log.open("ab") as log:
            offset = log.tell()
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groupFile.write_text(str(self._process.pid))
        try:
            self._awaitStarted(offset, began + self.startTimeout)
        except BaseException:
            self.kill()
            raise
        self.startSeconds = time.monotonic() - began

    def _awaitStarted(self, offset: int, deadline: float) -> None:
        while True:
            said = self.log.read_bytes()[offset:].decode(errors="replace")
            if not self.running:
                raise self._failed("ended while starting")
            if self._started(said) and all(map(self._accepts, self.ports)):
                return
            if time.monotonic() > deadline:
                raise self._failed(f"did not start in {self.startTimeout:g} s")
            time.sleep(0.01)

    @staticmethod
    def _accepts(port: int) -> bool:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """
        C{kill -9}: no farewell, and what was not yet on the disk is lost.
        """
        self._signal(signal.SIGKILL)
        self._reap(10)

    def shutdown(self) -> None:
        """
        End in good order, telling every stream so; the data are kept.
        """
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            self._reap(10)
        except ServerFailed:
            self.kill()

    def restart(self) -> None:
        """
        Come back on the same ports with the same data, out of any state.
        """
        self.shutdown()
        self.start()

    def suspend(self) -> None:
        """
        C{SIGSTOP}: connections stay open and are accepted, nothing answers.
        """
        self._signal(signal.SIGSTOP)
        if self._process is not None and self.running:
            # The signal only begins it. C{WNOWAIT} leaves an end to Popen.
            stopped = os.WSTOPPED | os.WEXITED | os.WNOWAIT
            os.waitid(os.P_PID, self._process.pid, stopped)

    def resume(self) -> None:
        """
        C{SIGCONT}: go on after L{suspend}.
        """
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """
        Kill, and remove the directory; this object cannot be used again.
        """
        atexit.unregister(self.stop)
        self.kill()
        if self._guard.poll() is None:
            self._guard.kill()
        self._guard.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _groupFile(self) -> Path:
        return self.directory / "group"

    def _signal(self, number: signal.Signals) -> None:
        # Not yet reaped, so that the number cannot have passed to another.
        if self._process is not None and self.running:
            os.killpg(self._process.pid, number)

    def _reap(self, timeout: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired as e:
            raise self._failed(f"did not end in {timeout:g} s") from e
        self._process = None
        self._groupFile.unlink(missing_ok=True)

    def _failed(self, what: str) -> ServerFailed:
        tail = self.log.read_text(errors="replace").splitlines()[-30:]
        return ServerFailed("\n".join([f"{self.name} {what}; its log ends:", *tail]))
