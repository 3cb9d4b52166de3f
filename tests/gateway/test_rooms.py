"""Tests of rooms through a whole gateway, against a server in memory."""

from __future__ import annotations

import json
from itertools import pairwise

from ..support.doubles import DOMAIN, HeldServer, HTTPClient
from .test_gateway import TOKEN
from .test_reload import ReloadTestCase

ROOM = "team@rooms.example.org"
BOT = f"bot@{DOMAIN}"
MUC_USER = "http://jabber.org/protocol/muc#user"


def joinRoom(client: HTTPClient, server: HeldServer, room: str) -> None:
    """Let a bot be in a room without an archive, a history and other occupants."""
    body = json.dumps({"from": BOT})
    client.send(
        f"PUT /rest/rooms/{room} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}"
        f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        f"{body}".encode()
    )
    disco = server.stanza()
    to = disco["from"]
    server.send(
        f"<iq type='result' id='{disco['id']}' from='{room}' to='{to}'>"
        "<query xmlns='http://jabber.org/protocol/disco#info'>"
        "<feature var='http://jabber.org/protocol/muc'/>"
        "<feature var='urn:xmpp:sid:0'/></query></iq>"
    )
    nick = server.stanza()["to"].partition("/")[2]
    server.send(
        f"<presence from='{room}/{nick}' to='{to}'><x xmlns='{MUC_USER}'>"
        "<item affiliation='none' role='participant'/><status code='110'/></x>"
        f"</presence><message type='groupchat' from='{room}' to='{to}'><subject/>"
        "</message>"
    )
    status = client.response().status
    if status != 200:
        raise AssertionError(f"PUT {room}: {status}")


class EventTests(ReloadTestCase):
    """
    Tests of the events of rooms.
    """

    def test_event(self) -> None:
        """
        A join and a removal are events, with the room, the bot and the reason.
        """
        server = self.begin()
        joinRoom(self.client, server, ROOM)
        server.send(
            f"<presence type='unavailable' from='{ROOM}/bot' to='{BOT}/xmpprest'>"
            f"<x xmlns='{MUC_USER}'><item affiliation='none' role='none'>"
            "<reason>Too loud</reason></item><status code='110'/><status code='307'/>"
            "</x></presence>"
        )
        self.client.send(
            f"GET /rest/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}"
            "\r\n\r\n".encode()
        )
        self.reactor.advance(1)
        lines = self.client.transport.value().decode().splitlines()
        found = [
            json.loads(data.removeprefix("data: "))
            for name, data in pairwise(lines)
            if name == "event: room"
        ]
        self.assertEqual([each["event"] for each in found], ["joined", "removed"])
        self.assertEqual({each["room"] for each in found}, {ROOM})
        self.assertEqual({each["from"] for each in found}, {BOT})
        self.assertEqual(found[1]["condition"], "kicked")
        self.assertEqual(found[1]["reason"], "Too loud")
