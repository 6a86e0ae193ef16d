"""The seam to other nodes, and a network without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chain_node.consensus.qbft.messages import Message
from chain_node.core.types import Address, Block, Height, Transaction
from chain_node.rpc import Peer


class PeerNetwork(Protocol):
    """Other nodes of the network. Event loop only; nothing here waits for anybody."""

    def send_to_validators(self, message: Message) -> None:
        """Give a signed message to every other validator."""
        ...

    def announce_block(self, block: Block) -> None:
        """Tell of a block that was imported here."""
        ...

    def announce_transaction(self, transaction: Transaction) -> None:
        """Tell of a transaction that began to wait here."""
        ...

    def request_blocks(self, author: Address, height: Height) -> None:
        """Ask a validator for the blocks below a height."""
        ...

    def peers(self) -> Sequence[Peer]:
        """Nodes that are connected now."""
        ...


class NoPeers:
    """A network of this node alone."""

    def send_to_validators(self, message: Message) -> None:
        """There is nobody to send to."""

    def announce_block(self, block: Block) -> None:
        """There is nobody to tell."""

    def announce_transaction(self, transaction: Transaction) -> None:
        """There is nobody to tell."""

    def request_blocks(self, author: Address, height: Height) -> None:
        """There is nobody to ask."""

    def peers(self) -> Sequence[Peer]:
        """Nobody."""
        return ()
