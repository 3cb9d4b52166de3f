"""Command lines whose flags are written in full."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

from twisted.python.usage import Options, UsageError


class StrictOptions(Options):
    """
    Options that refuse abbreviated and unknown flags, and suggest the nearest one.
    """

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line.

        @raise UsageError: The command line is invalid.
        """
        arguments = sys.argv[1:] if options is None else [*options]
        self._refuseUnknown(arguments)
        super().parseOptions(arguments)

    def _refuseUnknown(self, arguments: Sequence[str]) -> None:
        """
        Refuse a flag that is not written in full. getopt accepts a unique prefix, so
        that C{--credentials TOKEN} would be read as C{--credentials-file TOKEN}.

        @raise UsageError: The message names the nearest flag, but repeats no value.
        """
        remaining = iter(arguments)
        for argument in remaining:
            if argument in ("--", "-") or not argument.startswith("-"):
                return  # getopt stops here, too
            name, equals, _ = argument.removeprefix("--").partition("=")
            if not argument.startswith("--"):
                raise UsageError("A flag begins with two dashes; see --help.")
            if f"{name}=" in self.longOpt:
                if not equals:
                    next(remaining, None)  # its value
            elif name not in self.longOpt:
                raise UsageError(self.describeUnknown(name))

    def describeUnknown(self, name: str) -> str:
        """Return a sentence about an unknown flag."""
        known = [each.rstrip("=") for each in self.longOpt]
        longer = [each for each in known if each.startswith(name)]
        near = longer[:1] or difflib.get_close_matches(name, known, 1)
        hint = f"did you mean --{near[0]}?" if near else "see --help."
        return f"There is no flag --{name}; {hint}"
