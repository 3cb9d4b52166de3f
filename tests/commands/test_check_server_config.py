"""Tests for L{xmpprest.commands.doctor.check_server_config}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.commands.doctor.check_server_config import checkServerConfig
from xmpprest.commands.doctor.result import OK, WARNING

DOMAIN = "gateway.example.org"

COMPONENT = f"""
VirtualHost "example.org"
Component "{DOMAIN}"
    component_secret = "shh"
"""
KICK_OLD = '    component_conflict_resolve = "kick_old"\n'

EJABBERD = """
listen:
  - port: 5347
    module: ejabberd_service
    hosts: {gateway.example.org: {password: shh}}
"""
BALANCING = """
domain_balancing:
  gateway.example.org:
    type: destination
"""


class CheckServerConfigTests(SynchronousTestCase):
    """
    L{checkServerConfig}
    """

    def assertFound(self, name: str, text: str, state: str, words: str) -> None:
        """Check the result of a file, which never contains its secret."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / name).write_text(text)
        found = checkServerConfig(str(path / name), DOMAIN)
        self.assertEqual((found.state, words in found.words), (state, True), str(found))
        self.assertNotIn("shh", found.words)

    def test_prosody(self) -> None:
        """
        Prosody's file is good if the component, or the global part, has kick_old.
        """
        for text, state, words in (
            (COMPONENT + KICK_OLD, OK, "replace the old one"),
            (KICK_OLD + COMPONENT, OK, "replace the old one"),
            (COMPONENT, WARNING, 'add component_conflict_resolve = "kick_old"'),
            (f"{COMPONENT}--{KICK_OLD}", WARNING, "add component_conflict"),
            (f"{COMPONENT}--[[\n{KICK_OLD}]]", WARNING, "add component_conflict"),
            (f'{COMPONENT}Component "b.x"\n{KICK_OLD}', WARNING, "add component_con"),
            (KICK_OLD, WARNING, f"has no Component '{DOMAIN}'"),
        ):
            self.assertFound("prosody.cfg.lua", text, state, words)

    def test_ejabberd(self) -> None:
        """
        ejabberd's file is good if it does not balance the component's domain.
        """
        flow = "host_config: {x.org: {domain_balancing: {gateway.example.org: {}}}}"
        for text, state, words in (
            (EJABBERD, OK, f"has no domain_balancing for {DOMAIN}"),
            (EJABBERD + BALANCING, WARNING, "remove domain_balancing"),
            (EJABBERD + flow, WARNING, "remove domain_balancing"),
            (EJABBERD + BALANCING.replace("gateway", "other"), OK, "has no domain_b"),
            ("a: [", WARNING, "is not valid YAML"),
        ):
            self.assertFound("ejabberd.yml", text, state, words)

    def test_unreadable(self) -> None:
        """
        A file that cannot be read is a warning that names the flag.
        """
        found = checkServerConfig("/nonexistent", DOMAIN)
        self.assertEqual(found.state, WARNING)
        self.assertIn("No such file or directory): correct --server-config", str(found))
