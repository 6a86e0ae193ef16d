"""From what a request says of a block to the block. No I/O."""

from __future__ import annotations

from chain_node.core.types import Height
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.errors import RESOURCE_NOT_FOUND, RPCError
from chain_node.rpc.params import BlockChoice
from chain_node.rpc.queries import ChainQueries


def find_block(chain: ChainQueries, choice: BlockChoice) -> ChainBlock | None:
    """The block that is meant; None if there is none.

    A block is final when it is decided, so "safe" and "finalized" are the newest block. "pending" is too, as far as
    state is read or run on: the next block does not exist before it is decided.
    """
    if choice.hash is not None:
        return chain.block_by_hash(choice.hash)
    if choice.height is not None:
        return chain.block_at(choice.height)
    if choice.tag == "earliest":
        return chain.block_at(Height(0))
    return chain.head()


def need_block(chain: ChainQueries, choice: BlockChoice) -> ChainBlock:
    """The block that is meant.

    Raises:
        RPCError: there is none; the message is the one of geth.
    """
    block = find_block(chain, choice)
    if block is None:
        raise RPCError(RESOURCE_NOT_FOUND, "header not found")
    return block


def height_of(chain: ChainQueries, choice: BlockChoice) -> Height:
    """The height that is meant, for ranges; heights above the head stay as they are."""
    if choice.height is not None:
        return choice.height
    return need_block(chain, choice).height
