"""C{xmpprest backup STORE FILE}: copies the store to a file."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.python.usage import UsageError

from ..core.records import StoreUnusable
from ..store.sqlite.backup import backup
from .strict_options import StrictOptions


class BackupOptions(StrictOptions):
    """
    The command line.

    @ivar store: The path of the store.
    @ivar destination: The path of the copy.
    """

    synopsis = "xmpprest backup STORE FILE"
    longdesc = (
        "Copy the store to a file, as of one moment, also while the gateway runs."
        " STORE is the path that the setting 'store' names, such as"
        " /var/lib/xmpprest/xmpprest.db. Run it as the gateway's user, or as root."
    )
    store = destination = ""

    def parseArgs(self, *paths: str) -> None:
        """Take the two paths."""
        if len(paths) != 2:
            raise UsageError("Expected the path of the store, and that of the copy.")
        self.store, self.destination = paths


def main(arguments: Sequence[str]) -> None:
    """
    Back up a store, and print the size of the copy.

    @raise SystemExit: The arguments are invalid, or the copy failed.
    """
    options = BackupOptions()
    try:
        options.parseOptions([*arguments])
    except UsageError as error:
        raise SystemExit(f"xmpprest: {error}\n\n{options.getSynopsis()}") from None
    try:
        size = backup(options.store, options.destination)
    except StoreUnusable as error:
        raise SystemExit(f"xmpprest: {error}") from None
    except OSError as error:
        raise SystemExit(
            f"xmpprest: Cannot write {options.destination}: {error.strerror}."
        ) from None
    print(f"Copied {options.store} to {options.destination} ({size:,} bytes).")
