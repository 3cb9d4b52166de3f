"""
One server of each kind for a whole run of tests, started when first asked for.
"""

from __future__ import annotations

import os
import threading
import unittest
from typing import TypeVar

from tests.support.ejabberd import Ejabberd
from tests.support.process import ServerProcess
from tests.support.prosody import Prosody

_Server = TypeVar("_Server", bound=ServerProcess)

_lock = threading.Lock()
_servers: dict[type[ServerProcess], ServerProcess] = {}


def require(kind: type[ServerProcess]) -> None:
    """
    End the calling test here if the server cannot run on this machine.

    @raise unittest.SkipTest: it cannot.
    @raise AssertionError: it cannot, and the environment has
        C{XMPPREST_FORBID_SKIPS}.
    """
    reason = kind.missing()
    if reason and os.environ.get("XMPPREST_FORBID_SKIPS"):
        raise AssertionError(f"skips are forbidden, but {reason}")
    if reason:
        raise unittest.SkipTest(reason)


def shared(kind: type[_Server]) -> _Server:
    """
    The run's server of this kind, awake and running, whatever the test
    before did to it. It stops when the process ends.

    Blocks; to be called from a test through C{deferToThread}.

    @raise unittest.SkipTest: as L{require}.
    """
    require(kind)
    with _lock:
        server = _servers.get(kind)
        if not isinstance(server, kind):
            server = kind()
            _servers[kind] = server
        server.resume()
        server.start()
        return server


def prosody() -> Prosody:
    """
    L{shared} Prosody.
    """
    return shared(Prosody)


def ejabberd() -> Ejabberd:
    """
    L{shared} ejabberd.
    """
    return shared(Ejabberd)
