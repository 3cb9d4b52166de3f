"""Tests for L{xmpprest.web.api.hooks}."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from twisted.logger import capturedLogs

from tests.core.hooks.hooks import SECRET, makeHook
from tests.core.hooks.test_hook import group
from tests.support.doubles import DOMAIN, HTTPResponse, live, said
from tests.web.case import SiteTestCase, request
from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.hooks.hook import Hook, Hooks
from xmpprest.core.hooks.template import Template
from xmpprest.core.live import Live
from xmpprest.web.api.hooks import TEMPLATE, HookRouter
from xmpprest.web.resource import RestResource
from xmpprest.web.server.site import GatewaySite, makeRoot

PATH = f"/hooks/alerts/{SECRET}"


class HooksTestCase(SiteTestCase):
    """
    A site that has hooks.
    """

    def setUp(self) -> None:
        super().setUp()
        self.rooms: set[tuple[str, str]] = set()
        self.serve(makeHook())

    def serve(self, *hooks: Hook, sizeLimit: int = 2**20) -> None:
        """Make a site with hooks, whose requests are logged."""
        self.settings.value = live(hookSizeLimit=sizeLimit, logsRequests=True).value
        self.hooks = Live(Hooks(hooks))
        self.router = HookRouter(
            self.hooks,
            self.outbox,
            lambda: f"made-{next(self.numbers)}",
            self.once,
            self.clock.seconds,
            settings=self.settings,
            isInRoom=lambda room, occupant: (room, occupant) in self.rooms,
        )
        self.resource = RestResource(self.router, self.authenticator, self.settings)
        self.site = GatewaySite(
            makeRoot({"hooks": self.resource}),
            self.settings,
            self.clock,
            visits=self.resource.accessLog,
        )

    def post(
        self,
        body: Any,
        headers: Mapping[str, str | None] | None = None,
        path: str = PATH,
        method: str = "POST",
    ) -> HTTPResponse:
        """POST a JSON value or text, without credentials of the gateway."""
        isText = isinstance(body, str)
        data = body.encode() if isText else json.dumps(body).encode()
        fields: dict[str, str | None] = {
            "Authorization": None,
            "Content-Type": "text/plain" if isText else "application/json",
            **(headers or {}),
        }
        return self.ask(data, fields, method, path)

    def bodies(self) -> list[str]:
        """Return the texts of the messages that were sent."""
        return [str(each.children[0].children[0]) for each in self.outbox.sent]


class PostTests(HooksTestCase):
    """
    Requests to a hook
    """

    def test_message(self) -> None:
        """
        A request becomes a message from the domain to the recipient of the hook, and
        needs no credentials but its URL.
        """
        response = self.post("Backup done")
        self.assertEqual(response.status, 202)
        self.assertEqual(json.loads(response.body), {"id": "made-1", "state": "queued"})
        (sent,) = self.outbox.sent
        self.assertEqual(
            sent.attributes,
            {"to": "ann@example.org", "from": DOMAIN, "id": "made-1", "type": "chat"},
        )
        self.assertEqual(self.bodies(), ["Backup done"])

    def test_room(self) -> None:
        """
        A message to rooms needs a sender that is in all of them; else the request is
        refused with what to do, and none gets it.
        """
        rooms = ["ops@rooms.example", "dev@rooms.example"]
        self.serve(makeHook(type="groupchat", to=rooms))
        self.rooms = {(rooms[0], DOMAIN)}
        response = self.post("Backup done")
        self.assertEqual((response.status, response["Retry-After"]), (503, "60"))
        self.assertIn(f"{DOMAIN} is not in the room {rooms[1]}", response.body.decode())
        self.assertIn(f"PUT /rest/rooms/{rooms[1]}", response.body.decode())
        self.assertEqual(self.outbox.sent, [])
        self.rooms.add((rooms[1], DOMAIN))
        self.assertEqual(self.post("Backup done").status, 202)
        self.assertEqual([each["to"] for each in self.outbox.sent], rooms)

    def test_answers(self) -> None:
        """
        Each sender gets the response that it expects.
        """
        response = self.post({"text": "hi", "username": "x"})
        self.assertEqual((response.status, response.body), (200, b"ok"))
        self.assertEqual(response["Content-Type"], "text/plain")
        response = self.post({"content": "hi"})
        self.assertEqual((response.status, response.body), (204, b""))
        response = self.post({"content": "hi"}, path=f"{PATH}?wait=true")
        self.assertEqual(json.loads(response.body)["content"], "hi")
        for body, headers in [
            (group(3), {}),
            ({"heartbeat": None, "monitor": None, "msg": "Testing"}, {}),
            ({"title": "a", "message": "b", "type": "info"}, {}),
            ("b", {"Title": "a"}),
            ({"ref": "refs/heads/a"}, {"X-GitHub-Event": "push"}),
        ]:
            response = self.post(body, headers)
            self.assertEqual(response.status, 200, body)
            self.assertTrue(json.loads(response.body)["id"], body)
        response = self.post({"message": "b", "priority": 1}, {"X-Gotify-Key": "t"})
        self.assertIsInstance(json.loads(response.body)["id"], int)

    def test_put(self) -> None:
        """
        PUT is like POST; other methods are 405.
        """
        self.assertEqual(self.post("x", method="PUT").status, 202)
        self.assertEqual(self.post("", method="GET").status, 405)

    def test_suffixes(self) -> None:
        """Path segments that clients of Gotify and Apprise append are ignored."""
        for suffix in ("/", "/message", "/notify", "/notify/name", "/message/"):
            self.assertEqual(self.post("x", path=PATH + suffix).status, 202, suffix)
        self.assertEqual(self.post("x", path=f"{PATH}/other").status, 404)

    def test_wrongSecret(self) -> None:
        """
        A wrong secret, an unknown hook and an incomplete path get the same 404, and the
        log has no secret and no line but that of the request.
        """
        answers = set()
        with capturedLogs() as events:
            for path in (
                "/hooks/alerts/wrong-5ecret",
                f"/hooks/other/{SECRET}",
                "/hooks/alerts",
                "/hooks",
                f"/hooks/%ff/{SECRET}",
                f"/hooks/alerts/{SECRET}/message/x/y",
            ):
                response = self.post("x", {"Request-Id": "r"}, path)
                answers.add((response.status, response.body))
        self.assertEqual([status for status, _ in answers], [404])
        self.assertEqual(self.outbox.sent, [])
        lines = said(events)
        self.assertEqual(len(lines), 6)
        self.assertNotRegex("\n".join(lines), f"{SECRET}|wrong-5ecret")

    def test_log(self) -> None:
        """
        The access log, the metrics and the log of refusals have the hook's name, never
        the secret.
        """
        with capturedLogs() as events:
            self.post("hi")
            self.post("")
            self.post("{", {"Content-Type": "application/json"})
        lines = said(events)
        self.assertNotIn(SECRET, "\n".join(lines))
        self.assertEqual(sum("with hook alerts" in line for line in lines), 3)
        self.assertEqual(sum(TEMPLATE in line for line in lines), 3)
        refused = [line for line in lines if line.startswith("Hook alerts refused")]
        self.assertRegex(refused[0], "422: .*no text")
        self.assertRegex(refused[1], "400: .*not well-formed")
        self.assertEqual(len(refused), 2)
        routes = {route for route, _ in self.resource.accessLog.counts()}
        self.assertEqual(routes, {TEMPLATE})
        self.assertEqual(self.router.accepted, {"alerts": 1})
        self.assertEqual(self.router.refused, {"alerts": 2})

    def test_tooLong(self) -> None:
        """
        A body beyond the limit is 413, however much of it comes.
        """
        self.serve(makeHook(), sizeLimit=1000)
        self.assertEqual(self.post("x" * 1001).status, 413)
        self.assertEqual(self.post("x" * 1000).status, 202)
        client = self.client()
        client.send(request(b"", {"Content-Length": "10000000"}, path=PATH))
        self.assertEqual(client.response().status, 413)

    def test_hostile(self) -> None:
        """
        10,000 alerts become one message of limited length, if the limit allows them;
        100,000 alerts and too deep a body are refused with the reason.
        """
        self.serve(makeHook(), sizeLimit=2**30)
        alert = {"status": "firing", "labels": {"a": "b"}}
        over = {**alert, "status": "resolved"}
        many = [alert] * 9_990 + [over] * 10
        response = self.post({**group(0), "alerts": many})
        self.assertEqual(response.status, 200)
        (body,) = self.bodies()
        self.assertIn("9990 firing, 10 resolved", body)
        self.assertLess(len(body), 2000)
        response = self.post({**group(0), "alerts": [alert] * 100_000})
        self.assertIn("max_alerts", self.assertProblem(response, 400)["detail"])
        deep: Any = "x"
        for _ in range(900):
            deep = [deep]
        self.assertEqual(self.post({"alerts": deep}).status, 400)

    def test_notStored(self) -> None:
        """
        If the message is not stored, the sender gets the reason.
        """
        self.outbox.problem = serviceUnavailable("resource-constraint", "Full.", 5)
        response = self.post("x")
        self.assertEqual(response.status, 503)
        self.assertEqual(response["Retry-After"], "5")

    def test_token(self) -> None:
        """
        Messages are stored under the name of the hook, so that one hook cannot use up
        the outbox.
        """
        self.outbox.isKeeping = True
        self.post("x")
        self.assertEqual(self.outbox.keysGiven, [("made-2", "hooks/alerts")])

    def test_rate(self) -> None:
        """
        The rate limit of the hook is 429 with the seconds to wait.
        """
        self.serve(makeHook(rate=1, burst=2))
        statuses = [self.post("x").status for _ in range(3)]
        self.assertEqual(statuses, [202, 202, 429])

    def test_templateFails(self) -> None:
        """
        A template that fails costs no message: it has the default layout, and the log
        and a metric tell of it.
        """
        hook = makeHook()
        template = Template("{{ 1 / 0 }}", "broken.j2")
        object.__setattr__(hook, "templates", {"alertmanager": template})
        self.serve(hook)
        with capturedLogs() as events:
            self.assertEqual(self.post(group(2)).status, 200)
        self.assertIn("DiskFull, 2 alerts", self.bodies()[0])
        (line,) = [each for each in said(events) if "broken.j2" in each]
        self.assertIn("Hook alerts sends", line)
        self.assertEqual(self.router.failures, {"alerts": 1})

    def test_reload(self) -> None:
        """
        Hooks can be replaced while the gateway runs.
        """
        self.hooks.value = Hooks()
        self.assertEqual(self.post("x").status, 404)


class DeliveryTests(HooksTestCase):
    """
    Deliveries with an id of their own
    """

    ID: Mapping[str, str | None] = {"Idempotency-Key": "d-1"}

    def test_repeated(self) -> None:
        """
        A delivery that is repeated gets the first response, and no second message,
        whether messages are stored or not.
        """
        for isKeeping in (True, False):
            self.outbox.isKeeping = isKeeping
            self.outbox.sent.clear()
            headers = {"Idempotency-Key": f"d-{isKeeping}"}
            first, second = self.post("x", headers), self.post("x", headers)
            self.assertEqual(first.body, second.body)
            self.assertEqual(first.status, second.status)
            self.assertEqual(len(self.outbox.sent), 1)

    def test_ofSenders(self) -> None:
        """
        The id that a sender has for its delivery counts.
        """
        self.outbox.isKeeping = True
        for name in ("X-GitHub", "X-Gitea", "X-Forgejo"):
            headers = {f"{name}-Event": "ping", f"{name}-Delivery": f"of {name}"}
            for _ in range(2):
                self.assertEqual(self.post({"zen": name}, headers).status, 200)
        self.assertEqual(len(self.outbox.sent), 3)

    def test_other(self) -> None:
        """
        Another body with the id of an earlier delivery is 422.
        """
        self.outbox.isKeeping = True
        self.post("x", self.ID)
        self.assertEqual(self.post("y", self.ID).status, 422)

    def test_recipients(self) -> None:
        """
        All recipients get the message, once if it is repeated.
        """
        self.outbox.isKeeping = True
        self.serve(makeHook(to=["a@x.example", "b@x.example"]))
        for _ in range(2):
            self.assertEqual(self.post("x", self.ID).status, 202)
        self.assertEqual(
            [each["to"] for each in self.outbox.sent], ["a@x.example", "b@x.example"]
        )
        self.assertEqual(len({each["id"] for each in self.outbox.sent}), 2)

    def test_oddIDs(self) -> None:
        """
        An id of any length and any characters counts.
        """
        self.outbox.isKeeping = True
        for id in ("x" * 3000, "\xfc", "a b"):
            for _ in range(2):
                self.assertEqual(self.post("x", {"Idempotency-Key": id}).status, 202)
        self.assertEqual(len(self.outbox.sent), 3)

    def test_ownKeys(self) -> None:
        """
        The ids of two hooks have nothing to do with each other.
        """
        self.outbox.isKeeping = True
        self.serve(makeHook(), makeHook(name="other"))
        self.post("x", self.ID)
        self.post("y", self.ID, path=f"/hooks/other/{SECRET}")
        self.assertEqual(self.bodies(), ["x", "y"])


class SignatureTests(HooksTestCase):
    """
    A hook with a signing secret
    """

    def test_unsigned(self) -> None:
        """
        A request without the right signature is 401, and nothing is sent.
        """
        for shape in ("json", "text", "github", "gitlab", "gitea", "grafana"):
            self.serve(makeHook(shape=shape, signingSecrets=["secret"]))
            response = self.post({"text": "x"}, {"X-Hub-Signature-256": "sha256=00"})
            self.assertProblem(response, 401)
        self.assertEqual(self.outbox.sent, [])

    def test_signed(self) -> None:
        """
        A request with the right signature is accepted.
        """
        body = '{"zen": "x"}'
        digest = hmac.digest(b"secret", body.encode(), "sha256").hex()
        for shape, headers in [
            ("github", {"X-Hub-Signature-256": f"sha256={digest}"}),
            ("gitea", {"X-Gitea-Signature": digest}),
            ("gitlab", {"X-Gitlab-Token": "secret"}),
            ("grafana", {"X-Grafana-Alerting-Signature": digest}),
        ]:
            self.serve(makeHook(shape=shape, signingSecrets=["old", "secret"]))
            self.assertEqual(self.post(body, headers).status, 200, shape)
