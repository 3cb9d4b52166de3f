"""The command line of a command that creates something with a name."""

from __future__ import annotations

from twisted.python.usage import UsageError

from .strict_options import StrictOptions


class NamedOptions(StrictOptions):
    """
    Options of a command whose only argument is a name.

    @cvar example: A command line, for the error.
    @ivar name: The name.
    """

    example = ""
    name = ""

    def parseArgs(self, *names: str) -> None:
        """
        Take the name.

        @raise UsageError: There is not exactly one argument.
        """
        if len(names) != 1:
            raise UsageError(f"Expected one name, as in '{self.example}'.")
        (self.name,) = names
