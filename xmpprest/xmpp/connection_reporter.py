"""Knows what is wrong with the connection: says it once, and when to try again."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionRefusedError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.error import StreamError

_log = Logger()

#: Seconds between two attempts while the server refuses us: twice a minute.
STREAM_ERROR_DELAY = 30.0
#: Seconds between two attempts while nothing listens at the port: to ask costs
#: nothing, and nobody wants to wait for a server that is back.
CONNECTION_REFUSED_DELAY = 1.5
#: The delay after the loss of a stream, which doubles with every failure that
#: follows, and the longest, in seconds.
BACKOFF = (0.5, 30.0)

#: What to do about a stream error (RFC 6120 §4.9.3), by its condition.
ADVICE = {
    "conflict": "another component is connected under this domain; stop it, or wait"
    " until the server has noticed that it is gone",
    "host-unknown": "the server has no such component; add the domain to its"
    " configuration, or correct --domain",
    "invalid-namespace": "this port does not speak XEP-0114; give the port for"
    " components (5347 by default) in --server",
    "not-authorized": "the secret is not the one that the server has for this domain;"
    " compare it with component_secret (Prosody) or password (ejabberd)",
    "system-shutdown": "the server is shutting down",
}


#: What is counted beside the conditions of stream errors that have an advice.
UNREACHABLE, NO_HANDSHAKE, LOST, OTHER = "unreachable", "handshake", "lost", "other"


class ConnectionReporter:
    """
    The reasons why there is no stream.

    @ivar failureCounts: How often each was there, of a table that no server can make
        grow.
    """

    def __init__(self, subject: str) -> None:
        """
        @param subject: What the log lines are about.
        """
        self._subject = subject
        self._failures = 0
        self._delay: float | None = None
        self._up = False
        self._explained = False
        self._said: str | None = None
        self.failureCounts = dict.fromkeys(
            (UNREACHABLE, NO_HANDSHAKE, LOST, *ADVICE, OTHER), 0
        )

    def nextDelay(self) -> float:
        """How long to wait before the next attempt, in seconds."""
        if self._delay is not None:
            return self._delay
        first, longest = BACKOFF
        return min(first * 2.0 ** min(self._failures, 10), longest)

    def connected(self) -> None:
        """There is a connection; the handshake follows."""
        self._delay = None
        self._up = self._explained = False

    def streamEstablished(self) -> None:
        """The stream is up."""
        self._up = True
        self._failures, self._delay, self._said = 0, None, None
        _log.info("{subject}: connected.", subject=self._subject)

    def connectFailed(self, reason: Failure) -> None:
        """There is no connection."""
        if reason.check(CancelledError):
            return
        self._failures += 1
        self.failureCounts[UNREACHABLE] += 1
        self._delay = (
            CONNECTION_REFUSED_DELAY if reason.check(ConnectionRefusedError) else None
        )
        self._say(f"cannot connect: {_words(reason)}")

    def handshakeFailed(self, what: str) -> None:
        """The connection is of no use; unless the server has said why, this is."""
        if not self._explained:
            self._explained = True
            self._failures += 1
            self.failureCounts[NO_HANDSHAKE] += 1
            self._say(what)

    def streamError(self, reason: Failure) -> None:
        """
        The stream is over.

        @param reason: A L{StreamError}, what the server said; else what it sent is
            no XML.
        """
        problem = reason.value
        if not isinstance(problem, StreamError):
            self.handshakeFailed(f"what the server sends is no XML: {_words(reason)}")
            return
        self._explained = True
        self._failures += 1
        self.failureCounts[
            problem.condition if problem.condition in ADVICE else OTHER
        ] += 1
        text = f" ({problem.text})" if problem.text else ""
        advice = ADVICE.get(problem.condition, "the server's log may say more")
        self._say(f"stream error {problem.condition}{text}: {advice}")
        if problem.condition != "system-shutdown":
            self._delay = STREAM_ERROR_DELAY

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone; unless it is known why, this is all there is."""
        if not self._up:
            self.handshakeFailed(
                f"the connection ended before the handshake did: {_words(reason)}"
            )
        elif not self._explained:
            self.failureCounts[LOST] += 1
            self._say(f"lost the connection: {_words(reason)}")

    def _say(self, what: str) -> None:
        """Log what is wrong; the same again only after something else."""
        if what != self._said:
            _log.error(
                "{subject}: {what}. Trying again.", subject=self._subject, what=what
            )
        self._said = what


def _words(reason: Failure) -> str:
    """What an exception says, to stand within a sentence."""
    return str(reason.getErrorMessage()).rstrip(".")
