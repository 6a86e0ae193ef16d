"""The seam to the chain: all that a vault asks of it. Types only.

The node implements it over its engine and store, `http_chain_reader.py` over standard JSON-RPC, so a vault also
serves beside a network that is not ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chain_node.core.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest block."""

    number: int
    hash: Hash32
    timestamp: int
    """Unix second."""


@dataclass(frozen=True, slots=True)
class ChainLog:
    """One event of the chain."""

    topics: tuple[bytes, ...]
    """32 bytes each; the first names the event."""
    data: bytes


class ChainReader(Protocol):
    """Read access to a chain. Every method may block and is called from worker threads, several at a time.

    Raises:
        UnavailableError: the chain cannot be reached now; the vault answers 503 and the caller retries.
    """

    def chain_id(self) -> int:
        """Chain id of the network (EIP-155). Never changes."""
        ...

    def head(self) -> ChainHead:
        """The newest block."""
        ...

    def call(self, to: Address, data: bytes) -> bytes:
        """Answer of a view function on the newest state; empty when `to` has no code.

        Raises:
            CallRevertedError: the contract reverted.
        """
        ...

    def logs(self, address: Address, topic: Hash32, from_number: int, to_number: int) -> Sequence[ChainLog]:
        """Events of `address` whose first topic is `topic`, both block numbers included, in chain order.

        At most `limits.LOG_BLOCKS_MAX` blocks are asked for at a time.
        """
        ...


class Follower(Protocol):
    """Whoever carries news of a vault to the other vaults. Called from any thread; returns at once."""

    def on_change(self) -> None:
        """The journal has grown."""
        ...

    def on_receipts_wanted(self, root: Hash32, indices: Sequence[int]) -> None:
        """Somebody asks for the receipts of all vaults for records, and some are not here yet."""
        ...
