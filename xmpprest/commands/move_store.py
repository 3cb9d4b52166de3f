"""C{xmpprest move-store FROM TO}: copies all records to another kind of store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from twisted.python.usage import UsageError

from ..config import database_url, parsers
from ..config.config import ConfigurationError
from ..config.secret_files import SecretSource, readStorePassword, readText
from ..core.records import StoreUnusable
from ..store.transfer.sqlite_end import SQLiteEnd
from ..store.transfer.tables import End
from ..store.transfer.transfer import transfer
from .strict_options import StrictOptions


class MoveOptions(StrictOptions):
    """
    The command line.

    @ivar source: The location of the store that is copied.
    @ivar target: The location of the empty store.
    """

    synopsis = "xmpprest move-store [--password-file FILE] FROM TO"
    longdesc = (
        "Copy everything from one store to another that is empty or does not exist,"
        " between SQLite and PostgreSQL in either direction. FROM and TO are written"
        " as in the setting 'store': sqlite:PATH, or postgresql://ROLE@HOST/DATABASE."
        " No gateway may use either of them. FROM stays as it is."
    )
    optParameters: ClassVar = [
        (
            "password-file",
            None,
            None,
            "A file with the password of the role in the PostgreSQL database.",
        ),
    ]
    source = target = ""

    def parseArgs(self, *locations: str) -> None:
        """Take the two locations."""
        if len(locations) != 2:
            raise UsageError("Expected the location of the store, and of the new one.")
        self.source, self.target = map(_parse, locations)


def _parse(written: str) -> str:
    """
    Parse the location of a store.

    @raise UsageError: It is malformed, or has a password, which is not repeated.
    """
    if database_url.hasPassword(written):
        raise UsageError(
            "A location contains a password, and other users of this machine can read"
            " arguments: leave it out, and give its file with --password-file."
        )
    try:
        location = parsers.store(written)
    except ValueError as error:
        raise UsageError(f"A location is {written!r}: {error}.") from None
    if location == "memory":
        raise UsageError("A store in memory ends with its gateway: name another one.")
    return location


def _open(location: str, password: str | None, isNew: bool) -> End:
    """
    Open a store.

    @param isNew: Whether it is created if there is none.
    """
    if not database_url.isDatabase(location):
        return SQLiteEnd(location.partition(":")[2], isNew)
    try:
        from ..store.transfer.postgresql_end import (  # noqa: PLC0415  # only if needed
            PostgreSQLEnd,
        )
    except ImportError as error:
        raise StoreUnusable(
            f"psycopg is missing ({error}): pip install 'xmpprest[postgresql]'."
        ) from None
    return PostgreSQLEnd(database_url.conninfo(location), password, isNew)


def main(arguments: Sequence[str]) -> None:
    """
    Copy a store, and print what was copied.

    @raise SystemExit: The arguments are invalid, or the copy failed; then the target
        has no records.
    """
    options = MoveOptions()
    try:
        options.parseOptions([*arguments])
        password = _readPassword(options["password-file"])
    except UsageError as error:
        raise SystemExit(f"xmpprest: {error}\n\n{options.getSynopsis()}") from None
    except ConfigurationError as error:
        raise SystemExit(f"xmpprest: {error}") from None
    try:
        with (
            closing(_open(options.source, password, False)) as source,
            closing(_open(options.target, password, True)) as target,
        ):
            copied = transfer(source, target, options.target)
    except StoreUnusable as error:
        raise SystemExit(f"xmpprest: {error}") from None
    words = ", ".join(f"{count:,} {noun}" for noun, count in copied)
    print(f"Copied {words} from {options.source} to {options.target}.")
    print(
        f"Set store to {options.target}, and start the gateway. Never start one with"
        f" {options.source} again: it would send and deliver again."
    )


def _readPassword(path: str | None) -> str | None:
    """
    Read the password.

    @raise ConfigurationError: The file cannot be read, or has not exactly one line.
    """
    if path is None:
        return None
    flag = "--password-file"
    return readStorePassword(SecretSource(readText(Path(path), flag), flag))
