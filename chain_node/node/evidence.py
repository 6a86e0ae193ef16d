"""Validators that contradicted themselves: kept for ever in a file, logged, shown over the RPC.

Two signed messages for one (height, round, kind) are a contradiction of their author; two sealed blocks of one height
are one of everybody who sealed both.
"""

from __future__ import annotations

from threading import Lock

import structlog

from chain_node.consensus.qbft.codec import encode_message
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import Message
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.core import rlp
from chain_node.core.codec import encode_block
from chain_node.core.errors import ConfigError, DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.types import Address, Block, Height
from chain_node.rpc import Evidence
from chain_node.storage import Disk, MemoryDisk, StoreFullError
from chain_node.storage import VoteRecord as RecordLog

_log = structlog.get_logger("consensus")
_EVIDENCE_MAX = 1_000
_EVIDENCE_PER_VALIDATOR_MAX = 32
"""More of one validator adds nothing to what is known of it."""

_BLOCK_CODE = 0
_KIND_BY_CODE = {_BLOCK_CODE: "block", 0x12: "proposal", 0x13: "prepare", 0x14: "commit", 0x15: "roundChange"}


class EvidenceLog:
    """Pairs of messages, or blocks, that one validator should not have signed both."""

    def __init__(self, disk: Disk | None = None) -> None:
        """Read what was kept before; without a disk it is kept as long as the node runs.

        Raises:
            ConfigError: the file is damaged.
        """
        self._log = RecordLog(disk or MemoryDisk())
        self._lock = Lock()
        try:
            self._evidence = [_decode(payload) for payload in self._log.payloads]
        except DecodeError as error:
            raise ConfigError("data_dir", f"an entry of the evidence cannot be read: {error}") from error

    def add(self, first: Message, second: Message) -> None:
        """Keep a pair of messages, durable on return; beyond the limits it is only logged."""
        (code, first_bytes), (_, second_bytes) = encode_message(first), encode_message(second)
        height, round_number = height_of(first), round_of(first)
        _log.error(
            "validator_contradicts_itself",
            validator=first.author.hex(),
            height=height,
            round=round_number,
            kind=_KIND_BY_CODE[code],
        )
        self._keep(code, Evidence(first.author, height, round_number, _KIND_BY_CODE[code], (first_bytes, second_bytes)))

    def add_conflict(self, ours: Block, theirs: Block) -> None:
        """Keep two blocks of one height, both with a quorum of seals, durable on return."""
        messages = encode_block(ours), encode_block(theirs)
        round_number = decode_extra_data(theirs.header.extra_data).round
        sealers = recover_sealers(ours.header)
        for sealer in recover_sealers(theirs.header):
            if sealer in sealers:
                self._keep(_BLOCK_CODE, Evidence(sealer, ours.header.number, round_number, "block", messages))

    def conflict(self) -> Evidence | None:
        """The first pair of blocks of one height, if there is any: nothing can be decided any more."""
        return next((evidence for evidence in self._evidence if evidence.kind == "block"), None)

    def all(self) -> tuple[Evidence, ...]:
        """Everything kept, oldest first."""
        return tuple(self._evidence)

    def _keep(self, code: int, evidence: Evidence) -> None:
        with self._lock:
            self._keep_new(code, evidence)

    def _keep_new(self, code: int, evidence: Evidence) -> None:
        of_validator = [one for one in self._evidence if one.validator == evidence.validator]
        step = (evidence.height, evidence.round, evidence.kind)
        if any((one.height, one.round, one.kind) == step for one in of_validator):
            return
        is_message = code != _BLOCK_CODE
        if is_message and (len(of_validator) >= _EVIDENCE_PER_VALIDATOR_MAX or len(self._evidence) >= _EVIDENCE_MAX):
            return
        self._evidence.append(evidence)
        try:
            self._log.append(_encode(code, evidence))
        except StoreFullError as error:
            _log.error("evidence_not_durable", reason=str(error))


def _encode(code: int, evidence: Evidence) -> bytes:
    scalars = [rlp.scalar(evidence.height), rlp.scalar(evidence.round), rlp.scalar(code)]
    return rlp.encode([evidence.validator, *scalars, list(evidence.messages)])


def _decode(payload: bytes) -> Evidence:
    validator, height, round_number, code, messages = read_list(rlp.decode(payload), field="evidence", size=5)
    first, second = read_list(messages, field="messages", size=2)
    kind = _KIND_BY_CODE.get(read_scalar(code, field="kind", maximum=0xFF))
    if kind is None:
        raise DecodeError(offset=0, expected="a known kind of evidence")
    return Evidence(
        Address(read_bytes(validator, field="validator", size=20)),
        Height(read_scalar(height, field="height", maximum=UINT64_MAX)),
        read_scalar(round_number, field="round", maximum=UINT64_MAX),
        kind,
        (read_bytes(first, field="message"), read_bytes(second, field="message")),
    )
