"""Drives the consensus: receive, step, make votes durable, perform the effects, again. It decides nothing.

Effects are performed in their order, and the next event waits for them, so that no message leaves before the votes
before it are durable. Work that takes long (building, checking) runs beside the loop and answers with an event;
everything that writes runs in one worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from itertools import islice
from typing import ParamSpec, TypeVar

import structlog

from chain_node.consensus.qbft import effects as fx
from chain_node.consensus.qbft import events as ev
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.header_rules import compute_base_fee
from chain_node.consensus.qbft.machine import event_of, step
from chain_node.consensus.qbft.record import encode_entry
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.consensus.qbft.signing import sign_message
from chain_node.consensus.qbft.state import State
from chain_node.core.errors import InvalidInputError
from chain_node.core.types import Block, Height
from chain_node.node.block_maker import BlockMaker, BuildOrder
from chain_node.node.chain import Chain
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.peer_network import PeerNetwork
from chain_node.node.timers import Timers
from chain_node.node.validators import Validators
from chain_node.node.votes import Votes
from chain_node.rpc import ChainBlock
from chain_node.storage import StoreFullError
from chain_node.txpool import Pool

_log = structlog.get_logger("consensus")
_FULL_DISK_RETRY_SECONDS = 2
_CANDIDATES_MAX = 5_000
"""Transactions looked at for one block; 60 Mgas hold 2,857 of the cheapest."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Driver:
    """One validator, or a node that follows. Everything it needs comes in; `run` ends by cancellation only."""

    def __init__(
        self,
        *,
        start: tuple[State, fx.Effects],
        chain: Chain,
        validators: Validators,
        maker: BlockMaker,
        pool: Pool,
        votes: Votes,
        private_key: bytes,
        network: PeerNetwork,
        evidence: EvidenceLog,
        heads: HeadEvents,
        clock_ms: Callable[[], int],
        build_budget_ms: int,
        worker: Executor,
    ) -> None:
        self._state, self._first_effects = start
        self._chain = chain
        self._validators = validators
        self._maker = maker
        self._pool = pool
        self._votes = votes
        self._private_key = private_key
        self._network = network
        self._evidence = evidence
        self._heads = heads
        self._clock_ms = clock_ms
        self._build_budget_ms = build_budget_ms
        self._worker = worker
        self._events: asyncio.Queue[ev.Event] = asyncio.Queue()
        self._timers = Timers(self._events.put_nowait, clock_ms, lambda: pool.has_executable)
        self.halt_reason: str | None = None
        """Why nothing is written at present; None while all is well."""

    async def run(self) -> None:
        """Perform the first effects, then serve events until cancelled."""
        effects = self._first_effects
        async with asyncio.TaskGroup() as group:
            while True:
                for effect in effects:
                    await self._perform(effect, group)
                self._state, effects = step(self._state, await self._events.get())

    @property
    def state(self) -> State:
        """What the machine knows between two events; frozen, so it may be read from any thread."""
        return self._state

    def on_transaction(self) -> None:
        """A transaction began to wait; it may be time for a block."""
        self._timers.on_transaction()

    async def _perform(self, effect: fx.Effect, group: asyncio.TaskGroup) -> None:
        match effect:
            case fx.PersistVote():
                await self._write(self._votes.append, encode_entry(effect.vote, effect.lock))
            case fx.SendToValidators():
                message = await self._in_worker(sign_message, self._private_key, effect.message)
                self._network.send_to_validators(message)
                self._events.put_nowait(event_of(message))
            case fx.StartBlockTimer() | fx.StartRoundTimer() | fx.StartResendTimer() | fx.StartCatchUpTimer():
                self._timers.start(effect)
            case fx.BuildBlock():
                group.create_task(self._build(effect))
            case fx.ValidateBlock():
                group.create_task(self._validate(effect))
            case fx.CommitBlock():
                await self._commit(effect.block)
            case fx.KeepSeal() | fx.SendLateSeal():
                pass  # a network of one validator has no seals that come late
            case fx.RejectMessage():
                self._heads.on_rejected(effect)
                _log.warning("message_rejected", author=effect.author.hex(), reason=effect.reason)
            case fx.RequestSync():
                self._network.request_blocks(effect.author, effect.height)
            case fx.RecordEvidence():
                self._evidence.add(effect.first, effect.second)

    async def _build(self, effect: fx.BuildBlock) -> None:
        base_fee = compute_base_fee(effect.parent, self._chain.genesis) or 0
        order = BuildOrder(
            parent=effect.parent,
            parent_hash=effect.parent_hash,
            timestamp=max(effect.timestamp_min, self._clock_ms() // 1000),
            extra_data=effect.extra_data,
            coinbase=self._state.identity,
            candidates=tuple(islice(self._pool.candidates(base_fee), _CANDIDATES_MAX)),
        )
        started_ms = self._clock_ms()
        stop_ms = started_ms + self._build_budget_ms
        built = await self._in_worker(self._maker.build, order, lambda: self._clock_ms() >= stop_ms)
        for transaction_hash, reason in built.refused:
            _log.info("transaction_dropped", transaction=transaction_hash.hex(), reason=reason)
        self._pool.drop(transaction_hash for transaction_hash, _ in built.refused)
        self._heads.on_built(built.block, self._clock_ms() - started_ms)
        self._events.put_nowait(ev.BlockBuilt(effect.height, effect.round, built.block))

    async def _validate(self, effect: fx.ValidateBlock) -> None:
        reason = None
        try:
            await self._in_worker(self._check, effect.block)
        except InvalidInputError as error:
            reason = str(error)
            self._heads.on_refused(effect.height, effect.round, effect.block.header.coinbase, reason)
        self._events.put_nowait(ev.BlockValidated(effect.height, effect.round, effect.digest, reason))

    def _check(self, block: Block) -> None:
        parent = self._chain.head()
        validators = self._validators.of(Height(parent.height + 1))
        self._maker.validate(block, parent.header, validators, now_seconds=self._clock_ms() // 1000)

    async def _commit(self, block: Block) -> None:
        added, imported = await self._write(self._import, block)
        self._pool.on_block(block.transactions)
        self._pool.expire(self._clock_ms())
        self._heads.on_head(added, self._chain.receipts(added))
        self._network.announce_block(block)
        self._events.put_nowait(imported)

    def _import(self, block: Block) -> tuple[ChainBlock, ev.BlockImported]:
        result = self._maker.execute(block, self._chain.head().header)
        added = self._chain.add(block, result)
        self._maker.forget()
        with suppress(StoreFullError):  # old votes only cost space; they go with a later block
            self._votes.forget_up_to(added.height)
        return added, head_event(added, self._validators, self._clock_ms())

    async def _write(self, write: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Write in the worker; while the disk is full, wait for room and write nothing else."""
        while True:
            try:
                result = await self._in_worker(write, *args, **kwargs)
            except StoreFullError as error:
                if self.halt_reason is None:
                    _log.error("disk_full", reason=str(error))
                self.halt_reason = str(error)
                await asyncio.sleep(_FULL_DISK_RETRY_SECONDS)
            else:
                if self.halt_reason is not None:
                    _log.info("disk_has_room_again")
                self.halt_reason = None
                return result

    async def _in_worker(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, lambda: work(*args, **kwargs))


def head_event(head: ChainBlock, validators: Validators, now_ms: int) -> ev.BlockImported:
    """What the machine is told of a block that is durable now."""
    header = head.header
    return ev.BlockImported(
        header=header,
        block_hash=head.hash,
        round=decode_extra_data(header.extra_data).round,
        sealers=recover_sealers(header) if header.number > 0 else (),
        validators=validators.after(head),
        is_tip=True,
        now_ms=now_ms,
    )
