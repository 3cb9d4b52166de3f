"""
Limits on what one request costs, in bytecode instructions.

The cost is a ratio: the instructions of a request to the gateway, divided by those of a
request to an empty L{Resource} of twisted.web, both counted in this process. Seconds
depend on the machine and on what else it does; instructions do not. The ratio hardly
depends on the version of Python, which the bare number does (a tenth between 3.11 and
3.12). Calls would depend on how the code is cut into functions: a new helper function
adds one of about 160 calls, but only some ten of 3,700 instructions, so that code may
be made readable without meeting a limit. Work that is done twice is counted twice.

Not counted is what C code does, such as expat and C{json}, and the SQLite store, which
works in a thread; C{python -m bench} measures those.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FrameType
from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from .core.hooks.hooks import SECRET, hookConfig
from .core.hooks.test_hook import group
from .gateway.test_gateway import MESSAGE, PING, TOKEN, post
from .gateway.test_reload import ReloadTestCase
from .gateway.test_rooms import joinRoom
from .support.doubles import DOMAIN, HeldServer, HTTPClient

JSON = '{"to": "user@example.org", "type": "chat", "body": "Hello!"}'
REPLY = f"<iq type='result' from='example.org' to='{DOMAIN}' id='%s'/>"
INBOUND = (
    f"<message from='user@example.org' to='bot@{DOMAIN}' type='chat' id='1'>"
    "<body>Hello!</body></message>"
)

ROOM = "team@rooms.example.org"
SAID = (
    f"<message from='{ROOM}/Ann' to='bot@{DOMAIN}/xmpprest' type='groupchat' id='1'>"
    f"<body>Hello!</body><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='{ROOM}'/>"
    "</message>"
)

#: Limits of the ratio, a tenth above what each was when it was set. Whoever meets one
#: should see whether the new work belongs into every request.
POST_XML, POST_JSON, POST_IQ, INBOUND_MESSAGE = 0.79, 0.86, 1.3, 2.4

#: Limit of the ratio of a POST whose body arrives in any way to one in one piece.
MOST_FOR_A_BODY = 2.0

#: The limit of a message of a room in multiples of a chat message.
ROOM_MESSAGE = 1.1

#: The limit of an alert for a hook.
HOOK = 1.55

#: How often each is counted. The least counts: an id may have to be made again.
ROUNDS = 4

#: A number for L{sys.monitoring} that no debugger, profiler or coverage tool has.
TOOL = 3


class Empty(Resource):
    """A resource that accepts everything and does nothing."""

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """Answer with 202."""
        request.setResponseCode(202)
        return b""


@contextmanager
def counting() -> Iterator[list[int]]:
    """Count bytecode instructions; the one number of the list is their count so far."""
    counted = [0]
    if sys.version_info >= (3, 12):
        monitoring, event = sys.monitoring, sys.monitoring.events.INSTRUCTION

        def count(code: CodeType, offset: int) -> None:
            counted[0] += 1

        monitoring.use_tool_id(TOOL, __name__)
        monitoring.register_callback(TOOL, event, count)
        monitoring.set_events(TOOL, event)
        try:
            yield counted
        finally:
            monitoring.set_events(TOOL, 0)
            monitoring.free_tool_id(TOOL)
    else:

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            counted[0] += event == "opcode"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            yield counted
        finally:
            sys.settrace(before)


def instructions(*actions: Callable[[], object]) -> int:
    """Call some functions; return how many bytecode instructions that takes."""
    with counting() as counted:
        for action in actions:
            action()
    return counted[0]


class HotPathTests(ReloadTestCase):
    """
    Tests of a gateway with its store in memory.
    """

    def assertCost(self, count: Callable[[], int], limit: float) -> None:
        """
        A request costs no more than a multiple of one to an empty resource.

        @param count: Makes a request; returns its instructions.
        """
        # The first makes what is made once.
        costs = [count() for _ in range(ROUNDS)]
        ratio = min(costs) / min(self.countEmpty() for _ in range(ROUNDS))
        self.assertLessEqual(ratio, limit)
        # Or something else is counted; or the limit should be lowered.
        self.assertGreater(ratio, limit / 3)

    def countEmpty(self) -> int:
        """Return the instructions of a request to an empty resource."""
        # The clock, or each connection would leave a timer in the real reactor.
        site: Any = Site(Empty(), reactor=Clock())  # No Factory, to the types.
        site.log = lambda request: None
        client = HTTPClient(site)
        post(client, MESSAGE)
        count = instructions(lambda: post(client, MESSAGE))
        self.assertEqual([it.status for it in client.responses()], [202, 202])
        return count

    def countMessage(self, server: HeldServer, body: str, contentType: str) -> int:
        """Return the instructions of a POST, until the message is on the stream."""
        count = instructions(
            lambda: post(self.client, body, contentType=contentType),
            lambda: self.reactor.advance(0),
        )
        self.assertEqual(self.client.response().status, 202)
        self.assertEqual(server.stanza().name, "message")
        return count

    def test_messageInXML(self) -> None:
        """
        A message in XML, from the request to the response and the stream.
        """
        server = self.begin()
        xml = "application/xmpp+xml"
        self.assertCost(lambda: self.countMessage(server, MESSAGE, xml), POST_XML)

    def test_messageInJSON(self) -> None:
        """
        A message in JSON, from the request to the response and the stream.
        """
        server = self.begin()
        type = "application/json"
        self.assertCost(lambda: self.countMessage(server, JSON, type), POST_JSON)

    def test_hook(self) -> None:
        """
        An alert for a hook, made into a message by a template.
        """
        server = self.begin(hooks=[hookConfig()])
        body = json.dumps(group(1), separators=(",", ":"))
        head = (
            f"POST /hooks/alerts/{SECRET} HTTP/1.1\r\nHost: a\r\n"
            "Content-Type: application/json\r\nUser-Agent: Alertmanager/0.25.0\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )

        def count() -> int:
            spent = instructions(
                lambda: self.client.send(f"{head}{body}".encode()),
                lambda: self.reactor.advance(0),
            )
            self.assertEqual(self.client.response().status, 200)
            self.assertEqual(server.stanza().name, "message")
            return spent

        self.assertCost(count, HOOK)

    def test_bodies(self) -> None:
        """
        However a client sends the body, a message costs less than twice as much as one
        that arrives in one piece.
        """
        server = self.begin()
        head = (
            f"POST /rest HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Type: application/json\r\n"
        )
        length = f"Content-Length: {len(JSON)}\r\n"
        chunk = f"{len(JSON):x}\r\n{JSON}\r\n"

        def least(*pieces: str) -> int:
            return min(self.countPieces(server, *pieces) for _ in range(ROUNDS))

        plain = least(f"{head}{length}\r\n{JSON}")
        for pieces in (
            # As http.client, curl with a long body, and streams of node send it.
            (f"{head}{length}\r\n", JSON),
            (f"{head}{length}Expect: 100-continue\r\n\r\n", JSON),
            (f"{head}Transfer-Encoding: chunked\r\n\r\n", f"{chunk}0\r\n\r\n"),
        ):
            self.assertLess(least(*pieces) / plain, MOST_FOR_A_BODY)

    def countPieces(self, server: HeldServer, *pieces: str) -> int:
        """Return the instructions of a POST that arrives in pieces."""
        count = 0
        for piece in pieces:
            count += instructions(partial(self.client.send, piece.encode()))
            if self.client.transport.value().startswith(b"HTTP/1.1 100"):
                self.client.transport.clear()
        self.reactor.advance(0)
        self.assertEqual(self.client.response().status, 202)
        self.assertEqual(server.stanza().name, "message")
        return count

    def test_iq(self) -> None:
        """
        An iq, from the request to the stream, and from the reply to the response.
        """
        server = self.begin()

        def count() -> int:
            asked = instructions(lambda: post(self.client, PING))
            reply = REPLY % server.stanza()["id"]
            answered = instructions(lambda: server.send(reply))
            self.assertEqual(self.client.response().status, 200)
            return asked + answered

        self.assertCost(count, POST_IQ)

    def test_inbound(self) -> None:
        """
        An inbound message, from the stream to the callback, and its response.
        """
        server = self.begin(callbackURL="http://127.0.0.1:9999/in")
        self.inbound()
        self.posted()

        self.assertCost(lambda: self.countInbound(server, INBOUND), INBOUND_MESSAGE)

    def countInbound(self, server: HeldServer, xml: str) -> int:
        """Return the instructions of an inbound message, and of its response."""
        received = instructions(
            lambda: server.send(xml), lambda: self.reactor.advance(0)
        )
        ((connection, _),) = self.posts()
        return received + instructions(lambda: connection.answer(204))

    def test_inboundFromRoom(self) -> None:
        """
        A message of a room that a bot is in costs hardly more than any other message
        with the same elements.
        """
        server = self.begin(callbackURL="http://127.0.0.1:9999/in")
        joinRoom(self.client, server, ROOM)
        self.reactor.advance(0)

        def least(xml: str) -> int:
            return min(self.countInbound(server, xml) for _ in range(ROUNDS))

        chat = SAID.replace("groupchat", "chat").replace(f"{ROOM}/Ann", "ann@a.example")
        ratio = least(SAID) / least(chat)
        self.assertLessEqual(ratio, ROOM_MESSAGE)
        self.assertGreater(ratio, 1)
