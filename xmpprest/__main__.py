"""C{python -m xmpprest COMMAND}: commands beside the gateway itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from .commands.backup import main as backup
from .commands.doctor.command import main as doctor
from .commands.new_token import main as token

#: The commands, each with one line of help.
COMMANDS: Mapping[str, tuple[Callable[[Sequence[str]], object], str]] = {
    "backup": (backup, "Copy the store to a file, also while the gateway runs."),
    "doctor": (doctor, "Check a configuration from end to end."),
    "token": (token, "Create a token with limited permissions."),
}


def main(arguments: Sequence[str]) -> object:
    """
    Run a command.

    @raise SystemExit: With the exit status of the command, or if it is unknown.
    """
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]][0](arguments[1:])
    lines = [f"  {name:<10} {help}" for name, (_, help) in COMMANDS.items()]
    usage = "\n".join(["Usage: python -m xmpprest COMMAND [options]", "", *lines])
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"{usage}\n\nStart the gateway with: twist xmpprest")
        return None
    raise SystemExit(f"{usage}\n\nStart the gateway with: twist xmpprest")


if __name__ == "__main__":
    main(sys.argv[1:])
