"""The tables of a store, and the migrations from earlier versions."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

#: The application id in the file: "xmpr".
APPLICATION_ID = 0x786D7072

# Numbers are never reused (AUTOINCREMENT), since they define the order. Each index
# serves one query; most are partial, so that completed rows do not slow down the
# others. The table "depth" counts the rows by state, since counting takes long. New
# rows are the exception: their numbers have no gaps, so SQLite's sequence counts them.

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

#: The migrations from each version to the next. The version of a file is the number of
#: migrations applied. Append to this list; never change an entry.
MIGRATIONS: Sequence[Sequence[str]] = (
    (*_DEPTH, *_OUTGOING, *_INCOMING, *_ANSWERED),
    # The sender, for the permission to see the status of a message.
    ("ALTER TABLE outgoing ADD COLUMN sender TEXT NOT NULL DEFAULT ''",),
    # Status addresses have keys, and limits count bytes by token. Messages that are
    # done stay without a key: to rewrite each would delay the start.
    (
        "ALTER TABLE outgoing ADD COLUMN key TEXT",
        "ALTER TABLE outgoing ADD COLUMN token TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE outgoing ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE outgoing SET key = lower(hex(randomblob(12))),
            size = length(CAST(stanza AS BLOB))
            WHERE state = 'queued'
        """,
        """
        CREATE UNIQUE INDEX outgoingKey ON outgoing (key)
            WHERE key IS NOT NULL
        """,
        # The outbox counts its messages itself.
        "DROP TRIGGER outgoingLess",
        "DELETE FROM depth WHERE of = 'queued'",
    ),
    # Idempotency keys are limited in number, altogether and for each token, whose name
    # stands before the tab.
    (
        """
        INSERT INTO depth SELECT 'keys ' || substr(key, 1, instr(key, char(9)) - 1),
            count(*) FROM answered WHERE instr(key, char(9)) GROUP BY 1
        """,
        "INSERT INTO depth SELECT 'keys', count(*) FROM answered",
        """
        CREATE TRIGGER answeredMore AFTER INSERT ON answered BEGIN
            UPDATE depth SET count = count + 1 WHERE of = 'keys';
            INSERT INTO depth
                SELECT 'keys ' || substr(new.key, 1, instr(new.key, char(9)) - 1), 1
                WHERE instr(new.key, char(9))
                ON CONFLICT DO UPDATE SET count = count + 1;
        END
        """,
        """
        CREATE TRIGGER answeredLess AFTER DELETE ON answered BEGIN
            UPDATE depth SET count = count - 1 WHERE of = 'keys'
                OR of = 'keys ' || substr(old.key, 1, instr(old.key, char(9)) - 1);
        END
        """,
    ),
    # The place among updates of a stanza that became pending again; NULL for its
    # number. Cursors of clients are valid in the store with this random number only.
    (
        "ALTER TABLE incoming ADD COLUMN position INTEGER",
        "INSERT INTO depth VALUES ('store', abs(random() >> 1))",
    ),
    # Bots, and their contacts with the subscriptions as in a roster.
    (
        """
        CREATE TABLE bot (
            jid TEXT PRIMARY KEY,
            profile TEXT NOT NULL, -- JSON
            avatar BLOB
        )
        """,
        """
        CREATE TABLE contact (
            bot TEXT NOT NULL,
            jid TEXT NOT NULL,
            subscription TEXT NOT NULL,
            pending TEXT NOT NULL, -- of "in" and "out", with a space between
            isApproved INTEGER NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (bot, jid)
        ) WITHOUT ROWID
        """,
    ),
    # Memberships in rooms, and what was seen in each; the id that a room has given to a
    # message.
    (
        "ALTER TABLE outgoing ADD COLUMN stanzaID TEXT",
        """
        CREATE TABLE room (
            room TEXT NOT NULL,
            sender TEXT NOT NULL,
            occupant TEXT NOT NULL,
            nick TEXT NOT NULL,
            password TEXT,
            history TEXT NOT NULL,
            "create" INTEGER NOT NULL,
            isRemoved INTEGER NOT NULL,
            since REAL NOT NULL,
            condition TEXT,
            reason TEXT,
            actor TEXT,
            joinedAt REAL NOT NULL,
            subject TEXT,
            UNIQUE (room, sender)
        )
        """,
        """
        CREATE TABLE roomSeen (
            room TEXT NOT NULL,
            sender TEXT NOT NULL,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (room, sender, number)
        ) WITHOUT ROWID
        """,
    ),
    # The last messages of each hook; an entry of the index costs only these.
    (
        """
        CREATE INDEX outgoingOfHooks ON outgoing (token, number)
            WHERE token >= 'hooks/' AND token < 'hooks0'
        """,
    ),
    # The sender of the invitation that has made a membership.
    ("ALTER TABLE room ADD COLUMN invitedBy TEXT",),
)

#: A write without effect, to find out whether the disk accepts it.
PROBE_WRITE = "UPDATE depth SET count = count + 1 WHERE of = 'touch'"


class ForeignFile(Exception):
    """
    The file is not a store, or has a later version; the message says which.
    """


def migrate(
    connection: Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """
    Migrate a file to the newest version; create the tables of an empty one.

    @raise ForeignFile: The file is not a store, or has a later version.
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
    Return the version of a file; 0 if it is empty.

    @raise ForeignFile: The file is not a store, or has a later version.
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
