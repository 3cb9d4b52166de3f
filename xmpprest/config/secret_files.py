"""Reads secrets from files: the component secret, credentials and signing secrets."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..core.policy.authentication import parseCredential
from ..core.webhook import signing
from .config import ConfigurationError


@dataclass(frozen=True, slots=True)
class SecretSource:
    """
    One or several secrets of a kind, before they are parsed.

    @ivar text: The text that holds them.
    @ivar origin: Where the text was found, for messages.
    @ivar path: The file that a setting names; C{None} if there is none.
    """

    text: str = field(repr=False)
    origin: str
    path: Path | None = None


def readSecret(source: SecretSource) -> str:
    """
    Parse the component secret.

    @raise ConfigurationError: The text is empty.
    """
    lines = source.text.strip().splitlines()
    if len(lines) != 1:
        raise ConfigurationError(
            f"The secret of {source.origin} has {len(lines)} lines: expected one line,"
            " the component's secret as the XMPP server has it."
        )
    return lines[0]


def readStorePassword(source: SecretSource) -> str:
    """
    Parse the password of the database.

    @raise ConfigurationError: The text has not exactly one line.
    """
    lines = source.text.strip("\n").splitlines()
    if len(lines) != 1:
        raise ConfigurationError(
            f"The password of {source.origin} has {len(lines)} lines: expected one"
            " line, the password of the role in the database."
        )
    return lines[0]


def readCredentials(source: SecretSource) -> tuple[str, ...]:
    """
    Parse the credentials, one per line.

    @raise ConfigurationError: There are none, or one is malformed.
    """
    tokens = _readLines(source, "credentials", parseCredential)
    if not tokens:
        raise ConfigurationError(
            f"There are no credentials in {source.origin}: expected lines like 'Bearer"
            " dmVyeSBzZWNyZXQgdG9rZW4K'."
        )
    return tokens


def readSigningSecrets(source: SecretSource) -> tuple[str, ...]:
    """
    Parse the signing secrets, one per line.

    @raise ConfigurationError: There are none, or one is malformed.
    """

    def read(line: str) -> str:
        signing.parseSecret(line.strip())
        return line.strip()

    secrets = _readLines(source, "signing secrets", read)
    if not secrets:
        raise ConfigurationError(
            f"There are no signing secrets in {source.origin}:"
            f" {signing.SECRET_FORMAT_HINT}, one per line."
        )
    return secrets


def readHookSecrets(source: SecretSource) -> tuple[str, ...]:
    """
    Parse the signing secrets of a hook, one per line. Each sender has its own form, so
    any text is one.

    @raise ConfigurationError: There are none.
    """
    secrets = _readLines(source, "signing secrets", str.strip)
    if not secrets:
        raise ConfigurationError(
            f"There are no signing secrets in {source.origin}: expected the secret that"
            " the sender has, on a line of its own."
        )
    return secrets


def _readLines(
    source: SecretSource, what: str, read: Callable[[str], str]
) -> tuple[str, ...]:
    """
    Parse each line that is neither empty nor a comment.

    @param read: Parses a line; its errors do not repeat the line.
    """
    found = []
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(read(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"Line {number} of the {what} in {source.origin} is invalid:"
                    f" {error}."
                ) from None
    return tuple(found)


def readText(path: Path, where: str, *, isPath: bool = False) -> str:
    """
    Read a file.

    @param where: The setting that names it, for messages.
    @param isPath: Whether the path cannot be a secret in the place of one.
    @raise ConfigurationError: The file cannot be read.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "it is not UTF-8"
    if not isPath and not _isRecognisable(path):
        raise ConfigurationError(
            f"The file that {where} names cannot be read: {reason}. Expected the path"
            f" of a file, not its content; a relative path begins at {os.getcwd()}."
        )
    raise ConfigurationError(f"{path} ({where}) cannot be read: {reason}.")


def _isRecognisable(path: Path) -> bool:
    """
    Return whether a text is certainly a path. It may be a secret that was written in
    the place of a path, which messages must not repeat.
    """
    with suppress(OSError, ValueError):
        parent = path.parent
        known = parent not in (Path("."), Path("/")) and parent.is_dir()
        return known or path.exists()
    return False


def isPublic(path: Path) -> bool:
    """Return whether every user of this machine can read a file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
