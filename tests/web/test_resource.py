"""Tests of L{xmpprest.web.resource}: who may, what exists, and what goes wrong."""

from __future__ import annotations

import base64
import contextlib

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from xmpprest.core.errors import Problem, Refusal
from xmpprest.core.policy.permissions import Grant
from xmpprest.web.response import Response
from xmpprest.web.router import Route
from xmpprest.web.server.request import bodyOf

from ..support.doubles import DOMAIN, HTTPClient, stanza
from .case import IQ, MESSAGE, SIZE_LIMIT, TOKEN, XML, SiteTestCase, request


class AuthorizationTests(SiteTestCase):
    """
    Credentials.
    """

    def test_accepted(self) -> None:
        """Bearer, or Basic with the domain as its user; the scheme in any case."""
        basic = base64.b64encode(f"{DOMAIN}:{TOKEN}".encode()).decode()
        for credentials in (
            f"Bearer {TOKEN}",
            f"bearer {TOKEN}",
            f"BEARER  {TOKEN}",
            f"Basic {basic}",
            f"bAsIc {basic}",
        ):
            response = self.ask(headers={"Authorization": credentials})
            self.assertEqual(response.status, 202, credentials)

    def test_navigation(self) -> None:
        """
        A GET that makes an iq of type set is 403 with Basic credentials, which a web
        page can make a browser send, and nothing is sent; with Bearer it is sent, and
        so is a query of the archive, which only reads.
        """
        basic = base64.b64encode(f"{DOMAIN}:{TOKEN}".encode()).decode()
        for path in (
            "command/a@example.org?node=x",
            "command/a@example.org?node=x&action=cancel",
        ):
            headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
            client = self.client()
            client.send(request(b"", headers, "GET", f"/rest/{path}"))
            self.assertProblem(client.response(), 403)
        self.assertEqual(self.requester.requests, [])
        for scheme, path in (
            (f"Bearer {TOKEN}", "command/a@example.org?node=x"),
            (f"Basic {basic}", "archive/a@example.org"),
            (f"Basic {basic}", "ping/a@example.org"),
        ):
            self.client().send(
                request(b"", {"Authorization": scheme}, "GET", f"/rest/{path}")
            )
        sent = [each.stanza["type"] for each in self.requester.requests]
        self.assertEqual(sent, ["set", "set", "get"])

    def test_refused(self) -> None:
        """Everything else is 401, with a challenge for each scheme, and not sent."""
        wrong = base64.b64encode(f"{DOMAIN}:wrong".encode()).decode()
        other = base64.b64encode(f"other:{TOKEN}".encode()).decode()
        for credentials in (
            None,
            "",
            "Bearer",
            "Bearer wrong",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Token {TOKEN}",
            TOKEN,
            f"Basic {wrong}",
            f"Basic {other}",
            "Basic !",
            "Basic \u00fc",
        ):
            response = self.ask(
                headers={"Authorization": credentials, "Accept": "application/json"}
            )
            problem = self.assertProblem(response, 401)
            self.assertEqual(problem["error"]["condition"], "not-authorized")
            self.assertEqual(
                response.all("WWW-Authenticate"),
                [
                    f'Bearer realm="{DOMAIN}"',
                    f'Basic realm="{DOMAIN}", charset="UTF-8"',
                ],
            )
        self.assertEqual(self.outbox.sent, [])

    def test_twice(self) -> None:
        """Two credentials are none, even if one of them is good."""
        for other in ("Bearer wrong", f"Bearer {TOKEN}"):
            response = self.ask(headers={"authorization": other})
            self.assertXMLProblem(response, 401)

    def test_query(self) -> None:
        """The query is no place for credentials."""
        response = self.ask(
            headers={"Authorization": None}, path=f"/rest?access_token={TOKEN}"
        )
        self.assertXMLProblem(response, 401)

    def test_first(self) -> None:
        """Credentials are checked before the body."""
        response = self.ask(b"garbage", {"Authorization": None})
        self.assertXMLProblem(response, 401)


class RouteTests(SiteTestCase):
    """
    Paths and methods.
    """

    def setUp(self) -> None:
        super().setUp()

        async def hello(request: Request, body: bytes, grant: Grant) -> Response:
            return Response(200, b"hello", "text/plain")

        self.build(
            {
                "hello": Route({"GET": hello, "POST": hello}),
            }
        )

    def test_slash(self) -> None:
        """A slash at the end, or a query, makes no difference."""
        for path in ("/rest", "/rest/", "/rest?a=b", "/rest/?a=b"):
            self.assertEqual(self.ask(path=path).status, 202)

    def test_path(self) -> None:
        """A path below has its own handlers."""
        self.assertEqual(self.ask(b"", path="/rest/hello").body, b"hello")

    def test_notFound(self) -> None:
        """Any other path is 404, with those that exist."""
        for path in ("/rest/nowhere", "/rest/hello/x", "/rest/../rest"):
            response = self.ask(headers={"Accept": "application/json"}, path=path)
            text = self.assertProblem(response, 404)["detail"]
            self.assertIn("hello", text)

    def test_notUTF8(self) -> None:
        """A path that is not UTF-8 is 400, and the answer says what to do."""
        response = self.ask(headers={"Accept": "application/json"}, path="/rest/%FF")
        self.assertIn("UTF-8", self.assertProblem(response, 400)["detail"])

    def test_outside(self) -> None:
        """Beside the resource there is nothing, which is said in JSON as well."""
        for path in ("/", "/favicon.ico", "/resting", "/a/b"):
            response = self.ask(headers={"Accept": "application/json"}, path=path)
            self.assertIn("/rest", self.assertProblem(response, 404)["detail"])

    def test_methodNotAllowed(self) -> None:
        """Any other method is 405, with those that are allowed."""
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"):
            response = self.ask(b"", {"Accept": "application/json"}, method)
            self.assertIn("POST", self.assertProblem(response, 405)["detail"])
            self.assertEqual(response["Allow"], "POST")
        self.assertEqual(
            self.ask(b"", method="PUT", path="/rest/hello")["Allow"], "GET, HEAD, POST"
        )

    def test_head(self) -> None:
        """An answer to HEAD has no body, so that the connection stays in step."""
        client = self.client()
        client.send(request(b"", method="HEAD"))
        head = client.transport.taken()
        self.assertTrue(head.startswith(b"HTTP/1.1 405 "))
        self.assertTrue(head.endswith(b"\r\n\r\n"))
        client.send(request())
        self.assertEqual(client.response().status, 202)

    def test_headOfGet(self) -> None:
        """C{HEAD} works wherever C{GET} does, with its header fields and no body."""
        got = self.ask(b"", method="GET", path="/rest/hello")
        client = self.client()
        client.send(request(b"", method="HEAD", path="/rest/hello"))
        head, _, body = client.transport.taken().decode().partition("\r\n\r\n")
        fields = [line.partition(": ") for line in head.split("\r\n")[1:]]
        theirs = {name.lower(): value for name, _, value in fields}
        own = dict(got.headers)
        for name in ("date", "request-id"):
            del theirs[name], own[name]
        self.assertEqual((theirs, body), (own, ""))
        self.assertEqual(own["content-length"], "5")
        client.send(request())
        self.assertEqual(client.response().status, 202)

    def test_encoded(self) -> None:
        """A compressed body is refused with 415, which names the coding."""
        for coding in ("gzip", "br, identity", "x-what"):
            headers = {"Content-Encoding": coding, "Accept": "application/json"}
            response = self.ask(headers=headers)
            self.assertIn(coding, self.assertProblem(response, 415)["detail"])
            self.assertEqual(response["Accept-Encoding"], "identity")
        for coding in ("identity", "Identity", ""):
            self.assertEqual(self.ask(headers={"Content-Encoding": coding}).status, 202)

    def test_inert(self) -> None:
        """A browser can do nothing with a response but show it."""
        for response in (
            self.ask(),
            self.ask(b"", method="GET", path="/rest/hello"),
            self.ask(b"garbage"),
            self.ask(headers={"Authorization": None}),
            self.ask(path="/rest/nowhere"),
            self.ask(path="/nowhere"),
        ):
            policy = "default-src 'none'; sandbox"
            self.assertEqual(response["Content-Security-Policy"], policy)
            self.assertEqual(response["X-Content-Type-Options"], "nosniff")

    def test_star(self) -> None:
        """C{OPTIONS *} asks the server as a whole (RFC 9110 §9.3.7)."""
        self.assertEqual(self.ask(b"", method="OPTIONS", path="*").status, 200)


class ErrorFormTests(SiteTestCase):
    """The form that an error is told in."""

    def test_forms(self) -> None:
        """
        An error has the requested format; else XML if the request is XML; else JSON.
        """
        json, problem = "application/json", "application/problem+json"
        for accept, sent, expected in (
            (None, XML, XML),
            (None, f"{XML.upper()} ; charset=utf-8", XML),
            (None, "text/plain", json),
            (None, None, json),
            (None, "garbage", json),
            ("*/*", XML, XML),
            ("*/*", "text/plain", json),
            (json, XML, json),
            (problem, XML, problem),
            (XML, "text/plain", XML),
            ("application/*", "text/plain", json),
            (f"{json};q=0.5, {problem}", XML, problem),
            (f"{json};q=0.5, {XML};q=0.4", XML, json),
            (f"{json};q=0, */*", None, problem),
            (f"{problem};q=0.2, */*;q=0.1", "text/plain", problem),
            ("text/html", XML, XML),
            ("text/html", None, json),
            ("garbage;;;", None, json),
        ):
            response = self.ask(
                headers={
                    "Accept": accept,
                    "Content-Type": sent,
                    "Authorization": None,
                }
            )
            self.assertEqual(response.status, 401)
            self.assertEqual(response["Content-Type"], expected, f"{accept} for {sent}")

    def test_acceptLines(self) -> None:
        """C{Accept} may be several lines (RFC 9110 §5.3)."""
        response = self.ask(
            b"", {"Accept": "text/html", "accept": "application/problem+json"}
        )
        self.assertEqual(response["Content-Type"], "application/problem+json")

    def test_json(self) -> None:
        """The JSON has mod_rest's keys and RFC 9457's."""
        response = self.ask(b"", {"Accept": "application/json"})
        problem = self.assertProblem(response, 400)
        text = "The body is empty; it must hold one message, presence or iq."
        self.assertEqual(
            problem,
            {
                "type": "error",
                "code": 400,
                "error": {
                    "type": "modify",
                    "condition": "not-well-formed",
                    "text": text,
                },
                "title": "Bad Request",
                "status": 400,
                "detail": text,
            },
        )


class CORSTests(SiteTestCase):
    """
    Headers for browsers (Fetch Standard §3.2).
    """

    ORIGIN = "https://app.example"

    def test_off(self) -> None:
        """By default there is nothing of it."""
        response = self.ask(headers={"Origin": self.ORIGIN})
        self.assertEqual(response.all("Access-Control-Allow-Origin"), [])
        self.assertEqual(response.all("Vary"), [])
        response = self.ask(b"", {"Origin": self.ORIGIN}, "OPTIONS")
        self.assertEqual(response.status, 405)

    def test_preflight(self) -> None:
        """A preflight is answered without credentials, with what is allowed."""
        self.build(origins=(self.ORIGIN,))
        response = self.ask(
            b"",
            {
                "Origin": self.ORIGIN,
                "Authorization": None,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
            "OPTIONS",
        )
        self.assertEqual((response.status, response.body), (204, b""))
        self.assertEqual(response["Access-Control-Allow-Origin"], self.ORIGIN)
        self.assertEqual(response["Access-Control-Allow-Methods"], "POST, OPTIONS")
        self.assertEqual(response["Allow"], "POST, OPTIONS")
        allowed = response["Access-Control-Allow-Headers"].split(", ")
        for name in ("Authorization", "Content-Type", "Accept", "Prefer"):
            self.assertIn(name, allowed)
        self.assertEqual(response["Access-Control-Max-Age"], "7200")
        self.assertEqual(response["Vary"], "Origin")
        self.assertEqual(response.all("Access-Control-Allow-Credentials"), [])
        self.assertEqual(response.all("Content-Length"), [])

    def test_allowed(self) -> None:
        """Every answer to an allowed origin can be read by it, errors included."""
        self.build(origins=("https://other.example", self.ORIGIN))
        for status, body in ((202, MESSAGE), (400, b"")):
            response = self.ask(body, {"Origin": self.ORIGIN})
            self.assertEqual(response.status, status)
            self.assertEqual(response["Access-Control-Allow-Origin"], self.ORIGIN)
            self.assertIn("Stanza-Id", response["Access-Control-Expose-Headers"])
            self.assertEqual(response["Vary"], "Origin")

    def test_otherOrigins(self) -> None:
        """Any other origin is told nothing; caches know that it depends."""
        self.build(origins=(self.ORIGIN,))
        for origin in (None, "null", "https://evil.example", f"{self.ORIGIN}.evil"):
            response = self.ask(headers={"Origin": origin})
            self.assertEqual(response.status, 403 if origin else 202)
            self.assertEqual(response.all("Access-Control-Allow-Origin"), [])
            self.assertEqual(response["Vary"], "Origin")

    def test_fromElsewhere(self) -> None:
        """A page of a site that is not allowed cannot make a browser send anything."""
        for origins, origin, site, status in (
            ((), None, None, 202),
            ((), "http://localhost", None, 202),
            ((), "http://localhost:3000", None, 403),
            ((), "null", None, 403),
            ((self.ORIGIN,), self.ORIGIN, None, 202),
            ((), None, "none", 202),
            ((), "http://localhost:8080", "same-origin", 202),
            ((), self.ORIGIN, "cross-site", 403),
            ((), "http://localhost:3000", "same-site", 403),
            ((), None, "cross-site", 403),
            ((self.ORIGIN,), self.ORIGIN, "cross-site", 202),
            ((self.ORIGIN,), "https://evil.example", "cross-site", 403),
            (("*",), self.ORIGIN, "cross-site", 202),
        ):
            self.build(origins=origins)
            response = self.ask(headers={"Origin": origin, "Sec-Fetch-Site": site})
            self.assertEqual(response.status, status, (origins, origin, site))

    def test_everyone(self) -> None:
        """With C{*} every origin is told the same."""
        self.build(origins=("*",))
        for origin in (None, self.ORIGIN):
            response = self.ask(headers={"Origin": origin})
            self.assertEqual(response["Access-Control-Allow-Origin"], "*")
            self.assertEqual(response.all("Vary"), [])

    def test_elsewhere(self) -> None:
        """A preflight for an unknown path is refused."""
        self.build(origins=("*",))
        response = self.ask(b"", method="OPTIONS", path="/rest/nowhere")
        self.assertEqual(response.status, 404)


class MountedTests(SiteTestCase):
    """The resource in somebody else's site."""

    def setUp(self) -> None:
        super().setUp()
        root, api = Resource(), Resource()
        root.putChild(b"api", api)
        api.putChild(b"xmpp", self.resource)
        self.theirs = Site(root, reactor=self.clock)

    def test_path(self) -> None:
        """The resource works at any path."""
        for path in ("/api/xmpp", "/api/xmpp/"):
            client = HTTPClient(self.theirs)
            client.send(request(path=path))
            self.assertEqual(client.response().status, 202)
        client = HTTPClient(self.theirs)
        client.send(request(path="/api/xmpp/nowhere"))
        self.assertXMLProblem(client.response(), 404)

    def test_limit(self) -> None:
        """The resource applies the limit on a body where the site does not."""
        for size, status in ((SIZE_LIMIT, 202), (SIZE_LIMIT + 1, 413)):
            client = HTTPClient(self.theirs)
            client.send(request(MESSAGE.ljust(size), path="/api/xmpp"))
            self.assertEqual(client.response().status, status)
        self.assertEqual(len(self.outbox.sent), 1)

    def test_form(self) -> None:
        """A site that parses forms does not take the body away."""
        client = HTTPClient(self.theirs)
        client.send(
            request(
                b"to=a%40example.org&body=hi",
                {"Content-Type": "application/x-www-form-urlencoded"},
                path="/api/xmpp",
            )
        )
        self.assertEqual(client.response().status, 202)

    def test_clientLeaves(self) -> None:
        """A client that goes away cancels the wait there, too."""
        client = HTTPClient(self.theirs)
        client.send(request(IQ, path="/api/xmpp"))
        self.assertEqual(self.resource.pendingRequests, 1)
        client.leave()
        self.assertTrue(self.requester.requests[0].cancelled)
        self.assertEqual(self.resource.pendingRequests, 0)


class WaitingTests(SiteTestCase):
    """How many requests may wait."""

    def test_limit(self) -> None:
        """Beyond the limit requests are refused with 503, until one is done."""
        self.build(waitingLimit=3)
        clients = [self.client() for _ in range(3)]
        for client in clients:
            client.send(request(IQ))
        self.assertEqual(self.resource.pendingRequests, 3)
        response = self.ask(IQ)
        self.assertEqual(self.assertXMLProblem(response, 503), "resource-constraint")
        self.assertEqual(response["Retry-After"], "5")
        self.assertEqual(len(self.requester.requests), 3)
        clients[0].leave()
        self.requester.requests[1].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(self.resource.pendingRequests, 1)
        self.assertEqual(self.ask().status, 202)

    def test_share(self) -> None:
        """
        A token may have as many requests waiting as are free for all; credentials may
        use up the rest, and another token half of that.
        """
        self.build(waitingLimit=8)
        one, other = (self.allow(Grant(name)) for name in ("one", "other"))
        clients = [self.client() for _ in range(6)]
        for client in clients[:4]:
            client.send(request(IQ, one))
        response = self.ask(IQ, one)
        self.assertXMLProblem(response, 503)
        self.assertIn(b"The token 'one' has as many", response.body)
        self.assertEqual(response["Retry-After"], "5")
        for client in clients[4:]:
            client.send(request(IQ, other))
        self.assertXMLProblem(self.ask(IQ, other), 503)
        self.assertEqual(self.resource.pendingRequests, 6)
        for client in clients[:2]:
            client.leave()
        self.client().send(request(IQ, one))
        self.assertEqual(self.resource.pendingRequests, 5)
        for _ in range(3):
            self.client().send(request(IQ))
        self.assertEqual(self.resource.pendingRequests, 8)

    def test_revokedWhileReading(self) -> None:
        """A token that is revoked while the body arrives sends nothing."""
        headers = self.allow(Grant("some"))
        data = request(MESSAGE, headers)
        client = self.client()
        client.send(data[:-10])
        self.authenticator.grants = self.authenticator.grants[:1]
        client.send(data[-10:])
        self.assertEqual(client.response().status, 401)
        self.assertEqual(self.outbox.sent, [])

    def test_bodyForgotten(self) -> None:
        """A request that waits keeps no copy of its body."""
        bodies = []

        async def wait(request: Request, body: bytes, grant: Grant) -> Response:
            bodies.append(bodyOf(request))
            await Deferred()
            raise AssertionError

        self.build({"": Route({"POST": wait})})
        client = self.client()
        client.send(request())
        (body,) = bodies
        rest = self.successResultOf(Deferred.fromCoroutine(body.read()))
        self.assertEqual(rest, b"")
        client.leave()
        self.assertEqual(self.resource.pendingRequests, 0)


class FailureTests(SiteTestCase):
    """
    Unexpected errors.
    """

    def test_unexpected(self) -> None:
        """An exception is logged once, and told as a 500 that gives nothing away."""
        self.outbox.problem = ZeroDivisionError("secret detail")
        response = self.ask(headers={"Accept": "application/json"})
        problem = self.assertProblem(response, 500)
        self.assertEqual(problem["error"]["condition"], "internal-server-error")
        for secret in (b"secret", b"Traceback", b"ZeroDivision", b".py"):
            self.assertNotIn(secret, response.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_unexpectedLater(self) -> None:
        """An unexpected error while a request waits gives 500, and is logged."""
        client = self.client()
        client.send(request(IQ))
        self.requester.requests[0].reply.errback(Failure(ZeroDivisionError()))
        self.assertXMLProblem(client.response(), 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelled(self) -> None:
        """Work that is cancelled, though its client is there, is answered as well."""
        client = self.client()
        client.send(request(IQ))
        self.requester.requests[0].reply.cancel()
        self.assertXMLProblem(client.response(), 500)
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)

    def test_unexpectedForNobody(self) -> None:
        """An exception is logged, even if there is nobody left to tell."""

        async def work(request: Request, body: bytes, grant: Grant) -> Response:
            try:
                await Deferred()
            finally:
                raise ZeroDivisionError

        self.build({"": Route({"POST": work})})
        client = self.client()
        client.send(request())
        client.leave()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(client.transport.taken(), b"")

    def test_connectionGoesOn(self) -> None:
        """The connection, and the next request on it, are none the worse."""
        client = self.client()
        self.outbox.problem = ZeroDivisionError()
        client.send(request())
        self.outbox.problem = None
        client.send(request())
        self.assertEqual([r.status for r in client.responses()], [500, 202])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_uncancellable(self) -> None:
        """Work that goes on though its client has left ends without a sound."""
        for outcome in (Response(202), Refusal(Problem(503, "wait", "x", "Gone."))):

            async def work(
                request: Request,
                body: bytes,
                grant: Grant,
                outcome: Response | Refusal = outcome,
            ) -> Response:
                with contextlib.suppress(CancelledError):
                    await Deferred()
                if isinstance(outcome, Refusal):
                    raise outcome
                return outcome

            self.build({"": Route({"POST": work})})
            client = self.client()
            client.send(request())
            client.leave()
            self.assertEqual(client.transport.taken(), b"")
            self.assertEqual(self.resource.pendingRequests, 0)
        self.assertEqual(self.flushLoggedErrors(), [])
