"""What the rest of the node does when the head moves: logs, metrics, filters and subscriptions. Event loop only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from chain_node.consensus.qbft.effects import RejectMessage
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.core.types import Address, Block, Height, Round
from chain_node.node.intake import Intake
from chain_node.rpc import ChainBlock, ReceiptsOf, SubscriptionHub

_log = structlog.get_logger("chain")


_DISK_BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_INTERVAL_BUCKETS_SECONDS = (0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A proposal that this node found invalid."""

    height: Height
    round: Round
    proposer: Address
    reason: str


class HeadEvents:
    """Tells the intake, the subscribers, the metrics and the log."""

    def __init__(self, intake: Intake, hub: SubscriptionHub, metrics: CollectorRegistry) -> None:
        self._intake = intake
        self._hub = hub
        ProcessCollector(registry=metrics)
        self._height = Gauge("tranchain_head_height", "Height of the newest block", registry=metrics)
        self._timestamp = Gauge("tranchain_head_timestamp_seconds", "Its timestamp", registry=metrics)
        self._transactions = Counter("tranchain_transactions", "Transactions of imported blocks", registry=metrics)
        self._gas = Counter("tranchain_gas", "Gas of imported blocks", registry=metrics)
        self._rounds = Counter("tranchain_late_rounds", "Rounds above 0 that blocks needed", registry=metrics)
        self._build = Histogram("tranchain_build_seconds", "Time to build a block", registry=metrics)
        self.check_seconds = Histogram(
            "tranchain_check_seconds", "Time to execute and check a proposed block", registry=metrics
        )
        self.import_seconds = Histogram(
            "tranchain_import_seconds", "Time until a decided block is durable", registry=metrics
        )
        self.vote_seconds = Histogram(
            "tranchain_vote_record_seconds",
            "Time until a vote is durable and may leave",
            buckets=_DISK_BUCKETS_SECONDS,
            registry=metrics,
        )
        self._interval = Histogram(
            "tranchain_block_interval_seconds",
            "Time from one head to the next, as this node saw them",
            buckets=_INTERVAL_BUCKETS_SECONDS,
            registry=metrics,
        )
        self._proposed = Counter(
            "tranchain_blocks_proposed", "Imported blocks by proposer", ["validator"], registry=metrics
        )
        waiting = Gauge("tranchain_pool_transactions", "Waiting transactions", registry=metrics)
        waiting.set_function(lambda: len(intake.pool))
        size = Gauge("tranchain_pool_bytes", "Size of waiting transactions", registry=metrics)
        size.set_function(lambda: intake.pool.size_bytes)
        sessions = Gauge("tranchain_websockets", "Open WebSocket connections", registry=metrics)
        sessions.set_function(lambda: hub.session_count)

        self._rejected = Counter(
            "tranchain_messages_rejected", "Consensus messages dropped, by why", ["reason"], registry=metrics
        )
        for reason in ("fault", "late"):
            self._rejected.labels(reason)
        self._refused = Counter("tranchain_proposals_refused", "Proposals found invalid here", registry=metrics)
        self.last_refusal: Refusal | None = None
        """The newest proposal that was found invalid here."""

        self._head_at: float | None = None
        self._trying: tuple[Height, float] | None = None
        self._last_round: tuple[Height, Round] | None = None
        self._round_changes = Counter("tranchain_round_changes", "Rounds entered above 0", registry=metrics)

    def on_round(self, height: Height, round_number: Round) -> None:
        """A round began, or its timer was started anew."""
        if self._trying is None or self._trying[0] != height:
            self._trying = (height, asyncio.get_running_loop().time())
        if round_number > 0 and self._last_round != (height, round_number):
            self._last_round = (height, round_number)
            self._round_changes.inc()

    def trying_ms(self, height: Height) -> int:
        """How long ago the first round of a height began; 0 if none has."""
        if self._trying is None or self._trying[0] != height:
            return 0
        return round((asyncio.get_running_loop().time() - self._trying[1]) * 1000)

    def on_rejected(self, effect: RejectMessage) -> None:
        """A consensus message was dropped."""
        self._rejected.labels("fault" if effect.is_fault else "late").inc()

    def on_refused(self, height: Height, round_number: Round, proposer: Address, reason: str) -> None:
        """A proposal was executed and found invalid."""
        self._refused.inc()
        self.last_refusal = Refusal(height=height, round=round_number, proposer=proposer, reason=reason)
        _log.warning("proposal_refused", height=height, round=round_number, proposer=proposer.hex(), reason=reason)

    def on_built(self, block: Block, duration_ms: int) -> None:
        """A block was built here."""
        self._build.observe(duration_ms / 1000)
        _log.debug("block_built", height=block.header.number, transactions=len(block.transactions), ms=duration_ms)

    def on_head(self, head: ChainBlock, receipts: ReceiptsOf) -> None:
        """A block was imported and is the head now."""
        header = head.header
        round_number = decode_extra_data(header.extra_data).round
        self._height.set(header.number)
        self._proposed.labels(f"0x{header.coinbase.hex()}").inc()
        self._observe_interval()
        self._timestamp.set(header.timestamp)
        self._transactions.inc(head.transaction_count)
        self._gas.inc(header.gas_used)
        self._rounds.inc(round_number)
        self._intake.on_head()
        self._hub.on_block(head, receipts)
        _log.info(
            "block_imported",
            height=header.number,
            hash=head.hash.hex(),
            transactions=head.transaction_count,
            gas=header.gas_used,
            round=round_number,
        )

    def _observe_interval(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._head_at is not None:
            self._interval.observe(now - self._head_at)
        self._head_at = now
