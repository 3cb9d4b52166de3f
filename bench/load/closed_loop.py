"""
A closed loop: wrk sends requests over several connections as fast as responses arrive.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass

from tests.support.process import LOOPBACK

from ..harness.http import Request

_SCRIPT = """
local written = "{request}"
function request()
    return written
end
function done(summary, latency, requests)
    io.write(string.format(
        "\\n[%d, %d, %d]\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.connect + summary.errors.read
            + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class WrkResult:
    """
    The statistics of a run of wrk.

    @ivar refused: The number of errors of any kind.
    """

    count: int
    seconds: float
    refused: int


def script(request: Request) -> str:
    """Return the Lua script for wrk."""
    return _SCRIPT.format(request=_quoted(request.written(0)))


def _quoted(text: bytes) -> str:
    """Escape bytes for a Lua string literal."""
    return re.sub(
        r"[^ !#-\[\]-~]", lambda it: f"\\{ord(it[0]):03}", text.decode("latin-1")
    )


async def closedLoop(
    port: int, request: Request, *, connections: int, seconds: int
) -> WrkResult:
    """Run wrk for some seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(request))
        file.flush()
        wrk = await asyncio.create_subprocess_exec(
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"),
            *("-s", file.name, f"http://{LOOPBACK}:{port}"),
            stdout=subprocess.PIPE,
        )
        said = (await wrk.communicate())[0].decode()
    count, microseconds, refused = json.loads(said.splitlines()[-1])
    return WrkResult(count, microseconds / 1e6, refused)
