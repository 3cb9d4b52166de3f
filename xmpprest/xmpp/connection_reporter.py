"""Logs why there is no connection to the XMPP server, and chooses retry delays."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.error import StreamError

_log = Logger()

#: Seconds between two attempts while the server refuses the component.
STREAM_ERROR_DELAY = 30.0
#: Seconds until the next attempt after an established stream was closed with an error
#: that does not concern the connection.
STREAM_CLOSED_DELAY = 2.0
#: Seconds between two attempts while nothing listens on the port. An attempt costs
#: little, and the connection is back soon after the server.
CONNECTION_REFUSED_DELAY = 1.5
#: The delay after the loss of a stream, which doubles with every further failure, and
#: its maximum, in seconds.
BACKOFF = (0.5, 30.0)

#: Advice about stream errors (RFC 6120 §4.9.3), by condition.
ADVICE = {
    "conflict": "another component is connected with this domain; stop it, or wait"
    " until the server notices that an old connection is gone (with the setting"
    ' component_conflict_resolve = "kick_old", Prosody replaces it at once)',
    "host-unknown": "the server has no component with this domain; add it to the"
    " server's configuration, or correct --domain; or this is the port for clients"
    " (5222), and --server must give the one for components (5347)",
    "invalid-namespace": "this is not the server's port for components (XEP-0114); give"
    " that port, 5347 by default, in --server",
    "not-authorized": "the secret is wrong; compare it with component_secret (Prosody)"
    " or password (ejabberd) of this domain",
    "system-shutdown": "the server is shutting down",
}


#: Advice about errors that prevent a connection; each ends a sentence.
CONNECT_ADVICE: Mapping[type[BaseException], str] = {
    error.ConnectionRefusedError: "nothing listens on this port; start the XMPP server,"
    " or correct --server (Prosody and ejabberd use port 5347 for components)",
    error.DNSLookupError: "the host name cannot be resolved; correct it in --server, or"
    " add it to the DNS or /etc/hosts",
    error.TimeoutError: "there was no answer; correct the host in --server, or let the"
    " firewall allow the connection",
    error.UnknownHostError: "the host name cannot be resolved; correct it in --server",
    error.NoRouteError: "there is no route to this host; correct the host in --server",
}


def connectAdvice(reason: Failure) -> str:
    """Return the end of a sentence about a failed attempt to connect."""
    known = reason.check(*CONNECT_ADVICE)
    return CONNECT_ADVICE[known] if known else _words(reason)


#: Kinds of failure that are counted, besides the conditions in L{ADVICE}.
UNREACHABLE, NO_HANDSHAKE, LOST, OTHER = "unreachable", "handshake", "lost", "other"


class ConnectionReporter:
    """
    Logs and counts failures of the connection to the XMPP server.

    @ivar failureCounts: The number of failures by kind, from a fixed set.
    @ivar fault: The last problem, with advice; C{None} while the stream is up.
    """

    def __init__(self, subject: str) -> None:
        """
        @param subject: The server's endpoint, which begins each log line.
        """
        self._subject = subject
        self._failures = 0
        self._delay: float | None = None
        self._up = False
        self._explained = False
        self.fault: str | None = None
        self.failureCounts = dict.fromkeys(
            (UNREACHABLE, NO_HANDSHAKE, LOST, *ADVICE, OTHER), 0
        )

    def nextDelay(self) -> float:
        """Return the seconds until the next attempt."""
        if self._delay is not None:
            return self._delay
        first, longest = BACKOFF
        return min(first * 2.0 ** min(self._failures, 10), longest)

    def connected(self) -> None:
        """Handle a new connection, before the handshake."""
        self._delay = None
        self._up = self._explained = False

    def streamEstablished(self) -> None:
        """Handle an accepted handshake."""
        self._up = True
        self._failures, self._delay, self.fault = 0, None, None
        _log.info("{subject}: connected.", subject=self._subject)

    def connectFailed(self, reason: Failure) -> None:
        """Handle a failed attempt to connect."""
        if reason.check(CancelledError):
            return
        self._failures += 1
        self.failureCounts[UNREACHABLE] += 1
        self._delay = (
            CONNECTION_REFUSED_DELAY
            if reason.check(error.ConnectionRefusedError)
            else None
        )
        self._say(f"cannot connect: {connectAdvice(reason)}")

    def handshakeFailed(self, what: str) -> None:
        """Handle a failed handshake, unless the server has sent the reason."""
        if not self._explained:
            self._explained = True
            self._failures += 1
            self.failureCounts[NO_HANDSHAKE] += 1
            self._say(what)

    def streamError(self, reason: Failure) -> None:
        """
        Handle the end of a stream.

        @param reason: The server's L{StreamError}; another error if the server sent
            invalid XML.
        """
        problem = reason.value
        if not isinstance(problem, StreamError):
            self.handshakeFailed(f"the server sent invalid XML: {_words(reason)}")
            return
        self._explained = True
        self._failures += 1
        self.failureCounts[
            problem.condition if problem.condition in ADVICE else OTHER
        ] += 1
        text = f" ({problem.text})" if problem.text else ""
        advice = ADVICE.get(problem.condition, "the server's log may say more")
        self._say(f"stream error {problem.condition}{text}: {advice}")
        if self._up and problem.condition not in ADVICE:
            # A stanza may be the reason, which the outbox will isolate.
            self._delay = STREAM_CLOSED_DELAY
        elif problem.condition != "system-shutdown":
            self._delay = STREAM_ERROR_DELAY

    def connectionLost(self, reason: Failure) -> None:
        """Handle the loss of the connection; log it unless the reason was logged."""
        if not self._up:
            self.handshakeFailed(
                f"the server closed the connection during the handshake:"
                f" {_words(reason)}"
            )
        elif not self._explained:
            self.failureCounts[LOST] += 1
            self._say(f"lost the connection: {_words(reason)}")

    def _say(self, what: str) -> None:
        """Log a problem, unless it is the one that was logged last."""
        if what != self.fault:
            _log.error(
                "{subject}: {what}. Trying again.",
                subject=self._subject,
                what=what,
            )
        self.fault = what


def _words(reason: Failure) -> str:
    """Return the message of an exception without its full stop."""
    return str(reason.getErrorMessage()).rstrip(".")
