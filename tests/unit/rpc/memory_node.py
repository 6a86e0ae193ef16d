"""A node without a process: the real chain, engine, pool and dispatcher over a store in memory, mined by hand."""

import json
from typing import Any

from prometheus_client import CollectorRegistry

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import seal_hash, with_seals
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.core import rlp
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.genesis import parse_genesis
from chain_node.core.hashing import keccak
from chain_node.core.types import FIRST_ROUND, Address, Height, Transaction
from chain_node.node.block_maker import BlockMaker, BuildOrder
from chain_node.node.chain import Chain
from chain_node.node.consensus_view import ConsensusView
from chain_node.node.driver import head_event
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.members import Members
from chain_node.node.opening import OpenChain, open_scratch
from chain_node.node.overview import Overview, Sources, Surroundings
from chain_node.node.peer_network import NoPeers
from chain_node.node.seal_window import SealWindow
from chain_node.node.validators import Validators
from chain_node.rpc import Backend, ChainBlock, Dispatcher, Limits, NodeInfo, Peer, SubscriptionHub
from chain_node.rpc.node_status import DiskStatus
from chain_node.txpool import Pool
from tests.engines import ENGINE

CHAIN_ID = 170919
VALIDATOR_KEY = b"\x01" * 32
ACCOUNT_KEY = b"\x02" * 32
ACCOUNT = address_of(ACCOUNT_KEY)
ECHO = Address(b"\xec" * 20)
"""Stores its call data's first word at slot 0 and logs it under two topics."""
REVERTER = Address(b"\xee" * 20)
"""Reverts with its call data."""
SPINNER = Address(b"\x5b" * 20)
"""Runs until it is out of gas."""
TOPIC = b"\xab" * 32

_ECHO_CODE = bytes.fromhex("6000356000556000356000527f" + (b"\xcd" * 32).hex() + "7f" + TOPIC.hex() + "60206000a200")
_REVERTER_CODE = bytes.fromhex("366000600037366000fd")
_SPINNER_CODE = bytes.fromhex("5b600056")


def genesis_text(**qbft: object) -> str:
    extra = ExtraData(
        vanity=EMPTY_VANITY, validators=(address_of(VALIDATOR_KEY),), vote=None, round=FIRST_ROUND, seals=()
    )
    alloc = {
        ACCOUNT.hex(): {"balance": hex(10**18)},
        ECHO.hex(): {"code": "0x" + _ECHO_CODE.hex()},
        REVERTER.hex(): {"code": "0x" + _REVERTER_CODE.hex()},
        SPINNER.hex(): {"code": "0x" + _SPINNER_CODE.hex()},
    }
    config = {"chainId": CHAIN_ID, "berlinBlock": 0, "londonBlock": 0, "zeroBaseFee": True}
    return json.dumps(
        {
            "config": {**config, "qbft": {"blockperiodseconds": 1, "pertxgaslimit": 8_000_000, **qbft}},
            "gasLimit": hex(60_000_000),
            "baseFeePerGas": "0x0",
            "extraData": "0x" + encode_extra_data(extra).hex(),
            "alloc": alloc,
        }
    )


class MemoryNode:
    """Everything an RPC needs; `now_ms` and blocks move only when told to."""

    def __init__(
        self, limits: Limits | None = None, genesis: str | None = None, opened: OpenChain | None = None
    ) -> None:
        """`opened` is a new chain of this genesis, on whichever engine; by default one on the engine under test."""
        self.now_ms = 1_800_000_000_000
        parsed = parse_genesis(genesis or genesis_text())
        self._scratch = open_scratch(parsed, ENGINE)
        opened = opened or self._scratch.__enter__()  # closed when the node is collected
        self.store, self.engine = opened.store, opened.engine
        self.chain = Chain(parsed, self.store, self.engine)
        self.validators = Validators(self.chain, self.store)
        self.maker = BlockMaker(parsed, self.engine, self.store.block_hash)
        self.new: list[Transaction] = []
        self.intake = Intake(self.chain, Pool(), lambda: self.now_ms, self.new.extend)
        info = NodeInfo(
            client_version="test/v1",
            validator=address_of(VALIDATOR_KEY),
            genesis_hash=self.chain.head().hash,
            engine=self.engine.name,
            vault_id=None,
        )
        self.evidence = EvidenceLog()
        self.heads = HeadEvents(self.intake, SubscriptionHub(), CollectorRegistry())
        self.halt_reason: str | None = None
        self.peers_ahead: int | None = None
        """Height of the head of a peer that blocks are fetched from."""
        self.dispatcher = Dispatcher(
            Backend(
                chain=self.chain,
                pool=self.intake,
                consensus=ConsensusView(self.chain, self.validators, self.evidence, NoPeers()),
                node=info,
                status=self._overview(info).status,
                limits=limits or Limits(),
                now_ms=lambda: self.now_ms,
            )
        )

    def _overview(self, info: NodeInfo) -> Overview:
        return Overview(
            info,
            Surroundings(
                listen=None,
                certificate_expires=lambda: None,
                disk=lambda: DiskStatus(directory="/data", store_bytes=1, free_bytes=10**12),
            ),
            Sources(
                chain=self.chain,
                seals=SealWindow(self.chain, self.validators, self.store.seals),
                members=Members(self.chain),
                pool=self.intake.pool,
                evidence=self.evidence,
                heads=self.heads,
                state=self._state,
                peers=self._peers,
                records=lambda: (),
                is_syncing=lambda: self.peers_ahead is not None,
                halt_reason=lambda: self.halt_reason,
                clock_ms=lambda: self.now_ms,
            ),
        )

    def _peers(self) -> tuple[Peer, ...]:
        if self.peers_ahead is None:
            return ()
        peer = Peer(
            tls_key_hash=b"\x01" * 32,
            validator=None,
            organisation=None,
            endpoint="127.0.0.1:1",
            client_version="test/v1",
            is_outbound=True,
            is_live=True,
            height=Height(self.peers_ahead),
            latency_ms=None,
            misdeed_points=0,
        )
        return (peer,)

    def _state(self) -> State:
        head = head_event(self.chain.head(), self.validators, self.now_ms)
        return state_from_record(address_of(VALIDATOR_KEY), self.chain.genesis.qbft, head, None)[0]

    def mine(self) -> ChainBlock:
        """Make, seal and add the next block."""
        parent = self.chain.head()
        self.now_ms += 1_000
        extra = ExtraData(
            vanity=EMPTY_VANITY,
            validators=self.validators.of(parent.height),
            vote=None,
            round=FIRST_ROUND,
            seals=(),
        )
        order = BuildOrder(
            parent=parent.header,
            parent_hash=parent.hash,
            timestamp=self.now_ms // 1000,
            extra_data=encode_extra_data(extra),
            coinbase=address_of(VALIDATOR_KEY),
            candidates=tuple(self.intake.pool.candidates()),
        )
        block = self.maker.build(order, lambda: False).block
        sealed = with_seals(block, FIRST_ROUND, (sign_digest(VALIDATOR_KEY, seal_hash(block.header)),))
        added = self.chain.add(sealed, self.maker.execute(sealed, parent.header))
        self.validators.after(added)
        self.intake.pool.on_block(sealed.transactions)
        self.intake.on_head()
        return added

    def request(self, method: str, *params: object) -> dict[str, Any]:
        """The whole response to one request."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        response: dict[str, Any] = json.loads(self.dispatcher.handle(body.encode()))
        assert response["id"] == 1
        return response

    def result(self, method: str, *params: object) -> Any:
        """The result of a request that must succeed."""
        response = self.request(method, *params)
        assert "error" not in response, response
        return response["result"]

    def error(self, method: str, *params: object) -> dict[str, Any]:
        """The error of a request that must fail."""
        response = self.request(method, *params)
        assert "result" not in response, response
        error: dict[str, Any] = response["error"]
        return error

    def send(self, to: Address | None, data: bytes = b"", *, nonce: int, gas: int = 200_000, value: int = 0) -> str:
        """Sign and send; gives the hash."""
        sent: str = self.result(
            "eth_sendRawTransaction", "0x" + sign(to, data, nonce=nonce, gas=gas, value=value).hex()
        )
        return sent


def sign(to: Address | None, data: bytes = b"", *, nonce: int, gas: int = 200_000, value: int = 0) -> bytes:
    """A legacy transaction of ACCOUNT."""
    fields: list[bytes] = [rlp.scalar(nonce), b"", rlp.scalar(gas), to or b"", rlp.scalar(value), data]
    signature = sign_digest(ACCOUNT_KEY, keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""])))
    v = 35 + 2 * CHAIN_ID + signature[64]
    numbers = [v, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    return rlp.encode([*fields, *map(rlp.scalar, numbers)])


def hex_of(data: bytes) -> str:
    return "0x" + data.hex()
