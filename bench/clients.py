"""
The gateway's CPU time for a POST of several HTTP clients.

Each client sends the same message over one connection, so that the differences come
from the way in which it writes a request: head and body together or apart, chunks, and
C{Expect}. Run it with C{python -m bench.clients}; it needs Prosody, and leaves out the
clients that are not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.candidates.candidate import Candidate
from bench.candidates.registry import XMPPREST_MEMORY
from bench.harness.http import DIGITS, NUMBER
from bench.reporting.rst_table import table
from bench.testbed import TestBed
from tests.support.gateway_process import TOKEN
from tests.support.process import LOOPBACK

PLAIN = "http.client"

#: The beginning of the programs in Python.
_PYTHON = """
import sys
url, token, body, count = sys.argv[1:]
body, count = body.encode(), int(count)
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
"""
#: The module that a client needs, and the program that sends all messages.
PROGRAMS: Mapping[str, tuple[str, str]] = {
    PLAIN: (
        "http",
        _PYTHON
        + """
import http.client, urllib.parse
parts = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(parts.netloc)
for _ in range(count):
    connection.request("POST", parts.path, body, headers)
    response = connection.getresponse()
    assert response.status == 202, response.read()
    response.read()
""",
    ),
    "http.client, chunked": (
        "http",
        _PYTHON
        + """
import http.client, urllib.parse
parts = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(parts.netloc)
for _ in range(count):
    connection.request("POST", parts.path, iter([body]), headers, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 202, response.read()
    response.read()
""",
    ),
    "requests": (
        "requests",
        _PYTHON
        + """
import requests
with requests.Session() as session:
    for _ in range(count):
        assert session.post(url, body, headers=headers).status_code == 202
""",
    ),
    "aiohttp": (
        "aiohttp",
        _PYTHON
        + """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            async with session.post(url, data=body, headers=headers) as response:
                assert response.status == 202
asyncio.run(main())
""",
    ),
}
NODE = """
const [url, token, body, count] = process.argv.slice(2);
(async () => {
  for (let n = 0; n < count; n++) {
    const response = await fetch(url, { method: "POST", body, headers: {
      Authorization: `Bearer ${token}`, "Content-Type": "application/json" } });
    if (response.status !== 202) throw new Error(await response.text());
    await response.arrayBuffer();
  }
})();
"""
#: The header C{Expect} of curl, by row.
CURL = {"curl": "Expect:", "curl, Expect": "Expect: 100-continue"}


def commands(place: Path, url: str, body: str, count: int) -> dict[str, list[str]]:
    """
    Return the command of each client that is installed.

    @param place: A directory for their programs.
    @param url: The address to which they POST.
    @param count: The number of messages that each sends.
    """
    found: dict[str, list[str]] = {}
    arguments = [url, TOKEN, body, str(count)]
    for name, (module, program) in PROGRAMS.items():
        if find_spec(module) is not None:
            path = place / f"{len(found)}.py"
            path.write_text(program)
            found[name] = [sys.executable, str(path), *arguments]
    if node := shutil.which("node"):
        (place / "client.js").write_text(NODE)
        found["Node.js fetch"] = [node, str(place / "client.js"), *arguments]
    if curl := shutil.which("curl"):
        for name, expect in CURL.items():
            path = place / f"{len(found)}.curl"
            one = [
                f'url = "{url}"',
                f"header = {json.dumps(f'Authorization: Bearer {TOKEN}')}",
                'header = "Content-Type: application/json"',
                f'header = "{expect}"',
                f"data-binary = {json.dumps(body)}",
                'output = "/dev/null"',
                "fail",
                "silent",
            ]
            path.write_text("\nnext\n".join(["\n".join(one)] * count))
            found[name] = [curl, "--config", str(path)]
    return found


async def measure(
    bed: TestBed, contender: Candidate, count: int, rounds: int
) -> dict[str, list[float]]:
    """
    Let all clients send in turn.

    @return: For each client the CPU time per message in microseconds, of each round.
    """
    to = bed.recipient.replace(NUMBER, "0" * DIGITS)
    body = json.dumps({"to": to, "type": "chat", "body": "Hello!"})
    url = f"http://{LOOPBACK}:{contender.port}/rest"
    clients = commands(bed.place, url, body, count)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, command in clients.items():
            meter = bed.meter(contender)
            await asyncio.to_thread(subprocess.run, command, check=True)
            taken.setdefault(name, []).append(meter.each(count)["cpu"])
    return taken


def written(taken: Mapping[str, Sequence[float]]) -> str:
    """Return a table of the clients, with the ratio to L{PLAIN}."""
    plain = statistics.median(taken[PLAIN])
    rows = [
        (name, f"{(cost := statistics.median(costs)):.0f}", f"{cost / plain:.2f}")
        for name, costs in taken.items()
    ]
    return table([("client", "CPU µs", "ratio"), *rows])


async def run(count: int, rounds: int) -> None:
    """Start Prosody and a gateway without a store, and print the table."""
    bed = TestBed("prosody", None)
    try:
        await bed.start()
        contender = await bed.contender(XMPPREST_MEMORY)
        assert contender is not None
        print(written(await measure(bed, contender, count, rounds)))
    finally:
        await bed.stop()


def main(arguments: Sequence[str]) -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser("python -m bench.clients", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    asyncio.run(run(options.count, options.rounds))


if __name__ == "__main__":
    main(sys.argv[1:])
