"""What the Consortium contract says, read again only when its storage has changed, which is at governance only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from chain_node.core.types import Hash32
from chain_node.node.chain import Chain
from chain_node.rpc import ChainBlock
from chain_node.txpool import CONSORTIUM

_Answer = TypeVar("_Answer")


class ConsortiumReading(Generic[_Answer]):
    """One answer, and the storage root it was read by. The contract answers by its storage alone."""

    def __init__(self, chain: Chain, read: Callable[[ChainBlock], _Answer]) -> None:
        """`read` asks the contract on the state after a block; networks without the contract have one answer."""
        self._chain = chain
        self._read = read
        self._last: tuple[Hash32 | None, _Answer] | None = None

    def at(self, head: ChainBlock) -> _Answer:
        """The answer on the state after a block; the very same object as long as the storage is the same."""
        account = self._chain.state(head.header.state_root).account(CONSORTIUM)
        storage_root = None if account is None else account.storage_root
        if self._last is None or self._last[0] != storage_root:
            self._last = storage_root, self._read(head)
        return self._last[1]
