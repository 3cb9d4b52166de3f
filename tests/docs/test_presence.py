"""Tests of C{docs/how-to/presence-and-contacts.rst}: its commands, as pasted."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.core.bots.images import png
from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT, USER
from xmpprest.core.bots.contact import CONTACT_SCHEMA
from xmpprest.core.bots.profile import PROFILE_SCHEMA

PAGE = Document(ROOT / "docs/how-to/presence-and-contacts.rst")
(CREATE, CHANGE, AVATAR, LIST, APPROVE, SUBSCRIBE, DELETE) = PAGE.of("sh")
BOT = f"weather@{DOMAIN}"


class PresenceTests(PasteTestCase):
    """
    Tests of the commands.
    """

    async def answered(self, *types: str) -> None:
        """The user receives presence of these types."""
        for type in types:
            found = await self.received()
            self.assertEqual(found.getAttribute("type", "available"), type)

    async def test_asWritten(self) -> None:
        """
        A bot is created and changed, gets an avatar, a contact that subscribes and is
        asked, and is deleted.
        """
        self.silence()
        await self.prepare()
        await self.start()
        status, body = await self.paste(CREATE)
        self.assertEqual((status, json.loads(body)["name"]), (200, "Weather"))
        self.send(f"<presence type='subscribe' from='{USER}' to='{BOT}'/>")
        await self.answered("subscribed", "available")
        status, _ = await self.paste(CHANGE)
        self.assertEqual(status, 200)
        await self.answered("available")
        self.place.path.joinpath("weather.png").write_bytes(png())
        status, body = await self.paste(AVATAR)
        self.assertEqual(json.loads(body)["avatar"]["size"], len(png()))
        await self.answered("available")
        _, body = await self.paste(LIST)
        (contact,) = json.loads(body)
        self.assertEqual((contact["jid"], contact["subscription"]), (USER, "from"))
        _, body = await self.paste(APPROVE)
        self.assertTrue(json.loads(body)["approved"])
        _, body = await self.paste(SUBSCRIBE)
        self.assertEqual(json.loads(body)["name"], "Romeo")
        await self.answered("subscribe")
        status, _ = await self.paste(DELETE)
        self.assertEqual(status, 204)
        await self.answered("unavailable", "unsubscribed", "unsubscribe")


class ReferenceTests(SynchronousTestCase):
    """
    Tests of C{docs/reference/bots.rst}.
    """

    def test_keys(self) -> None:
        """
        The page has every key of a bot and of a contact.
        """
        page = Document(ROOT / "docs/reference/bots.rst")
        for section, schema in (
            ("Keys of a bot", PROFILE_SCHEMA),
            ("Keys of a contact", CONTACT_SCHEMA),
        ):
            names = [each.name for each in page.entries(section)]
            self.assertEqual(names, [*schema["properties"]])
