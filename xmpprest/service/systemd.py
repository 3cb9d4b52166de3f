"""
Tells systemd that the gateway has started, lives, and stops (sd_notify(3)).

A datagram of lines to the Unix socket that C{$NOTIFY_SOCKET} names; whoever else starts
the gateway sets no such variable, and nothing is told to anybody.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_log = Logger()

#: Seconds between two looks at the stream, at most.
INTERVAL = 5.0

_STATUS = {
    True: "Connected to the XMPP server",
    False: "Not connected to the XMPP server; the log says why",
}


class StreamState(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""


class SystemdNotifier(Service):
    """
    Tells systemd. To be started last: it says that the others have been.

    That the stream is up is a status only. The gateway accepts messages without it, and
    to be started again would not help it.
    """

    def __init__(
        self,
        address: str,
        watchdog: float | None,
        stream: StreamState,
        clock: IReactorTime,
    ) -> None:
        """
        @param address: Of the socket: a path, or C{@} and a name in the abstract
            namespace (unix(7)).
        @param watchdog: Seconds without a sign of life after which systemd ends the
            process; C{None} if it does not watch.
        """
        # Python, too, writes the abstract namespace with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._stream = stream
        self._isReady = False
        self._status: str | None = None
        self._beating = LoopingCall(self._beat)
        self._beating.clock = clock
        self._clock = clock

    def startService(self) -> None:
        """Begin to tell, once the reactor runs."""
        super().startService()
        self._clock.callLater(0, self._start)

    def stopService(self) -> None:
        """Tell that the end is wanted; from then on systemd watches no longer."""
        super().stopService()
        if self._beating.running:
            self._beating.stop()
        self._tell("STOPPING=1", "STATUS=Stopping")

    def _start(self) -> None:
        if not self.running:
            return
        interval = INTERVAL
        if self._watchdog is not None:
            # Half of it, as sd_watchdog_enabled(3) recommends.
            interval = min(interval, self._watchdog / 2)
        # Runs in the reactor, as all else does: if that hangs, so does this.
        self._beating.start(interval)

    def _beat(self) -> None:
        status = _STATUS[self._stream.ready]
        lines = []
        if not self._isReady:
            lines.append("READY=1")
        if status != self._status:
            lines.append(f"STATUS={status}")
        if self._watchdog is not None:
            lines.append("WATCHDOG=1")
        # What was not taken is said again with the next beat.
        if lines and self._tell(*lines):
            self._isReady, self._status = True, status

    def _tell(self, *lines: str) -> bool:
        """Send lines; returns whether they were taken."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # Whoever does not read must not hold up the reactor.
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.warn(
                "Cannot tell systemd {what}: {reason}.",
                what=lines[0],
                reason=error.strerror or error,
            )
            return False
        return True


def notifierFromEnvironment(
    environ: Mapping[str, str], stream: StreamState, clock: IReactorTime
) -> SystemdNotifier | None:
    """
    What tells systemd, if that wants to be told.

    @param environ: The environment of this process.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    return SystemdNotifier(address, _watchdog(environ), stream, clock)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """
    The seconds that systemd waits for a sign of life, if that concerns this process
    (sd_watchdog_enabled(3)).
    """
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / 1e6 or None
