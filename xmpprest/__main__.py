"""C{xmpprest COMMAND}, also as C{python -m xmpprest COMMAND}."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from ._version import __version__
from .commands.backup import main as backup
from .commands.doctor.command import main as doctor
from .commands.hook import main as hook
from .commands.move_store import main as moveStore
from .commands.new_token import main as token

#: The commands, each with one line of help.
COMMANDS: Mapping[str, tuple[Callable[[Sequence[str]], object], str]] = {
    "backup": (backup, "Copy the store to a file, also while the gateway runs."),
    "doctor": (doctor, "Check a configuration from end to end."),
    "hook": (hook, "Create a URL for webhooks of other programs, or try a payload."),
    "move-store": (moveStore, "Copy a store from SQLite to PostgreSQL, or back."),
    "token": (token, "Create a token with limited permissions."),
}

_START = """\
Start the gateway with twist, in the foreground, or twistd, as a daemon:

  twist xmpprest --demo                   try it, without an XMPP server
  twist xmpprest --config xmpprest.toml   run it
  twist xmpprest --help                   list all flags"""


def main(arguments: Sequence[str] | None = None) -> object:
    """
    Run a command.

    @param arguments: The arguments of the command line by default.
    @raise SystemExit: With the exit status of the command, or if it is unknown.
    """
    given = sys.argv[1:] if arguments is None else arguments
    name = given[0] if given else ""
    if name in COMMANDS:
        return COMMANDS[name][0](given[1:])
    if name in ("-h", "--help"):
        print(_usage())
        return None
    if name == "--version":
        print(f"xmpprest {__version__}")
        return None
    raise SystemExit(f"xmpprest: {_refusal(name)}\n\n{_usage()}")


def _usage() -> str:
    lines = [f"  {name:<10} {help}" for name, (_, help) in COMMANDS.items()]
    return "\n".join(["Usage: xmpprest COMMAND [options]", "", *lines, "", _START])


def _refusal(name: str) -> str:
    """Return a sentence about a missing or unknown command; it repeats no value."""
    if not name:
        return "There is no command."
    if name.startswith("-"):
        return "A flag needs a command before it; flags of the gateway follow twist."
    return f"There is no command {name[:20]!r}."


if __name__ == "__main__":
    main()
