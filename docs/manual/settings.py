"""The settings, as L{xmpprest.config.config} has them, for the page about them."""

from __future__ import annotations

from xmpprest.config import parsers
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import SETTINGS
from xmpprest.config.loader import OPTIONAL_SECRETS, SECRETS
from xmpprest.config.setting import Setting, settingsOf
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.policy.permissions import PERMISSIONS
from xmpprest.tap import Options

from .markup import literal, prose, table


def written() -> str:
    """A table of all settings."""
    return "\n".join(table("26 26 48", _HEAD, map(_row, SETTINGS)))


def tokensWritten() -> str:
    """A table of what is said of a token."""
    return "\n".join(table("16 28 56", _HEAD, map(_row, settingsOf(TokenConfig))))


def callbacksWritten() -> str:
    """A table of what is said of one of several callbacks."""
    return "\n".join(table("16 28 56", _HEAD, map(_row, settingsOf(CallbackConfig))))


def changesWritten() -> str:
    """A table of when the new value of each setting counts."""
    now = [each.name for each in SETTINGS if not each.needsRestart]
    files = [f"{name}-file" for name in (*SECRETS, *OPTIONAL_SECRETS)]
    now += [each for each in files if each != "secret-file"]
    now += ["[tokens.NAME]", "[[callbacks]]"]
    rows = (
        ("At once", now),
        ("With the next connection to the XMPP server", ["secret-file"]),
        ("After a restart", [each.name for each in SETTINGS if each.needsRestart]),
    )
    cells = [(when, " ".join(map(literal, names))) for when, names in rows]
    return "\n".join(table("30 70", ("When", "What"), cells))


def rightsWritten() -> str:
    """A table of what a token may beside sending."""
    rows = [
        (literal(right), f"{prose(words)}.") for right, words in PERMISSIONS.items()
    ]
    return "\n".join(table("20 80", ("Right", "It may"), rows))


_HEAD = ("Setting", "Default", "What it is")


def _row(setting: Setting) -> tuple[str, str, str]:
    """The row of a setting."""
    words = f"{prose(setting.help)} {_expected(setting)}"
    return literal(setting.name), _default(setting), words


def _default(setting: Setting) -> str:
    texts = setting.format(setting.field.default)
    return " ".join(map(literal, texts))


def _expected(setting: Setting) -> str:
    """What may stand there, in the words in which the setting refuses anything else."""
    if setting.field.metadata["read"] is parsers.singleLine:
        return ""
    try:
        setting.parse([""])
    except ValueError as error:
        return f"*E{prose(str(error)[1:])}.*"
    return ""


def secretsWritten() -> str:
    """A table of all secrets."""
    helps = {row[0]: row[3] for row in Options.optParameters}
    names = (*SECRETS, *OPTIONAL_SECRETS)
    rows = [
        (literal(f"{name}-file"), literal(name), prose(helps[f"{name}-file"]))
        for name in names
    ]
    head = ("Setting", "systemd's credential", "What it is")
    return "\n".join(table("36 30 34", head, rows))
