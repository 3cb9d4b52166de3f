"""Hooks for tests."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from xmpprest.config.hook import HookConfig
from xmpprest.core.hooks.hook import Hook
from xmpprest.gateway.hooks import makeHook as make

from ...support.doubles import DOMAIN

SECRET = "c2VjcmV0"
DIGEST = sha256(SECRET.encode()).hexdigest()


def hookConfig(**settings: Any) -> HookConfig:
    """Return the settings of a hook that a test gives, and those that it needs."""
    needed = {"name": "alerts", "secretSha256": [DIGEST], "to": ["ann@example.org"]}
    return HookConfig(**{**needed, **settings})


def makeHook(**settings: Any) -> Hook:
    """Make a hook with the built-in templates."""
    return make(hookConfig(**settings), DOMAIN, lambda: 0.0)
