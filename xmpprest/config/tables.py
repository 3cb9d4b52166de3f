"""The tables of a TOML file: those who may send, and the callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import toml
from .callback import CallbackConfig
from .config import ConfigurationError
from .secret_files import SecretSource, readSigningSecrets, readText
from .tokens import TokenConfig

TOKENS, CALLBACKS = "tokens", "callbacks"
#: In the table of a callback, the file, or files, that its signing secrets are in.
SIGNING = "signing-secret-file"

#: Callbacks, and what posts to each are signed with.
CallbacksWithSecrets = Sequence[tuple[CallbackConfig, Sequence[SecretSource]]]


def readTokens(file: Mapping[str, object], path: str | None) -> tuple[TokenConfig, ...]:
    """
    Those that have a table.

    @param file: All that is in the file.
    @param path: What it is called.
    @raise ConfigurationError: One is bad.
    """
    tables = file.get(TOKENS, {})
    if not isinstance(tables, dict):
        raise ConfigurationError(
            f"{TOKENS} in {path} is a value: expected tables like [{TOKENS}.NAME]."
        )
    return tuple(
        toml.readTable(TokenConfig, table, f"[{TOKENS}.{name}] in {path}", name=name)
        for name, table in tables.items()
    )


def readCallbacks(file: Mapping[str, object], path: str | None) -> CallbacksWithSecrets:
    """
    The same for callbacks.

    @raise ConfigurationError: One is bad, or its secrets.
    """
    tables = file.get(CALLBACKS, [])
    if not isinstance(tables, list):
        raise ConfigurationError(
            f"{CALLBACKS} in {path} is no list: expected tables like [[{CALLBACKS}]]."
        )
    return [
        _callback(table, f"[[{CALLBACKS}]] {number} in {path}")
        for number, table in enumerate(tables, 1)
    ]


def _callback(
    table: object, where: str
) -> tuple[CallbackConfig, Sequence[SecretSource]]:
    signing: list[SecretSource] = []
    if isinstance(table, dict) and SIGNING in table:
        table = dict(table)
        key = f"{SIGNING} in {where}"
        for text in toml.asStrings(table.pop(SIGNING), key):
            signing.append(SecretSource(readText(Path(text), key), key, Path(text)))
    secrets = tuple(each for file in signing for each in readSigningSecrets(file))
    return toml.readTable(CallbackConfig, table, where, signingSecrets=secrets), signing


def formatTables(
    tokens: Sequence[TokenConfig],
    callbacks: Sequence[CallbackConfig],
    signing: Mapping[str, Sequence[SecretSource]],
) -> Iterator[str]:
    """
    As lines, which are good again.

    @param signing: What posts to each callback are signed with, by its name.
    """
    for token in tokens:
        yield from ("", f"[{TOKENS}.{token.name}]", *toml.formatSettings(token))
    for callback in callbacks:
        yield from ("", f"[[{CALLBACKS}]]", *toml.formatSettings(callback))
        files = tuple(str(each.path) for each in signing.get(callback.name, ()))
        if files:
            yield f"{SIGNING} = {toml.formatValue(files)}"
