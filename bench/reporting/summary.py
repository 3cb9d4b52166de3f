"""The figures that users ask for first: messages per second, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence

from ..candidates.registry import BATCHED, XMPPREST_MEMORY, XMPPREST_SQLITE
from .rst_table import table
from .statistics import COLUMNS, Result, medians

#: The tasks in words, each with its case and its row.
TASKS = (
    ("Send a message by ``POST /rest``, 16 connections", "post-json-16", None),
    ("The same with 64 connections", "post-json-64", None),
    ("The same with 256 connections", "post-json-256", None),
    ("The same with ``--store memory``", "post-json-16", XMPPREST_MEMORY),
    ("Send messages by ``POST /rest/batch``", "batch", None),
    ("Send a query (iq) and get its reply", "ping-16", None),
    ("Receive a message at a callback", "callback", None),
    ("The same with ``--callback-batch 32``", "callback", BATCHED),
    ("The same with ``--store memory``", "callback", XMPPREST_MEMORY),
    (
        "Send beside a busy callback, 2 connections",
        "callback-and-post",
        None,
    ),
)


def summary(results: Sequence[Result], server: str) -> str:
    """Return the table of the tasks that were measured on a server."""
    rows: list[tuple[str, ...]] = [("task", "per second", "CPU µs of the gateway")]
    for task, case, row in TASKS:
        found = [
            each
            for each in results
            if (each.server, each.case) == (server, case)
            and each.row == (row or XMPPREST_SQLITE)
        ]
        values = medians(found)
        if "rate" in values:
            cells = (
                f"{values[name]:{COLUMNS[name][1]}}" if name in values else ""
                for name in ("rate", "cpu")
            )
            rows.append((task, *cells))
    return table(rows)
