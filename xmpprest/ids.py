"""
Ids for what is sent and what is posted.

Those that are made at the same time begin alike, so that they are beside each other in
an index: the store would have to write a page of it for each otherwise. What they
begin with tells when they were made, which is when they are sent, and nothing of what
others there are; the rest is random.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import count

#: In the order in which an index has them.
_DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
#: How many digits tell the time, and how often in a second they change: even under load
#: there is a page for each, and they begin again after three days.
_TIME, _RATE = 4, 64

#: Bytes of randomness in an id, and how many ids are made at once: to ask the system
#: for each lets go of the interpreter, which the store's thread then has for a while.
_SIZE, _MANY = 9, 64
_ready: list[str] = []
# What a process has made is not for its child to use again.
os.register_at_fork(after_in_child=_ready.clear)


def newID(now: Callable[[], float] = time.time) -> str:
    """
    An id for a stanza: 72 bits of it are random, and nobody can guess them.

    @param now: Tells the time, in seconds.
    """
    if not _ready:
        text = secrets.token_urlsafe(_SIZE * _MANY)
        length = len(text) // _MANY
        _ready.extend(text[at : at + length] for at in range(0, len(text), length))
    return _beginning(int(now() * _RATE)) + _ready.pop()


@lru_cache(maxsize=1)
def _beginning(number: int) -> str:
    """What ids begin with."""
    places = reversed(range(_TIME))
    return "".join(_DIGITS[number >> 6 * place & 63] for place in places)


def newWebhookID() -> str:
    """What the callback knows a stanza by (Standard Webhooks, C{webhook-id})."""
    return f"msg_{newID()}"


def deriveIDs(webhookID: str) -> Callable[[], str]:
    """
    Make ids for the answers to a stanza, the same if it has to be posted again: who
    gets an answer twice can tell.
    """
    numbers = count(1)
    return lambda: f"{webhookID}.{next(numbers)}"
