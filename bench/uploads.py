"""
Measures the memory and the reactor turns of a gateway during a large upload.

C{python -m bench.uploads [--megabytes 100]} starts Prosody with its upload service, and
a gateway. A client posts a file of this size in a form, and downloads it again. The
figures are the resident memory of the gateway before the upload and at most during it,
and the longest turn of its reactor, by the clock: other programs on the machine
lengthen it, so run it as C{chrt -f 10 python -m bench.uploads}.
"""

from __future__ import annotations

import argparse
import sys
import time
from hashlib import sha256
from http.client import HTTPConnection
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import LOOPBACK
from tests.support.survival.turns import LongestTurns
from tests.web.api.uploads import BOUNDARY, formOf, part

from .harness.process_stats import cpuSeconds, residentBytes
from .upload_kills import UploadProsody

MB = 1_000_000
PIECE = 2**20


class Peak(Thread):
    """
    Watches the resident memory of a process.

    @ivar before: The bytes at the start.
    @ivar most: The most bytes since then.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._isEnded = Event()
        self.before = self.most = residentBytes(pid)

    def run(self) -> None:
        """Look a hundred times a second."""
        while not self._isEnded.wait(0.01):
            self.most = max(self.most, residentBytes(self._pid))

    def end(self) -> None:
        """Stop watching."""
        self._isEnded.set()
        self.join()


class Measurement:
    """A gateway, and a client that uploads."""

    def __init__(self) -> None:
        self.server = UploadProsody()
        self.gateway = GatewayProcess(
            self.server,
            self.server.componentDomain,
            "http://127.0.0.1:9/",
            "sqlite:store/xmpprest.db",
            settings={"XMPPREST_UPLOAD_SIZE_LIMIT": str(2 * 10**9)},
        )

    def longestTurn(self) -> float:
        """Return the seconds of the longest turn since the last call."""
        turns = LongestTurns()
        connection = HTTPConnection(LOOPBACK, self.gateway.port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection.request("GET", "/metrics", headers=headers)
        turns.read(connection.getresponse().read())
        connection.close()
        return max(turns.starting)

    def post(self, body: Path) -> Any:
        """Post a form that is in a file; return the JSON of the response."""
        connection = HTTPConnection(LOOPBACK, self.gateway.port, timeout=600)
        with body.open("rb") as opened:
            connection.request(
                "POST",
                f"/rest/message/chat/user@{self.server.host}",
                opened,
                {
                    "Authorization": f"Bearer {TOKEN}",
                    "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                    "Content-Length": str(body.stat().st_size),
                },
            )
            answer = loads(connection.getresponse().read())
        connection.close()
        return answer

    def run(self, size: int) -> None:
        """Measure, and print the figures."""
        with TemporaryDirectory() as directory:
            small, large = Path(directory) / "small", Path(directory) / "large"
            small.write_bytes(formOf(part(b"x" * 1000)))
            digest = _writeForm(large, size)
            try:
                self.server.start()
                self.gateway.start()
                while "messages" not in self.post(small):
                    time.sleep(0.1)
                self._measure(large, size, digest)
            finally:
                self.gateway.stop()
                self.server.stop()

    def _measure(self, form: Path, size: int, digest: str) -> None:
        pid = self.gateway.pid
        time.sleep(2)
        self.longestTurn()
        peak, cpu, began = Peak(pid), cpuSeconds(pid), time.monotonic()
        peak.start()
        answer = self.post(form)
        peak.end()
        seconds, longest = time.monotonic() - began, self.longestTurn()
        (file,) = [each["file"] for each in answer["messages"]]
        request = Request(file["url"])
        with build_opener(ProxyHandler({})).open(request, timeout=600) as response:
            found = sha256()
            while data := response.read(PIECE):
                found.update(data)
        if found.hexdigest() != digest:
            raise SystemExit("The file that was downloaded is another one.")
        print(
            f"{size / MB:g} MB in {seconds:.1f} s,"
            f" {cpuSeconds(pid) - cpu:.1f} s of CPU\n"
            f"memory before {peak.before / MB:.1f} MB, at most {peak.most / MB:.1f} MB:"
            f" {(peak.most - peak.before) / MB:.1f} MB more\n"
            f"longest reactor turn {longest * 1000:.0f} ms"
        )


def _writeForm(path: Path, size: int) -> str:
    """Write a form with a random file; return the hash of the file."""
    head, _, tail = formOf(part(b"CONTENT")).partition(b"CONTENT")
    digest, chunk = sha256(), b""
    with path.open("wb") as form, open("/dev/urandom", "rb") as random:
        form.write(head)
        while size > 0:
            chunk = random.read(min(size, PIECE))
            digest.update(chunk)
            form.write(chunk)
            size -= len(chunk)
        form.write(tail)
    return digest.hexdigest()


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.uploads")
    parser.add_argument("--megabytes", type=int, default=100)
    asked = parser.parse_args(arguments)
    if reason := UploadProsody.missing():
        raise SystemExit(reason)
    Measurement().run(asked.megabytes * MB)


if __name__ == "__main__":
    main(sys.argv[1:])
