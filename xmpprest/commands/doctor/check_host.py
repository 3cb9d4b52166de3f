"""Checks the host: disk space, the limit on open files, permissions of secret files."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ...config.config import Config
from ...config.secret_files import SecretSource
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
        return ok("store", "memory; what is accepted is lost with the gateway")
    path = os.path.realpath(path)
    try:
        found = "is ours" if inspection.inspect(path) else "will be made"
    except StoreUnusable as error:
        return failed("store", str(error))
    directory = os.path.dirname(path)
    try:
        if holder is None:
            machine.write(directory)
        free = machine.free(directory)
    except OSError as error:
        return failed("store", _cannotWrite(error, path, directory))
    if holder is not None:
        found = f"is in use by the gateway (process {holder})"
    words = f"{path} {found}; {free // 2**20} MiB are free on its disk"
    if free < PLENTY:
        return warning("store", f"{words}: make room, or give another with --store")
    return ok("store", words)


def _cannotWrite(error: OSError, path: str, directory: str) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"{path} cannot be made: make the directory {directory}, or give another"
            " place with --store"
        )
    if isinstance(error, PermissionError):
        return (
            f"nothing can be written to {directory}: let the gateway's user write it,"
            " and run the doctor as that user"
        )
    return (
        f"nothing can be written to {directory} ({error.strerror}): make room or mend"
        " the disk, or give another place with --store"
    )


def checkFileLimit(config: Config, machine: Host) -> CheckResult:
    """Check that the limit on open files fits the limit on waiting requests."""
    needed = config.waitingLimit + reservedFiles(config)
    limit = machine.fileLimit()
    words = f"{limit} files may be open, and --waiting-limit {config.waitingLimit}"
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ok("open files", f"{words} needs {needed}" if limit > 0 else "no limit")
    return warning(
        "open files",
        f"{words} needs {needed}: raise LimitNOFILE (systemd) or ulimit -Hn, or lower"
        " --waiting-limit",
    )


def checkSecrets(secrets: Sequence[SecretSource]) -> CheckResult:
    """Check that other users cannot read files with secrets."""
    paths = [each.path for each in secrets if each.path is not None]
    readable = [str(path) for path in paths if _isPublic(path)]
    if readable:
        return warning(
            "secrets",
            f"everybody on this machine can read {' and '.join(readable)}: chmod o-rwx"
            f" {' '.join(readable)}",
        )
    return ok("secrets", "not everybody on this machine can read them")


def _isPublic(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH)
    except OSError:
        return False
