"""genesis.json: what is read, what is refused by name."""

import json
from typing import Any

import pytest

from chain_node.core.errors import ConfigError
from chain_node.core.genesis import parse_genesis

MINIMAL: dict[str, Any] = {
    "config": {"chainId": 170919, "londonBlock": 0, "zeroBaseFee": True, "qbft": {"blockperiodseconds": 1}},
    "gasLimit": "0x3938700",
    "extraData": "0xe5a00000000000000000000000000000000000000000000000000000000000000000c0c080c0",
    "alloc": {},
}


def with_change(path: str, value: object) -> str:
    """MINIMAL with one value set, or removed when None."""
    genesis = json.loads(json.dumps(MINIMAL))
    *parents, last = path.split(".")
    target = genesis
    for key in parents:
        target = target.setdefault(key, {})
    target[last] = value
    if value is None:
        del target[last]
    return json.dumps(genesis)


def test_minimal_genesis_has_the_defaults_of_besu() -> None:
    """1.1: period 1 s, request timeout 1 s, epoch 30000; base fee 1 gwei when London is at block 0."""
    genesis = parse_genesis(json.dumps(MINIMAL))
    qbft = genesis.qbft
    assert (qbft.block_period_seconds, qbft.block_period_ms, qbft.timestamp_spacing_seconds) == (1, 1000, 1)
    assert (qbft.empty_block_period_seconds, qbft.request_timeout_seconds, qbft.epoch_length) == (0, 1, 30_000)
    assert (qbft.validator_contract, qbft.per_tx_gas_limit) == (None, 0)
    assert genesis.zero_base_fee
    header = genesis.build_header(b"\x01" * 32)
    assert (header.number, header.difficulty, header.gas_limit) == (0, 1, 60_000_000)
    assert header.base_fee_per_gas == 1_000_000_000
    assert header.state_root == b"\x01" * 32


def test_keys_outside_alloc_are_read_in_any_case() -> None:
    text = json.dumps(MINIMAL).replace("blockperiodseconds", "blockPeriodSeconds").replace("gasLimit", "GASLIMIT")
    assert parse_genesis(text) == parse_genesis(json.dumps(MINIMAL))


def test_numbers_are_read_as_json_decimal_text_and_hex() -> None:
    expected = parse_genesis(with_change("timestamp", 100))
    assert parse_genesis(with_change("timestamp", "100")) == expected
    assert parse_genesis(with_change("timestamp", "0x64")) == expected


@pytest.mark.parametrize(
    ("forks", "expected"),
    [
        ({"istanbulBlock": 0, "berlinBlock": 2, "londonBlock": 4}, ["istanbul"] * 2 + ["berlin"] * 2 + ["london"]),
        ({"berlinBlock": 0}, ["berlin"] * 5),
        ({"berlinBlock": 0, "londonBlock": 3}, ["berlin"] * 3 + ["london"] * 2),
        ({"istanbulBlock": 0}, ["istanbul"] * 5),
        ({"istanbulBlock": 0, "londonBlock": 1}, ["istanbul"] + ["london"] * 4),
    ],
)
def test_schedule_names_the_fork_in_force_at_each_height(forks: dict[str, int], expected: list[str]) -> None:
    genesis = json.loads(with_change("config.londonBlock", None))
    genesis["config"] |= forks
    schedule = parse_genesis(json.dumps(genesis)).schedule
    assert [schedule.fork_at(height) for height in range(5)] == expected


def test_sub_second_period_removes_the_timestamp_spacing() -> None:
    """1.1: if the effective period is below 1 s the timestamp-spacing rule is not applied at all."""
    qbft = parse_genesis(with_change("config.qbft.xblockperiodmilliseconds", 100)).qbft
    assert (qbft.block_period_ms, qbft.timestamp_spacing_seconds) == (100, 0)


def test_sizes_that_the_engines_have_anyway_may_be_named() -> None:
    assert parse_genesis(with_change("config.contractSizeLimit", 24_576)) == parse_genesis(json.dumps(MINIMAL))


def test_alloc_is_read_with_code_storage_and_addresses_in_order() -> None:
    alloc = {
        "0x" + "ff" * 20: {"balance": "0x10", "nonce": "0x2"},
        "00" * 20: {"code": "0x6001", "storage": {"0x1": "0x2", "03": "0x0"}, "comment": "kept out of the state"},
    }
    accounts = parse_genesis(with_change("alloc", alloc)).alloc
    assert list(accounts) == [bytes(20), b"\xff" * 20]
    assert (accounts[bytes(20)].code, accounts[bytes(20)].storage) == (b"\x60\x01", {1: 2})
    assert (accounts[b"\xff" * 20].balance, accounts[b"\xff" * 20].nonce) == (16, 2)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("gasLimit", None, "gaslimit"),
        ("gasLimit", "many", "gasLimit"),
        ("gasLimit", True, "gasLimit"),
        ("gasLimit", -1, "gasLimit"),
        ("extraData", "0xzz", "extraData"),
        ("extraData", None, "extradata"),
        ("number", 1, "number"),
        ("mixHash", "0x00", "mixHash"),
        ("config", [], "config"),
        ("config.chainId", 0, "config.chainId"),
        ("config.londonBlock", None, "config"),
        ("config.londonBlock", 5, "config"),
        ("config.homesteadBlock", 1, "config.homesteadBlock"),
        ("config.shanghaiTime", 0, "config.shanghaiTime"),
        ("config.fixedBaseFee", True, "config.fixedBaseFee"),
        ("config.contractSizeLimit", 49152, "config.contractSizeLimit"),
        ("config.transitions", {"qbft": []}, "config.transitions"),
        ("config.zeroBaseFee", "yes", "config.zeroBaseFee"),
        ("config.qbft", None, "config.qbft"),
        ("config.qbft.blockperiodseconds", 0, "config.qbft.blockperiodseconds"),
        ("config.qbft.blockreward", "0x1", "config.qbft.blockreward"),
        ("config.qbft.miningbeneficiary", "0x" + "00" * 20, "config.qbft.miningbeneficiary"),
        ("config.qbft.policy", 1, "config.qbft.policy"),
        ("config.qbft.ceil2Nby3Block", 5, "config.qbft.ceil2Nby3Block"),
        ("config.qbft.pertxgaslimit", 60_000_001, "config.qbft.pertxgaslimit"),
        ("config.qbft.validatorselectionmode", "contract", "config.qbft.validatorselectionmode"),
        ("config.qbft.validatorselectionmode", "dice", "config.qbft.validatorselectionmode"),
        ("config.qbft.validatorcontractaddress", "0x7777", "config.qbft.validatorcontractaddress"),
        ("alloc", {"0x01": {}}, "alloc.0x01"),
        ("alloc", {"00" * 20: {}, "0x" + "00" * 20: {}}, "alloc.0x" + "00" * 20),
        ("alloc", {"00" * 20: {"balance": "x"}}, "alloc." + "00" * 20 + ".balance"),
        ("alloc", {"00" * 20: {"storage": {"0x1": 1, "0x01": 2}}}, "alloc." + "00" * 20 + ".storage.0x01"),
        ("alloc", {"00" * 20: {"balance": "0x1", "storage": {"0x1": 1}}}, "alloc.0x" + "00" * 20),
        ("surprise", 1, "surprise"),
    ],
)
def test_value_that_cannot_be_used_is_refused_by_its_key(path: str, value: object, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_genesis(with_change(path, value))
    assert caught.value.key == key


def test_base_fee_without_london_at_genesis_is_refused() -> None:
    genesis = json.loads(with_change("baseFeePerGas", "0x0"))
    genesis["config"] |= {"berlinBlock": 0, "londonBlock": 7}
    with pytest.raises(ConfigError, match="baseFeePerGas"):
        parse_genesis(json.dumps(genesis))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1, "a": 2}', '{"gasLimit": 1, "GASLIMIT": 2}', "[" * 5000])
def test_text_that_is_no_genesis_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_genesis(text)
