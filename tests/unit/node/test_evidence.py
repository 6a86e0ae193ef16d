"""Contradictions are kept over restarts, each once, and bounded for each validator."""

import pytest

from chain_node.consensus.qbft.messages import PreparePayload, SignedPrepare
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.crypto import address_of
from chain_node.core.errors import ConfigError
from chain_node.core.types import Hash32, Height, Round
from chain_node.node.evidence import EvidenceLog
from chain_node.storage import MemoryDisk, VoteRecord

KEY = b"\x01" * 32


def prepare(digest: int, height: int = 1, key: bytes = KEY) -> SignedPrepare:
    payload = PreparePayload(height=Height(height), round=Round(0), digest=Hash32(bytes((digest,)) * 32))
    signed = sign_message(key, payload)
    assert isinstance(signed, SignedPrepare)
    return signed


def test_evidence_survives_a_crash() -> None:
    disk = MemoryDisk()
    EvidenceLog(disk).add(prepare(1), prepare(2))
    (evidence,) = EvidenceLog(disk.crash(kept_bytes=0)).all()
    assert (evidence.validator, evidence.height, evidence.round, evidence.kind) == (address_of(KEY), 1, 0, "prepare")
    assert evidence.messages[0] != evidence.messages[1]


def test_same_contradiction_is_kept_once() -> None:
    log = EvidenceLog()
    for digest in range(2, 10):
        log.add(prepare(1), prepare(digest))
    assert len(log.all()) == 1


def test_liar_cannot_push_out_what_is_known_of_others() -> None:
    log = EvidenceLog()
    for height in range(1, 200):
        log.add(prepare(1, height), prepare(2, height))
    log.add(prepare(1, key=b"\x02" * 32), prepare(2, key=b"\x02" * 32))
    validators = [evidence.validator for evidence in log.all()]
    assert validators.count(address_of(KEY)) == 32
    assert validators[-1] == address_of(b"\x02" * 32)


def test_file_that_holds_something_else_is_refused() -> None:
    disk = MemoryDisk()
    VoteRecord(disk).append(b"\xc0")
    with pytest.raises(ConfigError, match="an entry of the evidence cannot be read"):
        EvidenceLog(disk)
