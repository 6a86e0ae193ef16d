"""A chain on the native store. Its commits come from executing blocks, the only way to get any."""

from pathlib import Path

from chain_node.core.crypto import address_of
from chain_node.core.genesis import GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Hash32, Height, Transaction
from chain_node.node.native_store import open_native
from chain_node.storage import BlockCommit
from tests.unit.execution.node_table import CHAIN_ID, context_at, key_of, schedule_of, sign
from tests.unit.storage.commits import IDENTITY, address

KEY = key_of("writer")
TRANSACTIONS_PER_BLOCK = 3

WRITER_CODE = bytes.fromhex("6000355b8015601957600190034381436101000201556003565b5060006000a000")
"""Writes the height to as many slots as the call data says, from slot 256 * height on, and logs once."""

ALLOC = {address(number): GenesisAccount(balance=1, nonce=0, code=WRITER_CODE, storage={}) for number in (0, 1, 2, 100)}


class NativeChain:
    """A store, and blocks for it: three calls in each but the first, which is genesis."""

    def __init__(self, path: Path, genesis_hash: Hash32 = IDENTITY.genesis_hash, *, slot_count: int = 2) -> None:
        self.store, self.engine = open_native(
            path, genesis_hash, chain_id=CHAIN_ID, schedule=schedule_of("berlin"), cache_mb=4
        )
        self.slot_count = slot_count

    def make_commit(self, height: int, *, is_empty: bool = False) -> BlockCommit:
        """What the block at this height adds to the state of the head."""
        sent = [] if is_empty or height == 0 else self.sign_calls(height)
        if height == 0:
            result = self.engine.initialise(ALLOC)
        else:
            context = context_at(height)
            result = self.engine.execute_block(self.head_root(), sent, context, gas_per_transaction=0)
        return BlockCommit(
            height=Height(height),
            block_hash=keccak(b"block %d" % height),
            block=b"block bytes %d" % height + result.state_root,
            receipts=result.encoded_receipts,
            transaction_hashes=[transaction.hash for transaction in sent],
            changes=result.changes,
            logs_bloom=result.logs_bloom.to_bytes(256, "big"),
            log_addresses=result.log_addresses,
        )

    def sign_calls(self, height: int) -> list[Transaction]:
        """The calls of the block at a height, when every block before it had all of its own."""
        nonce = TRANSACTIONS_PER_BLOCK * (height - 1)
        data = self.slot_count.to_bytes(32, "big")
        called = (address(height % 3), address(100), address(100))
        return [sign(KEY, nonce=nonce + i, to=to, data=data, gas=8_000_000) for i, to in enumerate(called)]

    def head_root(self) -> Hash32:
        """Root of the state of the head."""
        head = self.store.head()
        return EMPTY_TRIE_ROOT if head is None else self.root_at(head.height)

    def root_at(self, height: Height) -> Hash32:
        """Root of the state of a block, which its bytes end with."""
        block = self.store.block(height)
        assert block is not None
        return Hash32(block[-32:])

    def check(self, height: Height) -> None:
        """Assert that a block and its state are there and whole.

        Raises:
            LookupError: one of its transactions is not in the index.
        """
        assert self.store.block_hash(height) == keccak(b"block %d" % height)
        receipts = self.store.receipts(height)
        assert receipts is not None
        assert len(receipts) == (0 if height == 0 else TRANSACTIONS_PER_BLOCK)
        state = self.engine.open_state(self.root_at(height))
        sender = state.account(address_of(KEY))
        assert (0 if sender is None else sender.nonce) == TRANSACTIONS_PER_BLOCK * height
        for index in range(self.slot_count if height else 0):
            assert state.storage(address(100), 256 * height + index) == height
        for index, transaction in enumerate(self.sign_calls(height) if height else []):
            location = self.store.transaction_location(transaction.hash)
            if location is None:
                raise LookupError(f"transaction {index} of block {height}")
            assert (location.height, location.index) == (height, index)
