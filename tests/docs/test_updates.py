"""Tests of the clients in C{docs/examples} that fetch updates."""

from __future__ import annotations

import os
from collections import Counter

from twisted.internet import reactor
from twisted.words.xish.domish import Element

from tests.docs.test_examples import EXAMPLES
from tests.docs.world import DOMAIN, SECRET, TOKEN, WorldTestCase
from tests.support.process import freePorts
from tests.support.programs import TIMEOUT, Program, require

#: The number of messages, of users who send them, and of kills of the gateway and of
#: the client, in turns.
MESSAGES = int(os.environ.get("XMPPREST_PULL_MESSAGES", "120"))
SENDERS = 6
KILLS = int(os.environ.get("XMPPREST_PULL_KILLS", "4"))


class UpdatesTests(WorldTestCase):
    """
    A client and a gateway that are killed lose no message, and answer none twice.
    """

    timeout = 600

    def setUp(self) -> None:
        super().setUp()
        (self.port,) = freePorts(1)
        self.url = f"http://127.0.0.1:{self.port}/rest"

    async def startGateway(self) -> Program:
        """Start a gateway on the store that is there."""
        environ = {
            "XMPPREST_SERVER": f"tcp:127.0.0.1:{self.serverPort}",
            "XMPPREST_SECRET": SECRET,
            "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            "XMPPREST_LISTEN": f"tcp:{self.port}:interface=127.0.0.1",
        }
        gateway = self.shell(
            f"exec .venv/bin/twist xmpprest --domain {DOMAIN} --callback-url pull:"
            " --reply-limit 1000000",
            **environ,
        )
        await self.connected()
        return gateway

    def startClient(self, name: str, *command: str) -> Program:
        """Start a client from the examples."""
        text = (EXAMPLES / name).read_text()
        self.assertEqual(text.count("8080"), 1)
        self.place.write(name, text.replace("8080", str(self.port)))
        return self.place.start([*command, name], XMPPREST_TOKEN=TOKEN)

    async def stored(self) -> None:
        """Wait until all messages are stored."""
        await self.run_(
            f"until [ $(curl -s '{self.url}/inbox?state=pending&limit=1000'"
            f" --oauth2-bearer {TOKEN} | grep -o received_at | wc -l) = {MESSAGES} ];"
            " do sleep 0.1; done"
        )

    async def survives(self, name: str, *command: str) -> None:
        """
        Check that a client answers each message through kills: once, or again with the
        same id, and in the order of each sender.
        """
        self.silence()
        gateway = await self.startGateway()
        for number in range(MESSAGES):
            sender = f"user{number % SENDERS}@example.org/phone"
            self.send(
                f"<message from='{sender}' to='bot@{DOMAIN}' type='chat'"
                f" id='{number}'><body>{number}</body></message>"
            )
        await self.stored()
        client = self.startClient(name, *command)
        replies: dict[str, dict[str, str]] = {}
        kills = 0
        while sum(map(len, replies.values())) < MESSAGES:
            reply = await self._peerReceives()
            known = replies.setdefault(reply["to"], {})
            text = str(reply.body)
            known.setdefault(text, reply["id"])
            self.assertEqual(known[text], reply["id"], "a second answer")
            count = sum(map(len, replies.values()))
            if kills < KILLS and count > (kills + 1) * MESSAGES // (KILLS + 2):
                if kills % 2:
                    client.kill()
                    client = self.startClient(name, *command)
                else:
                    gateway.kill()
                    gateway = await self.startGateway()
                kills += 1
        self.assertEqual(kills, KILLS)
        for number in range(SENDERS):
            known = replies[f"user{number}@example.org/phone"]
            expected = [
                f"You said: {each}" for each in range(number, MESSAGES, SENDERS)
            ]
            self.assertEqual([*known], expected)
        # A live client still fetches, and what it has answered is settled.
        self.send(
            f"<message from='user0@example.org/phone' to='bot@{DOMAIN}' type='chat'"
            " id='last'><body>last</body></message>"
        )
        bodies = Counter[str]()
        while not bodies["You said: last"]:
            bodies[str((await self._peerReceives()).body)] += 1
        client.kill()
        self.assertNotIn("Traceback", client.output)
        self.assertNotIn("Refused", client.output)

    async def _peerReceives(self) -> Element:
        """The next message that a user receives."""
        while True:
            stanza = await self._peer.received.get().addTimeout(TIMEOUT * 3, reactor)
            if stanza.name == "message":
                return stanza

    async def test_python(self) -> None:
        """The client in Python survives kills."""
        await self.survives("pull.py", ".venv/bin/python")

    async def test_node(self) -> None:
        """The client in JavaScript survives kills."""
        require("node")
        await self.survives("pull.js", "node")

    async def test_shell(self) -> None:
        """The client in shell survives kills."""
        require("jq")
        await self.survives("pull.sh", "bash")
