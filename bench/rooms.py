"""
Rooms of bots: their size in memory and the time to join them.

C{python -m bench.rooms [--rooms 1000] [--occupants 50]} runs a gateway on Prosody, lets
the bot join so many rooms, and restarts the gateway. It prints figures.
C{bench.room_kills} kills both.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.prosody import Prosody

#: Seconds within which the bot must be in its rooms again.
PATIENCE = 90.0

_BODY = re.compile(r"<body>n(\d+)</body>")
_SAID = re.compile(r"<body>b(\d+)</body>")


class RoomProsody(Prosody):
    """
    A Prosody whose rooms survive a kill.
    """

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        text = path.read_text()
        archive = 'modules_enabled = { "muc_mam" }'
        persistent = f"{archive}\n    muc_room_default_persistent = true"
        path.write_text(text.replace(archive, persistent))


class Callback:
    """
    A callback that accepts everything.

    @ivar bodies: The numbers in the bodies of messages, as they came.
    @ivar ids: The webhook-ids with which each was POSTed. A gateway that is killed
        before it has recorded a response POSTs the message again, with the same id.
    """

    def __init__(self) -> None:
        self.bodies: list[int] = []
        self.ids: dict[int, set[str]] = {}
        bodies, ids = self.bodies, self.ids

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                value = json.loads(self.rfile.read(length))
                text = value.get("body", "")
                if re.fullmatch(r"n\d+", text):
                    number = int(text[1:])
                    bodies.append(number)
                    ids.setdefault(number, set()).add(self.headers["webhook-id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Ignore a connection of a gateway that was killed."""

        self._server = Server((LOOPBACK, 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/"


class Speaker:
    """
    The other occupants: a component that talks.

    @ivar heard: The numbers of its own messages that the room has sent back.
    @ivar fromBot: How often each message of the bot was heard.
    @ivar inRoom: The messages of the bot that the room has.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.heard: dict[int, None] = {}
        self.fromBot: Counter[int] = Counter()
        self.inRoom: set[int] = set()
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect anew."""
        domain = self._server.peerDomain
        for _ in range(100):
            try:
                link = socket.create_connection((LOOPBACK, self._server.componentPort))
                link.sendall(
                    b"<stream:stream xmlns='jabber:component:accept'"
                    b" xmlns:stream='http://etherx.jabber.org/streams'"
                    b" to='%s'>" % domain.encode()
                )
                head = link.recv(4096).decode()
                (id,) = re.findall(r"id=['\"]([^'\"]+)", head)[-1:]
                secret = self._server.componentSecret
                digest = sha1((id + secret).encode()).hexdigest()
                link.sendall(f"<handshake>{digest}</handshake>".encode())
                if b"handshake" in link.recv(4096):
                    break
            except (OSError, ValueError):
                pass
            time.sleep(0.2)
        self._socket = link
        Thread(target=self._read, args=(link,), daemon=True).start()

    def _read(self, link: socket.socket) -> None:
        tail = ""
        while True:
            try:
                data = link.recv(65536)
            except OSError:
                return
            if not data:
                return
            tail += data.decode(errors="replace")
            *whole, tail = tail.split("</message>")
            with self._lock:
                for each in whole:
                    for found in _BODY.findall(each):
                        self.heard[int(found)] = None
                    said = [*map(int, _SAID.findall(each))]
                    self.inRoom.update(said)
                    # What the room repeats was said before.
                    if "urn:xmpp:delay" not in each:
                        self.fromBot.update(said)

    def send(self, xml: str) -> None:
        """Write a stanza, if there is a stream."""
        try:
            assert self._socket is not None
            self._socket.sendall(xml.encode())
        except OSError:
            pass

    def enter(self, room: str, nick: str) -> None:
        """Let an occupant enter."""
        self.send(
            f"<presence from='{nick}@{self._server.peerDomain}/x' to='{room}/{nick}'>"
            "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='20'/></x>"
            "</presence>"
        )

    def say(self, room: str, number: int) -> None:
        """Let the first occupant say a number."""
        self.send(
            f"<message type='groupchat' from='talker@{self._server.peerDomain}/x'"
            f" to='{room}' id='n{number}'><body>n{number}</body></message>"
        )


class Client:
    """
    A client of the gateway.
    """

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    def ask(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Make a request; status 0 if the gateway is not there."""
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._gateway.port}/rest{path}",
            data,
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                body = response.read()
                return response.status, json.loads(body) if body else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, None

    def joined(self) -> int:
        """Return how many rooms the bot is in."""
        _, rooms = self.ask("GET", "/rooms")
        listed = rooms if isinstance(rooms, list) else []
        return sum(each["state"] == "joined" for each in listed)


def until(
    condition: Callable[[], bool], what: str, patience: float = PATIENCE
) -> float:
    """Wait for a condition; return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > patience:
            raise SystemExit(f"{what}: not within {patience:g} s")
        time.sleep(0.1)
    return time.monotonic() - began


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    (pages,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(pages) * 1024


def scale(server: Prosody, rooms: int, occupants: int) -> None:
    """Measure joins and memory."""
    callback, speaker = Callback(), Speaker(server)
    speaker.connect()
    gateway = _gateway(server, callback)
    client = Client(gateway)
    gateway.start()
    until(lambda: client.ask("GET", f"/ping/{server.host}")[0] == 200, "the gateway")
    names = [f"r{number}@{server.mucDomain}" for number in range(rooms)]
    for name in names:
        for number in range(occupants - 1):
            speaker.enter(name, f"o{number}")
    print(f"{rooms} rooms with {occupants - 1} occupants entered", flush=True)
    began = time.monotonic()
    for name in names:
        status, reply = client.ask("PUT", f"/rooms/{name}", {"create": True})
        if status != 200:
            raise SystemExit(f"PUT {name}: {status} {reply}")
    print(f"all PUT in {time.monotonic() - began:.1f} s", flush=True)
    gateway.kill()
    before = time.monotonic()
    gateway.start()
    until(lambda: client.joined() == rooms, "joined after a restart", 300)
    took = time.monotonic() - before
    total = sum(each["occupants"] for each in client.ask("GET", "/rooms")[1])
    used = resident(gateway.pid)
    print(f"all {rooms} joined {took:.1f} s after the start of the process")
    print(f"resident memory {used / 2**20:.1f} MiB, {total} occupants")
    gateway.stop()


def _gateway(server: ServerProcess, callback: Callback) -> GatewayProcess:
    settings = {"XMPPREST_CALLBACK_CONTENT_TYPE": "json"}
    return GatewayProcess(
        server,
        server.componentDomain,
        callback.url,
        "sqlite:store/rooms.db",
        settings=settings,
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--rooms", type=int, default=1000)
    parser.add_argument("--occupants", type=int, default=50)
    options = parser.parse_args()
    server = RoomProsody()
    server.start()
    try:
        scale(server, options.rooms, options.occupants)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
