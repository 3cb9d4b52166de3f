"""Tests of the page about files: each example is run."""

from __future__ import annotations

import json
from typing import Any

from twisted.words.xish.domish import Element

from tests.docs.document import Block, Document
from tests.docs.paste import PasteTestCase
from tests.docs.test_examples import EXAMPLES
from tests.docs.world import ROOT, TOKEN, USER
from tests.support.programs import require
from xmpprest.core.codec.table import STANZAS

PAGE = Document(ROOT / "docs/how-to/files.rst")
PHOTO = "not really a photo"
CODE = {"python": "send_file.py", "javascript": "send_file.js"}


def blocks(section: str) -> list[Block]:
    """Return the blocks of a section."""
    return [each for each in PAGE.blocks if each.section == section]


class FilesTests(PasteTestCase):
    """
    Tests of a gateway whose server has an upload service.
    """

    async def begin(self) -> None:
        """Start the gateway, and make the files that the page speaks of."""
        await self.prepare()
        self.service = self.uploads()
        self.place.write("photo.jpg", PHOTO)
        self.silence()
        await self.start("--callback-url", "http://127.0.0.1:9/")

    async def message(self) -> dict[str, Any]:
        """The JSON form of the next message to the user."""
        found: Element = await self.received()
        self.assertEqual(found["to"], USER)
        return STANZAS.encode(found)

    async def assertPhoto(self, text: str, *, kind: str = "image/jpeg") -> None:
        """The user gets a text, and the photo."""
        self.assertEqual((await self.message())["body"], text)
        shared = await self.message()
        (file,) = shared["files"]
        self.assertEqual((file["name"], file["type"]), ("photo.jpg", kind))
        self.assertEqual(shared["body"], file["url"])
        self.assertEqual([*self.service.files.values()][-1].decode(), PHOTO)

    def assertLike(self, value: Any, example: Any) -> None:
        """A value has the keys of an example in its order, and values of its types."""
        self.assertIs(type(value), type(example), value)
        if isinstance(value, dict):
            self.assertEqual([*value], [*example])
            for key, inner in value.items():
                self.assertLike(inner, example[key])
        elif isinstance(value, list):
            self.assertEqual(len(value), len(example))
            for one, other in zip(value, example, strict=True):
                self.assertLike(one, other)

    async def test_curl(self) -> None:
        """
        The commands send files, and their responses are as the page has them.
        """
        await self.begin()
        command, answer = blocks("Send a picture")
        status, body = await self.paste(command.text)
        self.assertEqual(status, 202, body)
        self.assertLike(json.loads(body), json.loads(answer.text))
        await self.assertPhoto("Look at this!")

        (command,) = blocks("Small files in JSON")
        status, body = await self.paste(command.text)
        self.assertEqual(status, 202, body)
        self.assertEqual((await self.message())["body"], "The figures:")
        self.assertEqual((await self.message())["files"][0]["name"], "figures.csv")
        self.assertEqual([*self.service.files.values()][-1], b"a,b\n1,2\n")

        (command,) = blocks("Share a file that has a URL")
        status, body = await self.paste(command.text)
        self.assertEqual(status, 202, body)
        shared = await self.message()
        self.assertEqual(shared["oob"], {"url": shared["body"]})

        command, answer = blocks("Only upload")
        status, body = await self.paste(command.text)
        self.assertEqual(status, 200, body)
        self.assertLike(json.loads(body), json.loads(answer.text))
        self.assertEqual(len(self.service.files), 3)

    def test_received(self) -> None:
        """
        The inbound message is what the gateway makes of its stanza.
        """
        (block,) = blocks("Receive files")
        value = json.loads(block.text)
        self.assertEqual(STANZAS.encode(STANZAS.decode(value)), value)

    async def assertSends(self, name: str, *command: str) -> None:
        """A program from the examples sends the photo, or says what is wrong."""
        await self.begin()
        port = int((self.place.path / ".curlrc").read_text().split(":")[-1].strip('"'))
        text = (EXAMPLES / name).read_text()
        self.assertEqual(text.count("8080"), 1)
        self.place.write(name, text.replace("8080", str(port)))
        line = " ".join([*command, name, USER, "photo.jpg", "Look", "here"])
        said = await self.run_(line, XMPPREST_TOKEN=TOKEN)
        self.assertEqual(said.splitlines()[0], "queued text")
        self.assertIn("/photo.jpg", said.splitlines()[1])
        await self.assertPhoto("Look here")
        self.place.write("empty.jpg", "")
        line = line.replace("photo.jpg", "empty.jpg")
        program = self.shell(line, XMPPREST_TOKEN=TOKEN)
        self.assertEqual(await self.waiting(program.end), 1, program.output)
        self.assertIn("'empty.jpg' is empty", program.output)

    async def test_python(self) -> None:
        """
        The program in Python sends a file.
        """
        await self.assertSends("send_file.py", ".venv/bin/python")

    async def test_javascript(self) -> None:
        """
        The program in JavaScript sends a file.
        """
        require("node")
        await self.assertSends("send_file.js", "node")
