"""Makes the genesis file of a new network from the members' files: constructors run, their state dumped into `alloc`.

Source: docs/protocol.md, 2 (fixed addresses, order of the constructors), 3 (`initialize`); design, 4.1 (parameters).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.core.errors import ConfigError
from chain_node.core.genesis import QBFT_MIX_HASH, Fork, ForkSchedule, GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.types import FIRST_ROUND, ZERO_ADDRESS, Address, Height
from chain_node.execution import BlockContext, CallRequest
from chain_node.execution.errors import CreationFailedError
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.node.engine_choice import EngineName
from chain_node.node.fixed_addresses import (
    ACCESS_MANAGER,
    CONSORTIUM_IMPLEMENTATION,
    CONTRACT_REGISTRY,
    CONTRACT_REGISTRY_IMPLEMENTATION,
)
from chain_node.node.member_file import Member
from chain_node.storage import MemoryStore
from chain_node.txpool import CONSORTIUM

_BUILD_GAS = 10**12
"""Constructors may use what they like: nobody waits for them."""


GAS_LIMIT_BY_ENGINE: Mapping[EngineName, int] = {"native": 400_000_000, "py-evm": 60_000_000}
"""What the slowest machine of a network should execute in about half a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkParameters:
    """What the members agree on."""

    chain_id: int = 170919
    block_period_ms: int = 1_000
    """Below one second it is written as `xblockperiodmilliseconds`."""
    empty_block_period_seconds: int = 60
    request_timeout_seconds: int = 4
    gas_limit: int = GAS_LIMIT_BY_ENGINE["py-evm"]
    per_transaction_gas_limit: int = 8_000_000
    fork: Fork = "london"
    timestamp: int
    """Seconds since 1970 of block 0; members' roles begin then."""


def build_genesis(members: Sequence[Member], parameters: NetworkParameters) -> str:
    """Make genesis.json, in Besu's form.

    Raises:
        ConfigError: the files contradict one another, or the contracts refuse what they say.
    """
    _check_members(members)
    alloc = _run_constructors(members, parameters)
    london: dict[str, object] = {"londonBlock": 0, "zeroBaseFee": True} if parameters.fork == "london" else {}
    document = {
        "config": {
            "chainId": parameters.chain_id,
            "berlinBlock": 0,
            **london,
            "qbft": _qbft_config(parameters),
        },
        "nonce": "0x0",
        "timestamp": hex(parameters.timestamp),
        "gasLimit": hex(parameters.gas_limit),
        "difficulty": "0x1",
        "mixHash": f"0x{QBFT_MIX_HASH.hex()}",
        "coinbase": f"0x{ZERO_ADDRESS.hex()}",
        "extraData": f"0x{_extra_data().hex()}",
        **({"baseFeePerGas": "0x0"} if parameters.fork == "london" else {}),
        "alloc": {address.hex(): _account_json(account) for address, account in alloc.items()},
    }
    return json.dumps(document, indent=2) + "\n"


def _qbft_config(parameters: NetworkParameters) -> dict[str, object]:
    period_ms = parameters.block_period_ms
    config: dict[str, object] = {
        "blockperiodseconds": max(1, period_ms // 1000),
        "emptyblockperiodseconds": parameters.empty_block_period_seconds,
        "requesttimeoutseconds": parameters.request_timeout_seconds,
        "epochlength": 30_000,
        "pertxgaslimit": parameters.per_transaction_gas_limit,
        "validatorcontractaddress": f"0x{CONSORTIUM.hex()}",
    }
    if period_ms % 1000:
        config["xblockperiodmilliseconds"] = period_ms
    return config


def _check_members(members: Sequence[Member]) -> None:
    if not members:
        raise ConfigError("members", "no member file was given")
    if not any(member.validator for member in members):
        raise ConfigError("members", "no member brings a validator")
    _refuse_twice("organisation", [member.organisation for member in members])
    _refuse_twice("validator", [f"0x{member.validator.hex()}" for member in members if member.validator])
    _refuse_twice("governor", [f"0x{member.governor.hex()}" for member in members])
    _refuse_twice("TLS key", [member.node.tls_key_hash.hex() for member in members if member.node])
    _refuse_twice("node", [member.node.endpoint for member in members if member.node])
    _refuse_twice("account", [f"0x{account.address.hex()}" for member in members for account in member.accounts])


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ConfigError("members", f"{what} {name} occurs twice")


def _run_constructors(members: Sequence[Member], parameters: NetworkParameters) -> dict[Address, GenesisAccount]:
    schedule = ForkSchedule(berlin_height=Height(0), london_height=Height(0) if parameters.fork == "london" else None)
    engine = PyEvmEngine(chain_id=parameters.chain_id, schedule=schedule, source=MemoryStore())
    context = BlockContext(
        height=Height(0),
        timestamp=parameters.timestamp,
        gas_limit=_BUILD_GAS,
        coinbase=ZERO_ADDRESS,
        base_fee_per_gas=0 if parameters.fork == "london" else None,
        block_hash=lambda _: None,
    )
    consortium, registry = _load_artifact("Consortium"), _load_artifact("ContractRegistry")
    proxy, manager = _load_artifact("ERC1967Proxy"), _load_artifact("AccessManager")
    initialize_consortium = _selector(consortium, "initialize") + _consortium_arguments(members)
    initialize_registry = _selector(registry, "initialize") + encode(
        ["address", "address"], [ACCESS_MANAGER, CONSORTIUM]
    )
    alloc: dict[Address, GenesisAccount] = {}
    for address, artifact, arguments in (
        (ACCESS_MANAGER, manager, encode(["address"], [CONSORTIUM])),
        (CONSORTIUM_IMPLEMENTATION, consortium, b""),
        (CONTRACT_REGISTRY_IMPLEMENTATION, registry, b""),
        (CONSORTIUM, proxy, encode(["address", "bytes"], [CONSORTIUM_IMPLEMENTATION, initialize_consortium])),
        (
            CONTRACT_REGISTRY,
            proxy,
            encode(["address", "bytes"], [CONTRACT_REGISTRY_IMPLEMENTATION, initialize_registry]),
        ),
    ):
        init_code = bytes.fromhex(artifact["bytecode"].removeprefix("0x")) + arguments
        try:
            request = CallRequest(to=None, gas=context.gas_limit, data=init_code)
            alloc = engine.run_on_alloc(alloc, request, context, create_at=address)
        except CreationFailedError as error:
            reason = _describe_error(consortium, error.return_data) or error.reason
            raise ConfigError("members", f"the contract at 0x{address.hex()} refuses them: {reason}") from error
    alloc.pop(ZERO_ADDRESS, None)
    return alloc


def _consortium_arguments(members: Sequence[Member]) -> bytes:
    organisations = [(member.organisation, member.governor) for member in members]
    accounts = [
        (
            account.address,
            organisation,
            account.roles,
            account.valid_from,
            account.valid_until,
            account.certificate_hash,
        )
        for organisation, member in enumerate(members, 1)
        for account in member.accounts
    ]
    return encode(
        [
            "address",
            "address",
            "(string,address)[]",
            "(address,uint32,uint64,uint40,uint40,bytes32)[]",
            "(address,uint32)[]",
            "(bytes32,address,uint32,string)[]",
        ],
        [
            ACCESS_MANAGER,
            CONTRACT_REGISTRY,
            organisations,
            accounts,
            [(member.validator, organisation) for organisation, member in enumerate(members, 1) if member.validator],
            [
                (member.node.tls_key_hash, member.validator or ZERO_ADDRESS, organisation, member.node.endpoint)
                for organisation, member in enumerate(members, 1)
                if member.node
            ],
        ],
    )


def _load_artifact(name: str) -> dict[str, Any]:
    try:
        artifact: dict[str, Any] = json.loads((files("contracts") / "artifacts" / f"{name}.json").read_text())
    except OSError as error:
        raise ConfigError("contracts", f"artifacts/{name}.json is missing from this installation") from error
    return artifact


def _selector(artifact: dict[str, Any], name: str) -> bytes:
    entry = next(item for item in artifact["abi"] if item.get("name") == name and item["type"] == "function")
    return _hash_signature(entry)[:4]


def _hash_signature(entry: dict[str, Any]) -> bytes:
    types = ",".join(_canonical_type(item) for item in entry["inputs"])
    return keccak(f"{entry['name']}({types})".encode())


def _canonical_type(item: dict[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_canonical_type(part) for part in item['components'])}){kind.removeprefix('tuple')}"


def _describe_error(artifact: dict[str, Any], data: bytes) -> str | None:
    """A custom error of the contract with its arguments, as a person reads it."""
    for entry in artifact["abi"]:
        if entry["type"] == "error" and _hash_signature(entry)[:4] == data[:4]:
            try:
                values = decode([_canonical_type(item) for item in entry["inputs"]], data[4:])
            except DecodingError:
                return None
            named = [f"{item['name']}={value}" for item, value in zip(entry["inputs"], values, strict=True)]
            return f"{entry['name']}({', '.join(named)})"
    return None


def _extra_data() -> bytes:
    extra = ExtraData(vanity=EMPTY_VANITY, validators=(), vote=None, round=FIRST_ROUND, seals=())
    return encode_extra_data(extra)


def _account_json(account: GenesisAccount) -> dict[str, object]:
    fields: dict[str, object] = {"balance": hex(account.balance)}
    if account.nonce:
        fields["nonce"] = hex(account.nonce)
    if account.code:
        fields["code"] = f"0x{account.code.hex()}"
    if account.storage:
        fields["storage"] = {f"0x{slot:064x}": f"0x{value:064x}" for slot, value in account.storage.items()}
    return fields
