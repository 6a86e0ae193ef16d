"""A vault that runs alone beside any EVM network: `tranchain-node vault`."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from pathlib import Path

import structlog
import uvicorn

from chain_node.core.crypto import address_of
from chain_node.core.errors import ConfigError
from chain_node.core.types import Address
from chain_node.vault.app import create_app
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.http_chain_reader import HTTPChainReader

_log = structlog.get_logger("vault")


def run_standalone(*, listen: str, rpc_url: str, registry: str, data_directory: Path) -> None:
    """Serve a vault until SIGINT or SIGTERM; the whole of `tranchain-node vault`.

    Args:
        listen: `HOST:PORT`; port 0 takes a free one and logs it.
        rpc_url: JSON-RPC endpoint of the network, standard `eth_` methods.
        registry: address of the network's ContractRegistry, `0x…`.
        data_directory: made when absent; holds the store (`vault/`) and the receipt-signing key (`vault.key`).

    Raises:
        ConfigError: an argument cannot be used, or the directory is another network's.
        UnavailableError: the network does not answer.
    """
    host, port = _parse_listen(listen)
    try:
        registry_address = Address(bytes.fromhex(registry.removeprefix("0x")))
    except ValueError as error:
        raise ConfigError("registry", f"got {registry!r}, expected an address in hex") from error
    if len(registry_address) != 20:
        raise ConfigError("registry", f"got {registry!r}, expected 20 bytes in hex")
    listener = _listen(host, port)
    vault_key = load_vault_key(data_directory / "vault.key")
    store = BlobStore(data_directory / "vault")
    try:
        app = create_app(store, HTTPChainReader(rpc_url), vault_key, registry_address)
        _log.info(
            "vault_starts",
            listen=f"{host}:{listener.getsockname()[1]}",
            address=f"0x{address_of(vault_key).hex()}",
            blobs=store.blob_count(),
        )
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        store.close()
        listener.close()


def load_vault_key(path: Path) -> bytes:
    """The 32-byte key in a file readable by its owner alone, made on first use.

    Raises:
        ConfigError: the file holds anything but 32 bytes in hex.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError("vault.key", f"{path} does not hold 32 bytes in hex")
    return key


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is opened, so that a second vault stops here and touches nothing."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        hint = "; another program listens there" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError("listen", f"{host}:{port} cannot be used: {error.strerror}{hint}") from error
    return listener


def _parse_listen(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigError("listen", f"got {listen!r}, expected HOST:PORT")
    return host.strip("[]"), int(port)
