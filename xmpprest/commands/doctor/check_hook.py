"""Checks a hook: its templates, with a message that each of them has to make."""

from __future__ import annotations

from ...config.hook import HookConfig
from ...core.hooks.hook import Hook
from ...core.hooks.limits import TemplateError
from ...core.hooks.notice import Notice
from ...core.stanza import jid
from ...gateway.hooks import makeHook
from .result import CheckResult, failed, ok, warning

_SUBJECT = "hook"

#: The facts of an alert, with every field that a template may use.
_SAMPLE = Notice(
    title="DiskFull",
    event="firing",
    state="FIRING",
    severity="critical",
    where="instance web1",
    text="/var is full",
    link="https://alerts.example.org/",
    items=(Notice(title="/var on web1 is full", where="instance web1"),),
    omitted=1,
)


def checkHook(config: HookConfig, domain: str) -> CheckResult:
    """
    Check a hook.

    @param domain: The component domain.
    """
    subject = f"{_SUBJECT} {config.name}"
    try:
        hook = makeHook(config, domain, lambda: 0.0)
    except ValueError as error:
        return failed(subject, str(error))
    broken = _brokenTemplate(hook)
    if broken is not None:
        return warning(
            subject,
            f"a message would have the built-in layout, because the template {broken}:"
            f" mend it, and try it with 'xmpprest hook {config.name} --try FILE"
            " --config xmpprest.toml'",
        )
    own = [each for each in hook.to if jid.parseJID(each).domain == domain]
    if own:
        return warning(
            subject,
            f"it sends to {own[0]}, an address of this gateway, whose messages go to"
            " the callback: write the address of a person or a room into 'to'",
        )
    if hook.type == "groupchat":
        return ok(
            subject,
            f"its templates work; {hook.sender} must have joined {', '.join(hook.to)}",
        )
    return ok(subject, f"its templates work, and it sends to {', '.join(hook.to)}")


def _brokenTemplate(hook: Hook) -> str | None:
    """
    Return the error of the first template that cannot make a message; C{None} if all
    can.
    """
    variables = {**_SAMPLE.variables(), "shape": hook.shape, "payload": {}}
    for template in hook.templates.values():
        try:
            template.render(variables)
        except TemplateError as error:
            return str(error)
    return None
