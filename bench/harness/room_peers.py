"""A callback, and a client of the gateway, for rooms whose parts are killed."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import LOOPBACK

#: Seconds within which the bot must be in its rooms again.
PATIENCE = 90.0


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
