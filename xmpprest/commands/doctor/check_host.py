"""Checks the host: disk space, the limit on open files, permissions of secret files."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Sequence

from ...config.config import Config
from ...core.records import StoreUnusable
from ...gateway.files import reservedFiles
from ...store.sqlite import inspection
from .result import CheckResult, failed, ok, warning

#: Bytes that should be free; the store's write-ahead log alone may take 64 MB.
PLENTY = 256 * 2**20


class Host:
    """
    The operating system's calls that the checks use.
    """

    def write(self, directory: str) -> None:
        """
        Write a file to a directory and remove it.

        @raise OSError: The directory is not writable.
        """
        with tempfile.TemporaryFile(dir=directory, prefix=".xmpprest-") as file:
            file.write(bytes(65536))
            file.flush()
            os.fsync(file.fileno())

    def free(self, directory: str) -> int:
        """Return the free bytes of the disk that holds a directory."""
        return shutil.disk_usage(directory).free

    def fileLimit(self) -> int:
        """Return how many files the gateway may open."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def checkStore(config: Config, machine: Host, holder: str | None) -> CheckResult:
    """
    Check the file of the store and its disk.

    @param holder: The process that uses the store, if any.
    """
    kind, _, path = config.store.partition(":")
    if kind == "memory":
        return ok("store", "memory; accepted stanzas are lost when the gateway stops")
    path = os.path.realpath(path)
    isInUse = holder is not None
    try:
        # Of a store in use, everything may still be in the log.
        isThere = inspection.inspect(path) or (isInUse and os.path.exists(path))
        unchecked = inspection.checkDamage(path, isInUse=isInUse) if isThere else ""
    except StoreUnusable as error:
        return failed("store", str(error))
    directory = os.path.dirname(path)
    try:
        if not isInUse:
            machine.write(directory)
        free = machine.free(directory)
    except OSError as error:
        return failed("store", _cannotWrite(error, path, directory))
    found = "is a store" if isThere else "will be created"
    if isInUse:
        found = f"is in use by the gateway (process {holder})"
    if isThere:
        found += f", not checked for damage {unchecked}" if unchecked else ", undamaged"
    words = f"{path} {found}; its disk has {free // 2**20} MiB free"
    if free < PLENTY:
        return warning(
            "store", f"{words}: free some space, or give another path with --store"
        )
    return ok("store", words)


def checkBots(config: Config) -> CheckResult | None:
    """
    Check that the stored bots are at the component domain.

    @return: C{None} if they are, or there are none.
    """
    kind, _, path = config.store.partition(":")
    try:
        isThere = kind == "sqlite" and inspection.inspect(path)
    except StoreUnusable:
        return None  # the check of the store says so
    return foreignBots(
        inspection.foreignBots(path, config.domain) if isThere else (), config.domain
    )


def foreignBots(bots: Sequence[str], domain: str) -> CheckResult | None:
    """
    Warn of bots that are at another domain.

    @return: C{None} if there are none.
    """
    foreign = [each for each in bots if each.rpartition("@")[2] != domain]
    if not foreign:
        return None
    others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    return warning(
        "bots",
        f"{foreign[0]}{others} cannot be online, because the domain is"
        f" {domain}: set --domain to theirs, or create them anew with PUT"
        f" /rest/bots/…@{domain}",
    )


def _cannotWrite(error: OSError, path: str, directory: str) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"{path} cannot be created: create the directory {directory}, or give"
            " another path with --store"
        )
    if isinstance(error, PermissionError):
        return (
            f"this user cannot write to {directory}: run the command as the gateway's"
            " user, and let that user write there"
        )
    return (
        f"nothing can be written to {directory} ({error.strerror}): free some space,"
        " repair the disk, or give another path with --store"
    )


def checkFileLimit(config: Config, machine: Host) -> CheckResult:
    """Check that the limit on open files fits the limit on waiting requests."""
    needed = config.waitingLimit + reservedFiles(config)
    limit = machine.fileLimit()
    words = f"the limit is {limit}, and --waiting-limit {config.waitingLimit}"
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ok("open files", f"{words} needs {needed}" if limit > 0 else "no limit")
    return warning(
        "open files",
        f"{words} needs {needed}: raise LimitNOFILE (systemd) or ulimit -Hn, or lower"
        " --waiting-limit",
    )


def checkSecrets(readable: Sequence[str]) -> CheckResult:
    """
    Check that other users cannot read files with secrets.

    @param readable: The paths of files with secrets that every user can read.
    """
    if readable:
        return warning(
            "secrets",
            f"every user of this machine can read {' and '.join(readable)}: run 'chmod"
            f" o-rwx {' '.join(readable)}'",
        )
    return ok("secrets", "no other user of this machine can read them")
