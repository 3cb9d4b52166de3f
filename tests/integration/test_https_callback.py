"""Tests of the client of callbacks with TLS, over real sockets."""

from __future__ import annotations

import socket
from pathlib import Path
from unittest import SkipTest

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs

from tests.support.doubles import said
from tests.support.loopback import LoopbackTestCase
from tests.support.odd_certificates import DAY, OddAuthority
from tests.support.server_certificates import Certificate
from xmpprest.webhook.http_client import BoundedClient
from xmpprest.webhook.tls_policy import WebhookTLSPolicy

UNKNOWN = "its certificate is from an unknown CA; give the CA in --callback-ca-file"


class HTTPSTestCase(LoopbackTestCase):
    """
    A test with an authority.
    """

    def setUp(self) -> None:
        """Have one."""
        self.directory = self.anotherDirectory()
        self.authority = OddAuthority(self.directory)

    def anotherDirectory(self) -> Path:
        """Another directory for an authority."""
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        return directory

    def client(self, caFile: Path | None) -> BoundedClient:
        """A client that trusts the CAs in a file, or those of the platform."""
        from twisted.internet import reactor

        trust = WebhookTLSPolicy(None if caFile is None else str(caFile))
        client = BoundedClient(reactor, trust, 4, 1000)
        self.addCleanup(client.close)
        return client

    async def check(
        self, certificate: Certificate, host: str = "localhost", trusted: bool = True
    ) -> str:
        """Why the server's certificate is refused; it must be."""
        port = await self.listen(certificate=certificate)
        client = self.client(self.authority.caFile if trusted else None)
        with capturedLogs() as logs:
            reason = await self.reason(client, f"https://{host}:{port}/")
        self.assertEqual([], said(logs))
        return reason


class GoodTests(HTTPSTestCase):
    """
    Tests of certificates that are good.
    """

    async def test_name(self) -> None:
        """
        A certificate of the trusted CA, for the name in the URL, is good.
        """
        port = await self.listen(certificate=self.authority.issue("localhost"))
        client = self.client(self.authority.caFile)
        for _ in range(3):
            answer = await self.ask(client, f"https://localhost:{port}/")
            self.assertEqual(b"ok", answer.body)
        self.assertEqual(1, self.factory.connections)

    async def test_address(self) -> None:
        """
        So is one for the address in the URL.
        """
        port = await self.listen(certificate=self.authority.issue("127.0.0.1"))
        client = self.client(self.authority.caFile)
        answer = await self.ask(client, f"https://127.0.0.1:{port}/")
        self.assertEqual(b"ok", answer.body)

    async def test_ipv6(self) -> None:
        """
        So is one for an IPv6 address.
        """
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            raise SkipTest("this system has no IPv6") from None
        certificate = self.authority.issue("::1")
        # A colon in a path would have to be escaped in the endpoint's description.
        for file in (certificate.certificateFile, certificate.keyFile):
            file.rename(file.with_name(file.name.replace(":", "-")))
        certificate = Certificate(
            certificate.caFile,
            self.directory / "--1.pem",
            self.directory / "--1.key.pem",
        )
        port = await self.listen(certificate=certificate, interface="::1")
        client = self.client(self.authority.caFile)
        answer = await self.ask(client, f"https://[::1]:{port}/")
        self.assertEqual(b"ok", answer.body)

    async def test_selfSigned(self) -> None:
        """
        A certificate that is signed by itself is good where it is the one given.
        """
        certificate = self.authority.issueOdd("localhost", selfSigned=True)
        port = await self.listen(certificate=certificate)
        client = self.client(certificate.certificateFile)
        answer = await self.ask(client, f"https://localhost:{port}/")
        self.assertEqual(b"ok", answer.body)

    async def test_long(self) -> None:
        """
        A long request arrives whole, and what comes back is still counted right.
        """
        port = await self.listen(certificate=self.authority.issue("localhost"))
        client = self.client(self.authority.caFile)
        for _ in range(3):
            answer = await self.ask(
                client, f"https://localhost:{port}/", b"x" * 100_000
            )
            self.assertEqual(b"ok", answer.body)
        self.assertEqual(1, self.factory.connections)

    async def test_parallel(self) -> None:
        """
        Requests run on connections of their own; the scheduler limits their number.
        """
        port = await self.listen(certificate=self.authority.issue("localhost"))
        client = self.client(self.authority.caFile)
        answers = await gatherResults(
            Deferred.fromCoroutine(self.ask(client, f"https://localhost:{port}/"))
            for _ in range(12)
        )
        self.assertEqual([b"ok"] * 12, [answer.body for answer in answers])
        self.assertGreater(self.factory.connections, 1)


class _Plain(Protocol):
    """A server of plain HTTP, asked for something else."""

    def dataReceived(self, data: bytes) -> None:
        """This is no request."""
        assert self.transport is not None
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.transport.loseConnection()


class BadTests(HTTPSTestCase):
    """
    Tests of certificates that are refused; the reason tells why.
    """

    async def test_otherName(self) -> None:
        """
        A certificate for another name is refused.
        """
        self.assertEqual(
            "its certificate is not for localhost",
            await self.check(self.authority.issue("other.example", "*.other.example")),
        )

    async def test_otherAddress(self) -> None:
        """
        A certificate for another address is refused, or for a name only.
        """
        for name in ("127.0.0.2", "localhost"):
            self.assertEqual(
                "its certificate is not for 127.0.0.1",
                await self.check(self.authority.issue(name), "127.0.0.1"),
            )

    async def test_noName(self) -> None:
        """
        A certificate without names is refused, whatever its common name is.
        """
        self.assertEqual(
            "its certificate has no names, or none that can be read",
            await self.check(self.authority.issueOdd()),
        )

    async def test_expired(self) -> None:
        """
        A certificate that has expired is refused.
        """
        self.assertEqual(
            "its certificate has expired",
            await self.check(
                self.authority.issueOdd("localhost", start=-2 * DAY, end=-DAY)
            ),
        )

    async def test_notYetValid(self) -> None:
        """
        A certificate that is not valid yet is refused.
        """
        self.assertEqual(
            "its certificate is not valid yet",
            await self.check(
                self.authority.issueOdd("localhost", start=DAY, end=2 * DAY)
            ),
        )

    async def test_selfSigned(self) -> None:
        """
        A certificate that is signed by itself is refused.
        """
        self.assertEqual(
            "its certificate is self-signed; give it in --callback-ca-file",
            await self.check(self.authority.issueOdd("localhost", selfSigned=True)),
        )

    async def test_unknownCA(self) -> None:
        """
        A certificate of another CA is refused, even if that has the same name.
        """
        other = OddAuthority(self.anotherDirectory())
        self.assertEqual(UNKNOWN, await self.check(other.issue("localhost")))

    async def test_platform(self) -> None:
        """
        The platform does not trust a private CA.
        """
        certificate = self.authority.issue("localhost")
        self.assertEqual(UNKNOWN, await self.check(certificate, trusted=False))

    async def test_privateOnly(self) -> None:
        """
        A private CA is trusted instead of the platform's, for callbacks only.
        """
        certificate = self.authority.issue("localhost")
        port = await self.listen(certificate=certificate)
        url = f"https://localhost:{port}/"
        await self.ask(self.client(self.authority.caFile), url)
        self.assertEqual(UNKNOWN, await self.reason(self.client(None), url))

    async def test_plainHTTP(self) -> None:
        """
        A server that does not speak TLS is no answer.
        """
        port = await self.serve(Factory.forProtocol(_Plain))
        client = self.client(self.authority.caFile)
        self.assertEqual(
            "TLS failed: wrong version number",
            await self.reason(client, f"https://localhost:{port}/"),
        )

    async def test_httpToHTTPS(self) -> None:
        """
        Nor is a server that speaks TLS where it should not.
        """
        port = await self.listen(certificate=self.authority.issue("localhost"))
        client = self.client(None)
        reason = await self.reason(client, f"http://localhost:{port}/")
        self.assertIn(
            reason,
            (
                "its answer is not HTTP (ParseError)",
                "it closed the connection before its answer was complete",
            ),
        )
