"""Finds the message on which the server closes the stream (reliability.rst)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import StanzaError
from ..core.stanza.build import error, make
from .backlog import QueuedMessage
from .interfaces import StreamFault

_log = Logger()

#: Losses of the stream in a row, with no barrier in between, after which the messages
#: that were in flight are written one at a time.
ISOLATE_AFTER = 2
#: Losses of the stream, without a stream error, after which a message that was alone in
#: flight each time is taken for the reason. With a stream error the first one tells.
BOUNCE_AFTER_SILENT_LOSSES = 5
#: Stream errors that a message cannot cause (RFC 6120 §4.9.3).
_NO_FAULT_OF_A_MESSAGE = frozenset(
    {
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "not-authorized",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "see-other-host",
        "system-shutdown",
        "unsupported-version",
    }
)
#: The condition of a stream error that stanza errors have, too (RFC 6120 §8.3.3.12).
_POLICY_VIOLATION = "policy-violation"


class CulpritSearch:
    """
    Counts the losses of the stream, and decides which message has caused them.

    After some losses the messages that were in flight are suspects, to be written one
    at a time.

    @ivar lastSuspect: The highest number of a suspect; 0 if there is none.
    """

    def __init__(self) -> None:
        self._losses = 0
        self.lastSuspect = 0

    def confirmed(self) -> None:
        """Forget the losses: the server has processed what was written."""
        self._losses = 0

    def lost(
        self,
        inFlight: Sequence[QueuedMessage],
        fault: StreamFault | None,
        *,
        isIsolating: bool,
    ) -> QueuedMessage | None:
        """
        Count a loss of the stream.

        @param inFlight: The messages in flight, in their order.
        @param fault: The stream error of the server; C{None} if it sent none.
        @param isIsolating: Whether messages were written one at a time.
        @return: The culprit; C{None} if it is not known.
        """
        if not inFlight or (fault and fault.condition in _NO_FAULT_OF_A_MESSAGE):
            return None
        self._losses += 1
        if not isIsolating:
            if self._losses >= ISOLATE_AFTER:
                self._losses = 0
                self.lastSuspect = inFlight[-1].number
            return None
        if fault is None and self._losses < BOUNCE_AFTER_SILENT_LOSSES:
            return None
        self._losses = 0
        (culprit,) = inFlight
        return culprit


def bounceOf(culprit: QueuedMessage, fault: StreamFault | None) -> Element:
    """
    Log that a message is the culprit.

    @param fault: The stream error of the server; C{None} if it sent none.
    @return: The error stanza with which the message bounces.
    """
    condition = "connection lost" if fault is None else fault.condition
    text = "" if fault is None else fault.text
    reason = f"{condition} ({text})" if text else condition
    _log.error(
        "The XMPP server closes the stream on the message {id} from {sender} to"
        " {to}: {reason}. The message has bounced, and the others are sent.",
        id=culprit.id,
        sender=culprit.sender,
        to=culprit.to,
        reason=reason,
    )
    stanza = make(
        "message", {"to": culprit.to, "from": culprit.sender, "id": culprit.id}
    )
    problem = StanzaError(
        "modify",
        condition if condition == _POLICY_VIOLATION else "undefined-condition",
        f"The XMPP server closes the stream on this message: {reason}.",
    )
    return error(stanza, problem)
