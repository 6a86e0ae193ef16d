"""A client that never stops sending, and a witness of every block: what a consortium must not lose.

The client has one transaction of each sender under way, sends it through whichever node answers, and sends it again
through another while it is in no block. The witness reads new blocks at every node as soon as they are there.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount

from chain_node.core import rlp
from chain_node.core.crypto import sign_digest
from chain_node.core.hashing import keccak
from tests.e2e.network_kit import NetworkOf
from tests.e2e.node_kit import ROOT, NodeProcess, account_number

SENDERS = tuple(account_number(number) for number in range(24))
CHAIN_ID = 170919
_INIT_CODE = "0x" + "".join((ROOT / "tests/unit/execution/contracts/Bench.hex").read_text().split())
_PUT = keccak(b"put(bytes32,bytes32,uint256)")[:4]
_AGAIN_SECONDS = 2.0


def deploy_put_contract(node: NodeProcess, deployer: LocalAccount) -> str:
    """Create the contract that the load calls; gives its address."""
    raw = sign(deployer, nonce=0, gas=3_000_000, data=_INIT_CODE)
    transaction_hash = node.call("eth_sendRawTransaction", raw)
    deadline = time.monotonic() + 30
    while (receipt := node.call("eth_getTransactionReceipt", transaction_hash)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert isinstance(receipt, dict)
    return str(receipt["contractAddress"])


def sign(account: LocalAccount, *, nonce: int, gas: int, data: str, to: str = "0x") -> str:
    """A signed transaction, hex."""
    fields: list[rlp.Item] = [rlp.scalar(nonce), b"", rlp.scalar(gas), bytes.fromhex(to[2:]), b""]
    fields.append(bytes.fromhex(data[2:]))
    digest = keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""]))
    signature = sign_digest(bytes(account.key), digest)
    v, r, s = 35 + 2 * CHAIN_ID + signature[64], int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
    return f"0x{rlp.encode([*fields, *map(rlp.scalar, (v, r, s))]).hex()}"


@dataclass
class _UnderWay:
    raw: str
    transaction_hash: str
    sent_at: float


@dataclass
class PutLoad:
    """The client and the witness, each a thread; `with` runs them."""

    network: NetworkOf
    contract: str
    acknowledged: set[str] = field(default_factory=set)
    """Hashes that some node took."""
    block_by_transaction: dict[str, str] = field(default_factory=dict)
    """Hash of the block in which each was seen, at any node."""
    hash_by_height: dict[int, str] = field(default_factory=dict)
    arrivals: list[float] = field(default_factory=list)
    """When each new height was first seen at any node, on the monotonic clock."""
    contradictions: list[str] = field(default_factory=list)
    """Blocks that differ from what was seen before, at whichever node."""
    errors: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _is_stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "PutLoad":
        self._threads = [threading.Thread(target=self._run, args=(what,)) for what in (self._send, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopping.set()
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def finish(self, seconds: float = 60) -> None:
        """Send nothing new, and wait until all that is under way is in a block."""
        self._is_stopping.set()
        self._threads[0].join(seconds)
        assert not self._threads[0].is_alive(), f"{self.missing()} are in no block"

    def missing(self) -> set[str]:
        """Transactions that a node took and that were seen in no block."""
        return self.acknowledged - self.block_by_transaction.keys()

    def longest_gap_seconds(self) -> float:
        """Longest time between two new heights."""
        return max(later - sooner for sooner, later in zip(self.arrivals, self.arrivals[1:], strict=False))

    def _run(self, work: Any) -> None:
        try:
            with httpx.Client(timeout=5) as client:
                work(client)
        except Exception as error:
            self.errors.append(f"{work.__name__}: {error!r}")

    # The client

    def _send(self, client: httpx.Client) -> None:
        nonces = [0] * len(SENDERS)
        under_way: list[_UnderWay | None] = [None] * len(SENDERS)
        turn = 0
        while not self._is_over.is_set():
            for number, sender in enumerate(SENDERS):
                turn += 1
                current = under_way[number]
                if current is not None and current.transaction_hash in self.block_by_transaction:
                    nonces[number] += 1
                    current = under_way[number] = None
                if current is None and not self._is_stopping.is_set():
                    under_way[number] = self._submit(client, turn, self._make(sender, nonces[number]))
                elif current is not None and time.monotonic() - current.sent_at > _AGAIN_SECONDS:
                    under_way[number] = self._submit(client, turn, current)
            if self._is_stopping.is_set() and not any(under_way):
                return
            time.sleep(0.02)

    def _make(self, sender: LocalAccount, nonce: int) -> _UnderWay:
        record = keccak(bytes.fromhex(sender.address[2:]) + nonce.to_bytes(4, "big"))
        data = _PUT + encode(["bytes32", "bytes32", "uint256"], [record, keccak(record), nonce + 1])
        raw = sign(sender, nonce=nonce, gas=150_000, data=f"0x{data.hex()}", to=self.contract)
        return _UnderWay(raw, f"0x{keccak(bytes.fromhex(raw[2:])).hex()}", 0.0)

    def _submit(self, client: httpx.Client, turn: int, one: _UnderWay) -> _UnderWay:
        nodes = self.network.nodes
        for offset in range(len(nodes)):
            with contextlib.suppress(httpx.TransportError):
                answer = _ask(client, nodes[(turn + offset) % len(nodes)], "eth_sendRawTransaction", one.raw)
                if "result" in answer:
                    self.acknowledged.add(one.transaction_hash)
                break
        return _UnderWay(one.raw, one.transaction_hash, time.monotonic())

    # The witness

    def _watch(self, client: httpx.Client) -> None:
        seen = [0] * len(self.network.nodes)
        while not self._is_over.is_set():
            for index, node in enumerate(self.network.nodes):
                with contextlib.suppress(httpx.TransportError):
                    block = _ask(client, node, "eth_getBlockByNumber", hex(seen[index] + 1), False).get("result")
                    while block is not None:
                        seen[index] += 1
                        self._take(node, seen[index], block)
                        block = _ask(client, node, "eth_getBlockByNumber", hex(seen[index] + 1), False).get("result")
            time.sleep(0.03)

    def _take(self, node: NodeProcess, height: int, block: dict[str, Any]) -> None:
        known = self.hash_by_height.setdefault(height, block["hash"])
        if known != block["hash"]:
            self.contradictions.append(f"block {height} at {node.url} is {block['hash']}, not {known}")
        if height > len(self.arrivals):
            self.arrivals.append(time.monotonic())
        for transaction_hash in block["transactions"]:
            known = self.block_by_transaction.setdefault(transaction_hash, block["hash"])
            if known != block["hash"]:
                self.contradictions.append(f"{transaction_hash} is in {block['hash']} and in {known}")


def transactions_of(node: NodeProcess, last: int) -> list[str]:
    """Hashes of all transactions in the blocks 1 to `last`, in order."""
    with httpx.Client(timeout=30) as client:
        blocks = [_ask(client, node, "eth_getBlockByNumber", hex(height), False) for height in range(1, last + 1)]
    return [each for block in blocks for each in block["result"]["transactions"]]


def puts_stored(node: NodeProcess, senders: Sequence[LocalAccount] = SENDERS) -> int:
    """How many transactions the chain counts for the senders."""
    return sum(int(str(node.call("eth_getTransactionCount", sender.address, "latest")), 16) for sender in senders)


def _ask(client: httpx.Client, node: NodeProcess, method: str, *params: object) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer: dict[str, Any] = client.post(node.url, json=body).json()
    return answer
