"""
A callback that does harm, over real sockets: each stanza gets what the contract says
(callback.rst), memory stays flat, and nobody else has to wait.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer, ITransport
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import capturedLogs
from twisted.words.xish.domish import Element
from zope.interface import implementer

from tests.support.delivery import HeldStream, NoTLS
from tests.support.doubles import DOMAIN, live, said, stanza
from tests.support.loopback import Behaviour, LoopbackTestCase, friendly
from xmpprest.core.media.formats import XML
from xmpprest.core.stanza.build import elements
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import Inbox
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.replies import ReplySender
from xmpprest.inbox.subscriber import Subscription
from xmpprest.webhook.client import WebhookClient
from xmpprest.webhook.http_client import BoundedClient

#: docs/reference/http-api.rst
SIZE_LIMIT = 192 * 1024
#: Seconds; those of a test that is to run into them, and of the others, which are over
#: long before, however busy the machine is.
HEAD_TIMEOUT = 2.0
TOTAL_TIMEOUT = 2.5
AMPLE = 90.0
CONNECTIONS = 4

VICTIM = "victim@example.com"
BOT = f"bot@{DOMAIN}"
MIB = 2**20


@implementer(IPullProducer)
class _Flood:
    """
    Writes the same for ever, as fast as it is taken.

    @ivar sent: How many bytes have been taken.
    """

    def __init__(self, transport: Any, unit: bytes) -> None:
        self._transport = transport
        self._block = unit * (2**16 // len(unit))
        self.sent = 0
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """More is taken."""
        self.sent += len(self._block)
        self._transport.write(self._block)

    def stopProducing(self) -> None:
        """Record that the response was cut."""


def answering(status: int, body: bytes, contentType: str = XML) -> Behaviour:
    """A callback that says the same to everything."""

    def behave(transport: ITransport, request: bytes) -> None:
        head = f"HTTP/1.1 {status} So\r\nContent-Type: {contentType}\r\n"
        head += f"Location: /\r\nContent-Length: {len(body)}\r\n\r\n"
        transport.write(head.encode() + body)

    return behave


class HostileTests(LoopbackTestCase):
    """
    Everything from the inbox down to the sockets.
    """

    async def harm(
        self,
        behave: Behaviour,
        xml: str,
        *,
        headTimeout: float = AMPLE,
        totalTimeout: float = AMPLE,
    ) -> tuple[list[Element], list[str]]:
        """
        Let the callback do harm to one, while others write to it, too, and get their
        answers.

        @param behave: What it does to the one.
        @return: What the one gets, and the log.
        """
        from twisted.internet import reactor

        self.requests: list[bytes] = []
        others = 20

        def behaveTo(transport: ITransport, request: bytes) -> None:
            isVictim = b"victim@" in request
            if isVictim:
                self.requests.append(request)
            (behave if isVictim else answering(204, b""))(transport, request)

        port = await self.listen(behaveTo)
        client = BoundedClient(
            reactor,
            NoTLS(),
            CONNECTIONS,
            SIZE_LIMIT,
            headTimeout=headTimeout,
            totalTimeout=totalTimeout,
        )
        self.addCleanup(client.close)
        webhook = WebhookClient(client, f"http://127.0.0.1:{port}/hook", XML, DOMAIN)
        stream = HeldStream()
        everything = StanzaFilter(
            frozenset({"message", "presence", "iq"}),
            frozenset({"bare", "full", "host"}),
        )
        options = InboxOptions(reactor, live())
        inbox = Inbox(
            ReplySender(stream.send, None, lambda iq: None, options),
            Subscription(webhook, everything),
            options,
        )
        inbox.startService()
        with capturedLogs() as logs:
            inbox.receive(stanza(xml))
            for number in range(others):
                sender = f"user{number}@example.com"
                inbox.receive(stanza(f"<iq type='get' from='{sender}' to='{BOT}'/>"))
            while inbox.transientCount:
                await deferLater(reactor, 0.01)
        inbox.stopService()
        answered = [s["type"] for s in stream.sent if s["to"] != VICTIM]
        self.assertEqual(["result"] * others, answered)
        return [s for s in stream.sent if s["to"] == VICTIM], said(logs)

    async def assertNoAnswer(
        self, behave: Behaviour, reason: str, **timeouts: float
    ) -> None:
        """
        Check that the callback's behaviour counts as no answer, for all kinds of
        stanza.
        """
        for xml in (
            f"<message from='{VICTIM}' to='{BOT}' id='1'><body>hi</body></message>",
            f"<iq type='set' from='{VICTIM}' to='{BOT}' id='1'><a xmlns='u'/></iq>",
        ):
            sent, log = await self.harm(behave, xml, **timeouts)
            (error,) = sent
            self.assertEqual(("error", "1"), (error["type"], error["id"]))
            (report,) = elements(error)
            self.assertEqual("wait", report["type"])
            self.assertEqual("recipient-unavailable", elements(report)[0].name)
            faults = [line for line in log if line.startswith("The callback does")]
            self.assertEqual([f"The callback does not respond: {reason}."], faults)
            self.assertEqual(1, len(self.requests))

    async def test_hangs(self) -> None:
        """
        A callback that never answers.
        """
        await self.assertNoAnswer(
            lambda transport, request: None,
            "it sent no answer within 2 s",
            headTimeout=HEAD_TIMEOUT,
        )

    async def test_drips(self) -> None:
        """
        A callback that sends its answer byte by byte, in the head or in the body.
        """
        head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000
        await self.assertNoAnswer(
            lambda transport, request: self.drip(transport, head),
            "it sent no answer within 2 s",
            headTimeout=HEAD_TIMEOUT,
        )
        await self.assertNoAnswer(
            self.dripBody,
            "it did not finish its answer within 2.5 s",
            totalTimeout=TOTAL_TIMEOUT,
        )

    def drip(self, transport: ITransport, data: bytes) -> None:
        """Write a byte every 20 ms, as long as there is anybody to take it."""
        from twisted.internet import reactor

        left = iter(data)

        def drop() -> None:
            transport.write(bytes([next(left)]))
            if not transport.connected:  # type: ignore[attr-defined]  # of a socket
                dripping.stop()

        dripping = LoopingCall(drop)
        dripping.clock = reactor
        dripping.start(0.02)

        def clean() -> None:
            if dripping.running:
                dripping.stop()

        self.addCleanup(clean)

    def dripBody(self, transport: ITransport, request: bytes) -> None:
        """Begin an answer, and let its body drip."""
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        self.drip(transport, b"x" * 1000)

    async def test_hangsUp(self) -> None:
        """
        A callback that closes the connection instead of answering.
        """
        await self.assertNoAnswer(
            lambda transport, request: transport.loseConnection(),
            "it closed the connection before its answer was complete",
        )

    async def assertCut(
        self, start: bytes, unit: bytes, reason: str = "its answer is too long"
    ) -> None:
        """Check that an endless response is cut soon, and not kept."""
        floods: list[_Flood] = []

        def behave(transport: ITransport, request: bytes) -> None:
            transport.write(start)
            floods.append(_Flood(transport, unit))

        tracemalloc.start()
        try:
            await self.assertNoAnswer(behave, reason)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 20 * MIB)
        # The rest of it was in the buffers of the kernel.
        self.assertLess(max(flood.sent for flood in floods), 20 * MIB)

    async def test_endlessHeaders(self) -> None:
        """
        A callback that sends headers without end.
        """
        await self.assertCut(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n")

    async def test_endlessInterim(self) -> None:
        """
        A callback that sends interim answers without end.
        """
        await self.assertCut(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    async def test_tenGigabytes(self) -> None:
        """
        A callback that announces ten gigabytes, and sends them.
        """
        await self.assertCut(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 1000
        )

    async def test_endlessChunks(self) -> None:
        """
        A callback that sends chunks without end, or one.
        """
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.assertCut(head, b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        await self.assertCut(head + b"ffffffffff\r\n", b"x" * 1000)

    async def test_endlessUntilClosed(self) -> None:
        """
        A callback that neither says how much will come nor closes the connection.
        """
        await self.assertCut(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 1000)

    async def test_noHTTP(self) -> None:
        """
        A callback that does not speak HTTP.
        """
        await self.assertNoAnswer(
            lambda transport, request: transport.write(b"220 hi, ESMTP\r\n"),
            "its answer is not HTTP (ParseError)",
        )

    async def answer(
        self, behave: Behaviour, xml: str, check: Callable[[list[str]], None]
    ) -> Element:
        """Return the reply to a stanza whose response counts; check the log."""
        sent, log = await self.harm(behave, xml)
        check(log)
        self.assertEqual(1, len(self.requests))
        (only,) = sent
        return only

    async def test_redirect(self) -> None:
        """
        A callback that redirects to itself is an error, and is asked once.
        """
        error = await self.answer(
            answering(302, b""),
            f"<message from='{VICTIM}' to='{BOT}' id='1'/>",
            lambda log: self.assertEqual([], log),
        )
        (report,) = elements(error)
        self.assertEqual("cancel", report["type"])
        self.assertEqual("undefined-condition", elements(report)[0].name)
        self.assertEqual("302 Found", str(elements(report)[1]))

    async def test_garbage(self) -> None:
        """
        Garbage in a 200 is acceptance, with a warning; in an error it is the error.
        """
        iq = f"<iq type='get' from='{VICTIM}' to='{BOT}' id='1'><a xmlns='u'/></iq>"
        garbage = [
            b"<iq",
            b"\x00\xff\xfe",
            b"<iq/><iq/>",
            b"<!DOCTYPE iq><iq/>",
            b"<iq>" + b"<a>" * 10_000,
            b"<iq a='1' a='2'/>",
            b"\n" * SIZE_LIMIT,
            b"<a/>" * (SIZE_LIMIT // 4),
        ]
        for body in garbage:
            reply = await self.answer(
                answering(200, body), iq, lambda log: self.assertEqual(1, len(log))
            )
            self.assertEqual("result", reply["type"])
            self.assertEqual([], reply.children)
            reply = await self.answer(
                answering(404, body), iq, lambda log: self.assertEqual(1, len(log))
            )
            self.assertEqual("error", reply["type"])

    async def test_otherKind(self) -> None:
        """
        A stanza of another kind is no reply.
        """
        reply = await self.answer(
            answering(200, f"<message to='{VICTIM}'/>".encode()),
            f"<iq type='get' from='{VICTIM}' to='{BOT}' id='1'><a xmlns='u'/></iq>",
            lambda log: self.assertEqual(1, len(log)),
        )
        self.assertEqual(("iq", "result"), (reply.name, reply["type"]))

    async def test_otherAddressee(self) -> None:
        """
        A reply goes to the sender of the stanza, whatever addresses the callback
        writes.
        """
        body = (
            b"<message to='x@y' from='z@y' id='2' foo='bar'><body>hi</body></message>"
        )
        reply = await self.answer(
            answering(200, body),
            f"<message type='chat' from='{VICTIM}' to='{BOT}' id='1'/>",
            lambda log: self.assertEqual([], log),
        )
        self.assertEqual((VICTIM, BOT), (reply["to"], reply["from"]))
        self.assertEqual("chat", reply["type"])
        self.assertNotIn("foo", reply.attributes)

    async def test_allAtOnce(self) -> None:
        """
        Where every connection is held up, the others wait no longer than the limit.
        """

        def hang(transport: ITransport, request: bytes) -> None:
            pass

        from twisted.internet import reactor

        port = await self.listen(hang)
        client = BoundedClient(
            reactor, NoTLS(), CONNECTIONS, SIZE_LIMIT, headTimeout=1, totalTimeout=90
        )
        self.addCleanup(client.close)
        url = f"http://127.0.0.1:{port}/"
        hanging = [self.reason(client, url) for _ in range(CONNECTIONS)]
        for each in hanging:
            await each
        self.factory.behave = friendly
        await self.ask(client, url)
