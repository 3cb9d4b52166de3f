"""Makes the hooks from the configuration: their templates, grants and rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from math import ceil
from pathlib import Path

from ..config.config import Config
from ..config.hook import HookConfig
from ..core.hooks.hook import DEFAULT_TEMPLATE, Hook, Hooks
from ..core.hooks.shapes import AUTO, SHAPES
from ..core.hooks.template import Template, hasTemplates
from ..core.policy.permissions import HOOK_PREFIX, Grant
from ..core.policy.rate_limit import RateLimiter
from ..core.stanza.jid_pattern import JIDPatterns

#: The name of a template file is that of the shape, or of the shape and the event.
SUFFIX = ".j2"

_BUILT_IN = "xmpprest.core.hooks"
_DIRECTORY = "templates"


def makeHooks(
    config: Config, now: Callable[[], float], earlier: Hooks | None = None
) -> Hooks:
    """
    Make the hooks.

    @param now: Returns seconds, for the rate limits.
    @param earlier: The hooks before a reload: one whose rate is unchanged keeps its
        rate limiter, with what it has used.
    @raise ValueError: A template cannot be read or is malformed; the message says
        which, and what to change.
    """
    before = {} if earlier is None else {hook.name: hook for hook in earlier}
    return Hooks(
        [
            makeHook(each, config.domain, now, before.get(each.name))
            for each in config.hooks
        ]
    )


def makeHook(
    config: HookConfig,
    domain: str,
    now: Callable[[], float],
    earlier: Hook | None = None,
) -> Hook:
    """
    Make a hook.

    @param domain: The component domain.
    @param now: Returns seconds, for the rate limit.
    @param earlier: The hook before a reload; C{None} if it is new.
    @raise ValueError: A template cannot be read or is malformed.
    """
    sender = config.from_ or domain
    grant = Grant(
        name=f"{HOOK_PREFIX}{config.name}",
        permissions=frozenset(),
        kinds=frozenset({"message"}),
        senders=JIDPatterns(sender),
        recipients=JIDPatterns(*config.to),
        defaultSender=sender,
        rateLimiter=_rateLimiter(config, now, earlier),
    )
    return Hook(
        name=config.name,
        secrets=tuple(bytes.fromhex(each) for each in config.secretSha256),
        to=config.to,
        sender=sender,
        type=config.type,
        shape=config.shape,
        templates=_templates(config),
        signingSecrets=config.signingSecrets,
        grant=grant,
    )


def _rateLimiter(
    config: HookConfig, now: Callable[[], float], earlier: Hook | None
) -> RateLimiter | None:
    if config.rate is None:
        return None
    burst = ceil(config.rate) if config.burst is None else config.burst
    before = None if earlier is None else earlier.grant.rateLimiter
    if before is not None and (before.rate, before.burst) == (config.rate, burst):
        return before
    return RateLimiter(config.rate, burst, now)


@cache
def _builtIn() -> Mapping[str, Template]:
    """Return the built-in templates by name; none without Jinja2."""
    if not hasTemplates:
        return {}
    directory = resources.files(_BUILT_IN) / _DIRECTORY
    return {
        file.name.removesuffix(SUFFIX): Template(file.read_text("utf-8"), file.name)
        for file in directory.iterdir()
        if file.name.endswith(SUFFIX)
    }


def _templates(config: HookConfig) -> Mapping[str, Template]:
    """
    Return the templates of a hook by name: those of its file or directory, and the
    built-in ones for everything else.
    """
    if config.template is None:
        return _builtIn()
    path, where = Path(config.template), f"The template of the hook {config.name}"
    if not path.is_dir():
        own = _read(path, where)
        shapes = [*SHAPES] if config.shape == AUTO else [config.shape]
        return {DEFAULT_TEMPLATE: own, **dict.fromkeys(shapes, own)}
    found = dict(_builtIn())
    for file in sorted(path.rglob(f"*{SUFFIX}")):
        name = file.relative_to(path).as_posix().removesuffix(SUFFIX)
        _checkName(name, f"{where}: {file}")
        found[name] = _read(file, where)
    return found


def _checkName(name: str, where: str) -> None:
    """
    Refuse a file that no request would use.

    @raise ValueError: The file has no name of a shape.
    """
    shape = name.partition("/")[0]
    if shape not in SHAPES and name != DEFAULT_TEMPLATE:
        raise ValueError(
            f"{where} is not named after a shape: expected {DEFAULT_TEMPLATE}{SUFFIX},"
            f" SHAPE{SUFFIX} or SHAPE/EVENT{SUFFIX}, with a shape of"
            f" {', '.join(sorted(SHAPES))}."
        )


def _read(path: Path, where: str) -> Template:
    """
    Read a template.

    @raise ValueError: It cannot be read, or is malformed.
    """
    try:
        source = path.read_text("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where} cannot be read: {path} is not UTF-8.") from None
    try:
        return Template(source, str(path))
    except ValueError as error:
        raise ValueError(f"{where} is invalid: {error}.") from None
