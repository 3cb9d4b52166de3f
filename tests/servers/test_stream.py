"""
The stream survives everything, and nobody is answered by the wrong one.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers.gateway import XML, GatewayMixin, Reply
from tests.support.ejabberd import Ejabberd
from tests.support.hostile import accepted, refused
from tests.support.prosody import Prosody

BOT = "bot@gateway.localhost"
PING = "<ping xmlns='urn:xmpp:ping'/>"


class HostileMixin(GatewayMixin):
    """
    Harmful requests and responses of callbacks.
    """

    async def _survived(self) -> None:
        """The stream is the same as before, and works."""
        reply = await self.ping()
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.gateway.component.reconnects, 0)

    async def test_requests(self) -> None:
        """
        Every hostile payload is answered with its 4xx and a sentence, and the stream
        survives it. (C{python -m bench.hostile} says how long each takes.)
        """
        await self.startGateway()
        for hostile in refused():
            with self.subTest(hostile=hostile.name):
                reply = await self.post(hostile.body)
                self.assertEqual(reply.status, hostile.status, reply.text)
                self.assertIn("<error xmlns='http://etherx.jabber.org", reply.text)
                self.assertIn("<text ", reply.text)
                await self._survived()

    async def test_heavyRequests(self) -> None:
        """
        Large or odd stanzas that are valid are sent, and the stream survives them.
        """
        await self.startGateway()
        self.callback.answer = lambda delivery: (204, "", b"")
        for hostile in accepted():
            with self.subTest(hostile=hostile.name):
                reply = await self.post(hostile.body)
                self.assertEqual(reply.status, hostile.status, reply.text)
                await self._survived()

    async def test_chunked(self) -> None:
        """
        10 MB in chunks, their length not told, are refused while they come.
        """
        await self.startGateway()
        reply = await self.post(
            b"<message to='x@localhost'><body>" + b"x" * 10_000_000, chunked=True
        )
        self.assertEqual(reply.status, 413)
        await self._survived()

    async def test_callbackAnswers(self) -> None:
        """
        Harmful responses of the callback each give the sender an answer, and the stream
        survives.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        for hostile in [*refused(), *accepted()]:
            with self.subTest(hostile=hostile.name):
                answer = (200, XML, hostile.body)
                self.callback.answer = lambda delivery, answer=answer: answer
                name = uuid4().hex
                peer.send(
                    f"<iq type='get' id='{name}' from='peer.localhost' to='{BOT}'>"
                    f"<x xmlns='urn:x'/></iq>"
                )
                await peer.expect("<iq", f"id='{name}'")
                # From somebody else each time: an answer that is none keeps back what
                # comes after it.
                peer.send(
                    f"<message type='chat' id='m{name}' from='{name}@peer.localhost'"
                    f" to='{BOT}'><body>hi</body></message>"
                )
                while f"m{name}" not in (await self.delivered()).text:
                    pass
                await self._survived()

    async def test_inbound(self) -> None:
        """
        Deep, wide and odd stanzas from the network cost only themselves. (At 5,000
        levels, or with a newline in a namespace, ejabberd drops the sender.)
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        self.callback.answer = lambda delivery: (204, "", b"")
        for name, inside in {
            "deep": "<a>" * 2000 + "</a>" * 2000,
            "wide": "<a/>" * 20000,
            "long": "x" * 400_000,
            "xml-element": "<xml:a/>",
            "xml-attribute": "<a xml:b=''/>",
            "xml-attributes": "<a xmlns:p='urn:p' p:a='' xml:b=''/>",
            "namespace": "<a xmlns='urn a'/>",
        }.items():
            with self.subTest(name=name):
                peer.send(
                    f"<iq type='set' id='{name}' from='peer.localhost' to='{BOT}'>"
                    f"<x xmlns='urn:x'>{inside}</x></iq>"
                )
                await peer.expect("<iq", f"id='{name}'")
                await self._survived()


class PairingMixin(GatewayMixin):
    """
    Only the right reply answers a request.
    """

    async def test_spoofing(self) -> None:
        """
        A result with the right id from another address does not answer a request;
        the right one after it does, an unknown error code and all.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        reply = self.post(f"<iq type='get' id='mine' to='a@peer.localhost'>{PING}</iq>")
        request = await peer.expect("<iq", "to='a@peer.localhost'")
        wireID = request.element.get("id")
        self.assertNotEqual(wireID, "mine")
        for evil in ("b@peer.localhost", "peer.localhost", "a@peer.localhost/x"):
            peer.send(
                f"<iq type='result' id='{wireID}' from='{evil}' to='gateway.localhost'>"
                "<evil xmlns='urn:evil'/></iq>"
            )
        peer.send(
            f"<iq type='error' id='{wireID}' from='a@peer.localhost'"
            " to='gateway.localhost'><error code='999'>odd</error></iq>"
        )
        got = await reply
        self.assertEqual(got.status, 200)
        self.assertIn("id='mine'", got.text)
        self.assertIn("999", got.text)
        self.assertNotIn("evil", got.text)
        self.assertEqual(self.gateway.component.sender.iqTracker.mismatched, 3)

    async def test_doubledIDs(self) -> None:
        """
        One id to two addresses are two requests; to the same address, the second is
        a 409 and the first goes on.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        iq = "<iq type='get' id='same' to='{}@peer.localhost'>" + PING + "</iq>"
        one, two = self.post(iq.format("a")), self.post(iq.format("b"))
        requests = {
            name: await peer.expect("<iq", f"to='{name}@peer.localhost'")
            for name in ("a", "b")
        }
        self.assertEqual((await self.post(iq.format("a"))).status, 409)
        for name in ("b", "a"):
            peer.send(
                f"<iq type='result' id='{requests[name].element.get('id')}'"
                f" from='{name}@peer.localhost' to='gateway.localhost'>"
                f"<{name} xmlns='urn:x'/></iq>"
            )
        for name, reply in (("a", one), ("b", two)):
            got = await reply
            self.assertIn(f"<{name} xmlns='urn:x'/>", got.text)
            self.assertIn("id='same'", got.text)

    async def test_lateReply(self) -> None:
        """
        After the timeout the client has a 504; the reply that comes then goes to
        nobody, not to the callback either.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        reply = self.post(
            f"<iq type='get' to='a@peer.localhost'>{PING}</iq>",
            Prosody_Rest_Timeout="0.2",
        )
        request = await peer.expect("<iq", "to='a@peer.localhost'")
        self.assertEqual((await reply).status, 504)
        peer.send(
            f"<iq type='result' id='{request.element.get('id')}'"
            " from='a@peer.localhost' to='gateway.localhost'/>"
        )
        peer.send(f"<message from='peer.localhost' to='{BOT}' id='after'/>")
        self.assertIn("after", (await self.delivered()).text)
        self.assertEqual(self.gateway.component.sender.iqTracker.late, 1)

    async def test_clientGone(self) -> None:
        """
        A client that leaves frees the wait.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        reply = self.post(f"<iq type='get' to='a@peer.localhost'>{PING}</iq>")
        await peer.expect("<iq", "to='a@peer.localhost'")
        self.assertEqual(len(self.gateway.component.sender.iqTracker), 1)
        reply.addErrback(lambda _: None)
        reply.cancel()
        while len(self.gateway.component.sender.iqTracker):
            await task.deferLater(_reactor(), 0.01)
        self.assertEqual(self.gateway.resource.pendingRequests, 0)


class LifeMixin(GatewayMixin):
    """
    Servers that go and come back, or never take us.
    """

    async def test_kill(self) -> None:
        """
        The server killed in the middle of 100 waiting iqs: all of them are told at
        once, and the gateway is back soon after the server is. What was accepted
        meanwhile is sent then.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        waiting: list[Deferred[Reply]] = [
            self.post(f"<iq type='get' to='a{i}@peer.localhost'>{PING}</iq>")
            for i in range(100)
        ]
        for i in range(100):
            await peer.expect(f"to='a{i}@peer.localhost'")
        killed = time.monotonic()
        await deferToThread(self.server.kill)
        replies = await gatherResults(waiting)
        told = time.monotonic() - killed
        self.assertEqual({reply.status for reply in replies}, {503})
        self.assertTrue(replies[0].header("Retry-After"))
        self.assertEqual((await self.ping()).status, 503)
        presence = await self.post("<presence to='a@peer.localhost'/>")
        self.assertEqual(presence.status, 503)
        message = await self.post("<message to='a@peer.localhost'/>")
        self.assertEqual(message.status, 202)
        await deferToThread(self.server.start)
        started = time.monotonic()
        await self.connected()
        back = time.monotonic() - started
        print(f"told after {told:.3f} s, back after {back:.3f} s", end=" ")
        self.assertEqual((await self.ping()).status, 200)
        self.assertEqual(self.gateway.component.reconnects, 1)
        # Its recipient is not back.
        await self.becomes(message, "bounced")

    async def test_wrongSecret(self) -> None:
        """
        With a wrong secret there is one clear log line, requests are answered 503 at
        once, and the next attempt is half a minute away.
        """
        self.makeGateway(secret="wrong")
        trouble = self.gateway.component.reporter
        said = await self.saidTrouble()
        self.assertEqual((await self.ping()).status, 503)
        self.assertEqual(trouble.nextDelay(), 30.0)
        self.assertEqual(len(said), 1, said)
        self.assertIn("not-authorized", said[0])
        self.assertIn("component_secret", said[0])


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class ProsodyHostileTests(HostileMixin, TestCase):
    """Hostile payloads with Prosody."""

    kind = Prosody


class EjabberdHostileTests(HostileMixin, TestCase):
    """Hostile payloads with ejabberd."""

    kind = Ejabberd


class ProsodyPairingTests(PairingMixin, TestCase):
    """Pairing with Prosody."""

    kind = Prosody


class EjabberdPairingTests(PairingMixin, TestCase):
    """Pairing with ejabberd."""

    kind = Ejabberd


class ProsodyLifeTests(LifeMixin, TestCase):
    """The stream's life with Prosody."""

    kind = Prosody


class EjabberdLifeTests(LifeMixin, TestCase):
    """The stream's life with ejabberd."""

    kind = Ejabberd
