"""Things that queries need: a room with a history, a file."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import ProxyHandler, Request, build_opener
from xml.sax.saxutils import quoteattr

from twisted.internet.threads import deferToThread

from tests.servers.peer import Peer

STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


async def fillRoom(
    peer: Peer, room: str, count: int, *, nick: str = "Filler", sender: str = ""
) -> list[str]:
    """
    Enter a room and say C{"Message 0"}, C{"Message 1"} and so on, with the ids
    C{m0}, C{m1}; and stay, because an empty room's archive goes with the room.

    @param room: the room's bare JID.
    @param sender: for a component, the JID that enters.
    @return: the ids in the room's archive, which has them all, oldest first.
    """
    await peer.joinRoom(room, nick, sender=sender)
    origin = f" from={quoteattr(sender)}" if sender else ""
    for number in range(count):
        peer.send(
            f"<message type='groupchat' id='m{number}'{origin} to={quoteattr(room)}>"
            f"<body>Message {number}</body></message>"
        )
    ids = []
    for number in range(count):
        echo = await peer.expect("groupchat", f"<body>Message {number}</body>")
        mark = echo.element.find(STANZA_ID)
        assert mark is not None, f"not in an archive: {echo.xml}"
        ids.append(mark.attrib["id"])
    return ids


async def upload(url: str, data: bytes, headers: Mapping[str, str]) -> int:
    """
    Put a file where a slot says.

    @param headers: those of the slot.
    @return: the HTTP status.
    @raise urllib.error.HTTPError: the server has not taken it.
    """
    return (await _fetch(Request(url, data, dict(headers), method="PUT")))[0]


async def download(url: str) -> bytes:
    """
    Get a file from where a slot says.

    @raise urllib.error.HTTPError: it is not there.
    """
    return (await _fetch(Request(url)))[1]


async def _fetch(request: Request) -> tuple[int, bytes]:
    # No proxy: both ends are this machine's.
    def fetch() -> tuple[int, bytes]:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as response:
            return response.status, response.read()

    return await deferToThread(fetch)
