"""Tests for L{xmpprest.xmpp.connection_diagnosis}."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.doubles import DOMAIN, HeldEndpoint
from xmpprest.xmpp.component import ComponentService
from xmpprest.xmpp.connection_diagnosis import ConnectionDiagnosis, ConnectionFailed
from xmpprest.xmpp.sender import StanzaSender


class DiagnosisTests(SynchronousTestCase):
    """
    Tests for L{ConnectionDiagnosis}, given to a L{ComponentService}.
    """

    def setUp(self) -> None:
        self.endpoint = HeldEndpoint()
        self.diagnosis = ConnectionDiagnosis("tcp:xmpp.example:5347")
        clock = Clock()
        component = ComponentService(
            self.endpoint,
            "",
            lambda: "hush",
            clock,
            sender=StanzaSender(DOMAIN, clock),
            handler=lambda stanza: None,
            reporter=self.diagnosis,
        )
        component.startService()

    def fault(self) -> ConnectionFailed:
        """Return the diagnosis of an attempt that led to no stream."""
        found = self.failureResultOf(self.diagnosis.outcome, ConnectionFailed).value
        assert isinstance(found, ConnectionFailed)
        return found

    def assertFault(self, words: str, reached: bool) -> None:
        """This is said to be wrong."""
        fault = self.fault()
        self.assertIn(words, str(fault))
        self.assertEqual(fault.reached, reached)

    def test_well(self) -> None:
        """An attempt that led to a stream has no fault, whatever happens later."""
        server = self.endpoint.accept()
        self.assertNoResult(self.diagnosis.outcome)
        server.accept()
        self.successResultOf(self.diagnosis.outcome)
        server.lose()

    def test_unknownName(self) -> None:
        """
        The name of the server is not known.
        """
        self.endpoint.refuse(error.DNSLookupError("no such name"))
        self.assertFault("correct it in --server", False)

    def test_unreached(self) -> None:
        """The server cannot be reached."""
        self.endpoint.refuse(error.TimeoutError())
        self.assertFault("firewall", False)

    def test_refused(self) -> None:
        """
        Nothing listens there.
        """
        self.endpoint.refuse(error.ConnectionRefusedError())
        self.assertFault("correct --server", False)

    def test_otherwise(self) -> None:
        """An unforeseen error is reported as it is."""
        self.endpoint.refuse(ValueError("the moon is full."))
        self.assertFault("the moon is full", False)

    def test_streamErrors(self) -> None:
        """The stream error of the server is reported with a remedy."""
        for condition, words in (
            ("conflict", "another component is connected"),
            ("host-unknown", "add it to the server's configuration"),
            ("not-authorized", "compare it with component_secret"),
        ):
            self.setUp()
            server = self.endpoint.accept()
            server.open()
            server.fail(condition)
            self.assertFault(words, True)

    def test_certificates(self) -> None:
        """
        TLS fails only after connecting; the server counts as not reached.
        """
        for problem, words in (
            (VerificationError(errors=[]), "for another name"),
            (SSL.Error([("", "", "certificate verify failed")]), "trustRoots="),
            (SSL.Error([("", "", "wrong version number")]), "does not use TLS"),
            (SSL.Error([("", "", "weather")]), "TLS failed"),
        ):
            self.setUp()
            self.endpoint.accept().lose(problem)
            self.assertFault(words, False)

    def test_closed(self) -> None:
        """
        A server that just goes may be none for components.
        """
        self.endpoint.accept().lose()
        self.assertFault("perhaps this is not the server's port for components", True)

    def test_closedTLS(self) -> None:
        """
        With TLS it may be that, too.
        """
        diagnosis = ConnectionDiagnosis("tls:xmpp.example:5347")
        diagnosis.connected()
        diagnosis.connectionLost(Failure(error.ConnectionDone()))
        reason = self.failureResultOf(diagnosis.outcome, ConnectionFailed)
        self.assertIn("the port does not use TLS, or", reason.getErrorMessage())

    def test_missed(self) -> None:
        """
        Without an outcome, it matters how far it came.
        """
        self.assertIn("firewall", str(self.diagnosis.timeoutReason(10)))
        self.endpoint.accept()
        self.assertIn(
            "did not accept the handshake within 10 s; perhaps this",
            str(self.diagnosis.timeoutReason(10)),
        )
