"""
One XMPP user, in a process of its own: orders come as JSON lines on standard
input, events leave as JSON lines on standard output.

The first line is C{{"jid", "password", "host", "port", "priority"}}. Then
C{{"send": XML}} sends text as it is; the end of the input logs out. Events:
C{{"event": "ready", "jid"}}, C{{"event": "stanza", "xml"}} for every
stanza received after the roster, and C{{"event": "disconnected", "reason"}}.

It grants and asks for no subscription and answers no message. As every client
does, it answers iq: disco#info, ping and version; anything else with an error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from slixmpp import ClientXMPP
from slixmpp.exceptions import XMPPError

from tests.servers.splitter import Received, StreamSplitter


def emit(event: str, **details: str) -> None:
    """
    Write one event.
    """
    print(json.dumps({"event": event, **details}), flush=True)


class UserClient(ClientXMPP):
    """
    Logs in without TLS, and reports.
    """

    def __init__(self, order: dict[str, Any]) -> None:  # JSON
        super().__init__(
            order["jid"],
            order["password"],
            plugin_config={
                "feature_mechanisms": {
                    "unencrypted_plain": True,
                    "unencrypted_scram": True,
                }
            },
        )
        self._splitter = StreamSplitter()
        self._priority = int(order["priority"])
        self._reporting = False
        self._ready = False
        self.enable_plaintext = True
        self.enable_starttls = self.enable_direct_tls = False
        self.use_aiodns = False
        roster: Any = self.roster  # the types forbid None, the documentation not
        roster.auto_authorize = None
        roster.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0092", "xep_0199"):
            self.register_plugin(plugin)
        self.gone: asyncio.Future[str] = self.loop.create_future()
        self.add_event_handler("session_start", self._sessionStarted)
        for event in ("disconnected", "failed_all_auth", "connection_failed"):
            self.add_event_handler(event, self._ended)

    async def _sessionStarted(self, _event: object) -> None:
        # A client that has asked for the roster gets its changes.
        try:
            await self.get_roster()
        except XMPPError as e:
            self._ended(e)
            return
        self._reporting = True
        self.send_raw(f"<presence><priority>{self._priority}</priority></presence>")

    def _ended(self, reason: object) -> None:
        if not self.gone.done():
            self.gone.set_result(str(reason or "the stream was closed"))

    def init_parser(self) -> None:
        super().init_parser()
        self._splitter = StreamSplitter()

    def data_received(self, data: bytes | str) -> None:
        """
        Report what is on the wire, before slixmpp makes anything of it.
        """
        data = data.encode() if isinstance(data, str) else data
        for received in self._splitter.feed(data):
            self._report(received)
        super().data_received(data)

    def _report(self, received: Received) -> None:
        if not self._reporting or received.kind not in {"message", "presence", "iq"}:
            return
        own = received.element.get("from") == self.boundjid.full
        if own and received.kind == "presence" and not self._ready:
            # The server has taken our presence: bare addresses reach us now.
            self._ready = True
            emit("ready", jid=self.boundjid.full)
        else:
            emit("stanza", xml=received.xml)


async def main() -> None:
    """
    Live until the input or the connection ends.
    """
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    first = json.loads(await orders.readline())
    client = UserClient(first)
    client.connect(first["host"], first["port"])

    async def obey() -> None:
        async for line in orders:
            client.send_raw(json.loads(line)["send"])
        await client.disconnect()

    obeying = asyncio.create_task(obey())
    emit("disconnected", reason=await client.gone)
    obeying.cancel()


if __name__ == "__main__":
    asyncio.run(main())
