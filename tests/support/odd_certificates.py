"""
Certificates with which something is wrong.
"""

from __future__ import annotations

import datetime
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

from tests.support.server_certificates import Authority, Certificate

DAY = datetime.timedelta(days=1)


class OddAuthority(Authority):
    """
    An authority that also issues certificates that nobody should accept.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._odd = directory

    def issueOdd(
        self,
        *names: str,
        start: datetime.timedelta = -DAY,
        end: datetime.timedelta = DAY,
        selfSigned: bool = False,
    ) -> Certificate:
        """
        Make a server certificate.

        @param names: The host names that it is valid for; there may be none.
        @param start: When it begins to be valid, from now.
        @param end: When it ceases to be.
        @param selfSigned: Whether it is signed by itself, not by the authority.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        # What clients looked at before RFC 9525.
        common = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._NAME)])
        now = datetime.datetime.now(datetime.UTC)
        draft = (
            x509.CertificateBuilder()
            .subject_name(common)
            .issuer_name(common if selfSigned else issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
            draft = draft.add_extension(alternatives, critical=False)
        certificate = draft.sign(key if selfSigned else self._key, hashes.SHA256())
        certificateFile = self._odd / "odd.pem"
        keyFile = self._odd / "odd.key.pem"
        certificateFile.write_bytes(certificate.public_bytes(Encoding.PEM))
        keyFile.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return Certificate(self.caFile, certificateFile, keyFile)
