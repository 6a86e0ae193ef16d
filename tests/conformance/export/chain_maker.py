"""Makes chains to export: three machines of the consensus with real execution and real stores, on a fake clock.

The first validator keeps its chain in a data directory, from which `export_blocks` writes the file as it would for a
stopped node. Transactions wait by height; nothing else is simplified but the network between the machines.
"""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_utils.address import to_checksum_address

from chain_node.consensus.qbft.effects import BuildBlock
from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import Proposal
from chain_node.core import rlp
from chain_node.core.codec import decode_transaction, encode_block
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.hashing import keccak
from chain_node.core.types import FIRST_ROUND, Address, Block, Header, Transaction
from chain_node.node.block_file import export_blocks
from chain_node.node.block_maker import BlockMaker, BuildOrder
from chain_node.node.chain import Chain, make_commit
from chain_node.node.opening import EngineOptions, make_engine, open_chain
from chain_node.node.validators import read_validators
from chain_node.storage import ChainStore, LmdbStore, MemoryStore
from tests.unit.consensus.network import Network, Node, keys_by_address

CHAIN_ID = 170_919
VALIDATOR_CONTRACT = Address(b"\x77" * 20)
SENDER = Account.from_key(b"\x05" * 32)
FORKS = {
    "berlin": {"berlinBlock": 0},
    "london": {"berlinBlock": 0, "londonBlock": 0},
    "berlin, then london": {"berlinBlock": 0, "londonBlock": 5},
}
LATE_HEIGHT = 4
"""Block of a height whose proposal gets lost: it is committed in a later round."""
EMPTY_HEIGHT = 6
HEIGHTS = 10

TOPIC = b"\xab" * 32
_LIST_CODE = bytes.fromhex("5b6020600052600054602052600154604052600254606052600354608052602060005402604001" + "6000f3")
_WRITE_CODE = bytes.fromhex("602035600035557f" + TOPIC.hex() + "60006000a100")
VALIDATORS_CODE = bytes.fromhex("3660041460") + bytes([7 + len(_WRITE_CODE)]) + b"\x57" + _WRITE_CODE + _LIST_CODE
"""Called with four bytes: the ABI encoding of the address[] in storage, its length in slot 0, three entries at most.

Called with two words: the second goes into the slot of the first, and a topic is logged.
"""
EMITTER_CODE = bytes.fromhex("36600857600080fd5b600035806000556000527f" + TOPIC.hex() + "60206000a100")
"""Reverts without call data; otherwise stores its first word and logs it."""


def genesis_text(forks: str, validators: tuple[Address, ...], *, is_contract_mode: bool) -> str:
    """A genesis file with a block period of one second and gas for nothing."""
    qbft: dict[str, object] = {"blockperiodseconds": 1, "requesttimeoutseconds": 2, "epochlength": 30_000}
    alloc: dict[str, object] = {SENDER.address[2:].lower(): {"balance": hex(10**18)}}
    if is_contract_mode:
        qbft["validatorcontractaddress"] = "0x" + VALIDATOR_CONTRACT.hex()
        words = [len(validators), *(int.from_bytes(one, "big") for one in validators)]
        storage = {hex(slot): hex(word) for slot, word in enumerate(words)}
        alloc[VALIDATOR_CONTRACT.hex()] = {"code": "0x" + VALIDATORS_CODE.hex(), "storage": storage, "balance": "0x0"}
    listed = () if is_contract_mode else validators
    extra = ExtraData(vanity=EMPTY_VANITY, validators=listed, vote=None, round=FIRST_ROUND, seals=())
    return json.dumps(
        {
            "config": {"chainId": CHAIN_ID, "zeroBaseFee": True, **FORKS[forks], "qbft": qbft},
            "gasLimit": hex(60_000_000),
            "difficulty": "0x1",
            "mixHash": "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365",
            **({"baseFeePerGas": "0x0"} if forks == "london" else {}),
            "extraData": "0x" + encode_extra_data(extra).hex(),
            "alloc": alloc,
        }
    )


class ExecutingNetwork(Network):
    """Three validators that execute what they decide."""

    def __init__(self, forks: str, data_dir: Path, *, is_contract_mode: bool) -> None:
        self.data_dir = data_dir
        self.text = genesis_text(forks, tuple(keys_by_address(3)), is_contract_mode=is_contract_mode)
        self.waiting: dict[int, list[Transaction]] = {}
        self._parts: dict[Address, tuple[Chain, BlockMaker]] = {}
        super().__init__(3)
        self.allows = lambda sender, receiver, message: (
            not (isinstance(message, Proposal) and (height_of(message), round_of(message)) == (LATE_HEIGHT, 0))
        )

    def begin(self) -> tuple[Genesis, Header]:
        genesis = parse_genesis(self.text)
        opened = open_chain(genesis, self.data_dir, EngineOptions(wish="py-evm"))
        assert isinstance(opened.store, LmdbStore)
        self.store = opened.store
        stores: list[ChainStore] = [self.store, MemoryStore(), MemoryStore()]
        for validator, store in zip(self.validators, stores, strict=True):
            engine = make_engine(genesis, store)
            if store.head() is None:
                initial = engine.initialise(genesis.alloc)
                block = Block(genesis.build_header(initial.state_root), ())
                encoded = encode_block(block)
                store.commit_block(make_commit(block, encoded, block_hash(block.header), initial))
            chain = Chain(genesis, store, engine)
            self._parts[validator] = (chain, BlockMaker(genesis, engine, store.block_hash))
        return genesis, chain.head().header

    def validators_after(self, header: Header) -> tuple[Address, ...]:
        if self.genesis.qbft.validator_contract is None:
            return self.validators
        longest = max((chain for chain, _ in self._parts.values()), key=lambda chain: chain.head().height)
        return read_validators(longest.engine, header, longest.context_of(header), VALIDATOR_CONTRACT)

    def build(self, node: Node, effect: BuildBlock) -> Block:
        _, maker = self._parts[node.address]
        order = BuildOrder(
            parent=effect.parent,
            parent_hash=effect.parent_hash,
            timestamp=max(effect.timestamp_min, self.now_ms // 1000),
            extra_data=effect.extra_data,
            coinbase=node.address,
            candidates=tuple(self.waiting.get(effect.height, ())),
        )
        built = maker.build(order, lambda: False)
        assert built.refused == ()
        assert len(built.block.transactions) == len(order.candidates)
        return built.block

    def validate(self, node: Node, block: Block) -> None:
        chain, maker = self._parts[node.address]
        parent = chain.head().header
        maker.validate(block, parent, self.validators_after(parent), now_seconds=self.now_ms // 1000)

    def add(self, node: Node, block: Block) -> None:
        chain, maker = self._parts[node.address]
        chain.add(block, maker.execute(block, chain.head().header))
        node.chain.append(block)

    def export(self, target: Path) -> bytes:
        """The chain as the stopped first validator writes it to a file."""
        self.store.close()
        export_blocks(self.genesis, self.data_dir, target, first=0, last=None, progress=lambda height: None)
        return target.read_bytes()


def make_chain(forks: str, directory: Path, *, is_contract_mode: bool) -> tuple[bytes, str]:
    """File and genesis of a chain of HEIGHTS blocks with everything in it that results can differ by.

    In contract mode block HEIGHTS - 2 removes the last validator, so that two decide the rest.
    """
    network = ExecutingNetwork(forks, directory / "data", is_contract_mode=is_contract_mode)
    last_type = 1 if forks == "berlin" else 2
    emitter = _contract_of(0)
    calls: list[tuple[int, bytes | None, bytes, int]] = [
        (1, None, _deployment_of(EMITTER_CODE), 0),
        (2, emitter, bytes(31) + b"\x07", 0),
        (2, emitter, bytes(31) + b"\x08", 1),
        (3, emitter, b"", 0),
        (LATE_HEIGHT, emitter, bytes(31) + b"\x09", 1),
        *((EMPTY_HEIGHT + 1, emitter, bytes(30) + bytes([number, 1]), last_type) for number in range(3)),
        (HEIGHTS, emitter, bytes(32), 0),
    ]
    if is_contract_mode:
        calls.insert(-1, (HEIGHTS - 2, VALIDATOR_CONTRACT, bytes(63) + b"\x02", last_type))
    for nonce, (height, to, data, kind) in enumerate(calls):
        network.waiting.setdefault(height, []).append(sign(nonce, to, data, kind))
    network.run_to_height(HEIGHTS, network.node(0))
    return network.export(directory / "chain.rlp"), network.text


def sign(nonce: int, to: bytes | None, data: bytes, kind: int) -> Transaction:
    """A transaction of the sender without value: legacy (0), with access list (1), or with a fee cap (2)."""
    fields: dict[str, object] = {"chainId": CHAIN_ID, "nonce": nonce, "gas": 200_000, "value": 0, "data": data}
    fields |= {} if to is None else {"to": to_checksum_address(to)}
    if kind == 2:
        fields |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "type": 2}
    else:
        fields |= {"gasPrice": 0}
    if kind == 1:
        access = [{"address": SENDER.address, "storageKeys": ["0x" + bytes(32).hex()]}]
        fields |= {"type": 1, "accessList": access}
    return decode_transaction(bytes(SENDER.sign_transaction(fields).raw_transaction))


def _deployment_of(runtime: bytes) -> bytes:
    """Code that returns what follows it."""
    return bytes.fromhex(f"60{len(runtime):02x}80600b6000396000f3") + runtime


def _contract_of(nonce: int) -> bytes:
    """Address of the contract that the sender's transaction with this nonce creates."""
    return keccak(rlp.encode([bytes.fromhex(SENDER.address[2:]), rlp.scalar(nonce)]))[12:]
