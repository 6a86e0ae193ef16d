"""The validator key: 32 bytes in hex in a file that nobody else may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from chain_node.core.crypto import CURVE_ORDER
from chain_node.core.errors import ConfigError

_OTHERS_MAY_ACCESS = 0o077


def create_validator_key(path: Path) -> bytes:
    """Make a new key and write it to a file of mode 0600.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    key = _random_key()
    write_secret(path, (key.hex() + "\n").encode(), "validator_key")
    return key


def write_secret(path: Path, content: bytes, name: str) -> None:
    """Write a file of mode 0600 that does not exist yet, durably; `name` is what errors call it.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ConfigError(name, f"{path} exists already; remove it first if you mean it") from error
    except OSError as error:
        raise ConfigError(name, f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_validator_key(path: Path) -> bytes:
    """Read the key.

    Raises:
        ConfigError: no such file, others may read it, or it does not hold a key.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except OSError as error:
        hint = "; `tranchain-node init` makes one" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError("validator_key", f"{path} cannot be read: {error.strerror}{hint}") from error
    except UnicodeDecodeError:
        text = ""
    else:
        if mode & _OTHERS_MAY_ACCESS:
            raise ConfigError("validator_key", f"{path} may be read by others; run: chmod 600 {path}")
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise ConfigError("validator_key", f"{path} does not hold a key: expected 32 bytes in hex")
    return key


def _random_key() -> bytes:
    while True:
        key = secrets.token_bytes(32)
        if 0 < int.from_bytes(key, "big") < CURVE_ORDER:
            return key
