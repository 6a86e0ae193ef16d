"""The driver on a real event loop: one validator, a store that can be full, a restart from the vote record."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.messages import COMMIT_CODE, PREPARE_CODE, PROPOSAL_CODE
from chain_node.core.codec import encode_block
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Block
from chain_node.node.assembly import assemble
from chain_node.node.chain import Chain, make_commit
from chain_node.node.clock import now_ms
from chain_node.node.driver import Workers
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.opening import make_engine
from chain_node.node.votes import Votes
from chain_node.rpc import SubscriptionHub
from chain_node.storage import BlockCommit, MemoryStore, StoreFullError
from chain_node.txpool import Pool
from tests.unit.rpc.memory_node import ECHO, VALIDATOR_KEY, genesis_text, sign


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread
        await asyncio.sleep(0.005)


class LimitedStore(MemoryStore):
    """A store in memory that has no room while `is_full`."""

    is_full = False
    refused = 0

    def commit_block(self, commit: BlockCommit) -> None:
        if self.is_full:
            self.refused += 1
            raise StoreFullError("memory", "full for the test")
        super().commit_block(commit)


class Stage:
    """A validator put together by hand; `play` runs it beside a scene."""

    def __init__(self, directory: Path, store: LimitedStore | None = None) -> None:
        fields: dict[str, Any] = json.loads(genesis_text(emptyblockperiodseconds=600))
        fields["config"]["qbft"]["xblockperiodmilliseconds"] = 20
        fields["timestamp"] = hex(now_ms() // 1000)
        genesis = parse_genesis(json.dumps(fields)) if store is None else store.genesis  # type: ignore[attr-defined]
        self.store = store or LimitedStore()
        engine = make_engine(genesis, self.store)
        if store is None:
            initial = engine.initialise(genesis.alloc)
            block = Block(genesis.build_header(initial.state_root), ())
            self.store.commit_block(make_commit(block, encode_block(block), block_hash(block.header), initial))
            self.store.genesis = genesis  # type: ignore[attr-defined]
        self.chain = Chain(genesis, self.store, engine)
        self.votes = Votes(directory / "votes.log")
        self.intake = Intake(self.chain, Pool(), now_ms, lambda _: self.driver.on_transaction())
        self.workers = Workers(chain=ThreadPoolExecutor(1), votes=ThreadPoolExecutor(1), decoding=ThreadPoolExecutor(1))
        self.driver = assemble(
            chain=self.chain,
            store=self.store,
            intake=self.intake,
            votes=self.votes,
            evidence=EvidenceLog(),
            heads=HeadEvents(self.intake, SubscriptionHub(), CollectorRegistry()),
            private_key=VALIDATOR_KEY,
            clock_ms=now_ms,
            build_budget_ms=400,
            workers=self.workers,
        ).driver

    def play(self, scene: Callable[["Stage"], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                driving = group.create_task(self.driver.run())
                await scene(self)
                driving.cancel()

        try:
            asyncio.run(run())
        finally:
            self.workers.chain.shutdown()
            self.workers.votes.shutdown()
            self.votes.close()

    async def wait_for_height(self, height: int) -> None:
        await until(lambda: self.chain.head().height >= height)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_blocks_are_made_on_demand_only(stage: Stage) -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.sleep(0.2)
        assert stage.chain.head().height == 0
        for nonce in range(2):
            stage.intake.submit(sign(ECHO, bytes(32), nonce=nonce))
            await stage.wait_for_height(nonce + 1)
        await asyncio.sleep(0.2)
        assert stage.chain.head().height == 2
        assert stage.chain.head().transaction_count == 1
        assert len(stage.intake.pool) == 0

    stage.play(scene)


def test_every_vote_of_a_height_was_recorded(stage: Stage, tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.intake.submit(sign(ECHO, bytes(32), nonce=0))
        await stage.wait_for_height(1)

    stage.play(scene)
    record = Votes(tmp_path / "votes.log").restore()
    assert record is not None
    assert [vote.kind for vote in record.votes] == [PROPOSAL_CODE, PREPARE_CODE, COMMIT_CODE]
    assert record.lock is not None
    assert record.lock.block.header.state_root == stage.chain.head().header.state_root


def test_full_store_halts_and_goes_on_when_there_is_room(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain_node.node.driver._FULL_DISK_RETRY_SECONDS", 0.02)

    async def scene(stage: Stage) -> None:
        stage.store.is_full = True
        stage.intake.submit(sign(ECHO, bytes(32), nonce=0))
        await until(lambda: stage.store.refused >= 3)
        assert stage.driver.halt_reason is not None
        assert "memory" in stage.driver.halt_reason
        assert stage.chain.head().height == 0
        stage.store.is_full = False
        await stage.wait_for_height(1)
        assert stage.driver.halt_reason is None

    stage.play(scene)


def test_block_that_was_decided_but_not_stored_is_the_same_after_a_restart(stage: Stage, tmp_path: Path) -> None:
    async def until_full(stage: Stage) -> None:
        stage.store.is_full = True
        stage.intake.submit(sign(ECHO, bytes(32), nonce=0))
        await until(lambda: stage.store.refused >= 1)

    stage.play(until_full)
    signed = Votes(tmp_path / "votes.log").restore()
    assert signed is not None
    assert signed.lock is not None
    stage.store.is_full = False

    async def until_stored(stage: Stage) -> None:
        await stage.wait_for_height(1)

    restarted = Stage(tmp_path, stage.store)
    restarted.play(until_stored)
    assert restarted.chain.head().hash == block_hash(signed.lock.block.header)
