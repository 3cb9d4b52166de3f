"""Links to all routes, settings, metrics and statuses, for the page that lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import metrics, routes, settings

#: The names of all objects, by the role that links to them.
NAMES: Mapping[str, Callable[[], Sequence[str]]] = {
    "route": routes.names,
    "setting": settings.names,
    "metric": metrics.names,
    "status": routes.statusNames,
}


def writer(role: str) -> Callable[[], str]:
    """Return a function that writes a list of links to all objects of a role."""

    def write() -> str:
        items = [f"* :{role}:`{name}`" for name in sorted(NAMES[role]())]
        return "\n".join((".. class:: links", "", *items))

    return write
