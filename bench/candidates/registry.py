"""The table of candidates: how each is started and addressed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from bench.harness.http import NUMBER, Request
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.postgresql import PostgreSQL

from .candidate import FORMATS, JSON, XML, Candidate, Program
from .servers import REST_DOMAIN, BenchEjabberd, BenchProsody, domain

Server = BenchProsody | BenchEjabberd

XMPPREST_SQLITE = "xmpprest, store on"
XMPPREST_MEMORY = "xmpprest, store off"
XMPPREST_POSTGRESQL = "xmpprest, PostgreSQL"
BATCHED = "xmpprest, store on, in batches"
PULLED = "xmpprest, store on, by pull"
SLIXMPP = "slixmpp + aiohttp"
MOD_REST = "Prosody's mod_rest"
API = "ejabberd's mod_http_api"
EMPTY = "twisted.web, empty"
RAW = "raw component"

#: Stanzas per callback batch.
BATCH = 32


@dataclass(frozen=True)
class CandidateSetup:
    """
    The environment in which candidates are started.

    @ivar callback: The URL of the callback.
    @ivar pull: Makes the callback's process fetch the updates of a gateway at a port.
    @ivar place: A directory for their stores.
    """

    server: Server
    callback: str
    pull: Callable[[int], None]
    place: Path


def asXML(to: str, body: str) -> str:
    """Return a message as XML."""
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


class ModRestDialect(Candidate):
    """
    A candidate that accepts C{POST /rest}.

    @ivar authorization: The Authorization header.
    """

    authorization: str

    def message(self, format: str, to: str, body: str) -> Request | None:
        """Return a request that sends a message in any format."""
        path, written = {
            "xml": ("/rest", asXML(to, body)),
            "json": ("/rest", json.dumps({"to": to, "type": "chat", "body": body})),
            "text": (f"/rest/message/chat/{quote(to, safe='{}@')}", body),
        }[format]
        return self._request(path, FORMATS[format], written)

    def ping(self, to: str) -> Request | None:
        """Return a request that sends a ping as JSON."""
        iq = {"kind": "iq", "type": "get", "to": to, "ping": True}
        return self._request("/rest", JSON, json.dumps(iq))

    def _request(self, path: str, type: str, body: str) -> Request:
        headers = {"Authorization": self.authorization, "Content-Type": type}
        return Request(path, body, headers)


class XMPPRest(ModRestDialect):
    """This gateway."""

    authorization = f"Bearer {TOKEN}"

    def __init__(
        self, site: CandidateSetup, name: str, store: str, batch: int = 1
    ) -> None:
        """@param batch: How many stanzas one callback request holds."""
        self.domain = domain(name)
        self.process = GatewayProcess(
            site.server, self.domain, site.callback, store, batch
        )
        self.port = self.process.port
        self.process.start()


class PulledXMPPRest(XMPPRest):
    """
    This gateway, with a client that fetches updates.
    """

    def __init__(self, site: CandidateSetup, name: str, store: str) -> None:
        super().__init__(replace(site, callback="pull:"), name, store)
        site.pull(self.port)


class OnDatabase(XMPPRest):
    """This gateway with a store in a PostgreSQL of its own."""

    def __init__(self, site: CandidateSetup, name: str) -> None:
        self.database = PostgreSQL()
        self.database.start()
        store = self.database.url(self.database.createDatabase())
        super().__init__(site, name, store)

    def stop(self) -> None:
        super().stop()
        self.database.stop()


class ModRest(ModRestDialect):
    """
    Prosody's module mod_rest, which runs inside the server.
    """

    domain = REST_DOMAIN

    def __init__(self, server: BenchProsody) -> None:
        self.port = server.httpPort
        login = f"{REST_DOMAIN}:{server.componentSecret}".encode()
        self.authorization = f"Basic {b64encode(login).decode()}"


class Slixmpp(Candidate):
    """
    The program of L{bench.candidates.slixmpp_gateway}, which accepts only JSON.
    """

    def __init__(self, site: CandidateSetup, name: str) -> None:
        self.domain = domain(name)
        self.process = Program(
            "bench.candidates.slixmpp_gateway",
            domain=self.domain,
            secret=site.server.componentSecret,
            serverPort=site.server.componentPort,
            token=TOKEN,
            callback=site.callback,
        )
        self.port = self.process.port
        self.process.start()

    def message(self, format: str, to: str, body: str) -> Request | None:
        if format != "json":
            return None
        return self._request("/message", {"to": to, "type": "chat", "body": body})

    def ping(self, to: str) -> Request | None:
        return self._request("/ping", {"to": to})

    def _request(self, path: str, data: Mapping[str, str]) -> Request:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": JSON}
        return Request(path, json.dumps(data), headers)


class ServerAPI(Candidate):
    """
    ejabberd's HTTP API, which runs inside the server and accepts XML within JSON.
    """

    def __init__(self, server: BenchEjabberd) -> None:
        self.port = server.httpPort

    def message(self, format: str, to: str, body: str) -> Request | None:
        if format != "json":
            return None
        data = {"from": "somebody@localhost", "to": to}
        # Both the recipient and the body hold the number; the recipient's counts.
        stanza = asXML(to.replace(NUMBER, "x"), body)
        written = json.dumps({**data, "stanza": stanza})
        return Request("/api/send_stanza", written, {"Content-Type": JSON})


class Empty(Candidate):
    """
    The program of L{bench.candidates.empty_resource}, which accepts any format.
    """

    def __init__(self) -> None:
        self.process = Program("bench.candidates.empty_resource")
        self.port = self.process.port
        self.process.start()

    def message(self, format: str, to: str, body: str) -> Request | None:
        return Request("/", asXML(to, body), {"Content-Type": XML})


def _modRest(site: CandidateSetup, name: str) -> Candidate | None:
    server = site.server
    if isinstance(server, BenchProsody) and server.modRest is not None:
        return ModRest(server)
    return None


def _onDatabase(site: CandidateSetup, name: str) -> Candidate | None:
    return None if PostgreSQL.missing() else OnDatabase(site, name)


def _api(site: CandidateSetup, name: str) -> Candidate | None:
    return ServerAPI(site.server) if isinstance(site.server, BenchEjabberd) else None


#: Starts each candidate with a component name; C{None} if it is not installed.
FACTORIES: Mapping[str, Callable[[CandidateSetup, str], Candidate | None]] = {
    XMPPREST_SQLITE: lambda site, name: XMPPRest(
        site, name, f"sqlite:{site.place}/{name}.db"
    ),
    XMPPREST_MEMORY: lambda site, name: XMPPRest(site, name, "memory"),
    XMPPREST_POSTGRESQL: _onDatabase,
    BATCHED: lambda site, name: XMPPRest(
        site, name, f"sqlite:{site.place}/{name}.db", BATCH
    ),
    PULLED: lambda site, name: PulledXMPPRest(
        site, name, f"sqlite:{site.place}/{name}.db"
    ),
    SLIXMPP: Slixmpp,
    MOD_REST: _modRest,
    API: _api,
    EMPTY: lambda site, name: Empty(),
}

#: The component names of the candidates that are components.
COMPONENT_NAMES = {
    XMPPREST_SQLITE: "kept",
    XMPPREST_MEMORY: "plain",
    XMPPREST_POSTGRESQL: "database",
    BATCHED: "batched",
    PULLED: "pulled",
    SLIXMPP: "slixmpp",
}
