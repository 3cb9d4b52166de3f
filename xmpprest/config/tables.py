"""The tables of a TOML file: C{[tokens.NAME]}, C{[[callbacks]]} and C{[[hooks]]}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import toml
from .callback import CallbackConfig
from .config import ConfigurationError
from .hook import HookConfig
from .secret_files import (
    SecretSource,
    readHookSecrets,
    readSigningSecrets,
    readText,
)
from .tokens import TokenConfig

TOKENS, CALLBACKS, HOOKS = "tokens", "callbacks", "hooks"
#: The key in the table of a callback or a hook that names the files with its signing
#: secrets.
SIGNING = "signing-secret-file"

#: Callbacks, and the signing secrets of each by its name.
CallbacksWithSecrets = Sequence[tuple[CallbackConfig, Sequence[SecretSource]]]
#: Hooks, and the files with the signing secrets of each.
HooksWithSecrets = Sequence[tuple[HookConfig, Sequence[SecretSource]]]


def readTokens(file: Mapping[str, object], path: str | None) -> tuple[TokenConfig, ...]:
    """
    Parse the tables of tokens.

    @param file: The parsed file.
    @param path: The path of the file, for messages.
    @raise ConfigurationError: A table is invalid.
    """
    tables = file.get(TOKENS, {})
    if not isinstance(tables, dict):
        raise ConfigurationError(
            f"{TOKENS} in {path} is not a table: expected tables like [{TOKENS}.NAME]."
        )
    return tuple(
        toml.readTable(TokenConfig, table, f"[{TOKENS}.{name}] in {path}", name=name)
        for name, table in tables.items()
    )


def readCallbacks(file: Mapping[str, object], path: str | None) -> CallbacksWithSecrets:
    """
    Parse the tables of callbacks.

    @param file: The parsed file.
    @param path: The path of the file, for messages.
    @raise ConfigurationError: A table or its signing secrets are invalid.
    """
    found = []
    for table, where in _tables(file, CALLBACKS, path):
        rest, signing = _signing(table, where)
        secrets = tuple(each for file in signing for each in readSigningSecrets(file))
        found.append(
            (
                toml.readTable(CallbackConfig, rest, where, signingSecrets=secrets),
                signing,
            )
        )
    return found


def readHooks(file: Mapping[str, object], path: str | None) -> HooksWithSecrets:
    """
    Parse the tables of hooks.

    @param file: The parsed file.
    @param path: The path of the file, for messages.
    @raise ConfigurationError: A table or its signing secrets are invalid.
    """
    found = []
    for table, where in _tables(file, HOOKS, path):
        rest, signing = _signing(table, where)
        secrets = tuple(each for file in signing for each in readHookSecrets(file))
        found.append(
            (toml.readTable(HookConfig, rest, where, signingSecrets=secrets), signing)
        )
    return found


def _tables(
    file: Mapping[str, object], name: str, path: str | None
) -> Iterator[tuple[object, str]]:
    """Yield each table of a list of tables, and its name for errors."""
    tables = file.get(name, [])
    if not isinstance(tables, list):
        raise ConfigurationError(
            f"{name} in {path} is not a list: expected tables like [[{name}]]."
        )
    for number, table in enumerate(tables, 1):
        yield table, f"[[{name}]] {number} in {path}"


def _signing(table: object, where: str) -> tuple[object, Sequence[SecretSource]]:
    """Return a table without the key of its signing secrets, and their files."""
    signing: list[SecretSource] = []
    if isinstance(table, dict) and SIGNING in table:
        table = dict(table)
        key = f"{SIGNING} in {where}"
        for text in toml.asStrings(table.pop(SIGNING), key):
            signing.append(SecretSource(readText(Path(text), key), key, Path(text)))
    return table, signing


def formatTables(
    tokens: Sequence[TokenConfig],
    callbacks: Sequence[CallbackConfig],
    signing: Mapping[str, Sequence[SecretSource]],
    hooks: Sequence[HookConfig] = (),
    hookSigning: Mapping[str, Sequence[SecretSource]] | None = None,
) -> Iterator[str]:
    """
    Format tokens, callbacks and hooks as lines of TOML.

    @param signing: The signing secrets of each callback, by its name.
    @param hookSigning: The signing secrets of each hook, by its name.
    """
    for token in tokens:
        yield from ("", f"[{TOKENS}.{token.name}]", *toml.formatSettings(token))
    for callback in callbacks:
        yield from ("", f"[[{CALLBACKS}]]", *toml.formatSettings(callback))
        yield from _formatSigning(signing.get(callback.name, ()))
    for hook in hooks:
        yield from ("", f"[[{HOOKS}]]", *toml.formatSettings(hook))
        yield from _formatSigning((hookSigning or {}).get(hook.name, ()))


def _formatSigning(sources: Sequence[SecretSource]) -> Iterator[str]:
    files = tuple(str(each.path) for each in sources)
    if files:
        yield f"{SIGNING} = {toml.formatValue(files)}"
