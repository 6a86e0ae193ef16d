"""Verifies a file of QBFT blocks from its genesis file alone; nothing of `chain_node` is imported here.

Written from `../qbft/qbft_facts.md`: sections 1.3 (header rules), 2 (hashes and seals), 4.1 (quorum) and 4.6 (the
validator contract). Votes in headers are not counted, so the set must not change in header mode.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.conformance.export.plain_execution import Replay, read_number
from tests.conformance.export.plain_header import (
    EMPTY_ROOT,
    OMMERS_HASH,
    Header,
    Rules,
    decode_extra_data,
    decode_header,
    expect,
    validate_header,
)
from tests.conformance.export.plain_rlp import Item, decode_at, read_list


@dataclass(frozen=True)
class VerifiedBlock:
    """A block that passed."""

    header: Header
    transactions: list[Item]
    validators: tuple[bytes, ...]
    """Who decided it; empty for genesis."""
    sealers: tuple[bytes, ...]


def verify(content: bytes, genesis_text: str) -> Iterator[VerifiedBlock]:
    """Block by block, genesis first.

    Raises:
        ValueError: a rule is broken.
    """
    genesis = json.loads(genesis_text)
    config = genesis["config"]
    contract = _read_contract(config["qbft"])
    rules = Rules(
        period_seconds=config["qbft"]["blockperiodseconds"],
        london_height=config.get("londonBlock"),
        is_zero_base_fee=bool(config.get("zeroBaseFee")),
        is_contract_mode=contract is not None,
    )
    replay = Replay(config["chainId"], rules)
    parent: Header | None = None
    for header_item, transactions in _read_blocks(content):
        header = decode_header(header_item)
        if parent is None:
            _validate_genesis(header, genesis, replay.initialise(genesis["alloc"]), rules)
            expect("genesis has no transactions", transactions == [])
            yield VerifiedBlock(header, transactions, (), ())
        else:
            validators = (
                decode_extra_data(parent.extra_data).validators
                if contract is None
                else replay.read_validators(parent, contract)
            )
            sealers = validate_header(header, parent, validators, rules)
            replay.execute(header, parent, transactions)
            yield VerifiedBlock(header, transactions, validators, sealers)
        parent = header


def _read_blocks(content: bytes) -> Iterator[tuple[Item, list[Item]]]:
    """The file is a plain concatenation of RLP block lists [header, [txs], [ommers]]."""
    position = 0
    while position < len(content):
        block, position = decode_at(content, position)
        header, transactions, ommers = read_list(block, 3)
        expect("write an empty list of ommers", ommers == [])
        yield header, read_list(transactions)


def _read_contract(qbft: dict[str, Any]) -> bytes | None:
    address = qbft.get("validatorcontractaddress")
    return None if address is None else bytes.fromhex(address.removeprefix("0x"))


def _validate_genesis(header: Header, genesis: dict[str, Any], state_root: bytes, rules: Rules) -> None:
    """1.1, 2.1: the header that the genesis file describes."""
    expected = {
        "parent_hash": bytes(32),
        "ommers_hash": OMMERS_HASH,
        "coinbase": _read_hex(genesis, "coinbase", 20),
        "state_root": state_root,
        "transactions_root": EMPTY_ROOT,
        "receipts_root": EMPTY_ROOT,
        "logs_bloom": bytes(256),
        "difficulty": read_number(genesis.get("difficulty", 1)),
        "number": 0,
        "gas_limit": read_number(genesis["gasLimit"]),
        "gas_used": 0,
        "timestamp": read_number(genesis.get("timestamp", 0)),
        "extra_data": bytes.fromhex(genesis["extraData"].removeprefix("0x")),
        "mix_hash": bytes.fromhex(genesis["mixHash"].removeprefix("0x")),
        "nonce": read_number(genesis.get("nonce", 0)).to_bytes(8, "big"),
        "base_fee": read_number(genesis["baseFeePerGas"]) if rules.is_london(0) else None,
    }
    for name, value in expected.items():
        expect(f"genesis {name}", getattr(header, name) == value)


def _read_hex(genesis: dict[str, Any], name: str, size: int) -> bytes:
    return bytes.fromhex(genesis.get(name, "").removeprefix("0x")).rjust(size, b"\0")
