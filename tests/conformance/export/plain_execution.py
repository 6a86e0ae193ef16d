"""Execution with py-evm as it comes: its virtual machines, states and transactions, over a database in memory."""

from __future__ import annotations

from typing import Any

from eth.abc import BlockHeaderAPI, ReceiptAPI, StateAPI
from eth.db.atomic import AtomicDB
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.berlin import BerlinVM
from eth.vm.forks.london import LondonVM
from eth.vm.forks.london.blocks import LondonBlockHeader
from eth.vm.message import Message
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError
from trie import HexaryTrie

from tests.conformance.export.plain_header import Header, InvalidHeaderError, Rules, expect
from tests.conformance.export.plain_rlp import Item, encode, scalar

GET_VALIDATORS = bytes.fromhex("b7ab4db5")
CALL_GAS = 10_000_000


class Replay:
    """The states of one chain, each under its root."""

    def __init__(self, chain_id: int, rules: Rules) -> None:
        self._database = AtomicDB()
        self._context = ChainContext(chain_id)
        self._rules = rules

    def initialise(self, alloc: dict[str, dict[str, Any]]) -> bytes:
        """The root of the state that a genesis file describes."""
        blank = BlockHeader(difficulty=1, block_number=0, gas_limit=CALL_GAS)
        state = BerlinVM.build_state(self._database, blank, self._context, previous_hashes=())
        for name, account in alloc.items():
            address = bytes.fromhex(name.removeprefix("0x"))
            state.set_balance(address, read_number(account.get("balance", 0)))
            state.set_nonce(address, read_number(account.get("nonce", 0)))
            state.set_code(address, bytes.fromhex(account.get("code", "0x").removeprefix("0x")))
            for slot, value in account.get("storage", {}).items():
                state.set_storage(address, int(slot, 16), int(value, 16))
        return _persist(state)

    def execute(self, header: Header, parent: Header, body: list[Item]) -> None:
        """Everything the header says of the body and its results.

        Raises:
            InvalidHeaderError: it says something else, or a transaction cannot be executed.
        """
        encoded = [one if isinstance(one, bytes) else encode(one) for one in body]
        expect("transactions root", header.transactions_root == ordered_root(encoded))
        machine = LondonVM if self._rules.is_london(header.number) else BerlinVM
        blank = self._header(header, parent.state_root)
        state = machine.build_state(self._database, blank, self._context, previous_hashes=())
        receipts: list[bytes] = []
        bloom, gas_used = 0, 0
        for raw in encoded:
            try:
                transaction = machine.get_transaction_builder().decode(raw)
                transaction.validate()
                expect("gas of a transaction fits", gas_used + transaction.gas <= header.gas_limit)
                state.lock_changes()
                computation = state.apply_transaction(transaction)
            except ValidationError as error:
                raise InvalidHeaderError(f"transaction: {error}") from error
            receipt = machine.make_receipt(blank.copy(gas_used=gas_used), transaction, computation, state)
            gas_used = receipt.gas_used
            receipts.append(_encode_receipt(raw, receipt))
            bloom |= receipt.bloom
        expect("gas used", header.gas_used == gas_used)
        expect("receipts root", header.receipts_root == ordered_root(receipts))
        expect("logs bloom", int.from_bytes(header.logs_bloom, "big") == bloom)
        expect("state root", header.state_root == _persist(state))

    def read_validators(self, header: Header, contract: bytes) -> tuple[bytes, ...]:
        """4.6: getValidators() on the state after the parent; result sorted ascending."""
        machine = LondonVM if self._rules.is_london(header.number) else BerlinVM
        blank = self._header(header, header.state_root)
        state = machine.build_state(self._database, blank, self._context, previous_hashes=())
        message = _call(state, contract)
        expect("getValidators() succeeds", message.is_success)
        words = [message.output[at : at + 32] for at in range(0, len(message.output), 32)]
        count = int.from_bytes(words[1], "big")
        return tuple(sorted(word[12:] for word in words[2 : 2 + count]))

    def _header(self, header: Header, state_root: bytes) -> BlockHeaderAPI:
        fields = {
            "difficulty": header.difficulty,
            "block_number": header.number,
            "gas_limit": header.gas_limit,
            "timestamp": header.timestamp,
            "coinbase": header.coinbase,
            "state_root": state_root,
        }
        if header.base_fee is None:
            return BlockHeader(**fields)
        return LondonBlockHeader(**fields, base_fee_per_gas=header.base_fee)


def ordered_root(values: list[bytes]) -> bytes:
    """Root of the trie from index to value."""
    trie = HexaryTrie({})
    for index, value in enumerate(values):
        trie[encode(scalar(index))] = value
    return bytes(trie.root_hash)


def read_number(value: object) -> int:
    """A number as genesis files write it: 0x hex, decimal text, or a number."""
    return int(value, 0) if isinstance(value, str) else int(value)  # type: ignore[call-overload, no-any-return]


def _encode_receipt(raw: bytes, receipt: ReceiptAPI) -> bytes:
    logs: list[Item] = []
    bloom = 0
    for log in receipt.logs:
        topics = [topic.to_bytes(32, "big") for topic in log.topics]
        logs.append([log.address, list(topics), log.data])
        bloom |= _bloom_of([log.address, *topics])
    expect("bloom of a receipt", receipt.bloom == bloom)
    status = receipt.state_root
    plain = encode([status, scalar(receipt.gas_used), bloom.to_bytes(256, "big"), logs])
    return plain if raw[0] >= 0xC0 else raw[:1] + plain


def _bloom_of(values: list[bytes]) -> int:
    """Three bits of 2048 for each value: the low 11 bits of the first three pairs of bytes of its keccak."""
    bloom = 0
    for value in values:
        digest = keccak(value)
        for at in (0, 2, 4):
            bloom |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 0x7FF)
    return bloom


def _call(state: StateAPI, contract: bytes) -> Any:
    message = Message(
        gas=CALL_GAS, to=contract, sender=bytes(20), value=0, data=GET_VALIDATORS, code=state.get_code(contract)
    )
    context = state.get_transaction_context_class()(gas_price=0, origin=bytes(20))
    return state.computation_class.apply_message(state, message, context)


def _persist(state: StateAPI) -> bytes:
    state.lock_changes()
    state.make_state_root()
    state.persist()
    return bytes(state.state_root)
