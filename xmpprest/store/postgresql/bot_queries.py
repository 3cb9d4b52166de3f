"""SQL of the bots and their contacts."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.bots.contact import Contact, ContactRecord
from ...core.bots.profile import Bot, profileFromStored, profileToStored
from ...core.bots.subscription import Subscription
from .operation import (
    Operation,
    bind,
    boolean,
    encodeRows,
    octets,
    read,
    text,
    write,
)


def bots() -> Operation[Sequence[Bot]]:
    """Implement L{BotStore.bots}."""
    return read(
        b"SELECT jid, profile, encode(avatar, 'hex') FROM bot ORDER BY jid",
        [],
        [text, text, octets],
        lambda found: [
            Bot(jid, profileFromStored(profile, avatar))
            for jid, profile, avatar in found
        ],
    )


def save(bot: Bot) -> Operation[None]:
    """Implement L{BotStore.saveBot}."""
    return write(
        b"INSERT INTO bot (jid, profile, avatar) VALUES ($1, $2, $3::bytea)"
        b" ON CONFLICT (jid) DO UPDATE SET profile = excluded.profile,"
        b" avatar = excluded.avatar",
        bot.jid,
        *profileToStored(bot.profile),
    )


def delete(jid: str) -> Operation[None]:
    """Implement L{BotStore.deleteBot}."""
    return Operation(
        [
            bind(b"DELETE FROM contact WHERE bot = $1", jid),
            bind(b"DELETE FROM bot WHERE jid = $1", jid),
        ],
        lambda results: None,
    )


def contacts(bot: str, after: str, limit: int) -> Operation[Sequence[ContactRecord]]:
    """Implement L{BotStore.contacts}."""
    return read(
        b"SELECT bot, jid, subscription, pending, is_approved, name FROM contact"
        b" WHERE (bot, jid) > ($1, $2) ORDER BY bot, jid LIMIT $3::bigint",
        [bot, after, limit],
        [text, text, text, text, boolean, text],
        lambda found: [
            ContactRecord(
                of,
                Contact(
                    jid,
                    Subscription.of(subscription, pending.split()),
                    isApproved,
                    name,
                ),
            )
            for of, jid, subscription, pending, isApproved, name in found
        ],
    )


def saveContacts(records: Sequence[ContactRecord]) -> Operation[None]:
    """Implement L{BotStore.saveContacts}."""
    # The last one of each address counts.
    last = {(each.bot, each.contact.jid): each for each in records}.values()
    gone = [(bot, contact.jid) for bot, contact in last if not contact.isStored]
    kept = [
        (
            bot,
            contact.jid,
            contact.subscription.name,
            " ".join(contact.subscription.pending),
            contact.isApproved,
            contact.name,
        )
        for bot, contact in last
        if contact.isStored
    ]
    return Operation(
        [
            bind(
                b"DELETE FROM contact USING json_to_recordset($1::json)"
                b" AS given(b text, j text) WHERE bot = b AND jid = j",
                encodeRows("bj", gone),
            ),
            bind(
                b"INSERT INTO contact (bot, jid, subscription, pending, is_approved,"
                b" name) SELECT b, j, s, p, a, n FROM json_to_recordset($1::json)"
                b" AS given(b text, j text, s text, p text, a boolean, n text)"
                b" ON CONFLICT (bot, jid) DO UPDATE SET"
                b" subscription = excluded.subscription, pending = excluded.pending,"
                b" is_approved = excluded.is_approved, name = excluded.name",
                encodeRows("bjspan", kept),
            ),
        ],
        lambda results: None,
    )
