"""The chain as it was at one block: every call and every event of a report comes from here."""

from collections.abc import Iterator, Mapping
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.event_log import Event
from client.sdk.rpc import translated


class PinnedChain(ChainClient):
    """A chain client for which `block` is the latest block. Answers of view functions are kept."""

    def __init__(self, live: ChainClient, block: int | None = None):
        """Use the node of `live`; `block` None pins the latest block.

        Raises:
            InvalidInputError: the node does not have this block.
        """
        super().__init__(live.rpc_url, live.registry)
        head = super().head()
        self.block = head if block is None else block
        if self.block > head:
            raise InvalidInputError("block", got=self.block, expected=f"at most {head}, the node's latest")
        self._answers: dict[tuple[str, str, str, int], Any] = {}

    def head(self) -> int:
        """Return the pinned block."""
        return self.block

    def block_hash(self) -> str:
        """Return the hash of the pinned block."""
        with translated():
            return "0x" + bytes(self.web3.eth.get_block(self.block)["hash"]).hex()

    def block_second(self, number: int | None = None) -> int:
        """Return the Unix second of a block, of the pinned one where none is named."""
        return super().block_second(self.block if number is None else number)

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        """Read a view function at the pinned block or at an earlier one."""
        at = self.block if block is None else min(block, self.block)
        key = (contract, function, repr(args), at)
        if key not in self._answers:
            self._answers[key] = super().call(contract, function, *args, block=at)
        return self._answers[key]

    def events(
        self,
        contract: str,
        name: str,
        *,
        first_block: int = 0,
        last_block: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[Event]:
        """Yield events up to the pinned block."""
        last = self.block if last_block is None else min(last_block, self.block)
        return super().events(contract, name, first_block=first_block, last_block=last, filters=filters)
