"""Diagnoses the first failure of the connection, for the doctor."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .connection_reporter import (
    ADVICE,
    CONNECT_ADVICE,
    ConnectionReporter,
    connectAdvice,
)

_WRONG_PORT = ADVICE["invalid-namespace"]

#: Parts of OpenSSL's messages, and advice.
_TLS_FAULTS = (
    (
        "certificate verify failed",
        "the server's certificate is from an unknown CA, or has expired; give the"
        " directory with your CA, as in tls:HOST:PORT:trustRoots=DIRECTORY",
    ),
    (
        "wrong version number",
        "this port does not use TLS; give the port with TLS in --server, or tcp:"
        " instead of tls:",
    ),
)


class ConnectionFailed(Exception):
    """
    The attempt to connect failed. The message is the reason, as the end of a sentence.

    @ivar reached: Whether the server was reached.
    """

    def __init__(self, what: str, reached: bool) -> None:
        super().__init__(what)
        self.reached = reached


class ConnectionDiagnosis(ConnectionReporter):
    """
    Reports the first failure to a Deferred instead of the log.

    @ivar outcome: Fires when the stream is up, or fails with L{ConnectionFailed}.
    """

    def __init__(self, subject: str) -> None:
        """
        @param subject: The endpoint, as the configuration has it.
        """
        super().__init__(subject)
        noTLS = "the port does not use TLS, or " if subject.startswith("tls:") else ""
        self._wrongPort = noTLS + _WRONG_PORT
        self.outcome: Deferred[None] = Deferred()
        self._reached = False

    def timeoutReason(self, seconds: float) -> ConnectionFailed:
        """Return the error for a check that has taken too long."""
        if not self._reached:
            words = CONNECT_ADVICE[error.TimeoutError]
            return ConnectionFailed(f"{words} ({seconds:g} s)", False)
        words = f"the server did not accept the handshake within {seconds:g} s"
        return ConnectionFailed(f"{words}; perhaps {self._wrongPort}", True)

    def connected(self) -> None:
        """Handle a new connection, before the handshake."""
        super().connected()
        self._reached = True

    def streamEstablished(self) -> None:
        """Report success."""
        super().streamEstablished()
        self._tell(None)

    def connectFailed(self, reason: Failure) -> None:
        """Report a failed attempt to connect."""
        if not reason.check(CancelledError):
            self._say(connectAdvice(reason))

    def handshakeFailed(self, what: str) -> None:
        """Report a failed handshake."""
        if _WRONG_PORT not in what:
            what = f"{what}; perhaps {self._wrongPort}"
        super().handshakeFailed(what)

    def connectionLost(self, reason: Failure) -> None:
        """
        Handle the loss of the connection; a failure of TLS comes only after
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
    """Return advice about a failure of TLS; C{None} if it is another failure."""
    if reason.check(VerificationError, CertificateError):
        return (
            "the server's certificate is for another name; give that name in --server,"
            " or give the server a certificate for this name"
        )
    if not reason.check(SSL.Error):
        return None
    said = str(reason.value)
    for sign, words in _TLS_FAULTS:
        if sign in said:
            return words
    return f"TLS failed: {said}; the server's log may say more"
