"""Ethereum's GeneralStateTests: reading them, and running one through an execution engine.

Each file describes a state before (`pre`), a block's surroundings (`env`) and what a transaction must leave (`post`),
for every rule set and every combination of its data, gas and value. The expected root is that of the whole state, the
expected logs are the hash of their encoding. `EXCLUSIONS` of `exclusions.py` names what is not run, and why.
Source: docs of ethereum/tests, "State Tests"; the hash of block n seen by BLOCKHASH is that of n in decimal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain_node.core import rlp
from chain_node.core.codec import decode_transaction
from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Height, Receipt
from chain_node.execution import BlockContext, BlockLimits, ExecutionEngine
from tests.conformance.state_tests.exclusions import exclusion_of

_CHAIN_ID = "0x1"
"""Of the published transactions, unless a file says another."""
FORK_BY_NETWORK: dict[str, Fork] = {"Istanbul": "istanbul", "Berlin": "berlin", "London": "london"}
"""The rules that a chain of this node may have."""
_SIZE_MAX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One transaction on the state of a file."""

    name: str
    """Folder and file, test, rules, and the indexes of data, gas and value."""
    fork: Fork
    context: BlockContext
    raw: bytes
    """The signed transaction."""
    root: Hash32
    """Of the state afterwards."""
    logs_hash: Hash32
    exception: str | None
    """Why the transaction must be refused, in the words of the file; None if it must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTest:
    """A state and the transactions to try on it, each alone."""

    chain_id: int
    alloc: dict[Address, GenesisAccount]
    cases: tuple[Case, ...]


def read_state_tests(path: Path, root: Path, engine: str) -> Iterator[StateTest]:
    """The tests of a file below `root`, for our rules, without what is excluded on the engine."""
    place = path.relative_to(root).with_suffix("")
    for title, text in json.loads(path.read_text()).items():
        cases = [
            case
            for network, fork in FORK_BY_NETWORK.items()
            for post in text["post"].get(network, ())
            if exclusion_of((case := _read_case(f"{place}/{title}", text["env"], network, fork, post)).name, engine)
            is None
        ]
        if cases:
            chain_id = int(text.get("config", {}).get("chainid", _CHAIN_ID), 16)
            yield StateTest(chain_id=chain_id, alloc=_read_alloc(text["pre"]), cases=tuple(cases))


def difference(engine: ExecutionEngine, pre_root: Hash32, case: Case) -> str | None:
    """How the engine's result differs from the published one; None if it does not.

    A transaction that must be refused is refused in decoding or in execution, and leaves the state as it was.
    """
    try:
        candidates = [decode_transaction(case.raw)]
    except InvalidInputError as error:
        candidates, reason = [], str(error)
    limits = BlockLimits(gas_per_transaction=0, size_bytes=_SIZE_MAX_BYTES, should_stop=lambda: False)
    built = engine.build_block(pre_root, candidates, case.context, limits)
    if not built.included:
        reason = built.skipped[0].reason if built.skipped else reason if not candidates else "not reached"
        if case.exception is None:
            return f"refused: {reason}"
        return None if built.execution.state_root == case.root else "refused, but the state differs"
    if case.exception is not None:
        return f"accepted, expected {case.exception}"
    logs_hash = hash_of_logs(built.execution.receipts[0])
    if built.execution.state_root != case.root:
        return f"state root 0x{built.execution.state_root.hex()}, expected 0x{case.root.hex()}"
    return None if logs_hash == case.logs_hash else f"logs 0x{logs_hash.hex()}, expected 0x{case.logs_hash.hex()}"


def hash_seen(height: Height) -> Hash32:
    """What BLOCKHASH gives in the published tests, whose blocks have no ancestors."""
    return keccak(b"%d" % height)


def hash_of_logs(receipt: Receipt) -> Hash32:
    """The hash of a receipt's logs, as the published tests give it."""
    return keccak(rlp.encode([[log.address, list(log.topics), log.data] for log in receipt.logs]))


def _read_case(name: str, env: dict[str, str], network: str, fork: Fork, post: dict[str, Any]) -> Case:
    indexes = post["indexes"]
    return Case(
        name=f"{name} {network} d{indexes['data']} g{indexes['gas']} v{indexes['value']}",
        fork=fork,
        context=BlockContext(
            height=Height(int(env["currentNumber"], 16)),
            timestamp=int(env["currentTimestamp"], 16),
            gas_limit=int(env["currentGasLimit"], 16),
            coinbase=Address(_bytes(env["currentCoinbase"])),
            base_fee_per_gas=int(env["currentBaseFee"], 16) if fork == "london" else None,
            difficulty=int(env["currentDifficulty"], 16),
            block_hash=hash_seen,
        ),
        raw=_bytes(post["txbytes"]),
        root=Hash32(_bytes(post["hash"])),
        logs_hash=Hash32(_bytes(post["logs"])),
        exception=post.get("expectException"),
    )


def _read_alloc(pre: dict[str, Any]) -> dict[Address, GenesisAccount]:
    return {
        Address(_bytes(address)): GenesisAccount(
            balance=int(account["balance"], 16),
            nonce=int(account["nonce"], 16),
            code=_bytes(account["code"]),
            storage={int(slot, 16): int(value, 16) for slot, value in account["storage"].items()},
        )
        for address, account in pre.items()
    }


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
