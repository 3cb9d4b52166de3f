"""
Reads the files that only the gateway may read: the secret, the credentials.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .config import ConfigurationError
from .core.auth import parseCredential


@dataclass(frozen=True, slots=True)
class Confidential:
    """
    A secret, or the credentials.

    @ivar text: What it is.
    @ivar where: In words to a person.
    @ivar path: The file that holds it, if a setting names that.
    """

    text: str = field(repr=False)
    where: str
    path: Path | None = None


def readSecret(source: Confidential) -> str:
    """
    Read the secret.

    @raise ConfigurationError: There is none in what was found.
    """
    lines = source.text.strip().splitlines()
    if len(lines) != 1:
        raise ConfigurationError(
            f"The secret of {source.where} has {len(lines)} lines: expected one, with"
            " what the XMPP server has for this component."
        )
    return lines[0]


def readTokens(source: Confidential) -> tuple[str, ...]:
    """
    Read the credentials, one a line.

    @raise ConfigurationError: There are none, or one that is none.
    """
    tokens = []
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                tokens.append(parseCredential(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"Line {number} of the credentials of {source.where} is bad:"
                    f" {error}."
                ) from None
    if not tokens:
        raise ConfigurationError(
            f"The credentials of {source.where} are none: expected lines like 'Bearer"
            " dmVyeSBzZWNyZXQgdG9rZW4K'."
        )
    return tuple(tokens)


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
