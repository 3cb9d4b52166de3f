"""Tests of L{xmpprest.web.health.readiness}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.resource import Resource
from twisted.web.server import Site

from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.media.values import Value
from xmpprest.core.records import StoreUnavailable
from xmpprest.web.health.readiness import (
    BARRIER_MAX_AGE,
    CACHE_SECONDS,
    TIMEOUT,
    ReadinessResource,
)
from xmpprest.web.health.resource import LivenessResource
from xmpprest.web.server.site import GatewaySite, makeRoot
from xmpprest.web.standby import InstanceStatus

from ...support.doubles import HTTPClient, HTTPResponse
from ..case import SiteTestCase

FULL = StoreUnavailable("the disk is full")


class HeldStream:
    """A stream that is up, or not."""

    ready = True
    fault: str | None = None


class HeldInstance:
    """An instance that is active, or not."""

    isActive = True
    role = "active"
    reason = "it is on standby"
    report: Mapping[str, Value] = {"role": "active"}


class HeldBarrier:
    """
    A barrier of some kind.

    @ivar crossings: Of those that are to come back.
    """

    method = "loopback"
    lastSuccessAt: float | None = None

    def __init__(self) -> None:
        self.crossings: list[Deferred[bool]] = []
        self.isHeld = False

    def wait(self) -> Deferred[bool]:
        """Send one, which comes back at once unless it is held."""
        crossing: Deferred[bool] = Deferred()
        self.crossings.append(crossing)
        if not self.isHeld:
            crossing.callback(True)
        return crossing


class HeldStore:
    """
    A store that can be used, or not.

    @ivar checks: How often it was tried.
    @ivar result: What it says; C{None}, nothing yet.
    """

    def __init__(self) -> None:
        self.checks = 0
        self.result: Deferred[None] | None = None

    def check(self) -> Deferred[None]:
        """Let it be tried."""
        self.checks += 1
        return self.result or succeed(None)


class ReadyTestCase(SiteTestCase):
    """
    A test that asks whether the gateway is ready.
    """

    def setUp(self) -> None:
        super().setUp()
        self.stream, self.store = HeldStream(), HeldStore()
        self.barrier: HeldBarrier | None = HeldBarrier()
        self.mount()

    def mount(self, instance: InstanceStatus | None = None) -> None:
        """Put the resource beside the gateway's."""
        self.ready = ReadinessResource(
            self.stream, self.store, self.barrier, self.clock, instance
        )
        root = makeRoot({"livez": LivenessResource(), "readyz": self.ready})
        self.site = GatewaySite(root, self.settings, self.clock)

    def begin(self, path: str = "/readyz", method: str = "GET") -> HTTPClient:
        """Ask, without credentials."""
        client = self.client()
        client.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return client

    def told(self, response: HTTPResponse) -> tuple[int, Any]:
        """The status of an answer, and what it says."""
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertEqual(response["Cache-Control"], "no-store")
        return response.status, json.loads(response.body)

    def state(self) -> tuple[int, Any]:
        """Return the current state."""
        return self.told(self.begin().response())


class ReadyTests(ReadyTestCase):
    """
    C{GET /readyz}
    """

    def test_ready(self) -> None:
        """The gateway is ready if its stream and its store are."""
        self.assertEqual(
            self.state(),
            (
                200,
                {
                    "ready": True,
                    "stream": {"ready": True},
                    "store": {"ready": True},
                    "barrier": {"ready": True, "means": "loopback"},
                },
            ),
        )

    def test_instance(self) -> None:
        """The active one of several instances is ready; each tells its role."""
        instance = HeldInstance()
        self.mount(instance)
        status, told = self.state()
        self.assertEqual((status, told["instance"]), (200, {"role": "active"}))
        instance.isActive, instance.report = False, {"role": "standby"}
        self.stream.ready = False
        status, told = self.state()
        self.assertEqual((status, told["instance"]), (503, {"role": "standby"}))
        self.assertIn("only the active instance", told["stream"]["reason"])
        self.assertTrue(told["store"]["ready"])

    def test_stream(self) -> None:
        """Without a stream it is not, and says so."""
        self.stream.ready = False
        status, told = self.state()
        self.assertEqual((status, told["ready"]), (503, False))
        self.assertEqual(
            told["stream"],
            {"ready": False, "reason": "there is no connection to the XMPP server"},
        )
        self.assertEqual(told["store"], {"ready": True})
        self.assertEqual(
            told["barrier"],
            {
                "ready": False,
                "reason": "there is no connection to the XMPP server",
                "means": "loopback",
            },
        )
        self.stream.fault = "cannot connect: nothing listens on this port"
        self.clock.advance(2)
        reason = self.state()[1]["stream"]["reason"]
        self.assertTrue(
            reason.endswith("server: cannot connect: nothing listens on this port")
        )

    def test_store(self) -> None:
        """Without a store neither."""
        self.store.result = fail(FULL)
        status, told = self.state()
        self.assertEqual((status, told["ready"]), (503, False))
        self.assertEqual(told["stream"], {"ready": True})
        self.assertEqual(told["store"], {"ready": False, "reason": "the disk is full"})

    def test_barrier(self) -> None:
        """How confirmations are had is told, and does not matter to it."""
        for means in ("ping", "none"):
            self.barrier = HeldBarrier()
            self.barrier.method = means
            self.mount()
            status, told = self.state()
            self.assertEqual(
                (status, told["barrier"]), (200, {"ready": True, "means": means})
            )
        self.barrier = None
        self.mount()
        status, told = self.state()
        self.assertEqual((status, told["barrier"]), (200, None))

    def test_head(self) -> None:
        """C{HEAD} is answered without the body."""
        client = self.begin(method="HEAD")
        head = client.transport.taken()
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertTrue(head.endswith(b"\r\n\r\n"))

    def test_others(self) -> None:
        """Other methods are 405, and paths below are 404."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = self.begin(method=method).response()
            self.assertProblem(response, 405)
            self.assertEqual(response["Allow"], "GET, HEAD")
        self.assertProblem(self.begin("/readyz/x").response(), 404)
        self.assertEqual(self.begin("/readyz/").response().status, 200)
        self.assertProblem(self.begin("/ready").response(), 404)

    def test_mounted(self) -> None:
        """The resource works in another site, at any path."""
        root = Resource()
        root.putChild(b"health", self.ready)
        self.site = Site(root, reactor=self.clock)  # type: ignore[assignment]
        self.assertEqual(self.begin("/health").response().status, 200)

    def test_absent(self) -> None:
        """A site without it has nothing there."""
        self.site = self.siteOf(self.clock)
        self.assertProblem(self.begin().response(), 404)


class BarrierTests(ReadyTestCase):
    """
    Whether the server takes what is written
    """

    def setUp(self) -> None:
        super().setUp()
        self.held = HeldBarrier()
        self.barrier = self.held
        self.mount()

    def test_fresh(self) -> None:
        """While one is younger than 5 s, none is sent; then one is."""
        self.held.lastSuccessAt = self.clock.seconds()
        self.clock.advance(BARRIER_MAX_AGE / 2)
        self.assertEqual(self.state()[0], 200)
        self.assertEqual(len(self.held.crossings), 0)
        self.clock.advance(BARRIER_MAX_AGE / 2)
        self.assertEqual(self.state()[0], 200)
        self.assertEqual(len(self.held.crossings), 1)

    def test_slow(self) -> None:
        """A server that sends none back is not ready; it is asked one at a time."""
        self.held.isHeld = True
        for _ in range(3):
            client = self.begin()
            self.clock.advance(TIMEOUT)
            status, told = self.told(client.response())
            self.assertEqual(
                (status, told["barrier"]["reason"]),
                (503, "it has not answered within 5 s"),
            )
        self.assertEqual(len(self.held.crossings), 1)
        self.held.crossings[0].callback(True)
        self.assertEqual(self.state()[0], 200)

    def test_refused(self) -> None:
        """The reason is told why one could not be sent."""
        self.held.isHeld = True
        client = self.begin()
        refusal = serviceUnavailable("resource-constraint", "Not now.", retryAfter=1)
        self.held.crossings[0].errback(refusal)
        status, told = self.told(client.response())
        self.assertEqual((status, told["barrier"]["reason"]), (503, "Not now."))

    def test_offline(self) -> None:
        """Without a stream none is sent."""
        self.stream.ready = False
        self.assertEqual(self.state()[0], 503)
        self.assertEqual(self.held.crossings, [])


class LiveTests(ReadyTestCase):
    """
    C{GET /livez}
    """

    def test_live(self) -> None:
        """The gateway is alive even if its stream and its store are not."""
        self.stream.ready = False
        self.assertEqual(
            self.told(self.begin("/livez").response()), (200, {"live": True})
        )
        self.assertEqual(self.store.checks, 0)

    def test_others(self) -> None:
        """Other methods are 405, and paths below are 404."""
        self.assertProblem(self.begin("/livez", "POST").response(), 405)
        self.assertProblem(self.begin("/livez/x").response(), 404)


class TrialTests(ReadyTestCase):
    """
    How the store is tried.
    """

    def test_onceASecond(self) -> None:
        """The result of a check counts for a second."""
        for _ in range(10):
            self.assertEqual(self.state()[0], 200)
        self.assertEqual(self.store.checks, 1)
        self.store.result = fail(FULL)
        self.clock.advance(CACHE_SECONDS / 2)
        self.assertEqual(self.state()[0], 200)
        self.clock.advance(CACHE_SECONDS / 2)
        self.assertEqual(self.state()[0], 503)
        self.assertEqual(self.state()[0], 503)
        self.assertEqual(self.store.checks, 2)

    def test_stream(self) -> None:
        """The stream is looked at each time."""
        self.assertEqual(self.state()[0], 200)
        self.stream.ready = False
        self.assertEqual(self.state()[0], 503)

    def test_shared(self) -> None:
        """Requests during a check wait for the same check."""
        trying = self.store.result = Deferred()
        clients = [self.begin() for _ in range(3)]
        clients[1].leave()
        self.assertEqual(clients[0].responses(), [])
        trying.errback(FULL)
        for client in (clients[0], clients[2]):
            self.assertEqual(self.told(client.response())[0], 503)
        self.assertEqual(self.store.checks, 1)
        self.assertEqual([each for each in self.timers() if each <= TIMEOUT], [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_timeout(self) -> None:
        """A store that does not answer is not ready; it is tried one at a time."""
        trying = self.store.result = Deferred()
        for _ in range(3):
            client = self.begin()
            self.clock.advance(TIMEOUT)
            status, told = self.told(client.response())
            self.assertEqual(
                (status, told["store"]["reason"]),
                (503, "it has not answered within 5 s"),
            )
        self.assertEqual(self.store.checks, 1)
        self.store.result = None
        trying.callback(None)
        self.assertEqual(self.state()[0], 200)

    def test_unexpected(self) -> None:
        """An unexpected error is logged, and the response does not show it."""
        self.store.result = fail(ZeroDivisionError("secret"))
        status, told = self.state()
        self.assertEqual(
            (status, told["store"]["reason"]), (503, "it failed; the log says how")
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
