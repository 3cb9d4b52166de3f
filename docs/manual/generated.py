"""The directive C{generated}, which inserts a part of a page that the code defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docutils import nodes
from docutils.parsers.rst import Directive

from . import hooks, metrics, overview, routes, settings

#: The parts that can be generated, as reStructuredText.
_WRITERS: Mapping[str, Callable[[], str]] = {
    "metrics": metrics.written,
    "settings": settings.written,
    "secrets": settings.secretsWritten,
    "tokens": settings.tokensWritten,
    "rights": settings.rightsWritten,
    "callbacks": settings.callbacksWritten,
    "hooks": settings.hooksWritten,
    "shapes": hooks.written,
    "changes": settings.changesWritten,
    "routes": routes.written,
    "payloads": routes.payloadsWritten,
    "statuses": routes.statusesWritten,
    "callback-errors": routes.callbackErrorsWritten,
    **{f"all-{role}": overview.writer(role) for role in overview.NAMES},
}


class Generated(Directive):
    """
    The directive. Its argument names the part.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Insert the part as if the page contained it."""
        name = self.arguments[0]
        if name not in _WRITERS:
            raise self.error(f"Expected one of {', '.join(_WRITERS)}, not {name!r}.")
        environment = getattr(self.state.document.settings, "env", None)
        if environment is not None:
            # The page changes with the code, though its own file does not.
            environment.note_reread()
        lines = _WRITERS[name]().splitlines()
        self.state_machine.insert_input(lines, f"generated {name}")
        return []
