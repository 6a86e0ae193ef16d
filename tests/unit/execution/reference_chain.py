"""The same blocks on py-evm as its authors wrote it: its own state, database and transaction rules."""

from collections.abc import Sequence
from typing import Any

from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin import BerlinVM
from eth.vm.forks.istanbul import IstanbulVM
from eth.vm.forks.london import LondonVM

from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import BlockContext
from tests.unit.execution.node_table import CHAIN_ID

_VMS: dict[Fork, Any] = {"istanbul": IstanbulVM, "berlin": BerlinVM, "london": LondonVM}


class ReferenceChain:
    def __init__(self, fork: Fork, alloc: dict[Address, GenesisAccount], context: BlockContext) -> None:
        self._vm = _VMS[fork]
        self._database = AtomicDB()
        self.root: Any = None
        state = self._state(context)
        for address, account in alloc.items():
            state.set_balance(address, account.balance)
            state.set_nonce(address, account.nonce)
            if account.code:
                state.set_code(address, account.code)
            for slot, value in account.storage.items():
                state.set_storage(address, slot, value)
        state.persist()
        self.root = state.state_root

    def execute_block(
        self, transactions: Sequence[Transaction], context: BlockContext
    ) -> tuple[Hash32, list[tuple[int, int, Any]]]:
        """The state root, and (success, gas used, logs) of each transaction."""
        state = self._state(context)
        outcomes = []
        for transaction in transactions:
            theirs = self._vm.get_transaction_builder().decode(transaction.raw)
            computation = state.apply_transaction(theirs)
            gas_used = self._vm.finalize_gas_used(theirs, computation)
            outcomes.append((int(computation.is_success), gas_used, computation.get_log_entries()))
            state.lock_changes()
        state.persist()
        self.root = state.state_root
        return self.root, outcomes

    def _state(self, context: BlockContext) -> Any:
        execution_context = ExecutionContext(
            coinbase=context.coinbase,
            timestamp=context.timestamp,
            block_number=context.height,
            difficulty=context.difficulty,
            mix_hash=bytes(32),
            gas_limit=context.gas_limit,
            prev_hashes=[context.block_hash(Height(height)) for height in range(context.height - 1, -1, -1)],
            chain_id=CHAIN_ID,
            base_fee_per_gas=context.base_fee_per_gas,
        )
        state_class = self._vm.get_state_class()
        arguments = (self._database, execution_context)
        return state_class(*arguments, self.root) if self.root else state_class(*arguments, EMPTY_ROOT)


EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
