"""Knows why there is no stream, and what to change: for somebody who asks once."""

from __future__ import annotations

from collections.abc import Mapping

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .connection_reporter import ADVICE, ConnectionReporter

#: Why nobody could connect, by the error.
_UNREACHED: Mapping[type[BaseException], str] = {
    error.ConnectionRefusedError: "nothing listens there; start the XMPP server, or"
    " correct the port in --server (Prosody and ejabberd have 5347 for components)",
    error.DNSLookupError: "the name is not known; correct the host in --server, or its"
    " entry in the DNS or /etc/hosts",
    error.TimeoutError: "there was no answer; correct the host in --server, or let a"
    " firewall in between allow it",
    error.UnknownHostError: "the name is not known; correct the host in --server",
}

_WRONG_PORT = ADVICE["invalid-namespace"]

#: What OpenSSL says, and what it means.
_TLS_FAULTS = (
    (
        "certificate verify failed",
        "the server's certificate is not from a CA that is trusted here, or has"
        " expired; give the directory with your CA, as in tls:HOST:PORT:trustRoots=DIR",
    ),
    (
        "wrong version number",
        "this port does not speak TLS; give the port that does in --server, or tcp:"
        " instead of tls:",
    ),
)


class ConnectionFailed(Exception):
    """
    There is no stream; the message says why, to stand within a sentence.

    @ivar reached: Whether the server was reached, so that it is not the way to it.
    """

    def __init__(self, what: str, reached: bool) -> None:
        super().__init__(what)
        self.reached = reached


class ConnectionDiagnosis(ConnectionReporter):
    """
    The first thing that is wrong, told to who waits for it instead of to the log.

    @ivar outcome: Fires once the stream is up, or fails with L{ConnectionFailed}.
    """

    def __init__(self, subject: str) -> None:
        """
        @param subject: The endpoint, as the configuration has it.
        """
        super().__init__(subject)
        noTLS = "it does not speak TLS, or " if subject.startswith("tls:") else ""
        self._wrongPort = noTLS + _WRONG_PORT
        self.outcome: Deferred[None] = Deferred()
        self._reached = False

    def timeoutReason(self, seconds: float) -> ConnectionFailed:
        """What is wrong if there is no outcome within that time."""
        if not self._reached:
            words = _UNREACHED[error.TimeoutError]
            return ConnectionFailed(f"{words} ({seconds:g} s)", False)
        words = f"the handshake was not accepted within {seconds:g} s"
        return ConnectionFailed(f"{words}; perhaps {self._wrongPort}", True)

    def connected(self) -> None:
        """See L{ConnectionReporter.connected}."""
        super().connected()
        self._reached = True

    def streamEstablished(self) -> None:
        """See L{ConnectionReporter.streamEstablished}."""
        super().streamEstablished()
        self._tell(None)

    def connectFailed(self, reason: Failure) -> None:
        """See L{ConnectionReporter.connectFailed}."""
        if not reason.check(CancelledError):
            known = reason.check(*_UNREACHED)
            self._say(_UNREACHED[known] if known else _words(reason))

    def handshakeFailed(self, what: str) -> None:
        """See L{ConnectionReporter.handshakeFailed}."""
        if _WRONG_PORT not in what:
            what = f"{what}; perhaps {self._wrongPort}"
        super().handshakeFailed(what)

    def connectionLost(self, reason: Failure) -> None:
        """
        See L{ConnectionReporter.connectionLost}; with TLS, its failure comes only after
        connecting.
        """
        fault = _tlsFault(reason)
        if fault is None:
            super().connectionLost(reason)
        else:
            self._reached = False
            self._say(fault)

    def _say(self, what: str) -> None:
        self._tell(Failure(ConnectionFailed(what, self._reached)))

    def _tell(self, result: Failure | None) -> None:
        if not self.outcome.called:
            self.outcome.callback(result)


def _tlsFault(reason: Failure) -> str | None:
    """What is wrong with the TLS; C{None} if it is not that."""
    if reason.check(VerificationError, CertificateError):
        return (
            "the server's certificate is for another name; give the name that it is"
            " for in --server, or the server a certificate with that name"
        )
    if not reason.check(SSL.Error):
        return None
    said = str(reason.value)
    for sign, words in _TLS_FAULTS:
        if sign in said:
            return words
    return f"TLS failed: {said}; the server's log may say more"


def _words(reason: Failure) -> str:
    return str(reason.getErrorMessage()).rstrip(".")
