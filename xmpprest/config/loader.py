"""
Loads the configuration: a flag wins over the environment, that over a TOML file, that
over the default. Secrets come from any of these but a flag.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import tables, toml
from .config import SETTINGS, Config, ConfigurationError
from .database_url import hasPassword
from .parsers import MASK, hasUserinfo
from .secret_files import (
    SecretSource,
    isPublic,
    readCredentials,
    readSecret,
    readSigningSecrets,
    readStorePassword,
    readText,
)
from .setting import Setting

PREFIX = "XMPPREST_"

#: Names of the secrets, also in systemd's LoadCredential=: the required ones (tokens
#: can replace the credentials), and the optional ones.
SECRETS = ("secret", "credentials")
OPTIONAL_SECRETS = ("callback-signing-secret", "store-password")
_SECRETS = (*SECRETS, *OPTIONAL_SECRETS)

#: Advice for a missing secret.
_MISSING = {
    "domain": "There is no component domain: give it with --domain, as in --domain"
    " gateway.example.org.",
    "secret": "There is no secret: write the component's secret, as the XMPP server"
    " has it (component_secret in Prosody, password in ejabberd), to a file, and give"
    " its path with --secret-file.",
    "credentials": "There are no credentials, so no client could send: put a line"
    " like 'Bearer dmVyeSBzZWNyZXQgdG9rZW4K' into a file, and give its path with"
    " --credentials-file. Or create a token with limited access: xmpprest token"
    " NAME >> xmpprest.toml.",
}


def _variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class RawSetting:
    """
    A setting before it is parsed.

    @ivar texts: The items of a list, or one text.
    @ivar origin: Where it was found, for messages: the flag, variable, or key and file.
    """

    texts: list[str]
    origin: str


@dataclass(frozen=True)
class LoadedConfig:
    """
    A configuration and the origin of each value.

    @ivar origins: Origins by the name of the setting.
    @ivar secrets: The secrets that were found, by name.
    @ivar callbackSecrets: The signing secrets of the callbacks with settings of their
        own, by the name of the callback.
    @ivar hookSecrets: The signing secrets of the hooks, by the name of the hook.
    @ivar path: The path of the TOML file; C{None} if there is none.
    """

    config: Config
    origins: Mapping[str, str]
    secrets: Mapping[str, SecretSource]
    callbackSecrets: Mapping[str, Sequence[SecretSource]] = field(default_factory=dict)
    hookSecrets: Mapping[str, Sequence[SecretSource]] = field(default_factory=dict)
    path: str | None = None

    @property
    def publicFiles(self) -> Sequence[str]:
        """
        Return the paths of files that contain secrets and that every user of this
        machine can read.
        """
        groups = (*self.callbackSecrets.values(), *self.hookSecrets.values())
        signing = (each for some in groups for each in some)
        paths = [each.path for each in (*self.secrets.values(), *signing)]
        if self.path is not None and self._hasPasswordInFile():
            paths.append(Path(self.path))
        return [str(each) for each in paths if each is not None and isPublic(each)]

    def _hasPasswordInFile(self) -> bool:
        """
        Return whether a callback URL or the store in the TOML file has credentials.
        """
        isOfFile = self.origins.get("store") == f"store in {self.path}"
        if isOfFile and hasPassword(self.config.store):
            return True
        urls = [each.url for each in self.config.callbacks]
        if self.origins.get("callback-url") == f"callback-url in {self.path}":
            urls.append(self.config.callbackURL or "")
        return any(map(hasUserinfo, urls))

    def describe(self) -> str:
        """
        Return the configuration as TOML that can be used as a file, without secrets.
        """
        lines = []
        for setting in SETTINGS:
            written = toml.formatSetting(
                setting, getattr(self.config, setting.field.name)
            )
            lines.append(f"{written}  # {self.origins[setting.name]}")
        lines += [_described(name, self.secrets.get(name)) for name in _SECRETS]
        config = self.config
        lines += tables.formatTables(
            config.tokens,
            config.callbacks,
            self.callbackSecrets,
            config.hooks,
            self.hookSecrets,
        )
        return "\n".join(lines)


def _described(name: str, secret: SecretSource | None) -> str:
    """Return the line of a secret: the path of its file, or a comment."""
    if secret is None:
        return f"# {name} is not set  # default"
    written = f"# {name} = {MASK}"
    if secret.path is not None:
        written = f"{name}-file = {toml.formatValue(str(secret.path.absolute()))}"
    return f"{written}  # {secret.origin}"


def _several(
    read: Callable[[SecretSource], tuple[str, ...]], secret: SecretSource | None
) -> tuple[str, ...]:
    return () if secret is None else read(secret)


class ConfigLoader:
    """
    Looks settings up in flags, the environment and a TOML file.
    """

    def __init__(
        self, flags: Mapping[str, list[str]], environ: Mapping[str, str]
    ) -> None:
        """
        @param flags: The given flags, by name without dashes.
        @param environ: The environment.
        @raise ConfigurationError: The file is unreadable, is not valid TOML, or has an
            unknown key.
        """
        self._flags = flags
        self._environ = environ
        path = self._given("config")
        self._path = None if path is None else path.texts[-1]
        self._file = {} if path is None else _readTOML(path)

    def load(self) -> LoadedConfig:
        """
        Load the whole configuration.

        @raise ConfigurationError: A value is missing or invalid.
        """
        self._refuseMisspelt()
        values, where = self.loadSettings()
        if "domain" not in values:
            raise ConfigurationError(_MISSING["domain"])
        tokens = tables.readTokens(self._file, self._path)
        callbacks = tables.readCallbacks(self._file, self._path)
        hooks = tables.readHooks(self._file, self._path)
        secrets = self._secrets(("secret",) if tokens else SECRETS)
        password = secrets.get("store-password")
        try:
            config = Config(
                secret=readSecret(secrets["secret"]),
                credentials=_several(readCredentials, secrets.get("credentials")),
                callbackSigningSecrets=_several(
                    readSigningSecrets, secrets.get("callback-signing-secret")
                ),
                storePassword=None if password is None else readStorePassword(password),
                tokens=tokens,
                callbacks=tuple(callback for callback, _ in callbacks),
                hooks=tuple(hook for hook, _ in hooks),
                **values,
            )
        except ConfigurationError:
            raise
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        signing = {callback.name: secrets for callback, secrets in callbacks}
        hookSecrets = {hook.name: secrets for hook, secrets in hooks}
        return LoadedConfig(config, where, secrets, signing, hookSecrets, self._path)

    def _refuseMisspelt(self) -> None:
        """
        Refuse a variable that resembles one of ours. Other variables with our prefix
        may belong to other programs, such as Kubernetes.
        """
        names = [each.name for each in SETTINGS]
        names += ["config", *_SECRETS, *(f"{name}-file" for name in _SECRETS)]
        ours = [_variable(name) for name in names]
        for variable in self._environ:
            near = difflib.get_close_matches(variable, ours, 1, 0.9)
            if variable.startswith(PREFIX) and variable not in ours and near:
                raise ConfigurationError(
                    f"There is no variable {variable}; did you mean {near[0]}?"
                )

    def loadSettings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """
        Load all settings except secrets.

        @return: The given values by the name of their field in L{Config}, and the
            origin of each setting by the setting's name.
        @raise ConfigurationError: A value is invalid.
        """
        values: dict[str, Any] = {}
        where: dict[str, str] = {}
        for setting in SETTINGS:
            written = self._find(setting.name, setting)
            where[setting.name] = "default" if written is None else written.origin
            if written is None:
                continue
            values[setting.field.name] = toml.readTexts(
                setting, written.texts, written.origin
            )
        return values, where

    def _find(self, name: str, setting: Setting | None = None) -> RawSetting | None:
        """Look a setting up; C{None} if it is not given."""
        given = self._given(name)
        if given is not None or name not in self._file:
            return given
        where = f"{name} in {self._path}"
        value = self._file[name]
        if setting is None:
            return RawSetting(toml.asStrings(value, where), where)
        return RawSetting(toml.textsOf(setting, value, where), where)

    def _given(self, name: str) -> RawSetting | None:
        """
        Look a setting up in the flags and the environment; C{None} if it is not given
        there.
        """
        if name in self._flags:
            _refusePassword(name, self._flags[name])
            return RawSetting(self._flags[name], f"--{name}")
        variable = _variable(name)
        if variable not in self._environ:
            return None
        text = self._environ[variable]
        repeatable = any(s.name == name and s.repeatable for s in SETTINGS)
        return RawSetting(text.split() if repeatable else [text], variable)

    def _secrets(self, needed: Collection[str]) -> dict[str, SecretSource]:
        """
        Return the secrets that are given.

        @raise ConfigurationError: A required one is missing, or a file cannot be read.
        """
        found = {}
        for name in _SECRETS:
            secret = self._confidential(name)
            if secret is not None:
                found[name] = secret
            elif name in needed:
                raise ConfigurationError(_MISSING[name])
        return found

    def _confidential(self, name: str) -> SecretSource | None:
        """
        Look a secret up: in the flag's file, the variable, the file named by a variable
        or the configuration, and systemd's credentials.

        @raise ConfigurationError: The file cannot be read.
        """
        flag, variable = f"{name}-file", _variable(name)
        if flag not in self._flags and variable in self._environ:
            return SecretSource(self._environ[variable], variable)
        written = self._find(flag)
        if written is not None:
            path = Path(",".join(written.texts))
            return SecretSource(readText(path, written.origin), written.origin, path)
        path = Path(self._environ.get("CREDENTIALS_DIRECTORY", ""), name)
        if not path.is_absolute() or not os.path.exists(path):
            return None
        where = "$CREDENTIALS_DIRECTORY"
        return SecretSource(readText(path, where), where)


def _refusePassword(name: str, texts: list[str]) -> None:
    """
    Refuse credentials in the URL of a flag.

    @raise ConfigurationError: There are some; the message does not repeat them.
    """
    if name == "store":
        if any(map(hasPassword, texts)):
            raise ConfigurationError(
                "--store contains a password, and other users of this machine can read"
                " flags: leave it out, put it into a file, and give the path of the"
                " file with --store-password-file."
            )
        return
    if any(map(hasUserinfo, texts)):
        raise ConfigurationError(
            f"--{name} contains a user name or password, and other users of this"
            f" machine can read flags: set {name} in the TOML file, or in"
            f" {_variable(name)}."
        )


def _readTOML(written: RawSetting) -> dict[str, object]:
    path = written.texts[-1]
    text = readText(Path(path), written.origin, isPath=True)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        twice = toml.repeatedTable(text)
        if twice is not None:
            raise ConfigurationError(
                f"{path} has the table [{twice}] twice: remove one of them. 'xmpprest"
                " token' appends a table each time it runs."
            ) from None
        hint = "; a text needs quotes" if "Invalid value" in str(error) else ""
        raise ConfigurationError(f"{path} is not valid TOML: {error}{hint}.") from None
    known = [each.name for each in SETTINGS] + [f"{name}-file" for name in _SECRETS]
    toml.refuseUnknown(
        values, [*known, tables.TOKENS, tables.CALLBACKS, tables.HOOKS], path
    )
    return values
