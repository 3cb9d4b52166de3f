"""How many files a gateway opens, and so how many connections it may accept."""

from __future__ import annotations

import resource

from ..config.config import Config
from ..web.server.site import SLACK

#: Connections of operators to C{--admin-listen}.
ADMIN_CONNECTIONS = 32
#: The stream, the store, the log, the reactor's own files.
OTHER_FILES = 50
#: Connections that are accepted however few files may be open.
LEAST = 16


def reservedFiles(config: Config) -> int:
    """Return how many files are kept free for everything but C{--listen}."""
    callbacks = sum(each.connections for each in config.allCallbacks if not each.isPull)
    return callbacks + ADMIN_CONNECTIONS + 2 * SLACK + OTHER_FILES


def connectionLimit(config: Config, openFiles: int) -> int:
    """
    Return how many connections the site at C{--listen} may have.

    @param openFiles: How many files the process may have open (getrlimit(2)).
    """
    if openFiles == resource.RLIM_INFINITY:
        return 2**30
    return max(LEAST, openFiles - reservedFiles(config))


def openFileLimit() -> int:
    """Return how many files this process may have open (getrlimit(2))."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
