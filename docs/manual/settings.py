"""The settings, as L{xmpprest.config.config} has them, for the pages about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xmpprest.config import parsers
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import SETTINGS
from xmpprest.config.hook import HookConfig
from xmpprest.config.loader import OPTIONAL_SECRETS, SECRETS
from xmpprest.config.setting import Setting, settingsOf
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.policy.permissions import PERMISSIONS
from xmpprest.tap import Options

from .markup import definitions, literal, prose, table


def written() -> str:
    """Write a list of all settings."""
    return _listed("settings", SETTINGS)


def names() -> list[str]:
    """Return the names of all settings, those of files with secrets included."""
    return [*(each.name for each in SETTINGS), *_secretFiles()]


def tokensWritten() -> str:
    """Write a list of the keys of a token's table."""
    return _listed("token-keys", settingsOf(TokenConfig))


def callbacksWritten() -> str:
    """Write a list of the keys of a callback's table."""
    return _listed("callback-keys", settingsOf(CallbackConfig))


def hooksWritten() -> str:
    """Write a list of the keys of a hook's table."""
    return _listed("hook-keys", settingsOf(HookConfig))


def changesWritten() -> str:
    """Write a table of when a new value of each setting takes effect."""
    now = [each.name for each in SETTINGS if not each.needsRestart]
    later = ["secret-file", "store-password-file"]
    now += [each for each in _secretFiles() if each not in later]
    now += ["[tokens.NAME]", "[[callbacks]]", "[[hooks]]"]
    rows = (
        ("At once", now),
        ("With the next connection to the XMPP server", ["secret-file"]),
        (
            "After a restart",
            [
                *(each.name for each in SETTINGS if each.needsRestart),
                "store-password-file",
            ],
        ),
    )
    cells = [(when, " ".join(map(literal, names))) for when, names in rows]
    return "\n".join(table("30 70", ("When", "Settings"), cells))


def rightsWritten() -> str:
    """Write a table of the rights that a token can have."""
    rows = [
        (literal(right), f"{prose(words[0].upper() + words[1:])}.")
        for right, words in PERMISSIONS.items()
    ]
    return "\n".join(table("20 80", ("Right", "The token can"), rows))


def secretsWritten() -> str:
    """Write a list of all secrets."""
    helps = {row[0]: row[3] for row in Options.optParameters}
    items = [
        (literal(name), (prose(helps[name]), _elsewhere(name)))
        for name in _secretFiles()
    ]
    return "\n".join(definitions("settings", items))


def _secretFiles() -> list[str]:
    return [f"{name}-file" for name in (*SECRETS, *OPTIONAL_SECRETS)]


def _elsewhere(file: str) -> str:
    """The other places where the secret of a file can be."""
    name = file.removesuffix("-file")
    variable = f"XMPPREST_{name.upper().replace('-', '_')}"
    return f"Variable: {literal(variable)}. systemd credential: {literal(name)}."


def _listed(kind: str, settings: Iterable[Setting]) -> str:
    items = [(literal(each.name), _paragraphs(each)) for each in settings]
    return "\n".join(definitions(kind, items))


def _paragraphs(setting: Setting) -> Sequence[str]:
    """The description of a setting, and its default."""
    words = " ".join(filter(None, (prose(setting.help), _expected(setting))))
    default = _default(setting)
    restart = "A change needs a restart." if setting.needsRestart else ""
    facts = " ".join(filter(None, (default and f"Default: {default}.", restart)))
    return (words, facts) if facts else (words,)


def _default(setting: Setting) -> str:
    texts = setting.format(setting.field.default)
    return " ".join(map(literal, texts))


def _expected(setting: Setting) -> str:
    """The values that a setting takes, in the words of its error."""
    if setting.field.metadata["read"] is parsers.singleLine:
        return ""
    try:
        setting.parse([""])
    except ValueError as error:
        return f"*E{prose(str(error)[1:])}.*"
    return ""
