"""
C{python -m xmpprest token NAME}: a new token for who sends, and what the gateway is to
know of it.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256

from twisted.python.usage import Options, UsageError

from ..config import toml
from ..config.setting import settingsOf
from ..config.tokens import TokenConfig

#: How many random bytes a token has.
TOKEN_BYTES = 32


class TokenOptions(Options):
    """
    What may stand on the command line.

    @ivar name: What the token is to be called.
    """

    synopsis = "python -m xmpprest token NAME"
    longdesc = (
        "Makes a token. It is shown once, on standard error; and on standard output,"
        " what the gateway is to know of it: append that to its TOML file, and change"
        " what it may do."
    )
    name = ""

    def parseArgs(self, *names: str) -> None:
        """Take the name; there is nothing else."""
        if len(names) != 1:
            raise UsageError("Expected one name, as in 'token notifier'.")
        (self.name,) = names


def main(
    arguments: Sequence[str], random: Callable[[int], str] = secrets.token_urlsafe
) -> None:
    """
    Make a token, and print it.

    @param random: Makes a text of so many random bytes.
    @raise SystemExit: There is no name, or a bad one.
    """
    options = TokenOptions()
    # So that it is recognised where it should not be (RFC 8959).
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
    """What a token is in a TOML file, each line with what that is."""
    lines = [
        f"{toml.formatSetting(each, getattr(token, each.field.name))}  # {each.help}"
        for each in settingsOf(TokenConfig)
    ]
    return ["", f"[tokens.{token.name}]", *lines]
