"""
Measures how long hostile requests to a hook hold up the reactor.

C{python -m bench.hook_turns} sends each request in pieces of 64 KiB, as the reactor
reads them, to a gateway in this process with transports in memory. It prints the status
and the CPU time of the longest piece, the least of several runs. It exits with status 1
if one takes more than 50 ms.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from tests.core.hooks.hooks import SECRET, hookConfig

from .hooks import Bench, httpRequest

#: Bytes that the reactor reads at once.
PIECE = 65_536
#: Milliseconds that a turn may take.
LIMIT = 50
#: The default of hook-size-limit.
MOST = 2**20
ROUNDS = 5

#: Templates that take as many steps as they may, or make as much text.
TEMPLATES = {
    "a loop in a loop": "{% for a in payload.l %}{% for b in payload.l %}{{ a ~ b }}"
    "{% endfor %}{% endfor %}",
    "sorted again and again": "{% for a in payload.l %}{{ payload.l|sort|join }}"
    "{% endfor %}",
    "replaced again and again": "{% for a in payload.l %}"
    "{{ payload|string|replace('1', 'xx')|length }}{% endfor %}",
    "written as JSON again and again": "{% for a in payload.l %}"
    "{% if payload|json %}{% endif %}{% if payload|json %}{% endif %}{% endfor %}",
    "added again and again": "{% for a in payload.l %}"
    "{% if payload.t ~ payload.t ~ payload.t %}{% endif %}{% endfor %}",
}


def alerts(count: int, **more: object) -> bytes:
    """Return a request of Alertmanager with so many alerts."""
    labels = {"alertname": "A", "severity": "critical", **more}
    alert = {"status": "firing", "labels": labels, "annotations": {"summary": "x"}}
    value = {"alerts": [alert] * count, "groupLabels": {}, "status": "firing"}
    return json.dumps(value, separators=(",", ":")).encode()


def fit(make: Callable[[int], bytes]) -> bytes:
    """Return the largest body that is accepted, of those with a number of items."""
    each = len(make(2)) - len(make(1))
    return make((MOST - len(make(0)) - 10) // each)


def slack(text: str) -> bytes:
    """Return a message for Slack."""
    return json.dumps({"text": text, "username": "x"}).encode()


def cases() -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, the media type and the body of each request."""
    kind = "application/json"
    yield "10 MB of text", "text/plain", b"x" * 10_000_000
    yield "10 MB of JSON", kind, b"[" + b"1," * 5_000_000 + b"1]"
    yield "100,000 alerts", kind, alerts(100_000)
    yield "as many alerts as fit", kind, fit(alerts)
    yield "49,000 alerts without anything", kind, _bare(49_000)
    yield (
        "an alert of 20,000 labels",
        kind,
        alerts(1, **{f"l{number}": "v" * 20 for number in range(20_000)}),
    )
    yield "1,000 nested levels", kind, b"[" * 1000 + b"]" * 1000
    yield "1 MiB of nested lists", kind, b"[" * (MOST // 2) + b"]" * (MOST // 2)
    yield "1 MiB of numbers", kind, fit(lambda n: json.dumps([1] * n).encode())
    yield (
        "1 MiB of keys",
        kind,
        json.dumps({f"k{n}": n for n in range(60_000)}).encode(),
    )
    for mark in ("*a* ", "<http://a|b> ", "```", "[a](b) ", "<", "\u2028"):
        text = json.dumps(mark).strip('"')
        count = (MOST - 100) // len(json.dumps(mark).strip('"'))
        yield f"1 MiB of {text.strip()}", kind, slack(mark * count)
    yield (
        "a form of 256 KiB",
        "application/x-www-form-urlencoded",
        b"a=" + b"%41" * 87_000,
    )
    yield "1 MiB of quotes", kind, b'{"text":"' + b'\\"' * (MOST // 2 - 20) + b'"}'


def _bare(count: int) -> bytes:
    value: dict[str, object] = {"alerts": [{}] * count, "groupLabels": {}}
    return json.dumps(value, separators=(",", ":")).encode()


def longest(bench: Bench, request: bytes) -> tuple[int, float]:
    """Return the status of a request, and the milliseconds of its longest piece."""
    client, most = bench.newClient(), 0.0
    for start in range(0, len(request), PIECE):
        before = process_time()
        client.send(request[start : start + PIECE])
        most = max(most, process_time() - before)
        if client.transport.value():
            break
    bench.settle(lambda: bool(client.transport.value()))
    return int(client.transport.taken()[9:12]), most * 1000


def measure(
    bench: Bench, name: str, request: bytes, show: Callable[[str], object]
) -> bool:
    """Measure a request, print a line, and return whether its turns are short."""
    runs = [longest(bench, request) for _ in range(ROUNDS)]
    status, milliseconds = runs[0][0], min(each for _, each in runs)
    show(f"{name:40} {len(request):10,} {status:6} {milliseconds:8.1f} ms")
    return milliseconds <= LIMIT


def main(arguments: Sequence[str], show: Callable[[str], object] = print) -> None:
    """Print a line for each request."""
    show(f"{'request':40} {'bytes':>10} {'status':>6} {'turn':>11}")
    path, isShort = f"/hooks/alerts/{SECRET}", []
    with TemporaryDirectory() as directory:
        bench = Bench("memory")
        for name, kind, body in cases():
            request = httpRequest(path, {"Content-Type": kind}, body)
            isShort.append(measure(bench, name, request, show))
        bench.stop()
        for name, source in TEMPLATES.items():
            file = Path(directory) / "any.j2"
            file.write_text(source)
            bench = Bench("memory", hookConfig(template=str(file)))
            body = json.dumps({"l": [*range(900)], "t": "x" * 3000}).encode()
            request = httpRequest(path, {"Content-Type": "application/json"}, body)
            isShort.append(measure(bench, f"template: {name}", request, show))
            bench.stop()
    if not all(isShort):
        raise SystemExit(f"A turn took more than {LIMIT} ms.")


if __name__ == "__main__":
    main(sys.argv[1:])
