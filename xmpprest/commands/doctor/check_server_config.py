"""
Checks the configuration file of the XMPP server for the settings that decide whether
the gateway can take over its own connection. The server does not tell them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from .result import CheckResult, ok, warning

#: Advice for Prosody, whose default refuses a second connection.
KICK_OLD = (
    'add component_conflict_resolve = "kick_old" to the Component, so that the gateway'
    " can reconnect at once when its old connection is half open, not only after"
    " Prosody has noticed that it is gone"
)
#: Advice for ejabberd.
NO_BALANCING = (
    "remove domain_balancing for the gateway's domain: ejabberd then refuses the"
    " handshake, or loses the stanzas of a connection that is gone"
)


def checkServerConfig(path: str, domain: str) -> CheckResult:
    """
    Check the configuration file of Prosody or ejabberd.

    @param path: The file; YAML if its name says so, otherwise Prosody's Lua.
    @param domain: The component domain.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        words = f"{path} cannot be read ({reason}): correct --server-config"
        return warning("server config", words)
    if path.endswith((".yml", ".yaml")):
        return _ejabberd(path, text, domain)
    return _prosody(path, text, domain)


def _prosody(path: str, text: str, domain: str) -> CheckResult:
    """Check Prosody's configuration, in which a host's settings follow its name."""
    section = _section(
        re.sub(r"--\[\[.*?\]\]|--[^\n]*", "", text, flags=re.DOTALL), domain
    )
    if section is None:
        words = f"{path} has no Component {domain!r}; it may be in a file it includes"
        return warning("server config", words)
    if re.search(r"component_conflict_resolve\s*=\s*[\"']kick_old[\"']", section):
        return ok("server config", f"{path} lets a new connection replace the old one")
    return warning("server config", f"{path}: {KICK_OLD}")


def _section(text: str, domain: str) -> str | None:
    """Return the global settings and those of a component; C{None} without it."""
    first, *others = re.split(r"(?m)^\s*(?=(?:Component|VirtualHost)\b)", text)
    named = rf"Component\s*\(?\s*[\"']{re.escape(domain)}[\"']"
    sections = [each for each in others if re.match(named, each)]
    return "\n".join([first, *sections]) if sections else None


def _ejabberd(path: str, text: str, domain: str) -> CheckResult:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        words = f"{path} is not valid YAML: correct it or --server-config"
        return warning("server config", words)
    balanced = [name for each in _balancing(document) for name in each]
    if domain in balanced:
        return warning("server config", f"{path}: {NO_BALANCING}")
    return ok("server config", f"{path} has no domain_balancing for {domain}")


def _balancing(document: object) -> Iterator[Mapping[str, Any]]:
    """Yield each mapping of domain_balancing, global or of a host."""
    if isinstance(document, list):
        for each in document:
            yield from _balancing(each)
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "domain_balancing" and isinstance(value, dict):
                yield value
            else:
                yield from _balancing(value)
