"""C{python -m xmpprest token NAME}: creates a token and prints its TOML table."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256

from twisted.python.usage import Options, UsageError

from ..config import toml
from ..config.setting import settingsOf
from ..config.tokens import TokenConfig

#: Random bytes of a token.
TOKEN_BYTES = 32


class TokenOptions(Options):
    """
    The command line.

    @ivar name: The name of the new token.
    """

    synopsis = "python -m xmpprest token NAME"
    longdesc = (
        "Makes a token. It is shown once, on standard error; and on standard output,"
        " what the gateway is to know of it: append that to its TOML file, and change"
        " what it may do."
    )
    name = ""

    def parseArgs(self, *names: str) -> None:
        """Take the name as the only argument."""
        if len(names) != 1:
            raise UsageError("Expected one name, as in 'token notifier'.")
        (self.name,) = names


def main(
    arguments: Sequence[str], random: Callable[[int], str] = secrets.token_urlsafe
) -> None:
    """
    Create a token and print it.

    @param random: Returns a text of a number of random bytes.
    @raise SystemExit: The name is missing or invalid.
    """
    options = TokenOptions()
    # The scheme lets scanners find leaked tokens (RFC 8959).
    secret = f"secret-token:{random(TOKEN_BYTES)}"
    digest = sha256(secret.encode()).hexdigest()
    try:
        options.parseOptions([*arguments])
        token = TokenConfig(name=options.name, sha256=(digest,))
    except (UsageError, ValueError) as error:
        raise SystemExit(f"xmpprest: {error}\n\n{options.getSynopsis()}") from None
    print(
        f"The token, which is shown only now:\n\n    {secret}\n\nFor the gateway's TOML"
        " file:\n",
        file=sys.stderr,
        flush=True,
    )
    print("\n".join(tokenTable(token)))


def tokenTable(token: TokenConfig) -> list[str]:
    """Return the TOML table of a token, each line with a comment."""
    lines = [
        f"{toml.formatSetting(each, getattr(token, each.field.name))}  # {each.help}"
        for each in settingsOf(TokenConfig)
    ]
    return ["", f"[tokens.{token.name}]", *lines]
