"""Writes the state tests of `selection/`: our transactions, and what Ethereum's executable specification says of them.

    python -m tests.conformance.state_tests.fill PATH/TO/ethereum-spec-evm

The program comes with the package `ethereum-execution`, which nothing here depends on: the specification in Python,
written by other people for another purpose, and slow. SOURCE.md says which version the files come from.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from chain_node.core import rlp
from chain_node.core.genesis import GenesisAccount
from chain_node.core.types import Address, Transaction
from tests.conformance.engines.precompile_inputs import PAIRING
from tests.conformance.engines.random_chain import (
    GAS_TRANSACTION_MAX,
    KINDS,
    PHOENIX,
    SENDERS,
    SMALL,
    RandomChain,
    phoenix_address,
)
from tests.conformance.state_tests.state_test import FORK_BY_NETWORK
from tests.unit.execution.node_table import CHAIN_ID, COINBASE, sign

SELECTION = Path(__file__).parent / "selection"
TRANSACTIONS = 14
_FEWER = {"big": 4}
_ENV = {
    "currentBaseFee": "0x07",
    "currentCoinbase": "0x" + COINBASE.hex(),
    "currentDifficulty": "0x01",
    "currentGasLimit": hex(60_000_000),
    "currentNumber": "0x01",
    "currentTimestamp": hex(1_700_000_000),
}
_SPECIAL = {
    "pairing": [(SMALL["call"][0], (8).to_bytes(32, "big") + (400_000).to_bytes(32, "big") + bytes(32) + PAIRING)],
    "limits": [
        (None, bytes.fromhex("60ef60005360016000f3")),
        (None, bytes.fromhex("6160006000f3")),
        (None, bytes.fromhex("6160016000f3")),
        (None, bytes.fromhex("5b600056")),
        (SMALL["store"][0], (1).to_bytes(32, "big") * 200),
        (Address(bytes(19) + b"\x03"), b"touched"),
    ],
}


def main() -> None:
    """Write one file for each kind of transaction."""
    program = sys.argv[1]
    SELECTION.mkdir(exist_ok=True)
    for number, kind in enumerate([*KINDS, *_SPECIAL]):
        drawn = RandomChain(number, "london", base_fee=7)
        alloc = {
            **drawn.alloc,
            phoenix_address(0): GenesisAccount(balance=3, nonce=1, code=PHOENIX[15:], storage={2: 9, 4: 1}),
        }
        if kind in KINDS:
            candidates = [drawn.draw_alone(kind) for _ in range(_FEWER.get(kind, TRANSACTIONS))]
            transactions = [each for each in candidates if each.gas <= GAS_TRANSACTION_MAX]
        else:
            transactions = [
                sign(SENDERS[0], nonce=0, to=to, data=data, gas=6_000_000, gas_price=7) for to, data in _SPECIAL[kind]
            ]
        write_test(program, kind, {address: _describe(each) for address, each in alloc.items()}, transactions)


def write_test(program: str, kind: str, pre: dict[Address, Any], transactions: list[Transaction]) -> None:
    """Ask the program for each transaction under each rule set, and write the file."""
    named = {"0x" + address.hex(): account for address, account in pre.items()}
    networks = ["London"] if kind == "pairing" else FORK_BY_NETWORK  # py-evm takes a second for a pairing
    post = {
        network: [fill(program, network, named, index, each) for index, each in enumerate(transactions)]
        for network in networks
    }
    test = {"config": {"chainid": hex(CHAIN_ID)}, "env": _ENV, "pre": named, "post": post}
    (SELECTION / f"{kind}.json").write_text(json.dumps({kind: test}, indent=1, sort_keys=True) + "\n")


def fill(program: str, network: str, pre: dict[str, Any], index: int, transaction: Transaction) -> dict[str, Any]:
    """What the program says of one transaction."""
    raw = transaction.raw if transaction.type else rlp.decode(transaction.raw)
    given = {"alloc": pre, "env": _ENV, "txs": "0x" + rlp.encode([raw]).hex()}
    line = [program, "t8n", "--state.fork", network, "--state.chainid", str(CHAIN_ID), "--state.reward", "-1"]
    line += ["--input.alloc", "stdin", "--input.env", "stdin", "--input.txs", "stdin"]
    line += ["--output.result", "stdout", "--output.alloc", "stdout"]
    done = subprocess.run(line, input=json.dumps(given), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)["result"]
    refused = {"expectException": _reason(result["rejected"][0]["error"])} if result.get("rejected") else {}
    return {
        "hash": result["stateRoot"],
        "logs": result["logsHash"],
        "indexes": {"data": index, "gas": 0, "value": 0},
        "txbytes": "0x" + transaction.raw.hex(),
        **refused,
    }


def _reason(error: str) -> str:
    return error.removeprefix("Failed to parse transaction 0: ").removeprefix("Failed transaction: ").split("\n")[0]


def _describe(account: GenesisAccount) -> dict[str, Any]:
    return {
        "balance": hex(account.balance),
        "nonce": hex(account.nonce),
        "code": "0x" + account.code.hex(),
        "storage": {hex(slot): hex(value) for slot, value in account.storage.items()},
    }


if __name__ == "__main__":
    main()
