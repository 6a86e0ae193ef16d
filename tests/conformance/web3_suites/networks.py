"""The two networks of the suites: one that runs, and one in which no block is ever decided."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.core.types import FIRST_ROUND, Address
from tests.e2e.node_kit import Network, NodeProcess, account_number, tranchain_node

CHAIN_ID = 131277322940537
"""The one that the suites expect."""

ACCOUNT: LocalAccount = account_number(77)
ABSENT_VALIDATOR = Address(b"\xab" * 20)


@contextmanager
def run_node(directory: Path, *absent: Address) -> Iterator[NodeProcess]:
    """A node whose one account is rich, on a network where gas costs something and no Consortium judges senders.

    With as many absent validators as present ones no block is decided, and transactions wait.
    """
    made = json.loads(tranchain_node("init", "--data-dir", directory / "data", "--json").stdout)
    validators = tuple(sorted((Address(bytes.fromhex(made["validator"][2:])), *absent)))
    extra = ExtraData(vanity=EMPTY_VANITY, validators=validators, vote=None, round=FIRST_ROUND, seals=())
    genesis = {
        "config": {
            "chainId": CHAIN_ID,
            "londonBlock": 0,
            "qbft": {"xblockperiodmilliseconds": 100, "emptyblockperiodseconds": 1, "requesttimeoutseconds": 60},
        },
        "gasLimit": hex(60_000_000),
        "baseFeePerGas": hex(10**9),
        "coinbase": made["validator"],
        "extraData": "0x" + encode_extra_data(extra).hex(),
        "alloc": {ACCOUNT.address: {"balance": hex(10**24)}},
    }
    (directory / "genesis.json").write_text(json.dumps(genesis))
    network = Network(directory, directory / "genesis.json", directory / "data", ACCOUNT, ACCOUNT)
    with NodeProcess(network, options=["--no-vault"]) as running:
        yield running
