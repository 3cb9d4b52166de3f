"""Finds out whether an endpoint with TLS has a certificate."""

from __future__ import annotations

import re
from pathlib import Path

#: Matches endpoints that have certificates.
TLS = re.compile("(haproxy:)?(tls|ssl):")


def checkCertificates(description: str) -> None:
    """
    Check that a C{tls:} endpoint finds a certificate; Twisted listens without one, and
    then fails each handshake.

    @raise ValueError: It finds none; the message says what is expected.
    """
    match = re.match(r"(?:haproxy:)?tls:((?:[^:\\]|\\.)+)", description)
    if match is None:
        return
    directory = Path(re.sub(r"\\(.)", r"\1", match[1]))
    try:
        texts = [each.read_bytes() for each in sorted(directory.rglob("*.pem"))]
    except OSError as error:
        raise ValueError(
            f"{error.filename} cannot be read: {error.strerror}."
        ) from None
    for sign in (b"CERTIFICATE-----", b"PRIVATE KEY-----"):
        if not any(sign in each for each in texts):
            what = sign.strip(b"-").decode().lower()
            raise ValueError(
                f"{description} has no {what} in {directory}: expected *.pem files with"
                " certificates and their keys."
            )
