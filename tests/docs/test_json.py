"""Tests of C{docs/reference/json.rst}: each example is sent, or read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.core.codec.case import CoreTestCase
from tests.docs.document import Block, Cell, Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT, USER
from tests.support.canonical import canonical
from tests.support.doubles import stanza
from xmpprest.config.config import Config
from xmpprest.core.codec.fields_common import COMMON
from xmpprest.core.codec.mapping import ATTRIBUTES
from xmpprest.core.codec.table import KEYS, STANZAS
from xmpprest.core.media import formats
from xmpprest.core.media.formats import FORM, JSON
from xmpprest.core.policy.submission import buildSubmission

PAGE = Document(ROOT / "docs/reference/json.rst")
ARCHIVE = Document(ROOT / "docs/how-to/message-archive.rst")

#: The sections that have tables of keys, and the kind that these belong to.
TABLES = {
    "The stanza itself": ("message", {"kind", "type", *ATTRIBUTES, "xml"}),
    "Every kind": ("message", {*COMMON}),
    **{kind.capitalize(): (kind, {*rows} - {*COMMON}) for kind, rows in KEYS.items()},
}


def groups() -> Iterator[list[Block]]:
    """
    Yield the blocks that belong together: a command and its response, JSON and its XML,
    XML
    and its JSON; or a block alone.
    """
    blocks = [*PAGE.blocks, *ARCHIVE.blocks]
    while blocks:
        group = [blocks.pop(0)]
        if blocks and blocks[0].section == group[0].section:
            languages = (group[0].language, blocks[0].language)
            if languages[0] != languages[1] != "sh":
                group.append(blocks.pop(0))
        yield group


def keysOf(section: str) -> Iterator[tuple[str, str, Cell]]:
    """
    Read the entries of a section.

    @return: Each key, its example, and its description.
    """
    for entry in PAGE.entries(section):
        description, example = entry.text.split("\n")
        text = example.removeprefix("Example: ")
        assert entry.literals[-1] == text, entry
        yield entry.name, text, Cell(description, entry.literals[:-1])


def compact(xml: str) -> Element:
    """A stanza without its indentation."""
    return _compacted(stanza(xml))


def _compacted(element: Element) -> Element:
    children = [c for c in element.children if not isinstance(c, str)]
    if children:
        element.children = [_compacted(child) for child in children]
    return element


class KeyTests(SynchronousTestCase):
    """
    The tables of keys
    """

    def test_all(self) -> None:
        """
        Every key of the table is there, and no others.
        """
        for section, (_, keys) in TABLES.items():
            names = [key for key, _, _ in keysOf(section)]
            self.assertEqual(sorted(names), sorted(keys), section)

    def test_examples(self) -> None:
        """
        Each example says all that its element says; what comes back is the example.
        """
        for section, (kind, _) in TABLES.items():
            for key, example, _ in keysOf(section):
                value = json.loads(example)
                whole = {"kind": kind, "to": USER, key: value}
                made = STANZAS.encode(STANZAS.decode(whole))
                self.assertEqual(made[key], value)
                self.assertEqual("xml" in made, key == "xml", made)

    def test_others(self) -> None:
        """Short forms that the page names are read."""
        found = 0
        for section, (kind, _) in TABLES.items():
            for key, _, words in keysOf(section):
                for literal in words.literals:
                    if literal == "true" or literal[0] in '"{':
                        found += 1
                        value = json.loads(literal)
                        STANZAS.decode({"kind": kind, "to": USER, key: value})
        self.assertGreater(found, 10)

    def test_sources(self) -> None:
        """
        Each is from where the table says.
        """
        for section, (kind, _) in [*TABLES.items()][1:]:
            for key, _, words in keysOf(section):
                source = KEYS[kind][key].source.partition(":")[0]
                self.assertTrue(words.text.endswith(f" {source}."), words.text)

    def test_words(self) -> None:
        """
        Where a key has one of several words, all of them are there.
        """
        for section, (kind, _) in [*TABLES.items()][1:]:
            for key, _, words in keysOf(section):
                schema: Any = KEYS[kind][key].slot.schema
                enum = {*schema.get("items", schema).get("enum", [True])} - {True}
                if enum:
                    self.assertEqual(enum, set(words.literals))


class ExampleTests(SynchronousTestCase):
    """
    The examples without a command
    """

    def test_pairs(self) -> None:
        """
        JSON is the XML beside it, and XML the JSON.
        """
        found = 0
        for group in groups():
            languages = [block.language for block in group]
            if len(group) == 1 or "sh" in languages:
                continue
            found += 1
            texts = dict(zip(languages, (block.text for block in group), strict=True))
            value, element = json.loads(texts["json"]), compact(texts["xml"])
            made = STANZAS.decode(value)
            self.assertEqual(canonical(made), canonical(element))
            if languages[0] == "xml":
                self.assertEqual(json.dumps(STANZAS.encode(element)), json.dumps(value))
        self.assertEqual(found, 6)

    def test_alone(self) -> None:
        """
        JSON alone is a stanza that may be sent, or all that an archive sends.
        """
        found = 0
        for group in groups():
            if [block.language for block in group] != ["json"]:
                continue
            found += 1
            value = json.loads(group[0].text)
            if "xmpp" in value:
                stanzas = [STANZAS.decode(each) for each in value["xmpp"]]
                self.assertEqual(json.loads(formats.encode(stanzas, JSON)), value)
            else:
                buildSubmission(STANZAS.decode(value), DOMAIN, lambda: "1")
        self.assertEqual(found, 3)

    def test_languages(self) -> None:
        """
        Every block is one that these tests try.
        """
        self.assertEqual(PAGE.languages, {"sh", "json", "xml"})
        for group in groups():
            self.assertNotEqual([block.language for block in group], ["xml"])


class CommandTests(PasteTestCase):
    """
    The examples with a command
    """

    async def test_commands(self) -> None:
        """
        Each is answered with what stands below it; a message with 202.
        """
        await self.prepare()
        await self.start()
        for command, *answers in groups():
            if command.language != "sh":
                continue
            status, body = await self.paste(command.text)
            if not answers:
                # A query has a reply, an accepted message its id and its state.
                isAccepted = not body or body.startswith('{"id"')
                self.assertEqual(status, 202 if isAccepted else 200)
            elif answers[0].language == "xml":
                self.assertEqual(status, 200)
                self.assertEqual(
                    canonical(stanza(body)), canonical(compact(answers[0].text))
                )
            else:
                value = self.assertJSON(body, answers[0].text)
                self.assertEqual(status, value.get("code", 200))

    async def test_unanswered(self) -> None:
        """The last commands send the stanzas that the text before them describes."""
        await self.prepare()
        await self.start()
        post, get, form = [
            block.text
            for block in PAGE.blocks
            if block.section == "The keys in other formats" and block.language == "sh"
        ]
        for command in (post, get):
            status, body = await self.paste(command)
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body)["from"], "example.org")
            asked = await self.received()
            self.assertEqual(STANZAS.encode(asked)["disco"], "x")
        self.assertEqual(await self.paste(form), (202, ""))
        message = STANZAS.encode(await self.received())
        self.assertEqual((message["to"], message["type"]), (USER, "chat"))
        self.assertEqual(
            (message["body"], message["receipt_request"]), ("Hello!", True)
        )


class LimitTests(CoreTestCase):
    """
    The limits
    """

    def test_size(self) -> None:
        """
        The size is that of the configuration.
        """
        size = PAGE.table("Limits")[0][0].text.partition(" ")[0]
        config = Config(domain=DOMAIN, secret="x", credentials=("x",))
        self.assertEqual(int(size), config.stanzaSizeLimit)

    def test_others(self) -> None:
        """A value at a limit passes, and one beyond it is refused with its status."""
        makers: dict[str, Callable[[int], dict[str, Any]]] = {
            "levels of lists and objects": lambda n: _payload(_nested(n - 2)),
            "values in one body": lambda n: _payload([0] * (n - 5)),
            "levels of XML that it makes": lambda n: {
                "xml": [f"{'<a>' * (n - 1)}{'</a>' * (n - 1)}"]
            },
            "elements of XML that it makes": lambda n: {"xml": ["<a/>" * (n - 1)]},
            "characters of id": lambda n: {"id": "x" * n},
        }
        rows = PAGE.table("Limits")[1:-1]
        self.assertEqual(len(rows), len(makers))
        for limit, status in rows:
            number, _, what = limit.text.partition(" ")
            make = makers[what]
            self.send({"to": USER, **make(int(number))})
            problem = self.refusal(self.send, {"to": USER, **make(int(number) + 1)})
            self.assertEqual(problem.status, int(status.text))

    def send(self, value: Any) -> None:
        """Read as a body, and check."""
        body = json.dumps(value).encode()
        buildSubmission(formats.decode(JSON, body), DOMAIN, lambda: "1")

    def test_form(self) -> None:
        """
        The keys of a form have limits, too; at the limit not all of them can be known.
        """
        limit, status = PAGE.table("Limits")[-1]
        number = int(limit.text.partition(" ")[0])
        for count, expected in ((number, 422), (number + 1, int(status.text))):
            body = "&".join(f"k{n}=v" for n in range(count)).encode()
            self.assertEqual(self.refusal(formats.decode, FORM, body).status, expected)


def _payload(data: Any) -> dict[str, Any]:
    return {"payload": {"datatype": "x", "data": data}}


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value
