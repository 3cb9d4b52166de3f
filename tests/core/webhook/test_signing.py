"""Tests of L{xmpprest.core.webhook.signing}."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from tests.core.codec.case import CoreTestCase
from xmpprest.core.webhook.signing import SECRET_FORMAT_HINT, Signer, parseSecret

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

#: What the libraries of Standard Webhooks are tested with, and its signature.
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def write(key: bytes) -> str:
    """A key as a secret."""
    return f"whsec_{base64.b64encode(key).decode()}"


class SecretTests(CoreTestCase):
    """
    L{parseSecret}
    """

    def test_key(self) -> None:
        """
        A secret is its key in base64.
        """
        self.assertEqual(parseSecret(SECRET), KEY)

    @given(st.binary(min_size=24, max_size=64))
    def test_every(self, key: bytes) -> None:
        """
        So is every key of the length that the specification allows; the library
        reads the same.
        """
        self.assertEqual(parseSecret(write(key)), key)
        (_, _, (_, ours)) = Signer([write(key)]).headers("1", 1, b"x")
        when = datetime.fromtimestamp(1, UTC)
        self.assertEqual(Webhook(write(key)).sign("1", when, "x"), ours)

    def test_refused(self) -> None:
        """
        Anything else is refused; the message says what was expected, and nothing of
        what was given.
        """
        encoded = SECRET[6:]
        table = {
            "nothing": "",
            "nothing behind the prefix": "whsec_",
            "no prefix": encoded,
            "another prefix": f"whsk_{encoded}",
            "the prefix in capitals": f"WHSEC_{encoded}",
            "the prefix twice": f"whsec_whsec_{encoded}",
            "23 bytes": write(b"k" * 23),
            "65 bytes": write(b"k" * 65),
            "no padding": write(b"k" * 25).rstrip("="),
            "too much padding": f"{SECRET}==",
            "bits beyond the end": write(b"\xff" * 25)[:-4] + "/x==",
            "one letter less": SECRET[:-1],
            "hexadecimal": f"whsec_{'0f' * 32}x",
            "for URLs": f"whsec_{'-_' * 16}",
            "a space within": f"whsec_{encoded[:8]} {encoded[8:]}",
            "a space around": f" {SECRET}",
            "a line end": f"{SECRET}\n",
            "not ASCII": f"{SECRET}é",
            "no Unicode": f"{SECRET}\ud800",
        }
        for name, secret in table.items():
            error = self.assertRaises(ValueError, parseSecret, secret)
            self.assertEqual(str(error), SECRET_FORMAT_HINT, name)


class SignerTests(CoreTestCase):
    """
    L{Signer}
    """

    def test_example(self) -> None:
        """
        The specification's libraries sign the same as the same.
        """
        self.assertEqual(
            Signer([SECRET]).headers(ID, TIMESTAMP, BODY),
            [
                ("webhook-id", ID),
                ("webhook-timestamp", str(TIMESTAMP)),
                ("webhook-signature", SIGNATURE),
            ],
        )

    def test_unsigned(self) -> None:
        """
        Without a secret there is an id and a time, and no signature.
        """
        self.assertEqual(
            Signer().headers(ID, TIMESTAMP, BODY),
            [("webhook-id", ID), ("webhook-timestamp", str(TIMESTAMP))],
        )

    def test_several(self) -> None:
        """
        Each of several secrets signs, in their order.
        """
        one, two, both = (
            dict(Signer(secrets).headers(ID, TIMESTAMP, BODY))["webhook-signature"]
            for secrets in ([SECRET], [OTHER], [SECRET, OTHER])
        )
        self.assertEqual(both, f"{one} {two}")
        self.assertNotEqual(one, two)

    @given(
        st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        st.integers(0, 2**40),
        st.binary(),
    )
    def test_every(self, id: str, timestamp: int, body: bytes) -> None:
        """The signature covers the bytes of id, time and body."""
        headers = dict(Signer([SECRET]).headers(id, timestamp, body))
        signed = f"{id}.{timestamp}.".encode() + body
        digest = hmac.new(KEY, signed, hashlib.sha256).digest()
        version, _, signature = headers["webhook-signature"].partition(",")
        self.assertEqual(version, "v1")
        self.assertEqual(base64.b64decode(signature, validate=True), digest)

    def test_id(self) -> None:
        """
        An id that could be taken for more than an id is refused.
        """
        for id in ("", "a.b", "a b", "a\r\nX: y", "é", "a\n"):
            self.assertRaises(ValueError, Signer([SECRET]).headers, id, 1, b"")
            self.assertRaises(ValueError, Signer().headers, id, 1, b"")

    def test_badSecret(self) -> None:
        """A bad secret makes no signer."""
        self.assertRaises(ValueError, Signer, [SECRET, "x"])
