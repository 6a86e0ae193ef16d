"""Each rule of a valid header, by the table of section 1.3, and the seals of 2.4."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chain_node.consensus.qbft.errors import BadSealError
from chain_node.consensus.qbft.extra_data import ExtraData, Vote, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, seal_hash
from chain_node.consensus.qbft.header_rules import compute_base_fee, validate_header, validate_sealed_header
from chain_node.consensus.qbft.seals import validate_seals
from chain_node.core.crypto import CURVE_ORDER, sign_digest
from chain_node.core.errors import HeaderMismatchError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import EMPTY_OMMERS_HASH, Header
from tests.unit.consensus.network import keys_by_address

KEYS = keys_by_address(4)
VALIDATORS = tuple(KEYS)
CONTRACT = "0x" + "77" * 20
MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")


def extra(**changes: Any) -> bytes:
    fields: dict[str, Any] = {"vanity": bytes(32), "validators": VALIDATORS, "vote": None, "round": 0, "seals": ()}
    return encode_extra_data(ExtraData(**(fields | changes)))


def genesis(**config: Any) -> Genesis:
    qbft = {"blockperiodseconds": 2} | config.pop("qbft", {})
    forks = {"berlinBlock": 0} | config
    return parse_genesis(
        json.dumps({"config": forks | {"qbft": qbft}, "gasLimit": 10_240_000, "extraData": "0xc0", "alloc": {}})
    )


BERLIN = genesis()
LONDON_ZERO = genesis(londonBlock=0, zeroBaseFee=True)
LONDON = genesis(londonBlock=0)
CONTRACT_MODE = genesis(qbft={"validatorcontractaddress": CONTRACT})
PARENT = Header(
    parent_hash=b"\x01" * 32,
    ommers_hash=EMPTY_OMMERS_HASH,
    coinbase=VALIDATORS[0],
    state_root=b"\x03" * 32,
    transactions_root=EMPTY_TRIE_ROOT,
    receipts_root=EMPTY_TRIE_ROOT,
    logs_bloom=0,
    difficulty=1,
    number=9,
    gas_limit=10_240_000,
    gas_used=0,
    timestamp=1000,
    extra_data=extra(),
    mix_hash=MIX_HASH,
    nonce=bytes(8),
)
CHILD = replace(PARENT, parent_hash=block_hash(PARENT), number=10, timestamp=1002, coinbase=VALIDATORS[1])


def check(header: Header, *, parent: Header = PARENT, rules: Genesis = BERLIN, now: int | None = None) -> None:
    validate_header(header, parent, validators=VALIDATORS, genesis=rules, now_seconds=now)


def seal(header: Header, *keys: bytes, **changes: Any) -> Header:
    unsealed = replace(header, extra_data=extra(**changes))
    seals = tuple(sign_digest(key, seal_hash(unsealed)) for key in keys)
    return replace(header, extra_data=extra(seals=seals, **changes))


def test_header_that_keeps_every_rule_is_accepted() -> None:
    check(CHILD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mix_hash": bytes(32)}, "mix_hash"),
        ({"difficulty": 2}, "difficulty"),
        ({"difficulty": 0}, "difficulty"),
        ({"nonce": bytes(7) + b"\x01"}, "nonce"),
        ({"ommers_hash": bytes(32)}, "ommers_hash"),
        ({"number": 11}, "number"),
        ({"parent_hash": bytes(32)}, "parent_hash"),
        ({"coinbase": bytes(20)}, "coinbase"),
        ({"timestamp": 1001}, "timestamp"),
        ({"gas_used": 10_240_001}, "gas_used"),
        ({"gas_limit": 10_250_000}, "gas_limit"),
        ({"gas_limit": 10_230_000}, "gas_limit"),
        ({"base_fee_per_gas": 0}, "base_fee_per_gas"),
        ({"extra_data": b""}, "extra_data"),
        ({"extra_data": extra(validators=VALIDATORS[:3])}, "extra_data.validators"),
        ({"extra_data": extra(validators=VALIDATORS[::-1])}, "extra_data.validators"),
        ({"extra_data": extra(validators=())}, "extra_data.validators"),
    ],
)
def test_header_that_breaks_one_rule_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    """1.3: exactly `0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365`.
    1.3: exactly 1.
    1.3: always write `0x0000000000000000`.
    1.3: must be in the validator set valid after the parent.
    1.3: <= gasLimit.
    1.3: >= parent + blockperiodseconds.
    1.3: validators list == expected list, sorted ascending by address bytes.
    """
    with pytest.raises(HeaderMismatchError) as caught:
        check(replace(CHILD, **changes))
    assert caught.value.field == field


@pytest.mark.parametrize("gas_limit", [10_240_000 - 9_999, 10_240_000 + 9_999])
def test_gas_limit_may_move_by_strictly_less_than_a_1024th(gas_limit: int) -> None:
    """1.3: abs(x - parent) strictly < parent/1024."""
    check(replace(CHILD, gas_limit=gas_limit))


def test_gas_limit_below_5000_is_refused() -> None:
    """1.3: 5000 <= x <= 2^63-1."""
    parent = replace(PARENT, gas_limit=5_002)
    child = replace(CHILD, parent_hash=block_hash(parent), gas_limit=4_999)
    with pytest.raises(HeaderMismatchError, match="gas_limit: got 4999, expected 5000 to"):
        check(child, parent=parent)


@pytest.mark.parametrize("gas_limit", [20_480_000, 20_480_000 - 19_999])
def test_gas_limit_doubles_at_the_first_london_block(gas_limit: int) -> None:
    """1.3: x2 slack on the first London block. Source: EIP-1559."""
    rules = genesis(londonBlock=10)
    check(replace(CHILD, gas_limit=gas_limit, base_fee_per_gas=1_000_000_000), rules=rules)
    with pytest.raises(HeaderMismatchError, match="gas_limit"):
        check(replace(CHILD, gas_limit=10_240_000, base_fee_per_gas=1_000_000_000), rules=rules)


def test_coinbase_need_not_be_the_scheduled_proposer() -> None:
    """1.3: It does **not** have to be the round's scheduled proposer."""
    for validator in VALIDATORS:
        check(replace(CHILD, coinbase=validator))


def test_vanity_may_have_any_length() -> None:
    """1.3: any length accepted by QBFT."""
    check(replace(CHILD, extra_data=extra(vanity=b"tranchain")))


def test_timestamp_may_be_ahead_of_the_clock_by_one_second() -> None:
    """1.3: <= now + 1 s (clock of the verifier)."""
    check(CHILD, now=1001)
    with pytest.raises(HeaderMismatchError, match="timestamp: got 1002, expected at most 1001"):
        check(CHILD, now=1000)


def test_equal_timestamps_are_valid_below_a_period_of_one_second() -> None:
    """1.3: >= parent + blockperiodseconds."""
    rules = genesis(qbft={"xblockperiodmilliseconds": 100})
    check(replace(CHILD, timestamp=1000), rules=rules)
    with pytest.raises(HeaderMismatchError, match="timestamp"):
        check(replace(CHILD, timestamp=999), rules=rules)


def test_contract_mode_wants_neither_validators_nor_vote() -> None:
    """4.6: extraData must have empty validators and no vote.

    1.3: no vote and no validators in contract mode.
    """
    child = replace(CHILD, extra_data=extra(validators=()))
    check(child, rules=CONTRACT_MODE)
    with pytest.raises(HeaderMismatchError, match=r"extra_data\.validators"):
        check(CHILD, rules=CONTRACT_MODE)
    with pytest.raises(HeaderMismatchError, match=r"extra_data\.vote"):
        check(replace(child, extra_data=extra(validators=(), vote=Vote(bytes(20), True))), rules=CONTRACT_MODE)


def test_vote_is_allowed_where_headers_list_the_validators() -> None:
    check(replace(CHILD, extra_data=extra(vote=Vote(bytes(20), True))))


def test_base_fee_is_zero_under_london_with_zero_base_fee() -> None:
    parent = replace(PARENT, base_fee_per_gas=1_000_000_000)
    child = replace(CHILD, parent_hash=block_hash(parent), base_fee_per_gas=0)
    check(child, parent=parent, rules=LONDON_ZERO)
    with pytest.raises(HeaderMismatchError, match="base_fee_per_gas: got 1, expected 0"):
        check(replace(child, base_fee_per_gas=1), parent=parent, rules=LONDON_ZERO)
    with pytest.raises(HeaderMismatchError, match="base_fee_per_gas: got None"):
        check(replace(child, base_fee_per_gas=None), parent=parent, rules=LONDON_ZERO)


@pytest.mark.parametrize(
    ("base_fee", "gas_used", "expected"),
    [
        (1_000_000_000, 5_120_000, 1_000_000_000),
        (1_000_000_000, 10_240_000, 1_125_000_000),
        (1_000_000_000, 0, 875_000_000),
        (1_000_000_000, 5_120_001, 1_000_000_024),
        (0, 10_240_000, 1),  # "drifts to 1 wei after a block above target" (1.2)
        (0, 0, 0),
        (7, 0, 7),
    ],
)
def test_base_fee_without_zero_base_fee_follows_the_ordinary_formula(
    base_fee: int, gas_used: int, expected: int
) -> None:
    """EIP-1559, worked by hand for a gas target of 5 120 000."""
    parent = replace(PARENT, base_fee_per_gas=base_fee, gas_used=gas_used)
    assert compute_base_fee(parent, LONDON) == expected


def test_base_fee_begins_at_one_gwei() -> None:
    assert compute_base_fee(PARENT, genesis(londonBlock=10)) == 1_000_000_000
    assert compute_base_fee(PARENT, genesis(londonBlock=11)) is None


def test_sealed_header_with_a_quorum_is_accepted_in_any_order_and_round() -> None:
    """2.3: seals appear in arrival order; any count >= quorum is fine.

    2.3: Seals appear in **arrival order**, not sorted.
    2.3: any count >= quorum is fine (extra seals allowed).
    """
    keys = list(KEYS.values())
    for chosen in (keys[:3], keys[::-1], [keys[3], keys[0], keys[1]]):
        header = seal(CHILD, *chosen, round=3)
        sealers = validate_sealed_header(header, PARENT, validators=VALIDATORS, genesis=BERLIN, now_seconds=None)
        assert [KEYS[sealer] for sealer in sealers] == chosen


def test_seals_below_the_quorum_are_refused() -> None:
    """2.4: count >= ceil(2n/3)."""
    with pytest.raises(BadSealError, match="seals: got 2, expected at least 3"):
        validate_seals(seal(CHILD, *list(KEYS.values())[:2]), VALIDATORS)


def test_double_seal_is_refused() -> None:
    """2.4: no duplicate committer."""
    keys = list(KEYS.values())
    with pytest.raises(BadSealError, match=r"seal 3: .* expected one seal of each validator"):
        validate_seals(seal(CHILD, *keys[:3], keys[0]), VALIDATORS)


def test_foreign_seal_beyond_the_quorum_is_refused() -> None:
    """2.4: One foreign seal invalidates the block."""
    keys = list(KEYS.values())
    with pytest.raises(BadSealError, match=r"seal 3: .* expected a validator"):
        validate_seals(seal(CHILD, *keys[:3], b"\x99" * 32), VALIDATORS)


def test_seal_over_another_round_is_refused() -> None:
    """2.2: the commit-seal hash has the round in which the block is committed.

    2.2: (b) commit-seal hash, signed by validators.
    """
    header = seal(CHILD, *KEYS.values(), round=1)
    moved = replace(header, extra_data=header.extra_data.replace(b"\xc0\x01", b"\xc0\x02", 1))
    assert moved != header
    with pytest.raises(BadSealError):
        validate_seals(moved, VALIDATORS)


def test_seal_with_a_high_s_is_accepted_in_a_header() -> None:
    """2.3: Besu does not enforce low-s on seals inside headers."""
    unsealed = replace(CHILD, extra_data=extra())
    seals = [sign_digest(key, seal_hash(unsealed)) for key in list(KEYS.values())[:3]]
    high_s = CURVE_ORDER - int.from_bytes(seals[0][32:64], "big")
    seals[0] = seals[0][:32] + high_s.to_bytes(32, "big") + bytes((1 - seals[0][64],))
    validate_seals(replace(CHILD, extra_data=extra(seals=tuple(seals))), VALIDATORS)


@pytest.mark.parametrize("broken", [bytes(65), b"\xff" * 64 + b"\x00", b"\x01" * 64 + b"\x1b"])
def test_seal_that_is_no_signature_is_refused(broken: bytes) -> None:
    """2.3: v = 0/1 (recovery id, no 27 offset); r, s in [1, n)."""
    header = replace(CHILD, extra_data=extra(seals=(broken,)))
    with pytest.raises(BadSealError, match="seal 0"):
        validate_seals(header, VALIDATORS)
