"""C{python -m xmpprest COMMAND}: what is done beside the gateway, not by it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from .commands.doctor.command import main as doctor
from .commands.new_token import main as token

#: What can be done, and what that is good for.
COMMANDS: Mapping[str, tuple[Callable[[Sequence[str]], object], str]] = {
    "doctor": (doctor, "Check a configuration from end to end."),
    "token": (token, "Make a token for one who may do some of all."),
}


def main(arguments: Sequence[str]) -> object:
    """
    Run a command.

    @raise SystemExit: With the status of the command; or there is none such.
    """
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]][0](arguments[1:])
    lines = [f"  {name:<10} {help}" for name, (_, help) in COMMANDS.items()]
    usage = "\n".join(["Usage: python -m xmpprest COMMAND [options]", "", *lines])
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"{usage}\n\nThe gateway itself is started by twist xmpprest.")
        return None
    raise SystemExit(f"{usage}\n\nThe gateway itself is started by twist xmpprest.")


if __name__ == "__main__":
    main(sys.argv[1:])
