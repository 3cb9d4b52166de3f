"""The settings, as L{xmpprest.config} has them, for the page about them."""

from __future__ import annotations

from xmpprest import readers
from xmpprest.config import SETTINGS
from xmpprest.setting import Setting
from xmpprest.settings import OPTIONAL_SECRETS, SECRETS
from xmpprest.tap import Options

from .markup import literal, prose, table


def written() -> str:
    """A table of all settings."""
    rows = [
        (literal(each.name), _default(each), f"{prose(each.help)} {_expected(each)}")
        for each in SETTINGS
    ]
    return "\n".join(table("26 26 48", ("Setting", "Default", "What it is"), rows))


def _default(setting: Setting) -> str:
    texts = setting.write(setting.field.default)
    return " ".join(map(literal, texts))


def _expected(setting: Setting) -> str:
    """What may stand there, in the words in which the setting refuses anything else."""
    if setting.field.metadata["read"] is readers.line:
        return ""
    try:
        setting.read([""])
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
