"""Tests of L{xmpprest.web.api.updates}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from xmpprest.core.policy.authentication import grantAll
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import StoreUnavailable
from xmpprest.core.updates.response import displaced, settled
from xmpprest.web.api.updates import UpdatesHandler

from ...support.doubles import HTTPResponse
from ..case import SiteTestCase
from ..records import HeldUpdates

JSON = "application/json"
RIGHT = frozenset({"updates"})


class UpdatesTestCase(SiteTestCase):
    """
    A test that has updates.
    """

    def setUp(self) -> None:
        super().setUp()
        self.offer("default")

    def offer(self, *callbacks: str) -> None:
        """Let clients fetch from some callbacks."""
        self.updates = HeldUpdates(*callbacks)
        self.build(UpdatesHandler(self.updates, self.once, self.authenticator).routes)

    def get(
        self, query: str = "", headers: dict[str, str | None] | None = None
    ) -> HTTPResponse:
        """Fetch updates."""
        return self.ask(b"", headers, "GET", f"/rest/updates{query}")

    def post(
        self, path: str, body: bytes = b"", headers: dict[str, str | None] | None = None
    ) -> HTTPResponse:
        """Respond to an update."""
        fields = {"Content-Type": JSON, **(headers or {})}
        return self.ask(body, fields, path=f"/rest/updates/{path}")

    def assertRefused(self, response: HTTPResponse, status: int, *words: str) -> None:
        """A request was refused, with these words in the reason."""
        self.assertEqual(response.status, status, response.body)
        for word in words:
            self.assertIn(word, response.body.decode())


class FetchTests(UpdatesTestCase):
    """
    Tests of C{GET /rest/updates}.
    """

    def test_defaults(self) -> None:
        """
        Without a query it returns up to 100 updates, and does not wait.
        """
        response = self.get()
        self.assertEqual(response.status, 200)
        self.assertEqual(response["Content-Type"], JSON)
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertEqual(json.loads(response.body), {"updates": [], "cursor": "AAAB"})
        self.assertEqual(self.updates.fetched, [("default", None, 0, 100)])

    def test_revoked(self) -> None:
        """
        A token that is revoked or narrowed during the wait gets no updates.
        """
        for grant, status in (
            (None, 401),
            (Grant("a", permissions=frozenset()), 403),
            (Grant("a", permissions=RIGHT, callbacks=frozenset({"other"})), 403),
        ):
            self.offer("default")
            before = self.authenticator.grants
            headers = self.allow(Grant("a", permissions=RIGHT))
            after = before if grant is None else before + grantAll(["a"], grant)

            def reload(grants: Any = after) -> None:
                self.authenticator.grants = grants

            self.updates.meanwhile = reload
            self.assertEqual(self.get(headers=headers).status, status)
            self.authenticator.grants = before

    def test_query(self) -> None:
        """
        The query gives the cursor, the time to wait and the limit.
        """
        self.get("?after=AAAA&wait=50&limit=7&callback=default")
        self.assertEqual(self.updates.fetched, [("default", "AAAA", 50, 7)])

    def test_malformed(self) -> None:
        """
        A query that is unknown or out of range is refused with 400.
        """
        for query, word in (
            ("wait=61", "60"),
            ("wait=-1", "wait"),
            ("wait=x", "wait"),
            ("limit=0", "limit"),
            ("limit=1001", "1000"),
            ("offset=1", "offset"),
            ("after=a&after=b", "after"),
        ):
            self.assertRefused(self.get(f"?{query}"), 400, word)
        self.assertEqual(self.updates.fetched, [])

    def test_several(self) -> None:
        """
        Where there are several callbacks, the query names one of them.
        """
        self.offer("laptop", "phone")
        self.assertRefused(self.get(), 400, "laptop, phone", "callback=NAME")
        self.assertRefused(self.get("?callback=tablet"), 404, "tablet", "laptop, phone")
        self.assertEqual(self.get("?callback=phone").status, 200)
        self.assertEqual(self.updates.fetched[0][0], "phone")

    def test_none(self) -> None:
        """
        Without a callback with the URL pull: there are no updates: 404.
        """
        self.updates.callbacks = ()
        self.assertRefused(self.get(), 404, "pull:")

    def test_withoutStore(self) -> None:
        """
        A gateway without a durable store has no updates: 404.
        """
        self.build(UpdatesHandler(None, self.once, self.authenticator).routes)
        self.assertRefused(self.get(), 404, "--store")
        self.assertRefused(self.post("msg_1"), 404, "--store")

    def test_right(self) -> None:
        """
        A token needs the right updates.
        """
        headers = self.allow(Grant("poor", frozenset({"inbox"})))
        self.assertRefused(self.get(headers=headers), 403, "updates", "poor")
        self.assertRefused(self.post("msg_1", headers=headers), 403, "updates")

    def test_basic(self) -> None:
        """
        Credentials that a browser remembers fetch nothing: a web page could make it end
        the request of the reader.
        """
        headers = self.allow(Grant("all", RIGHT, isBasic=True))
        self.assertRefused(self.get(headers=headers), 403, "Basic", "Bearer")
        self.assertEqual(self.updates.fetched, [])

    def test_limitedToken(self) -> None:
        """
        A token for some callbacks fetches from these, and is told what it lacks for
        the others.
        """
        self.offer("laptop", "phone")
        headers = self.allow(Grant("mine", RIGHT, callbacks=frozenset({"phone"})))
        self.assertEqual(self.get(headers=headers).status, 200)
        self.assertEqual(self.updates.fetched[0][0], "phone")
        refused = self.get("?callback=laptop", headers)
        self.assertRefused(refused, 403, "laptop", "callbacks", "mine")

    def test_tokenWithoutCallback(self) -> None:
        """
        A token whose callbacks are not fetched from is told so: 404.
        """
        headers = self.allow(Grant("mine", RIGHT, callbacks=frozenset({"phone"})))
        self.assertRefused(self.get(headers=headers), 404, "mine")

    def test_displaced(self) -> None:
        """
        A request whose place another one took ends with 409.
        """
        self.updates.problem = displaced("default")
        self.assertRefused(self.get("?wait=50"), 409, "Another request")

    def test_storeUnavailable(self) -> None:
        """
        While the store is unavailable, the client is told to try again.
        """
        self.updates.problem = StoreUnavailable("the disk is full")
        response = self.get()
        self.assertRefused(response, 503, "the disk is full")
        self.assertEqual(response["Retry-After"], "5")


class StatusTests(UpdatesTestCase):
    """
    Tests of C{GET /rest/updates/status}.
    """

    def status(self, *permissions: str, callbacks: Sequence[str] = ()) -> HTTPResponse:
        """Ask for the status with a token that has these rights."""
        rights = frozenset(permissions)
        grant = Grant("mine", rights, callbacks=frozenset(callbacks))
        return self.get("/status", self.allow(grant))

    def names(self, response: HTTPResponse) -> list[str]:
        """Return the callbacks of a response."""
        return [each["callback"] for each in json.loads(response.body)["callbacks"]]

    def test_status(self) -> None:
        """
        The status has the number of updates that wait, since when, and the client.
        """
        self.offer("laptop", "phone")
        response = self.status("inbox")
        self.assertEqual(response.status, 200)
        laptop, phone = json.loads(response.body)["callbacks"]
        self.assertEqual(
            laptop,
            {
                "callback": "laptop",
                "waiting": 0,
                "oldest_at": None,
                "reader": True,
                "seen_at": None,
            },
        )
        self.assertEqual((phone["waiting"], phone["reader"]), (1, False))
        self.assertEqual(phone["oldest_at"], "1970-01-01T00:00:10.000Z")

    def test_rights(self) -> None:
        """
        With the right inbox a token sees all callbacks, with the right updates those
        that it may fetch from, and with neither nothing.
        """
        self.offer("laptop", "phone")
        mine = ["phone"]
        for permissions, expected in (
            (["inbox"], ["laptop", "phone"]),
            (["inbox", "updates"], ["laptop", "phone"]),
            (["updates"], ["phone"]),
        ):
            response = self.status(*permissions, callbacks=mine)
            self.assertEqual(self.names(response), expected)
        self.assertRefused(self.status("outbox"), 403, "updates", "mine")

    def test_withoutStore(self) -> None:
        """
        A gateway without a durable store has no updates: 404.
        """
        self.build(UpdatesHandler(None, self.once, self.authenticator).routes)
        self.assertRefused(self.status("inbox"), 404, "--store")


class AnswerTests(UpdatesTestCase):
    """
    Tests of C{POST /rest/updates/{id}}.
    """

    def test_reply(self) -> None:
        """
        The body is the callback's response, with its media type.
        """
        response = self.post("msg_1", b'{"body":"hi"}')
        self.assertEqual((response.status, response.body), (204, b""))
        said = CallbackResponse(200, JSON, b'{"body":"hi"}')
        self.assertEqual(self.updates.answered, [("msg_1", said)])

    def test_withoutBody(self) -> None:
        """
        Without a body the stanza is accepted.
        """
        self.assertEqual(self.post("msg_1").status, 204)
        self.assertEqual(self.updates.answered[0][1].status, 204)

    def test_status(self) -> None:
        """
        The query gives the status that a callback would respond with.
        """
        self.post("msg_1?status=404")
        self.assertEqual(self.updates.answered[0][1].status, 404)
        for query in ("status=199", "status=600", "status=x", "state=404"):
            self.assertRefused(self.post(f"msg_1?{query}"), 400)
        self.assertEqual(len(self.updates.answered), 1)

    def test_mediaType(self) -> None:
        """
        A reply in an unknown media type is refused with 415, which lists the known
        ones.
        """
        response = self.post("msg_1", b"<p>", {"Content-Type": "text/html"})
        self.assertRefused(response, 415, "text/html")
        self.assertIn("application/json", response["Accept"])
        self.assertEqual(self.updates.answered, [])

    def test_callbacks(self) -> None:
        """
        A token for some callbacks answers updates of these only.
        """
        self.offer("laptop", "phone")
        headers = self.allow(Grant("mine", RIGHT, callbacks=frozenset({"phone"})))
        self.assertEqual(self.post("msg_1", headers=headers).status, 204)
        self.assertEqual(self.updates.allowed, ["phone"])

    def test_settled(self) -> None:
        """
        A second response to an update is refused with 409.
        """
        self.updates.problem = settled("msg_1")
        self.assertRefused(self.post("msg_1"), 409, "msg_1")

    def test_idempotencyKey(self) -> None:
        """
        A repeated request with the same idempotency key gets the first response.
        """
        headers: dict[str, str | None] = {"Idempotency-Key": "k1"}
        for _ in range(2):
            response = self.post("msg_1", b'{"body":"hi"}', headers)
            self.assertEqual(response.status, 204)
        self.assertEqual(len(self.updates.answered), 1)

    def test_methods(self) -> None:
        """
        Updates are fetched by GET and answered by POST: 405 for others.
        """
        for method, path in (("POST", "updates"), ("GET", "updates/msg_1")):
            response = self.ask(b"", None, method, f"/rest/{path}")
            self.assertEqual(response.status, 405)
