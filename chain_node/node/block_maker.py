"""Building a block, checking one that somebody proposes, and remembering what was executed. One thread only.

A block that was built or checked here is not executed again when it is decided: results are kept by block hash,
which does not depend on round and seals.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.header_rules import DIFFICULTY, NONCE, compute_base_fee, validate_header
from chain_node.consensus.qbft.verification import validate_result
from chain_node.core.codec import encode_block
from chain_node.core.errors import InvalidBlockError, InvalidInputError
from chain_node.core.genesis import QBFT_MIX_HASH, Genesis
from chain_node.core.limits import BLOCK_SIZE_BYTES_MAX
from chain_node.core.types import EMPTY_OMMERS_HASH, Address, Block, Hash32, Header, Height, Transaction
from chain_node.execution import BlockContext, BlockLimits, EngineFault, ExecutionEngine, ExecutionResult
from chain_node.node.chain import context_of
from chain_node.txpool import PermissionCache, SenderNotPermittedError, SenderRule

_RESULTS_KEPT_MAX = 8
"""Executed but undecided blocks; one a round, and rounds above 0 are rare."""

_BODY_SIZE_BYTES_MAX = BLOCK_SIZE_BYTES_MAX - 256 * 1024
"""Transactions of a block we build: leaves room for the header and its seals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """What to build."""

    parent: Header
    parent_hash: Hash32
    timestamp: int
    """Seconds since 1970."""
    extra_data: bytes
    coinbase: Address
    candidates: tuple[Transaction, ...]
    """In the order in which to try them."""


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block without seals, and the candidates that can never be in one."""

    block: Block
    refused: tuple[tuple[Hash32, str], ...]
    """Transaction hash and reason."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was executed under a block hash. The hash names the header only, so the body is part of it."""

    transactions: tuple[Transaction, ...]
    result: ExecutionResult


class BlockMaker:
    """Blocks on top of states in the store."""

    def __init__(
        self, genesis: Genesis, engine: ExecutionEngine, ancestor_hash: Callable[[Height], Hash32 | None]
    ) -> None:
        self._genesis = genesis
        self._engine = engine
        self._ancestor_hash = ancestor_hash
        self._permissions = PermissionCache()
        self._known_by_hash: OrderedDict[Hash32, _Known] = OrderedDict()

    def build(self, order: BuildOrder, should_stop: Callable[[], bool]) -> BuiltBlock:
        """Fill a block until it is full or `should_stop` says so."""
        parent = order.parent
        context = BlockContext(
            height=Height(parent.number + 1),
            timestamp=order.timestamp,
            gas_limit=compute_gas_limit(parent, self._genesis),
            coinbase=order.coinbase,
            base_fee_per_gas=compute_base_fee(parent, self._genesis),
            difficulty=DIFFICULTY,
            block_hash=self._ancestor_hash,
        )
        refused: list[tuple[Hash32, str]] = []
        rule = self._rule_on(parent)
        candidates = _permitted(order.candidates, rule, order.timestamp, refused)
        limits = BlockLimits(
            gas_per_transaction=self._genesis.qbft.per_tx_gas_limit,
            size_bytes=_BODY_SIZE_BYTES_MAX,
            should_stop=should_stop,
        )
        built = self._engine.build_block(parent.state_root, candidates, context, limits)
        refused += [(skipped.transaction.hash, skipped.reason) for skipped in built.skipped if skipped.is_final]
        header = _make_header(order, context, built.execution)
        block = Block(header, built.included)
        self._keep(block, built.execution)
        return BuiltBlock(block, tuple(refused))

    def validate(
        self, block: Block, parent: Header, validators: tuple[Address, ...], *, now_seconds: int | None
    ) -> None:
        """Check header (without seals), body and result of a proposed block.

        Raises:
            InvalidBlockError: a rule is broken.
        """
        validate_header(block.header, parent, validators=validators, genesis=self._genesis, now_seconds=now_seconds)
        self.execute(block, parent)

    def execute(self, block: Block, parent: Header) -> ExecutionResult:
        """Execute a block on its parent and compare the result with its header; known blocks cost nothing.

        Raises:
            InvalidBlockError: a transaction may not be there, or the header promises another result.
        """
        known = self._known_by_hash.get(block_hash(block.header))
        if known is not None and known.transactions == block.transactions:
            return known.result
        validate_senders(block, self._rule_on(parent))
        header = block.header
        try:
            result = self._engine.execute_block(
                parent.state_root,
                block.transactions,
                context_of(header, self._ancestor_hash),
                gas_per_transaction=self._genesis.qbft.per_tx_gas_limit,
            )
        except EngineFault as fault:
            fault.encoded_block = encode_block(block)
            raise
        validate_result(header, result)
        self._keep(block, result)
        return result

    def forget(self) -> None:
        """Drop the results of undecided blocks: a height is over."""
        self._known_by_hash.clear()

    def _rule_on(self, parent: Header) -> SenderRule:
        return self._permissions.rule_on(self._engine.open_state(parent.state_root))

    def _keep(self, block: Block, result: ExecutionResult) -> None:
        self._known_by_hash[block_hash(block.header)] = _Known(block.transactions, result)
        if len(self._known_by_hash) > _RESULTS_KEPT_MAX:
            self._known_by_hash.popitem(last=False)


def validate_senders(block: Block, rule: SenderRule) -> None:
    """The sender rule as a rule of block validity.

    Raises:
        InvalidBlockError: names the transaction and the reason.
    """
    for index, transaction in enumerate(block.transactions):
        try:
            rule.validate(transaction, block.header.timestamp)
        except InvalidInputError as error:
            raise InvalidBlockError(f"transaction {index} (0x{transaction.hash.hex()}): {error}") from error


def compute_gas_limit(parent: Header, genesis: Genesis) -> int:
    """Gas limit of the next block: the parent's, doubled when London begins (EIP-1559)."""
    fork_at = genesis.schedule.fork_at
    is_first_london = fork_at(Height(parent.number + 1)) == "london" and fork_at(parent.number) != "london"
    return parent.gas_limit * 2 if is_first_london else parent.gas_limit


def _permitted(
    candidates: Iterable[Transaction], rule: SenderRule, timestamp: int, refused: list[tuple[Hash32, str]]
) -> Iterator[Transaction]:
    for transaction in candidates:
        try:
            rule.validate(transaction, timestamp)
        except SenderNotPermittedError as error:
            refused.append((transaction.hash, str(error)))
        else:
            yield transaction


def _make_header(order: BuildOrder, context: BlockContext, result: ExecutionResult) -> Header:
    return Header(
        parent_hash=order.parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        coinbase=order.coinbase,
        state_root=result.state_root,
        transactions_root=result.transactions_root,
        receipts_root=result.receipts_root,
        logs_bloom=result.logs_bloom,
        difficulty=DIFFICULTY,
        number=context.height,
        gas_limit=context.gas_limit,
        gas_used=result.gas_used,
        timestamp=context.timestamp,
        extra_data=order.extra_data,
        mix_hash=QBFT_MIX_HASH,
        nonce=NONCE,
        base_fee_per_gas=context.base_fee_per_gas,
    )
