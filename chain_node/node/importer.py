"""Adding blocks to the chain: decided here, or by others and verified. In the worker thread of the chain only."""

from __future__ import annotations

from contextlib import suppress

from chain_node.consensus.qbft.header_rules import validate_sealed_header
from chain_node.core.errors import InvalidBlockError
from chain_node.core.types import Block, Header
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain
from chain_node.node.node_records import NodeRecords
from chain_node.node.seal_table import SealTable
from chain_node.node.validators import Validators
from chain_node.rpc import ChainBlock
from chain_node.storage import StoreFullError


class Importer:
    """Blocks on top of the head."""

    def __init__(
        self,
        *,
        chain: Chain,
        validators: Validators,
        maker: BlockMaker,
        seals: SealTable,
        records: NodeRecords,
    ) -> None:
        self._chain = chain
        self._validators = validators
        self._maker = maker
        self._seals = seals
        self._records = records

    def check_proposal(self, block: Block, now_seconds: int) -> None:
        """Check header (without seals), body and result of a proposed block.

        Raises:
            InvalidInputError: a rule is broken.
        """
        parent = self._parent_of(block)
        validators = self._validators.of(block.header.number)
        self._maker.validate(block, parent, validators, now_seconds=now_seconds)

    def add_decided(self, block: Block) -> ChainBlock:
        """Add a block that this node has checked and a quorum has sealed; durable on return.

        Raises:
            StoreFullError: no room; nothing was changed.
        """
        return self._add(block, self._parent_of(block))

    def verify_and_add(self, block: Block) -> ChainBlock:
        """Check everything about a block that others have decided, and add it.

        Raises:
            InvalidInputError: a rule is broken.
            StoreFullError: no room; nothing was changed.
        """
        parent = self._parent_of(block)
        validate_sealed_header(
            block.header,
            parent,
            validators=self._validators.of(block.header.number),
            genesis=self._chain.genesis,
            now_seconds=None,
        )
        return self._add(block, parent)

    def _add(self, block: Block, parent: Header) -> ChainBlock:
        result = self._maker.execute(block, parent)
        added = self._chain.add(block, result)
        self._maker.forget()
        self._validators.after(added)
        self._records.on_head(added)
        with suppress(StoreFullError):  # late seals are written with a later block
            self._seals.write()
        return added

    def _parent_of(self, block: Block) -> Header:
        head = self._chain.head()
        if block.header.number != head.height + 1:
            raise InvalidBlockError(f"block {block.header.number} does not follow the head, block {head.height}")
        return head.header
