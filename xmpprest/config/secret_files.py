"""
Reads the files that only the gateway may read: the secret, the credentials, what
posts are signed with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..core.policy.authentication import parseCredential
from ..core.webhook import signing
from .config import ConfigurationError


@dataclass(frozen=True, slots=True)
class SecretSource:
    """
    A secret, or several of a kind.

    @ivar text: What it is.
    @ivar origin: In words to a person.
    @ivar path: The file that holds it, if a setting names that.
    """

    text: str = field(repr=False)
    origin: str
    path: Path | None = None


def readSecret(source: SecretSource) -> str:
    """
    Read the secret.

    @raise ConfigurationError: There is none in what was found.
    """
    lines = source.text.strip().splitlines()
    if len(lines) != 1:
        raise ConfigurationError(
            f"The secret of {source.origin} has {len(lines)} lines: expected one, with"
            " what the XMPP server has for this component."
        )
    return lines[0]


def readCredentials(source: SecretSource) -> tuple[str, ...]:
    """
    Read the credentials, one a line.

    @raise ConfigurationError: There are none, or one that is none.
    """
    tokens = _readLines(source, "credentials", parseCredential)
    if not tokens:
        raise ConfigurationError(
            f"The credentials of {source.origin} are none: expected lines like 'Bearer"
            " dmVyeSBzZWNyZXQgdG9rZW4K'."
        )
    return tokens


def readSigningSecrets(source: SecretSource) -> tuple[str, ...]:
    """
    Read what posts to the callback are signed with, one secret a line.

    @raise ConfigurationError: There are none, or one that is none.
    """

    def read(line: str) -> str:
        signing.parseSecret(line.strip())
        return line.strip()

    secrets = _readLines(source, "signing secrets", read)
    if not secrets:
        raise ConfigurationError(
            f"The signing secrets of {source.origin} are none: "
            f"{signing.SECRET_FORMAT_HINT}, one"
            " a line."
        )
    return secrets


def _readLines(
    source: SecretSource, what: str, read: Callable[[str], str]
) -> tuple[str, ...]:
    """
    Read each line that is neither empty nor a comment.

    @param read: Its errors do not repeat what it was given.
    """
    found = []
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(read(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"Line {number} of the {what} of {source.origin} is bad: {error}."
                ) from None
    return tuple(found)


def readText(path: Path, where: str) -> str:
    """
    Read a file.

    @param where: What names it.
    @raise ConfigurationError: It cannot be read.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "it is not UTF-8"
    raise ConfigurationError(f"{path} ({where}) cannot be read: {reason}.")
