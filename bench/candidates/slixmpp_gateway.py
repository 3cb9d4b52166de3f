"""
A minimal gateway on slixmpp and aiohttp, as a Python programmer would write it.

It stores nothing and checks only the token. C{python -m
bench.candidates.slixmpp_gateway PORT SETTINGS} serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from slixmpp.componentxmpp import ComponentXMPP
from slixmpp.exceptions import XMPPError

from tests.support.process import LOOPBACK


class SlixmppGateway(ComponentXMPP):
    """
    A component that POSTs inbound messages to a callback.
    """

    def __init__(self, settings: dict[str, Any], session: ClientSession) -> None:
        super().__init__(
            settings["domain"], settings["secret"], LOOPBACK, settings["serverPort"]
        )
        self._token = settings["token"]
        self._callback = settings["callback"]
        self._session = session
        self.register_plugin("xep_0199")
        self.add_event_handler("message", self.received)

    async def received(self, message: Any) -> None:
        """POST a message to the callback."""
        data = {
            "kind": "message",
            "type": message["type"],
            "from": str(message["from"]),
            "to": str(message["to"]),
            "id": message["id"],
            "body": message["body"],
        }
        async with self._session.post(self._callback, json=data) as response:
            await response.read()

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise web.HTTPUnauthorized

    async def postMessage(self, request: web.Request) -> web.Response:
        """Send a message."""
        self._check(request)
        data = await request.json()
        self.send_message(
            data["to"], data["body"], mtype=data["type"], mfrom=self.boundjid
        )
        return web.Response(status=202)

    async def postPing(self, request: web.Request) -> web.Response:
        """Send a ping and wait for the reply."""
        self._check(request)
        data = await request.json()
        iq = self.make_iq_get(ito=data["to"], ifrom=self.boundjid)
        iq.enable("ping")
        try:
            reply = await iq.send(timeout=120)
        except XMPPError as error:
            return web.json_response({"type": "error", "error": error.condition})
        return web.json_response({"type": reply["type"], "from": str(reply["from"])})


async def main(port: int, settings: dict[str, Any]) -> None:
    """Serve on a port."""
    async with ClientSession() as session:
        gateway = SlixmppGateway(settings, session)
        started = asyncio.get_running_loop().create_future()
        gateway.add_event_handler("session_start", started.set_result)
        gateway.connect()
        await started
        application = web.Application()
        application.router.add_post("/message", gateway.postMessage)
        application.router.add_post("/ping", gateway.postPing)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
