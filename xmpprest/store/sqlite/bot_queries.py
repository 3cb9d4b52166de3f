"""SQL of the bots and their contacts."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from ...core.bots.contact import Contact, ContactRecord
from ...core.bots.profile import Bot, profileFromStored, profileToStored
from ...core.bots.subscription import Subscription
from .coalesce import execute


def bots(connection: Connection) -> Sequence[Bot]:
    """Implement L{BotStore.bots}."""
    rows = connection.execute("SELECT jid, profile, avatar FROM bot ORDER BY jid")
    return [
        Bot(jid, profileFromStored(profile, avatar)) for jid, profile, avatar in rows
    ]


def save(connection: Connection, bot: Bot) -> None:
    """Implement L{BotStore.saveBot}."""
    connection.execute(
        "REPLACE INTO bot (jid, profile, avatar) VALUES (?, ?, ?)",
        (bot.jid, *profileToStored(bot.profile)),
    )


def delete(connection: Connection, jid: str) -> None:
    """Implement L{BotStore.deleteBot}."""
    connection.execute("DELETE FROM contact WHERE bot = ?", (jid,))
    connection.execute("DELETE FROM bot WHERE jid = ?", (jid,))


def contacts(
    connection: Connection, bot: str, after: str, limit: int
) -> Sequence[ContactRecord]:
    """Implement L{BotStore.contacts}."""
    rows = connection.execute(
        "SELECT bot, jid, subscription, pending, isApproved, name FROM contact"
        " WHERE (bot, jid) > (?, ?) ORDER BY bot, jid LIMIT ?",
        (bot, after, limit),
    )
    return [
        ContactRecord(
            of,
            Contact(
                jid,
                Subscription.of(subscription, pending.split()),
                bool(isApproved),
                name,
            ),
        )
        for of, jid, subscription, pending, isApproved, name in rows
    ]


def saveContacts(connection: Connection, records: Sequence[ContactRecord]) -> None:
    """Implement L{BotStore.saveContacts}."""
    # The last one of each address counts.
    last = {(each.bot, each.contact.jid): each for each in records}.values()
    connection.executemany(
        "DELETE FROM contact WHERE bot = ? AND jid = ?",
        [(bot, contact.jid) for bot, contact in last if not contact.isStored],
    )
    rows = [
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
    statement = (
        "REPLACE INTO contact (bot, jid, subscription, pending, isApproved, name)"
        " VALUES %s"
    )
    for _ in execute(connection, statement, rows):
        pass
