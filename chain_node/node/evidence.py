"""Validators that contradicted themselves: kept while the node runs, logged for ever, shown over the RPC."""

from __future__ import annotations

import structlog

from chain_node.consensus.qbft.codec import encode_message
from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import Message, RoundChange
from chain_node.rpc import Evidence

_log = structlog.get_logger("consensus")
_EVIDENCE_MAX = 1_000
_KIND_BY_CODE = {0x12: "proposal", 0x13: "prepare", 0x14: "commit", 0x15: "roundChange"}


class EvidenceLog:
    """Pairs of messages that one validator should not have signed both."""

    def __init__(self) -> None:
        self._evidence: list[Evidence] = []

    def add(self, first: Message, second: Message) -> None:
        """Keep a pair; beyond the limit it is only logged."""
        (code, first_bytes), (_, second_bytes) = encode_message(first), encode_message(second)
        author = first.signed.author if isinstance(first, RoundChange) else first.author
        evidence = Evidence(
            validator=author,
            height=height_of(first),
            round=round_of(first),
            kind=_KIND_BY_CODE[code],
            messages=(first_bytes, second_bytes),
        )
        _log.error(
            "validator_contradicts_itself",
            validator=author.hex(),
            height=evidence.height,
            round=evidence.round,
            kind=evidence.kind,
        )
        if len(self._evidence) < _EVIDENCE_MAX:
            self._evidence.append(evidence)

    def all(self) -> tuple[Evidence, ...]:
        """Everything kept, oldest first."""
        return tuple(self._evidence)
