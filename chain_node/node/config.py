"""Configuration of a node: a TOML file, overridden by the flags of `tranchain-node run`. Relative paths in the file
are relative to the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from chain_node.core.errors import ConfigError
from chain_node.node.engine_choice import CACHE_MB_DEFAULT, EngineName, EngineWish

LogLevel = Literal["debug", "info", "warning", "error"]


class NodeConfig(BaseModel):
    """Everything that differs from node to node; what the network has in common is in the genesis file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    genesis: Path = Field(strict=False)
    """genesis.json of the network."""
    data_dir: Path = Field(strict=False)
    """Directory of chain store, vote record and vault; made when absent."""
    validator_key: Path | None = Field(default=None, strict=False)
    """File with the validator key; `validator.key` in the data directory unless set."""
    rpc_listen: str = "127.0.0.1:8545"
    """HOST:PORT of HTTP and WebSocket; port 0 takes a free one."""
    rpc_allowed_origins: list[str] = []
    """Origins of web pages that may call the RPC; ["*"] allows all."""
    p2p_listen: str | None = None
    """HOST:PORT where other nodes connect; without it the node has no peers."""
    p2p_key: Path | None = Field(default=None, strict=False)
    """File with the TLS key, PEM; `tls.key` in the data directory unless set."""
    p2p_certificate: Path | None = Field(default=None, strict=False)
    """File with the certificate of that key, PEM; `tls.pem` in the data directory unless set."""
    p2p_ca: Path | None = Field(default=None, strict=False)
    """File with the certificates of the consortium's authorities, PEM; `ca.pem` in the data directory unless set."""
    p2p_peers: list[str] = []
    """HOST:PORT of nodes to connect to, besides those that the members' records name."""
    vault: bool = True
    """Whether to serve the embedded vault under /vault/v1/."""
    log_level: LogLevel = "info"
    """Least severe events that are logged."""
    engine: EngineWish = "auto"
    """What executes transactions: native, py-evm, or the one that is installed and wrote the chain store."""
    verify_with: EngineName | None = None
    """Engine that executes every block as well and must agree; the node halts when it does not."""
    cache_mb: int = Field(default=CACHE_MB_DEFAULT, ge=8, le=65_536)
    """Memory for trie nodes of the native engine, in MB."""
    build_budget_ms: int = Field(default=400, ge=10, le=10_000)
    """Execution time, in milliseconds, after which a proposer stops filling a block."""

    pool_per_sender: int = Field(default=64, ge=1, le=100_000)
    """Transactions of one sender that may wait."""
    pool_count: int = Field(default=20_000, ge=1, le=1_000_000)
    """Transactions of all senders that may wait."""

    @field_validator("rpc_listen", "p2p_listen")
    @classmethod
    def _check_listen(cls, value: str | None) -> str | None:
        if value is not None:
            _check_address(value)
        return value

    @field_validator("p2p_peers")
    @classmethod
    def _check_peers(cls, values: list[str], info: ValidationInfo) -> list[str]:
        for value in values:
            _check_address(value)
        if values and info.data.get("p2p_listen") is None:
            raise ValueError("needs p2p_listen, without which the node has no peers")
        return values

    @property
    def validator_key_path(self) -> Path:
        """Where the validator key is."""
        return self.validator_key or self.data_dir / "validator.key"

    @property
    def p2p_key_path(self) -> Path:
        """Where the TLS key is."""
        return self.p2p_key or self.data_dir / "tls.key"

    @property
    def p2p_certificate_path(self) -> Path:
        """Where its certificate is."""
        return self.p2p_certificate or self.data_dir / "tls.pem"

    @property
    def p2p_ca_path(self) -> Path:
        """Where the authorities' certificates are."""
        return self.p2p_ca or self.data_dir / "ca.pem"

    @property
    def p2p_address(self) -> tuple[str, int] | None:
        """Host and port for other nodes; None for a node without peers."""
        return None if self.p2p_listen is None else parse_listen("p2p_listen", self.p2p_listen)

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port of the server."""
        return parse_listen("rpc_listen", self.rpc_listen)


def load_config(path: Path | None, overrides: Mapping[str, object]) -> NodeConfig:
    """Read the file, if any, and put the given flags over it (None: flag not given).

    Raises:
        ConfigError: the file cannot be read, or a key is unknown, missing or wrong.
    """
    values = {} if path is None else _read_toml(path)
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return NodeConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        place = key if path is None else f"{path}: {key}"
        reason = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            reason = f"missing; give it in the file or as --{key.replace('_', '-')}"
        raise ConfigError(place, reason) from error


def _read_toml(path: Path) -> dict[str, object]:
    try:
        values: dict[str, object] = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"not TOML: {error}") from error
    for key in ("genesis", "data_dir", "validator_key", "p2p_key", "p2p_certificate", "p2p_ca"):
        value = values.get(key)
        if isinstance(value, str):
            values[key] = path.parent / value
    return values


def _check_address(value: str) -> None:
    try:
        parse_listen("", value)
    except ConfigError as error:
        raise ValueError(error.reason) from error


def parse_listen(key: str, value: str) -> tuple[str, int]:
    """Split HOST:PORT.

    Raises:
        ConfigError: not of that form.
    """
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(key, f"got {value!r}, expected HOST:PORT")
    return host.strip("[]"), int(port)
