"""
The demo, asked by schemathesis all that its OpenAPI document allows, and more.

schemathesis makes requests out of C{/rest/openapi.json}: its examples, the edges of
each schema, and random ones, of which about half are wrong on purpose. Of each answer
it is checked

  - that it is no 5xx,
  - that its status, media type, headers and body are documented,
  - that it is 401 without credentials, or with others,
  - that it is 405, with C{Allow}, for another method,
  - that what the schema allows is accepted, and what it forbids is refused.

The last has exceptions, each with its reason in L{tests.servers.schema_hooks}. There
are no links between the operations, so that the checks which need a resource that was
created or deleted have nothing to do.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.support.programs import ROOT, Place, twist

#: How hard to try: briefly, or, if it is asked for, for some minutes.
_LONG = os.environ.get("XMPPREST_SCHEMATHESIS") == "long"
_EXAMPLES = 100 if _LONG else 10

#: The edges of all keys take minutes, and are for those who have them.
_PHASES = "examples,coverage,fuzzing,stateful" if _LONG else "examples,fuzzing,stateful"
_REQUESTS = 3000 if _LONG else 1000

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)

#: Seconds, of which it needs a tenth.
_TIMEOUT = 1800 if _LONG else 600


class SchemaTests(SynchronousTestCase):
    """
    Tests of the document and the gateway against each other.
    """

    def setUp(self) -> None:
        self.place = Place(self)
        self.log = Path(self.place.write("demo.log", ""))
        # Into a file: nobody reads while schemathesis asks.
        self.demo = self.place.start(
            ["sh", "-c", 'exec "$@" >demo.log 2>&1', "sh", *self.command()]
        )
        shown = self.place.start(["tail", "-n", "+1", "-F", str(self.log)])
        said = shown.expect(r"(?s) is up at (\S+).*?Bearer ([\w-]+)'.*left behind")
        self.url, self.token = said[1], said[2]

    def command(self) -> list[str]:
        """The demo, with a log that says when it connects."""
        return twist(
            "--log-format=text",
            "--log-level=info",
            "xmpprest",
            "--demo",
            "--listen=tcp:0:interface=127.0.0.1",
        )

    def ask(self) -> str:
        """Let schemathesis ask; returns what it says: that all is well."""
        config = self.place.write("config.toml", "")
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config]
        command += ["run", f"{self.url}/openapi.json", f"--url={self.url}"]
        # Its answer has no end.
        command += ["--exclude-path=/events"]
        # What it makes of a text is no stream of stanzas.
        command += ["--exclude-path=/batch"]
        command += ["--header", f"Authorization: Bearer {self.token}"]
        command += [f"--phases={_PHASES}", "--no-color"]
        command += ["--checks", ",".join(_CHECKS), "--max-examples", str(_EXAMPLES)]
        command += ["--generation-deterministic", "--continue-on-failure"]
        environ = {
            "HOME": str(self.place.path),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "SCHEMATHESIS_HOOKS": "tests.servers.schema_hooks",
        }
        asked = subprocess.run(
            command,
            cwd=self.place.path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
        said = asked.stdout.decode()
        self.assertEqual(asked.returncode, 0, said)
        return said

    def ping(self) -> str:
        """Ping the peer; returns the reply."""
        request = Request(
            f"{self.url}/ping/localhost",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urlopen(request, timeout=30) as response:
            reply: bytes = response.read()
        return reply.decode()

    def test_document(self) -> None:
        """
        The gateway answers every request as its document says. No request costs it the
        stream:
        it connected once, pings still come back, and its log has no complaint.
        """
        said = self.ask()
        tested = re.search(r"Selected: (\d+)/\d+\n +Tested: \1\n", said)
        self.assertIsNotNone(tested, said)
        generated = re.search(r"(\d+) generated", said)
        assert generated is not None, said
        self.assertGreater(int(generated[1]), _REQUESTS, said)

        self.assertRegex(self.ping(), r"<iq .*type='result'")
        self.demo.end(signal.SIGINT)
        log = self.log.read_text()
        self.assertEqual(len(re.findall(r": connected\.$", log, re.MULTILINE)), 1)
        for complaint in (
            "Traceback",
            "Trying again",
            r"\[xmpprest\S*#(?:warn|error|critical)\]",
        ):
            self.assertIsNone(re.search(complaint, log), complaint)
