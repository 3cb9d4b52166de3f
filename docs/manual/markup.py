"""Text as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence


def prose(text: str) -> str:
    """Escape text for people, in which code is marked as C{`code`}, as in Markdown."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    return "".join(
        literal(part) if number % 2 else re.sub(r"([^\w\s]|_)", r"\\\1", part)
        for number, part in enumerate(parts)
    )


def literal(text: str) -> str:
    """Mark text as code."""
    return f"``{text}``" if text else ""


def table(
    widths: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterable[str]:
    """
    Write the lines of a table.

    @param widths: How the columns share the page, as in C{"30 70"}.
    @param head: The titles of the columns.
    """
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "")
    for row in (head, *rows):
        for number, cell in enumerate(row):
            yield f"   {' ' if number else '*'} - {cell}".rstrip()
    yield ""


def definitions(kind: str, items: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """
    Write the lines of a definition list of objects.

    @param kind: The class of the list: one of L{docs.manual.objects.TYPES}.
    @param items: Each term, and the paragraphs of its definition.
    """
    yield from (f".. class:: {kind}", "")
    for term, paragraphs in items:
        yield term
        for paragraph in paragraphs:
            yield from (f"    {paragraph}", "")
