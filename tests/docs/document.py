"""A document, as far as it can be tried: its blocks of code, and its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

from docs.manual.generated import Generated
from docs.manual.overview import NAMES


class _Ignored(Directive):
    """A directive of Sphinx without content to test."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"caption": str, "maxdepth": int}

    def run(self) -> list[nodes.Node]:
        """Leave it out."""
        return []


def _role(
    name: str, rawtext: str, text: str, *_: object
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Read a role of Sphinx, which links to an object, as code."""
    return [nodes.literal(rawtext, text)], []


directives.register_directive("generated", Generated)
for _name in ("glossary", "index", "toctree"):
    directives.register_directive(_name, _Ignored)
for _name in NAMES:
    roles.register_local_role(_name, _role)


@dataclass(frozen=True)
class Block:
    """
    A block of code.

    @ivar language: What it says that it is; empty if it does not.
    @ivar section: The title of the section that it is in.
    """

    language: str
    text: str
    section: str


@dataclass(frozen=True)
class Cell:
    """
    A cell of a table.

    @ivar text: All of it, in one line.
    @ivar literals: What in it stands as code.
    """

    text: str
    literals: list[str]


@dataclass(frozen=True)
class Entry:
    """
    An entry of a definition list.

    @ivar term: The text of the term.
    @ivar name: The first code of the term.
    @ivar text: The definition, one line for each paragraph.
    @ivar literals: The code in the definition.
    """

    term: str
    name: str
    text: str
    literals: list[str]


class Document:
    """
    A document in reStructuredText.
    """

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self._tree = publish_doctree(
            self.text,
            source_path=str(path),
            settings_overrides={"syntax_highlight": "none", "halt_level": 2},
        )

    @cached_property
    def blocks(self) -> list[Block]:
        """All of them, in their order."""
        return [
            Block(
                "".join(c for c in block["classes"] if c != "code"),
                block.astext(),
                _section(block),
            )
            for block in self._tree.findall(nodes.literal_block)
        ]

    def of(self, language: str) -> list[str]:
        """The blocks in a language."""
        return [block.text for block in self.blocks if block.language == language]

    @property
    def languages(self) -> set[str]:
        """Return the languages of all blocks."""
        return {block.language for block in self.blocks}

    def table(self, section: str) -> list[list[Cell]]:
        """The rows of the one table in a section, without its head."""
        tables = self._tree.findall(nodes.table)
        (table,) = [each for each in tables if _section(each) == section]
        (body,) = table.findall(nodes.tbody)
        return [[_cell(entry) for entry in row] for row in body]

    @property
    def rows(self) -> list[list[str]]:
        """Return the text of each cell of all tables, row by row."""
        rows = self._tree.findall(nodes.row)
        return [[_oneLine(cell) for cell in row] for row in rows]

    def entries(self, section: str) -> list[Entry]:
        """Return the entries of all definition lists in a section."""
        return [
            Entry(
                _oneLine(item[0]),
                _literals(item[0])[0],
                "\n".join(_oneLine(each) for each in item[1]),
                _literals(item[1]),
            )
            for item in self._tree.findall(nodes.definition_list_item)
            if _section(item) == section
        ]

    @property
    def links(self) -> list[str]:
        """Return the targets of all links to files."""
        uris = [each.get("refuri", "") for each in self._tree.findall(nodes.reference)]
        return [uri for uri in uris if uri and not re.match("[a-z]+:", uri)]

    @property
    def literals(self) -> list[str]:
        """Return all texts that are marked as code."""
        return _literals(self._tree)


def _cell(entry: nodes.entry) -> Cell:
    return Cell(_oneLine(entry), _literals(entry))


def _literals(node: nodes.Element) -> list[str]:
    return [_oneLine(each) for each in node.findall(nodes.literal)]


def _oneLine(node: nodes.Element) -> str:
    text: str = node.astext()
    return text.replace("\n", " ")


def _section(node: nodes.Node) -> str:
    """The title of what is around something."""
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    return "" if node is None else node[0].astext()
