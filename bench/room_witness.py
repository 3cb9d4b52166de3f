"""The other occupants of a room, who see a bot, and what the room still has."""

from __future__ import annotations

import re
import socket
import time
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha1
from threading import Condition, Thread
from xml.etree.ElementTree import Element

from tests.servers.splitter import Received, StreamSplitter
from tests.support.process import LOOPBACK, ServerProcess

_HEADER = (
    b"<stream:stream xmlns='jabber:component:accept'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
_NUMBER = re.compile(r"([nb])(\d+)")

#: Seconds within which a room must answer.
PATIENCE = 30.0


@dataclass
class Audit:
    """
    A look into the room by an occupant who has just entered.

    @ivar nicks: Of all occupants.
    @ivar held: The numbers of the talker's messages in the history, or in the archive.
    """

    nicks: list[str] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    isComplete: bool = False


class Witness:
    """
    A component with two occupants: one talks, the other one looks into the room.

    @ivar heard: The numbers of the talker's messages that the room has sent back.
    @ivar said: The ids under which the room has sent each message of the bot, by
        number; one for each time.
    @ivar known: The numbers of the bot's messages that were heard or held.
    """

    def __init__(self, server: ServerProcess, room: str, *, hasArchive: bool) -> None:
        self._server = server
        self._room = room
        self._hasArchive = hasArchive
        self.heard: set[int] = set()
        self.said: dict[int, list[str]] = defaultdict(list)
        self.known: set[int] = set()
        self._talker = f"talker@{server.peerDomain}/x"
        self._auditor = f"auditor@{server.peerDomain}/x"
        self._audit = Audit()
        self._isIn = False
        self._changed = Condition()
        self._socket: socket.socket | None = None

    # --- the stream ---

    def connect(self) -> None:
        """Connect anew, and let the talker enter."""
        deadline = time.monotonic() + PATIENCE
        while (link := self._connected()) is None:
            if time.monotonic() > deadline:
                raise SystemExit("the other occupants cannot connect")
            time.sleep(0.2)
        self._socket, self._isIn = link, False
        Thread(target=self._read, args=(link,), daemon=True).start()
        while not self._isIn:
            if time.monotonic() > deadline:
                raise SystemExit("the talker cannot enter the room")
            self._enter(self._talker, "talker", 0)
            with self._changed:
                self._changed.wait_for(lambda: self._isIn, 2)

    def _connected(self) -> socket.socket | None:
        """Return a socket with an authenticated stream; C{None} if that fails."""
        try:
            link = socket.create_connection((LOOPBACK, self._server.componentPort))
            domain = self._server.peerDomain.encode()
            link.sendall(_HEADER.replace(b">", b" to='%s'>" % domain))
            (id,) = re.findall(r"id=['\"]([^'\"]+)", link.recv(4096).decode())[-1:]
            digest = sha1((id + self._server.componentSecret).encode()).hexdigest()
            link.sendall(f"<handshake>{digest}</handshake>".encode())
            return link if b"handshake" in link.recv(4096) else None
        except (OSError, ValueError):
            return None

    def _read(self, link: socket.socket) -> None:
        splitter = StreamSplitter()
        splitter.feed(_HEADER)
        while True:
            try:
                data = link.recv(65536)
            except OSError:
                return
            if not data:
                return
            with self._changed:
                for each in splitter.feed(data.replace(b"</stream:stream>", b"")):
                    self._note(each)
                self._changed.notify_all()

    def _send(self, xml: str) -> None:
        """Write a stanza, if there is a stream."""
        try:
            assert self._socket is not None
            self._socket.sendall(xml.encode())
        except OSError:
            pass

    # --- what comes ---

    def _note(self, stanza: Received) -> None:
        element = stanza.element
        isAudit = element.get("to") == self._auditor
        if stanza.kind == "presence":
            self._notePresence(element, isAudit=isAudit)
        elif stanza.kind == "iq" and element.get("id") == "archive":
            self._audit.isComplete = True
        elif isAudit and element.find("{*}subject") is not None:
            # The subject ends the history (XEP-0045 §7.2.15).
            self._audit.isComplete = not self._hasArchive
            if self._hasArchive:
                self._askArchive()
        elif stanza.kind == "message" and element.get("type") != "error":
            self._noteMessage(stanza, isAudit=isAudit)

    def _notePresence(self, presence: Element, *, isAudit: bool) -> None:
        nick = presence.get("from", "").partition("/")[2]
        # ejabberd's rooms have a presence of their own.
        if isAudit and nick and presence.get("type") is None:
            self._audit.nicks.append(nick)
        codes = [each.get("code") for each in presence.iterfind("{*}x/{*}status")]
        if not isAudit and presence.get("type") is None and "110" in codes:
            self._isIn = True

    def _noteMessage(self, stanza: Received, *, isAudit: bool) -> None:
        """Note a message, live or old, or a result of the archive."""
        message = stanza.element
        inner = message.find("{*}result/{*}forwarded/{*}message")
        isOld = inner is not None or message.find("{urn:xmpp:delay}delay") is not None
        message = message if inner is None else inner
        found = _NUMBER.fullmatch(message.findtext("{*}body") or "")
        if found is None:
            return
        number = int(found[2])
        if found[1] == "b":
            self.known.add(number)
            if not isAudit and not isOld:
                self.said[number].append(message.get("id", ""))
        elif isAudit and isOld:
            self._audit.held.add(number)
        elif not isAudit and not isOld:
            self.heard.add(number)

    # --- what they do ---

    def _enter(self, address: str, nick: str, history: int) -> None:
        self._send(
            f"<presence from='{address}' to='{self._room}/{nick}'>"
            "<x xmlns='http://jabber.org/protocol/muc'>"
            f"<history maxstanzas='{history}'/></x></presence>"
        )

    def _askArchive(self) -> None:
        """Ask for the newest fifty messages (XEP-0313)."""
        self._send(
            f"<iq type='set' id='archive' from='{self._auditor}' to='{self._room}'>"
            "<query xmlns='urn:xmpp:mam:2'>"
            "<set xmlns='http://jabber.org/protocol/rsm'><max>50</max><before/></set>"
            "</query></iq>"
        )

    def say(self, number: int) -> None:
        """Let the talker say a number."""
        self._send(
            f"<message type='groupchat' from='{self._talker}' to='{self._room}'"
            f" id='n{number}'><body>n{number}</body></message>"
        )

    def audit(self) -> Audit:
        """Let the second occupant enter, look, and leave."""
        audit = self._audit = Audit()
        self._enter(self._auditor, "auditor", 1000)
        with self._changed:
            self._changed.wait_for(lambda: audit.isComplete, PATIENCE)
        self._send(
            f"<presence type='unavailable' from='{self._auditor}'"
            f" to='{self._room}/auditor'/>"
        )
        return audit
