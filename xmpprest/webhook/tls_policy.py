"""Which certificates a callback may show, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

_PEM_END = b"-----END CERTIFICATE-----"


class UntrustedCertificate(Exception):
    """The certificate is refused; the message says why."""


_UNKNOWN_CA = "its certificate is from an unknown CA; give the CA in --callback-ca-file"

#: X509_STORE_CTX_get_error(3), in words to an operator.
_VERIFY_ERRORS = {
    7: _UNKNOWN_CA,
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed; give it in --callback-ca-file",
    19: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    23: "its certificate has been revoked",
}


@implementer(IPolicyForHTTPS)
class WebhookTLSPolicy:
    """
    Verifies the chain and the name of every server, and says what is wrong.
    """

    def __init__(self, caFile: str | None = None) -> None:
        """
        @param caFile: A PEM file with the CAs to trust instead of the platform's.
        @raise OSError: The file cannot be read.
        @raise ValueError: There is no certificate in it.
        """
        self._trustRoot = (
            platformTrust() if caFile is None else _authorities(Path(caFile))
        )

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        """The way to make TLS connections to a server."""
        creator: IOpenSSLClientConnectionCreator = _ExplainingCreator(
            hostname.decode("ascii"), self._trustRoot
        )
        return creator


def _authorities(path: Path) -> Any:  # Twisted keeps the interface to itself
    blocks = path.read_bytes().split(_PEM_END)[:-1]
    if not blocks:
        raise ValueError(f"{path} holds no PEM certificate")
    try:
        certificates = [Certificate.loadPEM(block + _PEM_END) for block in blocks]
    except crypto.Error:
        raise ValueError(f"{path} holds a certificate that is damaged") from None
    return trustRootFromCertificates(certificates)


@implementer(IOpenSSLClientConnectionCreator)
class _ExplainingCreator:
    """
    Makes connections that fail with L{UntrustedCertificate}, where OpenSSL by
    itself says no more than "certificate verify failed".
    """

    def __init__(self, hostname: str, trustRoot: Any) -> None:
        self._hostname = hostname
        self._options = optionsForClientTLS(hostname, trustRoot)
        isIP = isIPAddress(hostname) or isIPv6Address(hostname)
        self._identity = IPAddress_ID(hostname) if isIP else DNS_ID(hostname)

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """A connection to a server."""
        connection: SSL.Connection = self._options.clientConnectionForTLS(tlsProtocol)

        def verified(
            conn: SSL.Connection, cert: crypto.X509, code: int, depth: int, ok: int
        ) -> bool:
            if not ok:
                fault = _VERIFY_ERRORS.get(
                    code, f"its certificate is bad (X509 {code})"
                )
            else:
                fault = self._misnomer(cert) if depth == 0 else ""
            if fault:
                tlsProtocol.failVerification(Failure(UntrustedCertificate(fault)))
            return not fault

        # A connection has one callback, so this takes the place of Twisted's; that
        # one accepts a certificate without any name, for every host (26.10).
        connection.set_verify(SSL.VERIFY_PEER, verified)
        return connection

    def _misnomer(self, certificate: crypto.X509) -> str:
        """Return the fault in the names of a certificate (RFC 9525); empty if none."""
        try:
            names = extract_patterns(certificate)
            verify_service_identity(names, [self._identity], [])
        except VerificationError:
            return f"its certificate is not for {self._hostname}"
        except (CertificateError, ValueError):
            return "its certificate has no names, or none that can be read"
        return ""
