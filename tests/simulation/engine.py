"""An execution engine small enough to be run ten thousand times: a register of members and a running hash.

The state is one value whose root is its hash. A transaction to the Consortium's address changes the register (who is
a validator, who has a node record); any other is hashed into the state. `getValidators()` and `nodes()` answer as the
contract does. There is no code anywhere, so there is no sender rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NoReturn

from eth_abi.abi import encode

from chain_node.core import rlp
from chain_node.core.codec import decode_transaction, encode_receipt
from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.trie import ordered_trie_root
from chain_node.core.types import ZERO_HASH, Address, Hash32, Receipt, Transaction
from chain_node.execution import (
    BlockContext,
    BlockLimits,
    CallRequest,
    CallResult,
    ExecutionResult,
    NodeSource,
    StateChanges,
)
from chain_node.execution.account import Account
from chain_node.execution.api import StateView
from chain_node.execution.errors import InvalidBlockTransactionError, MissingStateError
from chain_node.execution.types import AccountOverride, AccountProof, BuildResult, SkippedTransaction
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.txpool.permission import CONSORTIUM

GET_VALIDATORS = bytes.fromhex("b7ab4db5")
NODES = keccak(b"nodes()")[:4]
TRANSACTION_GAS = 25_000
ADD_RECORD, ADD_VALIDATOR, REMOVE_VALIDATOR, REMOVE_RECORD = range(1, 5)
"""First byte of a transaction to the Consortium; the second is the index of the machine."""

_NODE_ABI = "(bytes32,address,uint32,string)[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One machine that may run a node."""

    index: int
    validator: Address
    tls_key_hash: TlsKeyHash

    def record(self) -> NodeRecord:
        """Its node record."""
        return NodeRecord(
            tls_key_hash=self.tls_key_hash,
            validator=self.validator,
            organisation=self.index + 1,
            endpoint=f"node{self.index}:30303",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The whole state."""

    validators: tuple[int, ...]
    """Indices of members, ascending."""
    records: tuple[int, ...]
    """Indices of members whose node is on record, ascending."""
    nonces: Mapping[Address, int] = field(default_factory=dict)
    """Transactions sent, by sender, in the order of their first."""
    digest: Hash32 = ZERO_HASH
    """Running hash of all other transactions."""

    def encode(self) -> bytes:
        """The bytes whose hash is the state root."""
        return rlp.encode(
            [
                bytes(self.validators),
                bytes(self.records),
                [[sender, rlp.scalar(nonce)] for sender, nonce in self.nonces.items()],
                self.digest,
            ]
        )


@lru_cache(maxsize=4096)
def _decode_ledger(raw: bytes) -> Ledger:
    items: Any = rlp.decode(raw)
    validators, records, nonces, digest = items
    return Ledger(
        validators=tuple(validators),
        records=tuple(records),
        nonces={Address(sender): int.from_bytes(nonce, "big") for sender, nonce in nonces},
        digest=Hash32(digest),
    )


class _View:
    """Implements `StateView`."""

    def __init__(self, root: Hash32, ledger: Ledger) -> None:
        self.root = root
        self._ledger = ledger

    def account(self, address: Address) -> Account | None:
        """The Consortium's storage root follows the register, as the contract's does."""
        if address == CONSORTIUM:
            register = bytes(self._ledger.validators) + b"/" + bytes(self._ledger.records)
            return Account(nonce=1, storage_root=keccak(register))
        return Account(nonce=self._ledger.nonces.get(address, 0))

    def code(self, address: Address) -> bytes:
        """None anywhere."""
        return b""

    def storage(self, address: Address, slot: int) -> int:
        """None anywhere."""
        return 0

    def prove(self, address: Address, slots: Sequence[int]) -> AccountProof:
        """Not asked for by a node at work."""
        raise NotImplementedError


class MemoryEngine:
    """Implements `ExecutionEngine` as far as a validator at work needs it."""

    name = "simulation"

    def __init__(self, source: NodeSource, members: Sequence[Member], founders: Sequence[int]) -> None:
        self._source = source
        self._members = {member.index: member for member in members}
        self._founders = tuple(founders)

    def decode_transactions(self, raws: Sequence[bytes]) -> list[Transaction | InvalidInputError]:
        """One by one, remembered by the codec."""
        return [decode_transaction(raw) for raw in raws]

    def initialise(self, alloc: Mapping[Address, GenesisAccount]) -> ExecutionResult:
        """The founders are validators and have node records."""
        ledger = Ledger(validators=self._founders, records=self._founders)
        return _result(ledger, ())

    def open_state(self, root: Hash32) -> StateView:
        """Read access to one state."""
        return _View(root, self._ledger(root))

    def build_block(
        self, parent_root: Hash32, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits
    ) -> BuildResult:
        """Include what fits in nonce and gas."""
        ledger = self._ledger(parent_root)
        included: list[Transaction] = []
        skipped: list[SkippedTransaction] = []
        for transaction in candidates:
            if limits.should_stop() or (len(included) + 1) * TRANSACTION_GAS > context.gas_limit:
                break
            expected = ledger.nonces.get(transaction.sender, 0)
            if transaction.nonce == expected:
                ledger = self._apply(ledger, transaction)
                included.append(transaction)
            else:
                reason = f"nonce {transaction.nonce}, expected {expected}"
                is_final = transaction.nonce < expected
                skipped.append(SkippedTransaction(transaction=transaction, reason=reason, is_final=is_final))
        return BuildResult(included=tuple(included), skipped=tuple(skipped), execution=_result(ledger, included))

    def execute_block(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        *,
        gas_per_transaction: int,
    ) -> ExecutionResult:
        """Execute what somebody else put together."""
        ledger = self._ledger(parent_root)
        for index, transaction in enumerate(transactions):
            expected = ledger.nonces.get(transaction.sender, 0)
            if transaction.nonce != expected:
                raise InvalidBlockTransactionError(
                    index, transaction.hash, f"nonce {transaction.nonce}, expected {expected}"
                )
            ledger = self._apply(ledger, transaction)
        return _result(ledger, transactions)

    def call(
        self,
        root: Hash32,
        context: BlockContext,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride] | None = None,
    ) -> CallResult:
        """Answer `getValidators()` and `nodes()`."""
        ledger = self._ledger(root)
        if request.to == CONSORTIUM and request.data == GET_VALIDATORS:
            data = encode_validators(tuple(self._members[index].validator for index in ledger.validators))
        elif request.to == CONSORTIUM and request.data == NODES:
            data = _encode_records(tuple(self._members[index] for index in ledger.records))
        else:
            return CallResult(status=0, return_data=b"", gas_used=21_000, error="no such function")
        return CallResult(status=1, return_data=data, gas_used=21_000, error=None)

    def validators_of(self, root: Hash32) -> tuple[Address, ...]:
        """The set that decides the block after a state, ascending; for checkers."""
        return tuple(sorted(self._members[index].validator for index in self._ledger(root).validators))

    def records_of(self, root: Hash32) -> tuple[int, ...]:
        """Machines whose node is on record."""
        return self._ledger(root).records

    def nonce_of(self, root: Hash32, sender: Address) -> int:
        """Transactions of a sender that a state includes; for clients."""
        return self._ledger(root).nonces.get(sender, 0)

    def run_on_alloc(self, *args: object, **kwargs: object) -> NoReturn:
        """Not asked for by a node at work."""
        raise NotImplementedError

    trace_transaction = run_on_alloc

    def _ledger(self, root: Hash32) -> Ledger:
        raw = self._source.read_node(root)
        if raw is None:
            raise MissingStateError(root)
        return _decode_ledger(raw)

    def _apply(self, ledger: Ledger, transaction: Transaction) -> Ledger:
        nonces = {**ledger.nonces, transaction.sender: transaction.nonce + 1}
        ledger = replace(ledger, nonces=nonces)
        if transaction.to == CONSORTIUM and len(transaction.data) == 2:
            return self._govern(ledger, *transaction.data)
        return replace(ledger, digest=keccak(ledger.digest + transaction.hash))

    def _govern(self, ledger: Ledger, action: int, index: int) -> Ledger:
        if index not in self._members:
            return ledger
        validators, records = set(ledger.validators), set(ledger.records)
        if action == ADD_RECORD:
            records.add(index)
        elif action == ADD_VALIDATOR:
            validators.add(index)
            records.add(index)
        elif action == REMOVE_VALIDATOR and len(validators) > 1:
            validators.discard(index)
        elif action == REMOVE_RECORD and index not in validators:
            records.discard(index)
        return replace(ledger, validators=tuple(sorted(validators)), records=tuple(sorted(records)))


def _result(ledger: Ledger, transactions: Sequence[Transaction]) -> ExecutionResult:
    raw = ledger.encode()
    root = keccak(raw)
    receipts, receipts_root = _receipts(len(transactions))
    return ExecutionResult(
        state_root=root,
        transactions_root=ordered_trie_root([transaction.raw for transaction in transactions]),
        receipts_root=receipts_root,
        gas_used=len(transactions) * TRANSACTION_GAS,
        logs_bloom=0,
        log_addresses=(),
        encoded_receipts=receipts,
        changes=StateChanges(nodes={root: raw}, codes={}),
    )


@lru_cache(maxsize=256)
def _receipts(count: int) -> tuple[tuple[bytes, ...], Hash32]:
    """Encoded receipts and their root."""
    receipts = tuple(
        encode_receipt(
            Receipt(
                transaction_type=0,
                status=1,
                cumulative_gas_used=(index + 1) * TRANSACTION_GAS,
                logs_bloom=0,
                logs=(),
            )
        )
        for index in range(count)
    )
    return receipts, ordered_trie_root(receipts)


@lru_cache(maxsize=1024)
def encode_validators(validators: tuple[Address, ...]) -> bytes:
    """What `getValidators()` returns."""
    return encode(["address[]"], [validators])


@lru_cache(maxsize=1024)
def _encode_records(members: tuple[Member, ...]) -> bytes:
    records = [member.record() for member in members]
    rows = [(one.tls_key_hash, one.validator, one.organisation, one.endpoint) for one in records]
    return encode([_NODE_ABI], [rows])
