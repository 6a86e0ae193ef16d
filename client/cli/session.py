"""What the common options give to every command: settings, and the connections and keys made from them when needed."""

import tomllib
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from client.console.output import Console
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import ConfigError, KeystoreError
from client.sdk.keystore import Identity, unlock
from client.sdk.vault_client import VaultClient

REGISTRY_OF_GENESIS = "0x0000000000000000000000000000000000007C03"
"""Where the ContractRegistry is on a network that was started with one."""

_PATHS = ("keystore", "password_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The common options as given, from the command line, the environment or the profile."""

    rpc: str | None = None
    registry: str | None = None
    vault: str | None = None
    keystore: Path | None = None
    password_file: Path | None = None

    def completed_by(self, profile: Path | None) -> "Settings":
        """Return the settings with what was not given taken from a profile file.

        Raises:
            ConfigError: the profile cannot be read, or has an unknown key.
        """
        if profile is None:
            return self
        known = {each.name for each in fields(self)}
        given = _read_profile(profile)
        for key, value in given.items():
            if key not in known or not isinstance(value, str):
                raise ConfigError(f"profile {profile}", got=key, expected=f"texts for {', '.join(sorted(known))}")
        paths = {key: profile.parent / given[key] for key in _PATHS if key in given}
        found = {key: value for key, value in (given | paths).items() if getattr(self, key) is None}
        return replace(self, **found)


class Session:
    """The settings of one command, and what is made from them: each once, when first asked for."""

    def __init__(self, settings: Settings, console: Console):
        """Nothing is opened or sent yet."""
        self.settings, self.console = settings, console

    @cached_property
    def chain(self) -> ChainClient:
        """The chain at `--rpc`, with the ContractRegistry of `--registry`."""
        rpc = self._required("rpc", "the URL of a node")
        return ChainClient(rpc, self.settings.registry or REGISTRY_OF_GENESIS, warn=self.console.warning)

    @cached_property
    def identity(self) -> Identity:
        """The unlocked account of `--keystore`."""
        return unlock(self.keystore_path, self.password)

    @cached_property
    def vault(self) -> VaultClient:
        """The vault at `--vault`, spoken to as the account of `--keystore`."""
        return self.vault_as(self.identity)

    def vault_as(self, identity: Identity) -> VaultClient:
        """The vault at `--vault`, spoken to as another account of the same holder."""
        url = self._required("vault", "the URL of a vault")
        return VaultClient(url, identity.account, chain_id=self.chain.chain_id, registry=self.chain.registry)

    @cached_property
    def keys(self) -> KeyDirectory:
        """The encryption keys announced on the chain."""
        return KeyDirectory(self.chain)

    @property
    def keystore_path(self) -> Path:
        """The file of `--keystore`."""
        return Path(self._required("keystore", "an account's keystore file"))

    @cached_property
    def password(self) -> str:
        """The password of `--password-file`, or asked for at a terminal."""
        path = self.settings.password_file
        if path is not None:
            try:
                return path.read_text().rstrip("\r\n")
            except (OSError, ValueError) as error:
                raise KeystoreError(f"password file {path}", got="a file that cannot be read") from error
        return str(typer.prompt("Password", hide_input=True, err=True))

    def _required(self, name: str, meaning: str) -> Any:
        value = getattr(self.settings, name)
        if value is None:
            option = "--" + name.replace("_", "-")
            raise ConfigError(option, got="nothing", expected=f"{meaning} (or TRANCHAIN_{name.upper()}, or a profile)")
        return value


def session_of(context: typer.Context) -> Session:
    """Return the session that the root command prepared."""
    session = context.obj
    if not isinstance(session, Session):
        raise ConfigError("command", got="no session", expected="to be run through `tranchain`")
    return session


def _read_profile(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"profile {path}", got=error.strerror or "a file that cannot be read") from error
    except ValueError as error:
        raise ConfigError(f"profile {path}", got=str(error), expected="TOML") from error
