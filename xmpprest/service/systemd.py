"""
Notifies systemd that the gateway has started, is alive, and stops (sd_notify(3)).

A notification is a datagram of lines to the Unix socket that C{$NOTIFY_SOCKET} names.
Without this variable the gateway notifies nothing.
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

#: Maximum seconds between two checks of the stream.
INTERVAL = 5.0

_STATUS = {
    True: "Connected to the XMPP server",
    False: "Not connected to the XMPP server; the log says why",
}


class StreamState(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """C{True} while stanzas can be sent."""


class SystemdNotifier(Service):
    """
    A service that notifies systemd. It must start last, because it reports that the
    others have started.

    The state of the stream is only a status text: the gateway accepts messages without
    a stream, and a restart would not bring it back.
    """

    def __init__(
        self,
        address: str,
        watchdog: float | None,
        stream: StreamState,
        clock: IReactorTime,
    ) -> None:
        """
        @param address: The address of the socket: a path, or C{@} and a name in the
            abstract namespace (unix(7)).
        @param watchdog: Seconds without a notification after which systemd kills the
            process; C{None} without a watchdog.
        """
        # In Python an abstract address begins with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._stream = stream
        self._isReady = False
        self._status: str | None = None
        self._beating = LoopingCall(self._beat)
        self._beating.clock = clock
        self._clock = clock

    def startService(self) -> None:
        """Notify from when the reactor runs."""
        super().startService()
        self._clock.callLater(0, self._start)

    def stopService(self) -> None:
        """Notify that the gateway stops; the watchdog ends with it."""
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
        # The reactor calls it: if the reactor hangs, the watchdog notices.
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
        # A notification that failed is sent again with the next one.
        if lines and self._tell(*lines):
            self._isReady, self._status = True, status

    def _tell(self, *lines: str) -> bool:
        """Send lines; return whether systemd has received them."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # A full socket must not block the reactor.
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
    Make the notifier.

    @param environ: The environment of this process.
    @return: C{None} if systemd wants no notifications.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    return SystemdNotifier(address, _watchdog(environ), stream, clock)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """
    Return the seconds of the watchdog of this process; C{None} if it has none
    (sd_watchdog_enabled(3)).
    """
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / 1e6 or None
