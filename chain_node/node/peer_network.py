"""The seam to other nodes, and a network without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chain_node.consensus.qbft.messages import Message
from chain_node.core.types import Address, Height
from chain_node.network.frames import LateSeal
from chain_node.network.peer import PeerView


class PeerNetwork(Protocol):
    """Other nodes of the network. Event loop only; nothing here waits for anybody."""

    def send_to_validators(self, message: Message) -> None:
        """Give a signed message to every other validator."""
        ...

    def on_head(self) -> None:
        """The head has moved."""
        ...

    def announce_transactions(self, encoded: Sequence[bytes]) -> None:
        """Tell of transactions that began to wait here."""
        ...

    def announce_seals(self, seals: Sequence[LateSeal]) -> None:
        """Give seals of decided blocks to everybody."""
        ...

    def request_blocks(self, author: Address, height: Height) -> None:
        """A validator has the blocks below a height: fetch them if they do not come by themselves."""
        ...

    def punish_validator(self, author: Address, reason: str, penalty: int) -> None:
        """A validator has signed something that breaks the rules."""
        ...

    @property
    def is_syncing(self) -> bool:
        """Whether blocks are being fetched."""
        ...

    def views(self) -> Sequence[PeerView]:
        """Nodes that are connected now."""
        ...


class NoPeers:
    """A network of this node alone."""

    def send_to_validators(self, message: Message) -> None:
        """There is nobody to send to."""

    def on_head(self) -> None:
        """There is nobody to tell."""

    def announce_transactions(self, encoded: Sequence[bytes]) -> None:
        """There is nobody to tell."""

    def announce_seals(self, seals: Sequence[LateSeal]) -> None:
        """There is nobody to tell."""

    def request_blocks(self, author: Address, height: Height) -> None:
        """There is nobody to ask."""

    def punish_validator(self, author: Address, reason: str, penalty: int) -> None:
        """There is nobody to punish."""

    @property
    def is_syncing(self) -> bool:
        """There is nobody to fetch from."""
        return False

    def views(self) -> Sequence[PeerView]:
        """Nobody."""
        return ()
