"""Ids for what is sent and what is posted."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import count


def newID() -> str:
    """An id for a stanza: random, unguessable."""
    return secrets.token_urlsafe(12)


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
