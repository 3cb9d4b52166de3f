"""Tests for L{xmpprest.web.api.rooms}."""

from __future__ import annotations

import json
from typing import Any

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.stanza.jid_pattern import JIDPatterns
from xmpprest.store.memory import MemoryStore
from xmpprest.web.api.rooms import RoomsHandler

from ...support.doubles import DOMAIN, HTTPResponse
from ...support.room_service import (
    HeldQueue,
    ScriptedRoom,
    ScriptedRooms,
    makeService,
)
from ..case import SiteTestCase, request

ROOM = "team@rooms.example.org"
PATH = f"/rest/rooms/{ROOM}"
BOT, OTHER = f"bot@{DOMAIN}", f"other@{DOMAIN}"


class RoomsTestCase(SiteTestCase):
    """
    A test that has a site, and a room without occupants.

    @ivar server: The service of the room.
    @ivar headers: The headers of each request.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = ScriptedRooms(self.clock, self.clock.seconds)
        self.room = self.server.rooms[ROOM] = ScriptedRoom()
        store = MemoryStore()
        store.open()
        service = makeService(
            self.server,
            store,
            lambda stanza: None,
            HeldQueue(),
            self.clock,
            now=self.clock.seconds,
        )
        self.server.deliver = service.intercept
        self.server.ready = True
        service.startService()
        self.headers: dict[str, str | None] = {}
        self.build({**RoomsHandler(service, DOMAIN).routes})

    def send(
        self,
        method: str,
        path: str = PATH,
        body: Any = None,
        type: str = "application/json",
    ) -> HTTPResponse:
        """Send a request; C{body} is JSON, C{None} for none."""
        data = b"" if body is None else json.dumps(body).encode()
        client = self.client()
        headers = {"Content-Type": type, **self.headers}
        client.send(request(data, headers, method, path))
        return client.response()

    def value(self, method: str, path: str = PATH, body: Any = None) -> Any:
        """Send a request that succeeds; return the JSON of the response."""
        response = self.send(method, path, body)
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)

    def join(self, *bots: str) -> None:
        """Let bots be in the room."""
        for each in bots:
            self.value("PUT", PATH, {"from": each})

    def assertRefused(self, response: HTTPResponse, status: int, text: str) -> None:
        """Assert that a response is a problem."""
        self.assertEqual(response.status, status, response.body)
        self.assertIn(text, json.loads(response.body)["detail"])


class RoomRouteTests(RoomsTestCase):
    """
    C{/rest/rooms} and C{/rest/rooms/ROOM}
    """

    def test_lifecycle(self) -> None:
        """
        A membership is put, changed, read, listed with its occupants, and deleted.
        """
        self.assertEqual(self.value("GET", "/rest/rooms"), [])
        joined = self.value("PUT", PATH, {"from": BOT})
        self.assertEqual(
            {key: joined[key] for key in ("room", "from", "nick", "state")},
            {"room": ROOM, "from": BOT, "nick": "bot", "state": "joined"},
        )
        renamed = self.value("PUT", PATH, {"from": BOT, "nick": "Robot"})
        self.assertEqual(renamed["nick"], "Robot")
        self.assertEqual(self.value("GET"), renamed)
        self.assertEqual(self.value("GET", "/rest/rooms"), [renamed])
        (occupant,) = self.value("GET", f"{PATH}/occupants")
        self.assertEqual((occupant["nick"], occupant["role"]), ("Robot", "participant"))
        self.assertEqual(self.send("DELETE").status, 204)
        self.assertEqual(self.room.occupants, {})
        self.assertEqual(self.value("GET", "/rest/rooms"), [])

    def test_defaultSender(self) -> None:
        """
        Without a body, the gateway's own address is in the room.
        """
        self.assertEqual(self.value("PUT")["from"], DOMAIN)
        self.assertEqual(self.room.occupants, {"xmpprest": f"{DOMAIN}/xmpprest"})

    def test_occupant(self) -> None:
        """
        The address from which a bot is in the room is shown; as C{from} of another
        request it changes nothing.
        """
        for written, occupant in ((BOT, f"{BOT}/xmpprest"), (f"{BOT}/x", f"{BOT}/x")):
            shown = self.value("PUT", PATH, {"from": written})
            self.assertEqual((shown["from"], shown["occupant"]), (BOT, occupant))
            self.assertEqual(self.room.occupants, {"bot": occupant})
            before = len(self.server.sent)
            again = self.value("PUT", PATH, {"from": occupant})
            self.assertEqual(again["occupant"], occupant)
            self.assertEqual(len(self.server.sent), before)

    def test_unknown(self) -> None:
        """
        A room without a bot of the gateway is 404.
        """
        for method, path in (
            ("GET", PATH),
            ("GET", f"{PATH}/occupants"),
            ("DELETE", PATH),
        ):
            self.assertRefused(self.send(method, path), 404, f"No bot is in {ROOM}")

    def test_several(self) -> None:
        """
        With two bots in a room, a request that names neither is 409 with both, and
        changes nothing; C{from} selects one.
        """
        self.join(BOT, OTHER)
        for method, path in (
            ("GET", PATH),
            ("GET", f"{PATH}/occupants"),
            ("DELETE", PATH),
        ):
            response = self.send(method, path)
            self.assertRefused(response, 409, f"with one of: {BOT}, {OTHER}.")
        self.assertEqual(self.value("GET", f"{PATH}?from={OTHER}")["from"], OTHER)
        self.assertEqual(self.value("GET", f"{PATH}?from={BOT}/x")["from"], BOT)
        absent = self.send("GET", f"{PATH}?from=third@{DOMAIN}")
        self.assertRefused(absent, 404, "No bot is in")
        self.assertEqual(self.send("DELETE", f"{PATH}?from={BOT}").status, 204)
        self.assertEqual([*self.room.occupants], ["other"])
        self.assertEqual(self.value("GET")["from"], OTHER)

    def test_severalWithDefault(self) -> None:
        """
        The token's own sender is selected, if it is one of those in the room.
        """
        self.join(BOT, DOMAIN)
        self.assertEqual(self.value("GET")["from"], DOMAIN)
        self.headers = self.allow(Grant("bot", defaultSender=f"{BOT}/phone"))
        self.assertEqual(self.value("GET")["from"], BOT)

    def test_room(self) -> None:
        """
        An address is normalised; a malformed one, one without a local part, and one
        with a nick are refused.
        """
        path = "/rest/rooms/Team%40ROOMS.example.org"
        self.assertEqual(self.value("PUT", path)["room"], ROOM)
        for room, text in (
            ("@rooms.example.org", "is not an XMPP address"),
            ("rooms.example.org", "is not the address of a room"),
            (f"{ROOM}%2Fnick", "is not the address of a room"),
        ):
            for method in ("PUT", "GET", "DELETE"):
                response = self.send(method, f"/rest/rooms/{room}")
                self.assertRefused(response, 422, text)

    def test_body(self) -> None:
        """
        A body with an unknown key or a wrong value is refused before the room is asked.
        """
        for body, status, text in (
            ([], 422, "must be an object"),
            ({"nik": "x"}, 422, "'nik' is not known"),
            ({"nick": 1}, 422, "'nick' must be a string"),
            ({"nick": ""}, 422, "'nick' cannot be used"),
            ({"nick": "a\u0000b"}, 422, "U+0000"),
            ({"nick": " x"}, 422, "without spaces"),
            ({"nick": "x" * 256}, 422, "at most 255 characters"),
            ({"from": "@x"}, 422, "'from' is not an XMPP address"),
            ({"from": "bot@example.net"}, 403, f"must be at {DOMAIN}"),
            ({"password": 1}, 422, "'password' must be a string"),
            ({"create": "yes"}, 422, "'create' must be true or false"),
            ({"history": "all"}, 422, "'history' must be 'missed', 'none'"),
            ({"history": {"max": 1}}, 422, "'max' in 'history' is not known"),
            ({"history": {"seconds": -1}}, 422, "a number that is not negative"),
            ({"history": {"since": "today"}}, 422, "must be a time"),
        ):
            self.assertRefused(self.send("PUT", PATH, body), status, text)
        response = self.send("PUT", PATH, {}, "text/plain")
        self.assertRefused(response, 415, "must be JSON")
        self.assertEqual(self.server.sent, [])

    def test_query(self) -> None:
        """
        A query with another key is refused.
        """
        self.join(BOT)
        for method, path in (
            ("GET", f"{PATH}?form={BOT}"),
            ("PUT", f"{PATH}?from={BOT}"),
            ("GET", f"/rest/rooms?from={BOT}"),
        ):
            self.assertEqual(self.send(method, path).status, 400)

    def test_refusals(self) -> None:
        """
        A nick in use is 409, a wrong password 403, a room that does not exist 404, and
        none of them leaves a membership.
        """
        self.room.occupants["bot"] = "ann@example.org/x"
        self.assertRefused(self.send("PUT", PATH, {"from": BOT}), 409, "nick")
        self.room.password = "sesame"
        self.assertEqual(self.send("PUT", PATH, {"nick": "Robot"}).status, 403)
        missing = self.send("PUT", "/rest/rooms/none@rooms.example.org")
        self.assertEqual(missing.status, 404)
        self.assertEqual(self.value("GET", "/rest/rooms"), [])


class TokenTests(RoomsTestCase):
    """
    Tokens with limited permissions.
    """

    def test_right(self) -> None:
        """
        Every route needs the right C{rooms}.
        """
        self.join(BOT)
        self.headers = self.allow(Grant("poor", frozenset({"bots", "outbox"})))
        for method, path in (
            ("GET", "/rest/rooms"),
            ("GET", PATH),
            ("PUT", PATH),
            ("DELETE", PATH),
            ("GET", f"{PATH}/occupants"),
        ):
            response = self.send(method, path)
            self.assertRefused(response, 403, "may not let bots join and leave rooms")
        self.assertEqual([*self.room.occupants], ["bot"])

    def test_senders(self) -> None:
        """
        A token joins and sees rooms of the bots that it may send from only.
        """
        self.join(BOT, OTHER)
        self.headers = self.allow(Grant("mine", senders=JIDPatterns(BOT)))
        rooms = self.value("GET", "/rest/rooms")
        self.assertEqual([each["from"] for each in rooms], [BOT])
        self.assertEqual(self.value("GET")["from"], BOT)
        response = self.send("PUT", PATH, {"from": OTHER, "nick": "x"})
        self.assertRefused(response, 403, "may not send from")
        for method, path in (
            ("GET", PATH),
            ("GET", f"{PATH}/occupants"),
            ("DELETE", PATH),
        ):
            response = self.send(method, f"{path}?from={OTHER}")
            self.assertRefused(response, 403, "may not send from")
        self.assertEqual([*self.room.occupants], ["bot", "other"])

    def test_resource(self) -> None:
        """
        A token that may send from one resource of a bot neither replaces the bot in a
        room nor joins for it, because the bot is in a room only once.
        """
        phone = f"{BOT}/phone"
        grant = Grant("phone", senders=JIDPatterns(phone), defaultSender=phone)
        limited, body = self.allow(grant), {"nick": "evil"}
        for before in ([], [BOT]):
            self.headers = {}
            self.join(*before)
            count = len(self.server.sent)
            self.headers = limited
            for sender in ({}, {"from": phone}):
                response = self.send("PUT", PATH, {**body, **sender})
                text = f"may not send from '{BOT}', to which the place"
                self.assertRefused(response, 403, text)
            self.assertEqual(len(self.server.sent), count)
        self.headers = self.allow(Grant("bare", senders=JIDPatterns(BOT)))
        self.assertEqual(self.value("PUT", PATH, {"from": phone})["from"], BOT)

    def test_recipients(self) -> None:
        """
        A token lets bots join and leave the rooms only that it may send to.
        """
        limited = self.allow(Grant("x", recipients=JIDPatterns("*@example.net")))
        self.headers = limited
        text = f"'x' may not send to '{ROOM}', only to: *@example.net."
        self.assertRefused(self.send("PUT"), 403, text)
        self.assertEqual(self.server.sent, [])
        self.headers = {}
        self.join(BOT)
        self.headers = limited
        self.assertRefused(self.send("DELETE"), 403, text)
        self.assertEqual([*self.room.occupants], ["bot"])
        self.assertEqual(self.value("GET")["from"], BOT)

    def test_kinds(self) -> None:
        """
        A token that may not send presence lets no bots join or leave, but shows them.
        """
        self.join(BOT)
        self.headers = self.allow(Grant("x", kinds=frozenset({"message"})))
        for method in ("PUT", "DELETE"):
            text = "'x' may send message, not a presence."
            self.assertRefused(self.send(method), 403, text)
        self.assertEqual([*self.room.occupants], ["bot"])
        self.assertEqual(self.value("GET")["from"], BOT)

    def test_rate(self) -> None:
        """
        A join or a departure counts as a stanza for the rate limit; reading does not.
        """
        limit = RateLimiter(1, 3, self.clock.seconds)
        self.headers = self.allow(Grant("slow", rateLimiter=limit))
        self.value("PUT")
        self.assertEqual(self.send("DELETE").status, 204)
        self.value("PUT")
        for method in ("PUT", "DELETE"):
            response = self.send(method)
            self.assertRefused(response, 429, "stanzas a second")
            self.assertEqual(response["Retry-After"], "1")
            self.assertEqual(self.value("GET")["state"], "joined")
