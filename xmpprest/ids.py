"""
Generates ids for stanzas and webhook deliveries.

Ids that are generated at the same time share a prefix, so that they lie close together
in a database index; random ids would make the store write one index page for each. The
prefix reveals the time of sending and nothing else; the rest is random.

This module stands beside C{core/}, which imports nothing impure, because it reads the
clock and the system's random numbers. Every room may import it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import count

#: The digits, in the sort order of an index.
_DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
#: The number of digits of the time prefix, and how often per second it changes. Even
#: under load each prefix fills a page; prefixes repeat after three days.
_TIME, _RATE = 4, 64

#: Random bytes per id, and the number of ids generated at once: each system call
#: releases the interpreter lock, which the store's thread then holds for a while.
_SIZE, _MANY = 9, 64
_ready: list[str] = []
# A forked child must not reuse ids that its parent has generated.
os.register_at_fork(after_in_child=_ready.clear)


def newID(now: Callable[[], float] = time.time) -> str:
    """
    Generate an unguessable id for a stanza, 72 bits of it random.

    @param now: The clock, in seconds since 1970.
    """
    if not _ready:
        text = secrets.token_urlsafe(_SIZE * _MANY)
        length = len(text) // _MANY
        _ready.extend(text[at : at + length] for at in range(0, len(text), length))
    return _beginning(int(now() * _RATE)) + _ready.pop()


@lru_cache(maxsize=1)
def _beginning(number: int) -> str:
    """Return the prefix for a time, in units of C{1 / _RATE} seconds."""
    places = range(6 * (_TIME - 1), -6, -6)
    return "".join([_DIGITS[number >> place & 63] for place in places])


def newWebhookID() -> str:
    """Generate a C{webhook-id} (Standard Webhooks) for a stanza."""
    return f"msg_{newID()}"


def deriveIDs(webhookID: str) -> Callable[[], str]:
    """
    Return a generator function of ids for the replies to a stanza. The ids are the same
    when the stanza is delivered again, so that a receiver can drop duplicate replies.
    """
    numbers = count(1)
    return lambda: f"{webhookID}.{next(numbers)}"
