"""Hooks on real servers, with slixmpp as the recipients."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import TestCase

from tests.core.hooks.hooks import SECRET, hookConfig
from tests.servers.gateway import Reply
from tests.servers.rooms_case import RoomMixin, sleep
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody

JSON = "application/json"
PAYLOAD = {"text": "*Deploy* of <https://web1.example.org|web1> done", "username": "ci"}
MESSAGE = "<body>*Deploy* of web1 (https://web1.example.org) done</body>"


class HookMixin(RoomMixin):
    """
    A gateway with a hook.
    """

    async def hook(self, value: object = PAYLOAD, **headers: Any) -> Reply:
        """Post to the hook, as another program would."""
        here, self.url = self.url, self.url.removesuffix("/rest")
        path = f"/hooks/alerts/{SECRET}"
        try:
            return await self.post(json.dumps(value), JSON, path=path, **headers)
        finally:
            self.url = here

    def serve(self, **settings: Any) -> Any:
        """Return a hook whose messages are from the bot."""
        return (hookConfig(from_=self.bot, **settings),)

    async def test_room(self) -> None:
        """
        A message reaches the room under the nick of the bot. While the bot is not in
        it, the program is told what to do.
        """
        await self.openRoom()
        await self.begin(hooks=self.serve(type="groupchat", to=[self.room]))
        # At first the gateway does not know its rooms yet.
        while (refused := await self.hook()).header("Retry-After") == "1":
            await sleep(0.05)
        self.assertEqual(refused.status, 503, refused.text)
        self.assertIn(f"PUT /rest/rooms/{self.room}", refused.text)
        await self.join(nick="Robot")
        self.assertEqual((await self.hook()).status, 200)
        await self.owner.expect("<message", f"{self.room}/Robot", MESSAGE)
        await self.admin("<item nick='Robot' role='none'/>")
        await self.becomesState("removed")
        self.assertEqual((await self.hook()).status, 503)

    async def test_recipients(self) -> None:
        """
        Each of several recipients gets a message, and a delivery that is repeated
        becomes no second one.
        """
        other = await self.login()
        people = [self.owner, other]
        await self.begin(hooks=self.serve(to=[each.bareJID for each in people]))
        for _ in range(2):
            reply = await self.hook(Idempotency_Key="delivery-1")
            self.assertEqual((reply.status, reply.text), (200, "ok"))
        self.assertEqual((await self.hook({"text": "after"})).status, 200)
        for each in people:
            await each.expect("<message", f"from='{self.bot}'", MESSAGE)
            await each.expect("<message", "<body>after</body>")
            messages = [it for it in each.received if it.kind == "message"]
            self.assertEqual(len(messages), 2)


class ProsodyHookTests(HookMixin, TestCase):
    """
    Hooks on Prosody.
    """

    kind = Prosody


class EjabberdHookTests(HookMixin, TestCase):
    """
    Hooks on ejabberd.
    """

    kind = Ejabberd
