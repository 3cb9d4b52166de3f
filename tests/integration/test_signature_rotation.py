"""
Tests of the signatures while a secret is rotated: the library of Standard Webhooks
verifies every POST of the gateway.

The environment variable C{XMPPREST_SIGNATURES} sets how many go over HTTP.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.support.delivery import NoTLS
from tests.support.doubles import DOMAIN, stanza
from tests.support.loopback import LoopbackTestCase
from xmpprest.core.media.formats import FORM, JSON, XML
from xmpprest.core.webhook.signing import Signer
from xmpprest.webhook.client import WebhookClient
from xmpprest.webhook.http_client import BoundedClient, HTTPResponse

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

#: What the gateway signs with, one after the other. The callback exchanges the old for
#: the new at any time in the middle, so that there it may have either.
ROTATION = ((OLD,), (OLD, NEW), (NEW,))

IN_MEMORY = 100_000
OVER_HTTP = int(os.environ.get("XMPPREST_SIGNATURES", "2000"))
CONNECTIONS = 32

STANZAS = [
    stanza(f"<message from='ann@example.com/home' to='bot@{DOMAIN}' {rest}</message>")
    for rest in (
        "type='chat' id='1'><body>hi</body>",
        "type='chat' id='2' xml:lang='de'><body>Grüße, 🤖\n 1 &lt; 2 </body>",
        "type='groupchat' id='3'><body>a.b.c</body><x xmlns='urn:x'/>",
        ">",
    )
]

#: As which they are posted; the library takes the body for text, which CBOR is not.
TYPES = (XML, JSON, FORM)


class Callback:
    """
    Verifies what is posted to it.

    @ivar has: The secrets that a callback may have at the moment, each alone.
    @ivar verified: By the secret, how many posts a callback that has it would take.
    @ivar refused: The same for those that it would not.
    """

    def __init__(self) -> None:
        self.has: tuple[str, ...] = ()
        self.verified: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def receive(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take a post; the status."""
        for secret in self.has:
            try:
                Verifier(secret).verify(body, dict(headers), json_parse=False)
            except WebhookVerificationError:
                self.refused[secret] += 1
                return 401
            self.verified[secret] += 1
        return 204


class _Resource(Resource):
    """A callback over HTTP."""

    isLeaf = True

    def __init__(self, callback: Callback) -> None:
        super().__init__()
        self._callback = callback

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        raw = request.requestHeaders.getAllRawHeaders()
        body = request.content.read()
        request.setResponseCode(self._callback.receive(_texts(raw), body))
        return b""


class InMemory(BoundedClient):
    """A client that brings requests to a callback without any HTTP."""

    def __init__(self, callback: Callback) -> None:
        self._callback = callback

    async def request(
        self, method: bytes, url: bytes, headers: Headers, body: bytes = b""
    ) -> HTTPResponse:
        """Let the callback answer."""
        raw = headers.getAllRawHeaders()
        return HTTPResponse(self._callback.receive(_texts(raw), body), Headers(), b"")


def _texts(headers: Iterator[tuple[bytes, Any]]) -> dict[str, str]:
    return {name.decode(): values[0].decode() for name, values in headers}


def parts(count: int) -> list[range]:
    """The numbers of the posts in each part of the rotation."""
    ends = [count * number // len(ROTATION) for number in range(len(ROTATION) + 1)]
    return [range(*each) for each in pairwise(ends)]


async def rotate(
    client: BoundedClient, url: str, callback: Callback, count: int
) -> Counter[int]:
    """
    Post, while both sides go from the old secret to the new.

    @param callback: What is at the URL.
    @param count: How many times, in all.
    @return: How often each status was answered.
    """
    statuses: Counter[int] = Counter()

    async def post(webhook: WebhookClient, numbers: Iterator[int]) -> None:
        for number in numbers:
            webhook.contentType = TYPES[number % len(TYPES)]
            said = await webhook.post(STANZAS[number % len(STANZAS)], f"w{number}")
            statuses[said.status] += 1

    for secrets, part in zip(ROTATION, parts(count), strict=True):
        callback.has = secrets
        # Who changes a configuration restarts the gateway.
        webhook = WebhookClient(client, url, XML, DOMAIN, signer=Signer(secrets))
        numbers = iter(part)
        posting = [
            Deferred.fromCoroutine(post(webhook, numbers)) for _ in range(CONNECTIONS)
        ]
        await gatherResults(posting)
    return statuses


class RotationTests(LoopbackTestCase):
    """
    A secret is exchanged, and no post is refused.
    """

    timeout = 120 + OVER_HTTP // 50

    def assertAllVerified(
        self, callback: Callback, statuses: Counter[int], count: int
    ) -> None:
        """Each post was verified, in the middle by either secret."""
        old, both, new = map(len, parts(count))
        self.assertEqual(callback.refused, {})
        self.assertEqual(callback.verified, {OLD: old + both, NEW: both + new})
        self.assertEqual(statuses, {204: count})

    async def test_inMemory(self) -> None:
        """
        None of 100,000 posts is refused, whenever the callback takes the new secret.
        """
        callback = Callback()
        client = InMemory(callback)
        statuses = await rotate(client, "http://callback.example/", callback, IN_MEMORY)
        self.assertAllVerified(callback, statuses, IN_MEMORY)

    async def test_overHTTP(self) -> None:
        """
        None of the posts over HTTP is refused, whenever the callback takes the new
        secret.
        """
        from twisted.internet import reactor

        callback = Callback()
        site: Any = Site(_Resource(callback))  # No Factory, to the types.
        site.log = lambda request: None
        port = await self.serve(site)
        client = BoundedClient(reactor, NoTLS(), CONNECTIONS, 1000)
        self.addCleanup(client.close)
        url = f"http://127.0.0.1:{port}/"
        statuses = await rotate(client, url, callback, OVER_HTTP)
        self.assertAllVerified(callback, statuses, OVER_HTTP)


class RefusalTests(SynchronousTestCase):
    """
    The library refuses what it should, or the tests above would show nothing.
    """

    def post(self, secrets: tuple[str, ...], has: str, late: float = 0) -> int:
        """
        Post once; returns the status.

        @param has: The secret of the callback.
        @param late: Seconds that the gateway's clock is late.
        """
        callback = Callback()
        callback.has = (has,)
        webhook = WebhookClient(
            InMemory(callback),
            "http://callback.example/",
            XML,
            DOMAIN,
            signer=Signer(secrets),
            now=lambda: time.time() - late,
        )
        posting = webhook.post(STANZAS[0], "w1")
        return self.successResultOf(posting).status

    def test_tooEarly(self) -> None:
        """
        A callback that has the new secret before the gateway does refuses.
        """
        self.assertEqual(self.post((OLD,), has=NEW), 401)
        self.assertEqual(self.post((OLD, NEW), has=NEW), 204)

    def test_tooLate(self) -> None:
        """
        So does one that has the old when the gateway does no longer.
        """
        self.assertEqual(self.post((OLD, NEW), has=OLD), 204)
        self.assertEqual(self.post((NEW,), has=OLD), 401)

    def test_unsigned(self) -> None:
        """A post without a signature is refused."""
        self.assertEqual(self.post((), has=OLD), 401)

    def test_time(self) -> None:
        """
        The time that is signed is that of the attempt, in seconds.
        """
        for late, status in [(200, 204), (-200, 204), (400, 401), (-1000, 401)]:
            self.assertEqual(self.post((OLD,), has=OLD, late=late), status, late)
