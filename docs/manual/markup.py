"""Text as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def prose(text: str) -> str:
    """What was written for people elsewhere, with C{`code`} in it as in Markdown."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    return "".join(
        literal(part) if number % 2 else re.sub(r"([^\w\s]|_)", r"\\\1", part)
        for number, part in enumerate(parts)
    )


def literal(text: str) -> str:
    """Code."""
    return f"``{text}``" if text else ""


def table(
    widths: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterable[str]:
    """
    The lines of a table.

    @param widths: How the columns share the page, as in C{"30 70"}.
    @param head: What stands above them.
    """
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "")
    for row in (head, *rows):
        for number, cell in enumerate(row):
            yield f"   {' ' if number else '*'} - {cell}".rstrip()
    yield ""
