"""Tests for L{xmpprest.web.access_log}, and for what the resource tells of itself."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from twisted.logger import capturedLogs
from twisted.web.server import Request

from xmpprest.core.errors import Problem
from xmpprest.core.policy.authentication import grantAll
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.stanza.build import TYPES
from xmpprest.web.access_log import reasonOf
from xmpprest.web.response import Response
from xmpprest.web.router import Route, StreamingHandler
from xmpprest.web.server.body import Body

from ..support.doubles import said
from .case import MESSAGE, TOKEN, SiteTestCase, request


class CountTests(SiteTestCase):
    """
    Requests by route and status
    """

    def counts(self) -> dict[tuple[str, ...], int]:
        """Return the counted requests."""
        return self.resource.accessLog.counts()

    def test_routes(self) -> None:
        """The route is a template, whoever a request is about."""
        for name in ("romeo", "juliet"):
            self.ask(
                b"Hello",
                {"Content-Type": "text/plain"},
                path=f"/rest/message/chat/{name}@example.org",
            )
            self.ask(path="/rest/echo")
        self.ask()
        self.ask(b"", {"Authorization": None}, path="/rest")
        self.assertEqual(
            self.counts(),
            {
                ("/rest/{kind}/{type}/{to}", "202"): 2,
                ("/rest/echo", "200"): 2,
                ("/rest", "202"): 1,
                ("/rest", "401"): 1,
            },
        )

    def test_ids(self) -> None:
        """A fixed path in the place of an id is counted by its own name."""

        def routeOf(id: str) -> Route:
            return Route({"POST": self.sending.echo})

        self.build({"outbox/{id}": routeOf})
        for id in ("a", "b"):
            self.ask(path=f"/rest/outbox/{id}")
        self.assertEqual(self.counts(), {("/rest/outbox/{id}", "200"): 2})

    def test_pieces(self) -> None:
        """An answer that is written piece by piece counts at its end."""

        async def pieces() -> AsyncGenerator[bytes]:
            yield b"one"
            yield b"two"

        async def pour(request: Request, body: Body, grant: Grant) -> Response:
            return Response(200, b"", "text/plain", chunks=pieces())

        self.build({"pour": Route({"POST": StreamingHandler(pour)})})
        self.ask(path="/rest/pour")
        self.assertEqual(self.counts(), {("/rest/pour", "200"): 1})

    def test_nowhere(self) -> None:
        """No client can make up routes."""
        wrong = [f"/rest/{kind}/x/y" for kind in TYPES]
        for path in ("/rest/nothing", "/rest/echo/x", "/rest/%ff", *wrong):
            self.ask(path=path)
        self.assertEqual({route for route, _ in self.counts()}, {"none"})

    def test_query(self) -> None:
        """All queries of a payload are one route."""
        for to in ("example.org", "example.net"):
            client = self.client()
            client.send(request(b"", method="GET", path=f"/rest/version/{to}"))
            client.leave()
        self.assertEqual(self.counts(), {("/rest/{payload}/{to}", "gone"): 2})

    def test_latencies(self) -> None:
        """Durations are summed up by route, over all statuses."""
        self.ask()
        self.ask(b"nothing")
        latencies = self.resource.accessLog.latencies()
        self.assertEqual(
            {key: each.count for key, each in latencies.items()}, {("/rest",): 2}
        )


class IDTests(SiteTestCase):
    """
    The id of a request
    """

    def test_own(self) -> None:
        """Each answer has one, an error's, too, and no two have the same."""
        answers = [
            self.ask(),
            self.ask(),
            self.ask(b"nothing"),
            self.ask(path="/rest/x"),
        ]
        ids = {answer["Request-Id"] for answer in answers}
        self.assertEqual(len(ids), 4)
        self.build()
        self.assertNotIn(self.ask()["Request-Id"], ids)

    def test_given(self) -> None:
        """One that was given is kept, so that it is the same in the logs of both."""
        answer = self.ask(headers={"Request-Id": "4bf92f3577b34da6:a_b.c-d"})
        self.assertEqual(answer["Request-Id"], "4bf92f3577b34da6:a_b.c-d")

    def test_unfit(self) -> None:
        """One that could confuse a log is not."""
        for given in ("", "a b", 'a"b', "{a}", "x" * 129, "caf\u00e9"):
            answer = self.ask(headers={"Request-Id": given})
            self.assertNotEqual(answer["Request-Id"], given)

    def test_failure(self) -> None:
        """The request's id is in the log if the request failed."""

        async def fail(*_: object) -> None:
            raise ZeroDivisionError

        self.build({"fail": Route({"POST": fail})})  # type: ignore[dict-item]  # on purpose
        with capturedLogs() as logs:
            answer = self.ask(path="/rest/fail")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn(
            f"Request {answer['Request-Id']} could not be answered.", said(logs)
        )


class LineTests(SiteTestCase):
    """
    The line of a request in the log
    """

    def test_line(self) -> None:
        """The line has what an operator looks for, and no secret."""
        self.build(isLogged=True)
        with capturedLogs() as logs:
            answer = self.ask()
        (line,) = said(logs)
        id, stanza = answer["Request-Id"], answer["Stanza-Id"]
        self.assertRegex(
            line,
            rf"^Request {id} from [0-9.]+ with full access: POST /rest, 202 in [0-9.]+"
            rf" ms, stanza {stanza}$",
        )
        self.assertNotIn(TOKEN, repr(logs))
        self.assertNotIn(MESSAGE.decode(), repr(logs))

    def test_refusals(self) -> None:
        """
        The line of a refusal has its reason, but nothing of the body, and it tells
        whether the credentials were valid.
        """
        self.build(isLogged=True)
        for body, headers, path, end in (
            (
                MESSAGE,
                {"Authorization": "Bearer shh"},
                "/rest",
                " with no valid credentials: POST /rest, 401 in 0 ms: not-authorized"
                " (The credentials are not those of this gateway.)",
            ),
            (
                b'{"to": "a@b", "type": "shh"}',
                {"Content-Type": "application/json"},
                "/rest",
                " with full access: POST /rest, 422 in 0 ms: invalid-xml (The type of",
            ),
            (MESSAGE, {}, "/rest/nothing", ": POST none, 404 in 0 ms: unsupported-"),
        ):
            with capturedLogs() as logs:
                self.ask(body, headers, path=path)
            (line,) = said(logs)
            self.assertIn(end, re.sub("[0-9.]+ ms", "0 ms", line))
            self.assertNotIn("shh", line)

    def test_token(self) -> None:
        """The line has the name of the token."""
        self.build(isLogged=True)
        self.resource.authenticator.grants = grantAll([TOKEN], Grant(name="notifier"))
        with capturedLogs() as logs:
            self.ask()
        (line,) = said(logs)
        self.assertIn(" with token notifier: POST /rest, 202", line)

    def test_reason(self) -> None:
        """The reason is one line, without quoted texts."""
        text = "Not 'a \\' b' nor \"it's\"\r\nbut c."
        problem = Problem(400, "modify", "bad-request", text)
        self.assertEqual(reasonOf(problem), "bad-request (Not '…' nor '…' but c.)")

    def test_none(self) -> None:
        """Requests are not logged unless the setting asks for it."""
        with capturedLogs() as logs:
            self.ask()
        self.assertEqual(said(logs), [])
