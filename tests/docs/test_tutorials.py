"""Tests of C{docs/tutorials}: the commands are pasted."""

from __future__ import annotations

import re
import shutil

from tests.docs.document import Document
from tests.docs.paste import START, PasteTestCase
from tests.docs.world import ROOT, USER
from tests.support.process import freePorts
from tests.support.programs import require

PAGE = Document(ROOT / "docs/tutorials/first-bot.rst")
(BOT, DEMO, OWN) = PAGE.of("sh")
EXAMPLE = "docs/examples/echobot.py"


class BotTests(PasteTestCase):
    """
    Tests of the tutorial about a bot.
    """

    async def startBot(self) -> int:
        """Paste the command that starts the bot; return its port."""
        require("curl")
        (port,) = freePorts(1)
        (self.place.path / "docs/examples").mkdir(parents=True)
        shutil.copy(ROOT / EXAMPLE, self.place.path / EXAMPLE)
        path = self.place.path / EXAMPLE
        path.write_text(path.read_text().replace("9999", str(port)))
        self.bot = self.shell(BOT, PYTHONUNBUFFERED="1")
        await self.run_(f"until curl -so page 127.0.0.1:{port}; do sleep 0.05; done")
        return port

    async def test_demo(self) -> None:
        """
        With the demo, the first command that it prints reaches the bot, which replies
        as the page says.
        """
        port = await self.startBot()
        demo = self.shell(
            f"{DEMO} --listen tcp:0:interface=127.0.0.1".replace("9999", str(port))
        )
        found = await self.waiting(
            demo.expect, r"(?ms)^ +(curl .*?)\n\n.*Bearer ([\w-]+)'.*left behind"
        )
        events = re.sub(r"/rest .*", "/rest/events", found[1].split("\\")[0])
        hearing = self.shell(
            f"curl -sN {events.split()[-1]} --oauth2-bearer {found[2]}"
        )
        await self.waiting(hearing.expect, "retry: ")
        await self.run_(found[1])
        for text in ("Hello!", "Echo: Hello!", "You said: Echo: Hello!"):
            self.assertIn(f"``{text}``", PAGE.text)
            await self.waiting(hearing.expect, f'"body": "{text}"')
        await self.waiting(self.bot.expect, '"POST / HTTP/1.1" 200')

    async def test_own(self) -> None:
        """
        With a server, the bot answers a message to any address at the domain.
        """
        self.assertTrue(OWN.startswith(START))
        port = await self.startBot()
        await self.prepare()
        flags = OWN.removeprefix(START).replace("9999", str(port)).split()
        await self.start(*flags)
        self.silence()
        self.send(
            f"<message from='{USER}/phone' to='bot@gateway.example.org' type='chat'>"
            "<body>Hi</body></message>"
        )
        self.assertEqual(str((await self.received()).body), "You said: Hi")
