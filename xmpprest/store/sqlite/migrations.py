"""
The tables, and how a file of an earlier version comes to have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

#: Says in the file whose it is: "xmpr".
APPLICATION_ID = 0x786D7072

# Numbers are never used again (AUTOINCREMENT), since they say what came after what.
# Each index is for one question; most of them are partial, so that what is done with
# does not make slower what is not. How many rows are in a state would take long to
# count, and stands in the table "depth"; but for those that come, which are many, and
# which SQLite itself counts: the numbers are without gaps.

_OUTGOING = (
    """
    CREATE TABLE outgoing (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        recipient TEXT NOT NULL,
        stanza TEXT NOT NULL,
        state TEXT NOT NULL,
        acceptedAt REAL NOT NULL,
        changedAt REAL NOT NULL,
        error TEXT
    )
    """,
    "CREATE INDEX outgoingID ON outgoing (id)",
    """
    CREATE INDEX outgoingQueued ON outgoing (number)
        WHERE state = 'queued'
    """,
    """
    CREATE INDEX outgoingDone ON outgoing (changedAt)
        WHERE state <> 'queued'
    """,
    """
    CREATE TRIGGER outgoingLess AFTER UPDATE OF state ON outgoing
        WHEN old.state = 'queued' AND new.state <> 'queued'
    BEGIN
        UPDATE depth SET count = count - 1 WHERE of = 'queued';
    END
    """,
)

_INCOMING = (
    """
    CREATE TABLE incoming (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        webhookID TEXT NOT NULL UNIQUE,
        conversation TEXT NOT NULL,
        stanza TEXT NOT NULL,
        state TEXT NOT NULL,
        receivedAt REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        dueAt REAL NOT NULL,
        changedAt REAL NOT NULL,
        tries TEXT NOT NULL DEFAULT '' -- of each, a line of JSON
    )
    """,
    "CREATE INDEX incomingState ON incoming (state, number)",
    """
    CREATE INDEX incomingPending ON incoming (conversation, number)
        WHERE state = 'pending'
    """,
    """
    CREATE INDEX incomingDead ON incoming (receivedAt)
        WHERE state = 'dead'
    """,
    """
    CREATE INDEX incomingDone ON incoming (state, changedAt)
        WHERE state <> 'pending'
    """,
    """
    CREATE TRIGGER incomingChanged AFTER UPDATE OF state ON incoming
        WHEN old.state <> new.state
    BEGIN
        UPDATE depth SET count = count - 1 WHERE of = old.state;
        UPDATE depth SET count = count + 1 WHERE of = new.state;
    END
    """,
    """
    CREATE TRIGGER incomingGone AFTER DELETE ON incoming
    BEGIN
        UPDATE depth SET count = count - 1 WHERE of = old.state;
    END
    """,
)

_ANSWERED = (
    """
    CREATE TABLE answered (
        key TEXT NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL,
        answer BLOB,
        at REAL NOT NULL
    )
    """,
    "CREATE INDEX answeredRunning ON answered (at) WHERE answer IS NULL",
    "CREATE INDEX answeredAt ON answered (at)",
)

_DEPTH = (
    """
    CREATE TABLE depth (
        of TEXT PRIMARY KEY,
        count INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO depth VALUES
        ('queued', 0), ('pending', 0), ('delivered', 0), ('dead', 0), ('touch', 0)
    """,
)

#: What leads from each version to the next; a file has the version of how many it has
#: been through. To be added to, never to be changed.
MIGRATIONS: Sequence[Sequence[str]] = (
    (*_DEPTH, *_OUTGOING, *_INCOMING, *_ANSWERED),
    # Who may see what has become of a message.
    ("ALTER TABLE outgoing ADD COLUMN sender TEXT NOT NULL DEFAULT ''",),
)

#: Changes nothing that means anything, but has to be written.
PROBE_WRITE = "UPDATE depth SET count = count + 1 WHERE of = 'touch'"


class ForeignFile(Exception):
    """The file is no store, or one of a later version; the message says which."""


def migrate(
    connection: Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """
    Bring a file to the newest version, a new one included.

    @raise ForeignFile: It is not for us to do so.
    """
    version = versionOf(connection, len(migrations))
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def versionOf(connection: Connection, newest: int = len(MIGRATIONS)) -> int:
    """
    The version of a file; 0 if it is empty.

    @raise ForeignFile: It is of a later version, or nothing of ours.
    """
    ((application,),) = connection.execute("PRAGMA application_id")
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    ((version,),) = connection.execute("PRAGMA user_version")
    assert isinstance(version, int)
    if application != APPLICATION_ID and (application or tables or version):
        raise ForeignFile("is a database of another program")
    if version > newest:
        raise ForeignFile(
            f"is of version {version}, and this xmpprest knows none later than"
            f" {newest}: run the xmpprest that wrote it"
        )
    return version
