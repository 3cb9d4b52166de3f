"""C{xmpprest token NAME}: creates a token and prints its TOML table."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256

from twisted.python.usage import UsageError

from ..config import toml
from ..config.setting import settingsOf
from ..config.tokens import TokenConfig
from .named_options import NamedOptions
from .standard_output import STANDARD_OUTPUT, tablesAt

#: Random bytes of a token.
TOKEN_BYTES = 32


class TokenOptions(NamedOptions):
    """
    The command line.
    """

    synopsis = "xmpprest token NAME"
    longdesc = (
        "Create a token. The token itself is printed once, on standard error. Standard"
        " output is the table for the gateway's TOML file: append it with 'xmpprest"
        " token NAME >> xmpprest.toml', and set in it what the token may do."
    )
    example = "xmpprest token notifier"


def main(
    arguments: Sequence[str],
    random: Callable[[int], str] = secrets.token_urlsafe,
    destination: str = STANDARD_OUTPUT,
) -> None:
    """
    Create a token and print it.

    @param random: Returns a text of a number of random bytes.
    @param destination: The path of standard output, which is the TOML file if the shell
        appends to that.
    @raise SystemExit: The name is missing or invalid, or the file has such a token.
    """
    options = TokenOptions()
    # The scheme lets scanners find leaked tokens (RFC 8959).
    secret = f"secret-token:{random(TOKEN_BYTES)}"
    digest = sha256(secret.encode()).hexdigest()
    try:
        options.parseOptions([*arguments])
        token = TokenConfig(name=options.name, sha256=(digest,))
        _refuseRepetition(token.name, destination)
    except (UsageError, ValueError) as error:
        raise SystemExit(f"xmpprest: {error}\n\n{options.getSynopsis()}") from None
    print(
        f"The token, which is printed only this once:\n\n    {secret}\n\nThe table for"
        " the gateway's TOML file goes to standard output. Reload or restart the"
        " gateway to use it.\n",
        file=sys.stderr,
        flush=True,
    )
    print("\n".join(tokenTable(token)))


def _refuseRepetition(name: str, destination: str) -> None:
    """
    Check that the file to which the table is appended has no token of that name.

    @raise ValueError: It has one; a second table would make the file invalid TOML.
    """
    tables = tablesAt(destination).get("tokens", {})
    if isinstance(tables, dict) and name in tables:
        raise ValueError(
            f"The file already has a token {name}; nothing was appended. To replace it,"
            f" remove [tokens.{name}] first. To rotate it, run the command without '>>"
            " FILE', and add the new sha256 to the list of the old one."
        )


def tokenTable(token: TokenConfig) -> list[str]:
    """Return the TOML table of a token, each line with a comment."""
    lines = []
    for each in settingsOf(TokenConfig):
        # An empty tuple stands for no limit, and would read as "none".
        value = getattr(token, each.field.name)
        shown = toml.formatSetting(each, None if value == () else value)
        lines.append(f"{shown}  # {each.help}")
    return ["", f"[tokens.{token.name}]", *lines]
