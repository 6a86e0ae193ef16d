"""Statuses of a well consortium of n validators, to be changed by tests."""

from typing import Any

from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.node.validators import compute_byzantine_quorum
from chain_node.rpc.node_status import (
    BlockStatus,
    DiskStatus,
    FinalityStatus,
    NetworkStatus,
    NodeStatus,
    PeerStatus,
    PoolStatus,
    RoundStatus,
    ValidatorStatus,
)

NOW = 1_800_000_000
HEAD = 5_000
NAMES = ("Bank A", "Exchange B", "Risk C", "Bank D")
FREE = 100 * 1024**3


def address_of(index: int) -> str:
    return "0x" + f"{index + 1:02x}" * 20


def well(count: int = 3, **changed: Any) -> NodeStatus:
    """What the last of `count` validators says while everything is as it should be."""
    values: dict[str, Any] = {
        "now_ms": NOW * 1000,
        "client_version": "tranchain-node/v0.1.0/python3.11",
        "engine": "py-evm",
        "chain_id": 170919,
        "genesis_hash": "0x" + "9e" * 32,
        "uptime_seconds": 200_000,
        "validator": address_of(count - 1),
        "organisation": count,
        "organisation_name": NAMES[count - 1],
        "vault_id": None,
        "block_period_ms": 1_000,
        "empty_block_period_seconds": 60,
        "request_timeout_seconds": 4,
        "head": block(HEAD, count),
        "blocks": tuple(block(HEAD - age, count) for age in range(10)),
        "round": round_of(),
        "finality": FinalityStatus(
            quorum=compute_quorum(count), byzantine_quorum=compute_byzantine_quorum(count), byzantine_final_number=HEAD
        ),
        "validators": tuple(validator(index, count) for index in range(count)),
        "peers": tuple(peer(index) for index in range(count - 1)),
        "pool": PoolStatus(pending=0, queued=0, size_bytes=0),
        "disk": DiskStatus(directory="/var/lib/tranchain", store_bytes=2 * 1024**3, free_bytes=FREE),
        "network": NetworkStatus(
            listen="0.0.0.0:30303" if count > 1 else None,
            certificate_expires=NOW + 300 * 86_400 if count > 1 else None,
        ),
        "sync": None,
        "halt": None,
        "last_refusal": None,
        "evidence": (),
        "evidence_count": 0,
    }
    return NodeStatus(**values | changed)


def block(number: int, count: int = 3, **changed: Any) -> BlockStatus:
    values: dict[str, Any] = {
        "number": number,
        "hash": f"0x{number:064x}",
        "timestamp": NOW - 2 - (HEAD - number),
        "proposer": address_of(number % count),
        "round": 0,
        "transaction_count": 7,
        "signers": tuple(address_of(index) for index in range(count)),
    }
    return BlockStatus(**values | changed)


def round_of(**changed: Any) -> RoundStatus:
    values: dict[str, Any] = {
        "number": HEAD + 1,
        "round": 0,
        "proposer": address_of(0),
        "is_started": False,
        "is_decided": False,
        "has_proposal": False,
        "is_proposal_valid": False,
        "prepares": (),
        "commits": (),
        "round_by_validator": {},
        "locked_round": None,
        "locked_hash": None,
        "trying_ms": 0,
    }
    return RoundStatus(**values | changed)


def validator(index: int, count: int = 3, **changed: Any) -> ValidatorStatus:
    values: dict[str, Any] = {
        "address": address_of(index),
        "organisation": index + 1,
        "organisation_name": NAMES[index],
        "endpoint": f"10.0.0.{index + 1}:30303",
        "is_self": index == count - 1,
        "is_linked": True,
        "number": HEAD,
        "last_proposed": HEAD - index,
        "last_sealed": HEAD,
        "sealed_blocks": 100,
        "counted_blocks": 100,
    }
    return ValidatorStatus(**values | changed)


def peer(index: int, **changed: Any) -> PeerStatus:
    values: dict[str, Any] = {
        "organisation": index + 1,
        "organisation_name": NAMES[index],
        "validator": address_of(index),
        "endpoint": f"10.0.0.{index + 1}:30303",
        "client_version": "tranchain-node/v0.1.0/python3.11",
        "is_outbound": index % 2 == 0,
        "is_live": True,
        "number": HEAD,
        "latency_ms": 3 + index,
        "misdeed_points": 0,
    }
    return PeerStatus(**values | changed)
