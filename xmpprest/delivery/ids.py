"""Ids for what is sent and what is posted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from itertools import count

#: Bytes of randomness in an id, and how many ids are made at once: to ask the system
#: for each lets go of the interpreter, which the store's thread then has for a while.
_SIZE, _MANY = 12, 64
_ready: list[str] = []
# What a process has made is not for its child to use again.
os.register_at_fork(after_in_child=_ready.clear)


def newID() -> str:
    """An id for a stanza: random, unguessable."""
    if not _ready:
        text = secrets.token_urlsafe(_SIZE * _MANY)
        length = len(text) // _MANY
        _ready.extend(text[at : at + length] for at in range(0, len(text), length))
    return _ready.pop()


def newWebhookID() -> str:
    """What the callback knows a stanza by (Standard Webhooks, C{webhook-id})."""
    return f"msg_{newID()}"


def idsFrom(webhookID: str) -> Callable[[], str]:
    """
    Make ids for the answers to a stanza, the same if it has to be posted again: who
    gets an answer twice can tell.
    """
    numbers = count(1)
    return lambda: f"{webhookID}.{next(numbers)}"
