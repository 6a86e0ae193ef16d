"""The embedded vault's view of the chain, in the same process."""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.core.types import Address, Hash32, Height
from chain_node.execution import CallRequest
from chain_node.node.chain import Chain
from chain_node.rpc.logs import LogQuery, find_heights, match_logs
from chain_node.vault.api import ChainHead, ChainLog
from chain_node.vault.errors import CallRevertedError

_CALL_GAS = 50_000_000


class VaultReader:
    """Implements the vault's `ChainReader`."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def chain_id(self) -> int:
        """Chain id of the network."""
        return self._chain.chain_id

    def head(self) -> ChainHead:
        """The newest block."""
        head = self._chain.head()
        return ChainHead(head.height, head.hash, head.header.timestamp)

    def call(self, to: Address, data: bytes) -> bytes:
        """Answer of a view function on the newest state; empty when `to` has no code."""
        result = self._chain.call(self._chain.head(), CallRequest(to=to, data=data, gas=_CALL_GAS))
        if result.status == 0:
            raise CallRevertedError(result.return_data)
        return result.return_data

    def logs(self, address: Address, topic: Hash32, from_number: int, to_number: int) -> Sequence[ChainLog]:
        """Events of a contract whose first topic is given, both block numbers included, in chain order."""
        query = LogQuery(addresses=frozenset((address,)), topics=(frozenset((topic,)),))
        found: list[ChainLog] = []
        for height in find_heights(self._chain, query, Height(from_number), Height(to_number)):
            block = self._chain.block_at(height)
            if block is not None:
                matches = match_logs(self._chain.receipts(block), query)
                found += [ChainLog(log.topics, log.data) for _, _, log in matches]
        return found
