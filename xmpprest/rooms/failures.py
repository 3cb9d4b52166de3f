"""Logs why work for a room has failed."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.errors import REPORT_BUG, Refusal
from ..core.records import StoreUnavailable

_log = Logger()


def notStored(reason: Failure) -> None:
    """Log why a membership could not be stored."""
    if reason.check(StoreUnavailable):
        _log.warn(
            "The state of a room cannot be stored: {reason}.", reason=reason.value
        )
    else:
        _log.failure("Storing a room crashed. " + REPORT_BUG, failure=reason)


def crashed(reason: Failure, room: str) -> None:
    """Log why a request to a room has failed, unless it was cancelled."""
    if not reason.check(CancelledError):
        _log.failure(
            "A request to {room} crashed. " + REPORT_BUG, failure=reason, room=room
        )


def notDeleted(reason: Failure) -> None:
    """Log why a membership could not be deleted."""
    if reason.check(StoreUnavailable):
        _log.warn(
            "A room that was left cannot be deleted from the store: {reason}.",
            reason=reason.value,
        )
    else:
        _log.failure("Deleting a room crashed. " + REPORT_BUG, failure=reason)


def notJoined(reason: Failure, room: str) -> None:
    """Log why an invitation led to nothing."""
    if reason.check(Refusal, StoreUnavailable):
        _log.warn(
            "The invitation to {room} was accepted, but the bot could not join:"
            " {reason}",
            room=room,
            reason=reason.value,
        )
    else:
        crashed(reason, room)
