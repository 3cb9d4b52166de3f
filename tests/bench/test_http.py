"""Tests of how C{bench} asks, and reads what it gets."""

from __future__ import annotations

import os
import re

from twisted.trial.unittest import SynchronousTestCase

from bench.harness.callback_server import RequestLog, dueAt
from bench.harness.http import NUMBER, Reader, Request
from bench.harness.process_stats import ProcessSampler, cpuSeconds, residentBytes
from bench.load.closed_loop import script


class RequestTests(SynchronousTestCase):
    """
    Tests for L{Request}.
    """

    def test_number(self) -> None:
        """
        A number may be in the path or in the body; the length is always right.
        """
        for request in (
            Request("/", f"to {NUMBER}", {"A": "b"}),
            Request(f"/{NUMBER}", "hello", {"A": "b"}),
            Request("/", "hellö", {"A": "b"}),
        ):
            head, _, body = request.written(42).partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: %d" % len(body), head)
            self.assertIn(b"A: b", head)
            self.assertEqual(b"000042" in head + body, request.numbered)

    def test_script(self) -> None:
        """
        wrk sends the same bytes, whatever they are.
        """
        request = Request("/", '"quoted" \\ 100% [1]\n\x00é')
        (written,) = re.findall(r'local written = "(.*)"\n', script(request))
        read = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1])), written)
        self.assertEqual(read.encode("latin-1"), request.written(0))
        self.assertNotIn('"', written)


class ReaderTests(SynchronousTestCase):
    """
    Tests for L{Reader}.
    """

    def test_answers(self) -> None:
        """
        An answer is whole with its last byte, however it is cut.
        """
        for status, answer in (
            (202, b"HTTP/1.1 202 Accepted\r\n\r\n"),
            (200, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
            (
                503,
                b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n0\r\n\r\n",
            ),
        ):
            reader = Reader()
            for _ in range(2):
                found = [reader.feed(answer[i : i + 1]) for i in range(len(answer))]
                self.assertEqual(found, [None] * (len(answer) - 1) + [status])


class SeenTests(SynchronousTestCase):
    """
    Tests for L{RequestLog}.
    """

    def test_count(self) -> None:
        """
        The callback counts posts, and not the question what it wants; it tells how
        late those were that say when they were due.
        """
        seen = RequestLog()
        seen.see(b"OPTIONS / HTTP/1.1\r\n\r\n")
        seen.see(b"POST / HTTP/1.1\r\n\r\nhello")
        seen.see(b"POST / HTTP/1.1\r\n\r\n<body>%s</body>" % dueAt(0.5).encode())
        self.assertEqual(seen.answer("count"), 2)
        (late,) = seen.times
        self.assertGreater(late, 0)
        self.assertEqual(seen.answer("times"), [late])
        self.assertEqual(seen.answer("times"), [])


class ProcessTests(SynchronousTestCase):
    """
    Tests of L{bench.harness.process_stats}.
    """

    def test_cpu(self) -> None:
        """
        Work takes time of the process, and of nobody who does nothing.
        """
        pid = os.getpid()
        meter = ProcessSampler({"cpu": pid})
        began = cpuSeconds(pid)
        while cpuSeconds(pid) < began + 0.05:
            pass
        self.assertGreaterEqual(meter.each(10)["cpu"], 5000 - 1)
        self.assertEqual(meter.each(0), {})

    def test_memory(self) -> None:
        """The memory of a process is what it has written to."""
        before = residentBytes(os.getpid())
        held = b"x" * 2**26
        self.assertGreater(residentBytes(os.getpid()), before + len(held) // 2)
