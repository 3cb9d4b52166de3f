"""
A certificate authority that only tests trust.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """
    Three PEM files.

    @ivar caFile: the certificate of the authority that signed.
    @ivar certificateFile: the certificate.
    @ivar keyFile: its private key.
    """

    caFile: Path
    certificateFile: Path
    keyFile: Path


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _draft(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )


class Authority:
    """
    Issues certificates, and writes them to a directory.

    @ivar caFile: what has to be trusted, in PEM.
    """

    _NAME = "xmpprest test authority"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.caFile = directory / "ca.pem"
        certificate = (
            _draft(self._NAME, self._key, self._NAME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.caFile.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, *names: str) -> Certificate:
        """
        Make a server certificate.

        @param names: the host names and IP addresses it is valid for; the
            first is also the name of the files.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _draft(names[0], key, self._NAME)
            .add_extension(
                x509.SubjectAlternativeName([_alternative(name) for name in names]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        certificateFile = self._directory / f"{names[0]}.pem"
        keyFile = self._directory / f"{names[0]}.key.pem"
        certificateFile.write_bytes(certificate.public_bytes(Encoding.PEM))
        keyFile.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return Certificate(self.caFile, certificateFile, keyFile)
