"""
Facts about a database: its settings and its tables, and why it cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .migrations import MIGRATIONS
from .operation import Operation, boolean, read, text

#: Values of C{synchronous_commit} with which a commit is on the disk when it is
#: reported.
_SYNCHRONOUS = ("on", "remote_apply")


@dataclass(frozen=True, slots=True)
class Facts:
    """
    Settings and state of the server and the database.
    """

    name: str
    isReplica: bool
    isReadOnly: str
    fsync: str
    synchronousCommit: str
    standbys: str
    replicas: int
    encoding: str
    serverVersion: int
    schema: str | None
    isOurs: bool
    tables: int
    mayCreate: bool
    role: str


_FACTS = (
    b"SELECT current_database(), pg_is_in_recovery(),"
    b" current_setting('transaction_read_only'), current_setting('fsync'),"
    b" current_setting('synchronous_commit'),"
    b" current_setting('synchronous_standby_names'),"
    b" (SELECT count(*) FROM pg_stat_replication), current_setting('server_encoding'),"
    b" current_setting('server_version_num'), current_schema(),"
    b" to_regclass(quote_ident(current_schema()) || '.xmpprest_schema') IS NOT NULL,"
    b" (SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid ="
    b" relnamespace WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v')),"
    b" coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_user"
)
_FACT_DECODERS = (
    *(text, boolean, text, text, text, text, int, text, int, text, boolean, int),
    *(boolean, text),
)


def facts() -> Operation[Facts]:
    """Read the facts about a database."""
    return read(_FACTS, [], _FACT_DECODERS, lambda found: Facts(*found[0]))


def settingsProblem(found: Facts) -> str | None:
    """
    Return why a database cannot be used, from its settings.

    @return: The end of a sentence that begins with its name; C{None} for no reason.
    """
    return next((words for isSo, words in _problems(found) if isSo), None)


def _problems(found: Facts) -> Sequence[tuple[bool, str]]:
    """Return each problem that a database can have, and whether it has it."""
    return (
        (
            found.isReplica,
            "is a read-only replica: connect to the primary, or name all servers with"
            " target_session_attrs=read-write",
        ),
        (
            found.isReadOnly != "off",
            "is read-only: set default_transaction_read_only to off for the role"
            f" {found.role}",
        ),
        (
            found.fsync != "on",
            "runs with fsync off, and would lose accepted messages: set fsync to on in"
            " postgresql.conf",
        ),
        (
            found.synchronousCommit not in _SYNCHRONOUS,
            f"has synchronous_commit {found.synchronousCommit}, and would lose accepted"
            f" messages: ALTER ROLE {found.role} SET synchronous_commit TO on",
        ),
        (
            found.encoding != "UTF8",
            f"has the encoding {found.encoding}: create one with createdb --encoding"
            " UTF8 --template template0",
        ),
        (
            found.schema is None,
            "has no schema to create tables in: CREATE SCHEMA public",
        ),
        (
            not found.isOurs and found.tables > 0,
            f"has tables of another program in the schema {found.schema}: give the"
            " gateway a database of its own",
        ),
        (
            not found.isOurs and not found.mayCreate,
            f"does not let the role {found.role} create tables: make the role its"
            f" owner with ALTER DATABASE {found.name} OWNER TO {found.role}",
        ),
    )


def replicaWarning(found: Facts) -> str | None:
    """Return a warning about replicas that may lag behind; C{None} for no reason."""
    if not found.replicas or found.standbys:
        return None
    return (
        "has a replica, but synchronous_standby_names is empty: after a failover to it,"
        " messages that were accepted last may be missing. Name the replica there"
    )


@dataclass(frozen=True, slots=True)
class Version:
    """
    The tables of a database.

    @ivar number: Their version.
    @ivar oldest: The version that a gateway has to know at least.
    @ivar domain: The component domain of the gateway; C{None} before its first start.
    """

    number: int
    oldest: int
    domain: str | None


def version() -> Operation[Version]:
    """Read the version of the tables."""
    return read(
        b"SELECT version, oldest, domain FROM xmpprest_schema",
        [],
        [int, int, text],
        lambda found: Version(*found[0]),
    )


def versionProblem(found: Version, domain: str | None) -> str | None:
    """
    Return why the tables cannot be used.

    @param domain: The component domain of the gateway; C{None} for any.
    @return: The end of a sentence; C{None} for no reason.
    """
    known = len(MIGRATIONS)
    if found.oldest > known:
        return (
            f"is of version {found.number}, which needs an xmpprest that knows version"
            f" {found.oldest}, and this one knows {known}: run the xmpprest that"
            " wrote it"
        )
    if domain is not None and found.domain not in (None, domain):
        return (
            f"belongs to the gateway {found.domain}, and this one is {domain}: give"
            " each gateway a database of its own"
        )
    return None
