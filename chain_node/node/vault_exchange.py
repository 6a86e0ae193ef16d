"""Carries what vaults say to one another between the network and one worker thread.

The event loop only queues: whatever reads files, asks the chain or decodes is done by the worker, one thing after
the other, so that consensus never waits for a vault. Source: docs/protocol.md, 11.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chain_node.core.errors import InvalidInputError
from chain_node.core.types import Hash32
from chain_node.network.api import NodeRecord, SendVaultMessage
from chain_node.node.tls_papers import load_tls_key
from chain_node.vault.limits import INBOX_COUNT_MAX, INBOX_SIZE_BYTES_MAX
from chain_node.vault.replication import Replication
from chain_node.vault.vault import Vault

_TICK_SECONDS = 0.5
_TICK_SECONDS_WAITING = 0.05
"""While something waits for the next block."""

_log = structlog.get_logger("vault")


class VaultFloodError(InvalidInputError):
    """A peer's vault sends faster than it is asked."""

    def __init__(self, count: int, size_bytes: int) -> None:
        self.count = count
        self.size_bytes = size_bytes
        super().__init__(f"{count} vault messages of {size_bytes} bytes wait; an honest vault waits for its answers")


class VaultLinks:
    """Implements the network's `VaultExchange` and the vault's `Follower`."""

    def __init__(self, vault: Vault, tls_key: Path) -> None:
        """Bind the vault to the node whose TLS key (PEM) this is.

        Raises:
            ConfigError: the key cannot be used.
        """
        key = load_tls_key(tls_key)
        node_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        binding = vault.bind(node_key, lambda data: key.sign(data, ECDSA(SHA256())))
        self._replication = Replication(vault, binding, time.monotonic, self._on_fault)
        self._worker = ThreadPoolExecutor(1, "vault")
        self._lock = threading.Lock()
        self._waiting: dict[bytes, tuple[int, int]] = {}
        """Count and bytes of the messages of a node that wait for the worker."""
        self._fault_by_node: dict[bytes, InvalidInputError | None] = {}
        """What a node did wrong, until it is told; None from then on: nothing further of it is handled."""
        self._is_pump_queued = False
        self._timer: asyncio.TimerHandle | None = None
        vault.follower = self

    def close(self) -> None:
        """Finish what the worker is at, and do no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._worker.shutdown(cancel_futures=True)

    def on_peer(self, record: NodeRecord, send: SendVaultMessage) -> None:
        """A member's node is there."""
        loop, node = asyncio.get_running_loop(), record.tls_key_hash
        with self._lock:
            self._fault_by_node.pop(node, None)

        def send_from_worker(payload: bytes) -> None:
            loop.call_soon_threadsafe(send, payload)

        self._submit(lambda: self._replication.connect(node, record.organisation, send_from_worker))
        if self._timer is None:
            self._timer = loop.call_later(_TICK_SECONDS, self._on_tick)

    def on_vault_message(self, record: NodeRecord, payload: bytes) -> None:
        """A message of its vault; the worker reads it, and what was wrong with it is raised with the next one.

        Raises:
            InvalidInputError: it floods, or an earlier message broke a rule.
        """
        node = record.tls_key_hash
        with self._lock:
            if node in self._fault_by_node:
                fault, self._fault_by_node[node] = self._fault_by_node[node], None
                if fault is not None:
                    raise fault
                return
            count, size_bytes = self._waiting.get(node, (0, 0))
            count, size_bytes = count + 1, size_bytes + len(payload)
            if count > INBOX_COUNT_MAX or size_bytes > INBOX_SIZE_BYTES_MAX:
                raise VaultFloodError(count, size_bytes)
            self._waiting[node] = count, size_bytes
        self._submit(lambda: self._receive(node, payload))

    def on_peer_gone(self, record: NodeRecord) -> None:
        """The node is not there any more."""
        node = record.tls_key_hash
        self._submit(lambda: self._replication.disconnect(node))

    def on_change(self) -> None:
        """The vault's journal has grown: the others hear of it at once."""
        with self._lock:
            if self._is_pump_queued:
                return
            self._is_pump_queued = True
        self._submit(self._pump)

    def on_receipts_wanted(self, root: Hash32, indices: Sequence[int]) -> None:
        """Somebody asks for the receipts of all vaults for records."""
        self._submit(lambda: self._replication.ask_receipts(root, indices))

    def _receive(self, node: bytes, payload: bytes) -> None:
        try:
            self._replication.receive(node, payload)
        finally:
            with self._lock:
                count, size_bytes = self._waiting[node]
                if count == 1:
                    del self._waiting[node]
                else:
                    self._waiting[node] = count - 1, size_bytes - len(payload)

    def _pump(self) -> None:
        with self._lock:
            self._is_pump_queued = False
        self._replication.pump()

    def _on_tick(self) -> None:
        self.on_change()
        seconds = _TICK_SECONDS_WAITING if self._replication.is_waiting() else _TICK_SECONDS
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_tick)

    def _on_fault(self, node: bytes, error: InvalidInputError) -> None:
        _log.warning("vault_peer_misbehaves", node=node.hex(), reason=str(error))
        with self._lock:
            self._fault_by_node[node] = error

    def _submit(self, work: Callable[[], None]) -> None:
        try:
            self._worker.submit(work).add_done_callback(_report)
        except RuntimeError:
            _log.debug("vault_exchange_closed")


def _report(future: Future[None]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        _log.error("vault_exchange_failed", exc_info=error)
