"""The status of a callback whose client fetches updates."""

from __future__ import annotations

from dataclasses import dataclass

from ..media.values import Value
from ..stanza.annotate import timestamp


@dataclass(frozen=True, slots=True)
class UpdatesStatus:
    """
    The updates that wait for the client of a callback, and whether it is there.

    @ivar waiting: The number of updates that the client has not acknowledged.
    @ivar oldestAt: The time since which the first stored one waits, in seconds since
        1970; C{None} if none does.
    @ivar hasReader: Whether a request waits for updates now.
    @ivar seenAt: The time of the last request, in seconds since 1970; C{None} if there
        was none since the start of the gateway.
    """

    callback: str
    waiting: int
    oldestAt: float | None
    hasReader: bool
    seenAt: float | None

    def toJSON(self) -> Value:
        """Return the JSON value that a client gets."""
        return {
            "callback": self.callback,
            "waiting": self.waiting,
            "oldest_at": _time(self.oldestAt),
            "reader": self.hasReader,
            "seen_at": _time(self.seenAt),
        }


def _time(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
