"""Helpers for tests that use a store."""

from __future__ import annotations

from operator import itemgetter

from twisted.internet.defer import Deferred

from xmpprest.core.errors import Refusal
from xmpprest.core.records import IdempotencyRecord, NewMessage
from xmpprest.store.interface import Store


def addOutgoing(
    store: Store, message: NewMessage
) -> Deferred[int | IdempotencyRecord | Refusal]:
    """Store one message; see L{Store.addAllOutgoing}."""
    return store.addAllOutgoing([message]).addCallback(itemgetter(0))
