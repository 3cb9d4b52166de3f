"""
The directive C{generated}, in whose place stands what is known to the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docutils import nodes
from docutils.parsers.rst import Directive

from . import metrics, routes, settings

#: What can be generated, as reStructuredText.
_WRITERS: Mapping[str, Callable[[], str]] = {
    "metrics": metrics.written,
    "settings": settings.written,
    "secrets": settings.secretsWritten,
    "tokens": settings.tokensWritten,
    "rights": settings.rightsWritten,
    "callbacks": settings.callbacksWritten,
    "changes": settings.changesWritten,
    "routes": routes.written,
    "payloads": routes.payloadsWritten,
    "statuses": routes.statusesWritten,
}


class Generated(Directive):
    """
    The directive; its argument says what.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write it, to be read as if it stood there."""
        name = self.arguments[0]
        if name not in _WRITERS:
            raise self.error(f"Expected one of {', '.join(_WRITERS)}, not {name!r}.")
        lines = _WRITERS[name]().splitlines()
        self.state_machine.insert_input(lines, f"generated {name}")
        return []
