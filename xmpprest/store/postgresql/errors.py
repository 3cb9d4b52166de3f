"""Errors of PostgreSQL, and their descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: The error of a batch whose instance was taken over (L{leases.guard}).
DIVISION_BY_ZERO = "22012"
#: Errors after which the same batch may succeed at once: serialization failures and
#: deadlocks.
_TRANSIENT = ("40001", "40P01")
#: The error of a statement whose parameters do not fit it.
PROTOCOL_VIOLATION = "08P01"

#: Descriptions by SQLSTATE or its class. Any other code means a bug in a statement.
_REASONS: Mapping[str, str] = {
    "53100": "the disk of the database is full",
    "53200": "the database has no memory left",
    "53300": "the database has too many connections: raise its max_connections",
    "53": "the database lacks a resource",
    "54": "the database has reached a limit of its own",
    "55P03": "another session locks a table of the database",
    "55": "the database is not in the right state for this",
    "57P01": "the database shuts down",
    "57P02": "the database has crashed, and restarts",
    "57P03": "the database does not accept connections yet",
    "57": "the database or its operator has cancelled the statement",
    "58": "the disk of the database reports an error",
    "25006": "the database is read-only: connect to the primary",
    "25": "the database has ended the transaction",
    "42501": "the role has no right to a table of the store: make it their owner",
    "28": "the database refuses the role or its password",
    "3D": "there is no database of that name",
    "08": "the connection to the database broke",
    "XX": "the database reports an internal error",
    "F0": "the database reports an error of its configuration",
}


class ConnectionFailed(Exception):
    """
    The connection cannot be made, or was lost; the message says why. If a batch ran, it
    is in doubt whether it was committed.

    @ivar isRefusal: Whether a server was reached, and refused for a reason that will
        last, such as a wrong password.
    """

    def __init__(self, reason: str, isRefusal: bool = False) -> None:
        super().__init__(reason)
        self.isRefusal = isRefusal


class ServerError(Exception):
    """
    A statement failed, and its transaction was rolled back.

    @ivar code: The SQLSTATE.
    @ivar index: The place of the statement in its batch.
    """

    def __init__(self, code: str, message: str, index: int) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.index = index

    @property
    def isTransient(self) -> bool:
        """Whether the same batch may succeed when it is repeated."""
        return self.code in _TRANSIENT


def describe(error: ServerError) -> str | None:
    """
    Describe why nothing can be stored.

    @return: Words for the middle of a sentence; C{None} if the statement is at fault.
    """
    if error.code == PROTOCOL_VIOLATION:
        return None
    words = _REASONS.get(error.code) or _REASONS.get(error.code[:2])
    return words and f"{words} ({error})"


#: What PostgreSQL and PgBouncer say when they refuse a connection for some time only.
_LATER = re.compile(
    "starting up|shutting down|recovery mode|not yet accepting|too many|remaining"
    " connection slots|no more connections|pooler|server_login_retry|query_wait_timeout"
    "|terminating|cannot connect|connect failed|server conn"
)


def connectionFailed(message: str) -> ConnectionFailed:
    """
    Make the error of a connection.

    @param message: What libpq says.
    """
    # Hints are indented.
    lines = [each.strip() for each in message.strip().splitlines() if each[:1].strip()]
    reason = "; ".join(dict.fromkeys(lines)) or "the connection was closed"
    isRefusal = "FATAL" in reason and not _LATER.search(reason)
    return ConnectionFailed(reason, isRefusal or "no password supplied" in reason)
