"""Drives the consensus: receive, step, make votes durable, perform the effects, again. It decides nothing.

Effects are performed in their order, and the next event waits for them, so that no message leaves before the votes
before it are durable. Blocks of peers come in through the same queue, so that consensus and sync never race. Work that
takes long (building, checking) runs beside the loop and answers with an event. What touches the chain runs in one
worker thread, votes are written in another: no vote waits for an execution.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import ParamSpec, TypeVar

import structlog

from chain_node.consensus.qbft import effects as fx
from chain_node.consensus.qbft import events as ev
from chain_node.consensus.qbft.errors import EarlyBlockError
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.header_rules import compute_base_fee
from chain_node.consensus.qbft.machine import event_of, step
from chain_node.consensus.qbft.messages import Message
from chain_node.consensus.qbft.record import encode_entry
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.consensus.qbft.signing import sign_message
from chain_node.consensus.qbft.state import State
from chain_node.core.crypto import sign_digest
from chain_node.core.errors import InvalidInputError, UnavailableError
from chain_node.core.types import Address, Block
from chain_node.node.block_maker import BlockMaker, BuildOrder
from chain_node.node.chain import Chain
from chain_node.node.conflict import describe_conflict, validate_conflict
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.importer import Importer
from chain_node.node.peer_network import NoPeers, PeerNetwork
from chain_node.node.seal_table import SealTable
from chain_node.node.timers import Timer, Timers
from chain_node.node.validators import Validators
from chain_node.node.votes import Votes
from chain_node.rpc import ChainBlock
from chain_node.storage import StoreFullError
from chain_node.txpool import Pool

_log = structlog.get_logger("consensus")
_FULL_DISK_RETRY_SECONDS = 2
_CANDIDATES_MAX = 20_000
"""Transactions looked at for one block; 400 Mgas hold 19,047 of the cheapest."""

_MESSAGES_MAX = 10_000
"""Messages of peers that wait; more are dropped, and said again by their authors."""

_BAD_MESSAGE_PENALTY = 10

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _ImportOrder:
    """Blocks of a peer, waiting for their turn."""

    blocks: tuple[Block, ...]
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Threads, one each, for what must not stop the event loop."""

    chain: Executor
    """Executes, and writes to the store."""
    votes: Executor
    """Writes the vote record and the evidence."""
    decoding: Executor
    """Decodes what peers and clients send, when it is much."""


class Driver:
    """One validator, or a node that follows. Everything it needs comes in; `run` ends by cancellation only."""

    def __init__(
        self,
        *,
        start: tuple[State, fx.Effects],
        chain: Chain,
        validators: Validators,
        maker: BlockMaker,
        importer: Importer,
        seals: SealTable,
        pool: Pool,
        votes: Votes,
        private_key: bytes,
        evidence: EvidenceLog,
        heads: HeadEvents,
        clock_ms: Callable[[], int],
        build_budget_ms: int,
        workers: Workers,
    ) -> None:
        self._state, self._first_effects = start
        self._chain = chain
        self._validators = validators
        self._maker = maker
        self._importer = importer
        self._seals = seals
        self._pool = pool
        self._votes = votes
        self._private_key = private_key
        self._network: PeerNetwork = NoPeers()
        self._evidence = evidence
        self._heads = heads
        self._clock_ms = clock_ms
        self._build_budget_ms = build_budget_ms
        self._workers = workers
        self._events: asyncio.Queue[ev.Event | _ImportOrder] = asyncio.Queue()
        self._timers = Timers(self._events.put_nowait, clock_ms, lambda: pool.has_executable)
        self._conflict = describe_conflict(evidence)
        self._full_disk: str | None = None

    @property
    def halt_reason(self) -> str | None:
        """Why nothing is written at present; None while all is well. After a conflict it stays."""
        return self._conflict or self._full_disk

    @property
    def state(self) -> State:
        """What the machine knows between two events; frozen, so it may be read from any thread."""
        return self._state

    @property
    def network(self) -> PeerNetwork:
        """The other nodes."""
        return self._network

    def join(self, network: PeerNetwork) -> None:
        """Talk to these other nodes from now on. Called before `run`."""
        self._network = network

    async def run(self) -> None:
        """Perform the first effects, then serve events until cancelled."""
        effects = self._first_effects
        async with asyncio.TaskGroup() as group:
            while True:
                for effect in effects:
                    if self._conflict is None:
                        await self._perform(effect, group)
                effects = await self._next_effects()

    def on_transaction(self) -> None:
        """A transaction began to wait; it may be time for a block."""
        self._timers.on_transaction()

    async def decode(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Decode something large beside the event loop."""
        return await self._in_worker(self._workers.decoding, work, *args, **kwargs)

    def on_message(self, message: Message) -> None:
        """A message of another validator, its author recovered."""
        if self._events.qsize() < _MESSAGES_MAX:
            self._events.put_nowait(event_of(message))

    def on_links_changed(self, validators: tuple[Address, ...]) -> None:
        """The validators with a live link now, ascending."""
        self._events.put_nowait(ev.LinksChanged(validators))

    async def import_blocks(self, blocks: Sequence[Block]) -> None:
        """Verify, execute and add blocks that follow the head, in order; those up to the head are skipped.

        Raises:
            InvalidInputError: one of them breaks a rule; those before it were added.
            UnavailableError: the chain has forked and nothing is added any more.
        """
        done = asyncio.get_running_loop().create_future()
        self._events.put_nowait(_ImportOrder(tuple(blocks), done))
        await done

    def on_conflict(self, theirs: Block) -> None:
        """Stop for good when two blocks of one height are decided: keep both, sign nothing more.

        Raises:
            InvalidBlockError: their block proves nothing.
        """
        ours = self._chain.block_at(theirs.header.number)
        if ours is None:
            return
        validate_conflict(ours, theirs, self._validators.of(ours.height))
        self._evidence.add_conflict(Block(ours.header, ours.transactions()), theirs)
        self._conflict = describe_conflict(self._evidence)
        _log.critical("chain_forked", height=ours.height, reason=self._conflict)

    async def _next_effects(self) -> fx.Effects:
        event = await self._events.get()
        if isinstance(event, _ImportOrder):
            await self._import_blocks(event)
            return ()
        if self._conflict is not None:
            return ()
        self._state, effects = step(self._state, event)
        return effects

    async def _perform(self, effect: fx.Effect, group: asyncio.TaskGroup) -> None:
        match effect:
            case fx.PersistVote():
                with self._heads.vote_seconds.time():
                    await self._write(self._workers.votes, self._votes.append, encode_entry(effect.vote, effect.lock))
            case fx.SendToValidators():
                message = sign_message(self._private_key, effect.message)
                self._network.send_to_validators(message)
                self._events.put_nowait(event_of(message))
            case fx.StartBlockTimer() | fx.StartRoundTimer() | fx.StartResendTimer() | fx.StartCatchUpTimer():
                self._start_timer(effect)
            case fx.BuildBlock():
                group.create_task(self._build(effect))
            case fx.ValidateBlock():
                group.create_task(self._validate(effect))
            case fx.CommitBlock():
                await self._commit(effect.block)
            case fx.KeepSeal():
                self._seals.add_commit(effect.commit)
            case fx.SendLateSeal():
                await self._seal_late(effect)
            case fx.RejectMessage():
                self._reject(effect)
            case fx.RequestSync():
                self._network.request_blocks(effect.author, effect.height)
            case fx.RecordEvidence():
                await self._in_worker(self._workers.votes, self._evidence.add, effect.first, effect.second)

    def _start_timer(self, effect: Timer) -> None:
        if isinstance(effect, fx.StartRoundTimer):
            self._heads.on_round(effect.height, effect.round)
        self._timers.start(effect)

    def _reject(self, effect: fx.RejectMessage) -> None:
        self._heads.on_rejected(effect)
        if effect.is_fault:
            _log.warning("message_rejected", author=effect.author.hex(), reason=effect.reason)
            self._network.punish_validator(effect.author, effect.reason, _BAD_MESSAGE_PENALTY)
        else:
            _log.debug("message_late", author=effect.author.hex(), reason=effect.reason)

    async def _build(self, effect: fx.BuildBlock) -> None:
        await asyncio.sleep(max(0, effect.timestamp_min * 1000 - self._clock_ms()) / 1000)
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
        built = await self._in_worker(
            self._workers.chain, self._maker.build, order, lambda: self._clock_ms() >= stop_ms
        )
        for transaction_hash, reason in built.refused:
            _log.info("transaction_dropped", transaction=transaction_hash.hex(), reason=reason)
        self._pool.drop(transaction_hash for transaction_hash, _ in built.refused)
        self._heads.on_built(built.block, self._clock_ms() - started_ms)
        self._events.put_nowait(ev.BlockBuilt(effect.height, effect.round, built.block))

    async def _validate(self, effect: fx.ValidateBlock) -> None:
        reason, is_fault = None, True
        try:
            now_seconds = self._clock_ms() // 1000
            with self._heads.check_seconds.time():
                await self._in_worker(self._workers.chain, self._importer.check_proposal, effect.block, now_seconds)
        except InvalidInputError as error:
            if self._chain.head().height >= effect.height:
                return  # decided meanwhile by what others said; nobody needs the answer
            reason, is_fault = str(error), not isinstance(error, EarlyBlockError)
            self._heads.on_refused(effect.height, effect.round, effect.block.header.coinbase, reason)
        self._events.put_nowait(ev.BlockValidated(effect.height, effect.round, effect.digest, reason, is_fault))

    async def _commit(self, block: Block) -> None:
        if block.header.number <= self._chain.head().height:
            return  # it has come from a peer meanwhile
        with self._heads.import_seconds.time():
            added = await self._write(self._workers.chain, self._importer.add_decided, block)
        self._on_added(added, is_tip=True)
        if self._votes.has_grown:
            with suppress(StoreFullError):  # old votes only cost space; they go with a later block
                await self._in_worker(self._workers.votes, self._votes.forget_up_to, added.height)

    async def _import_blocks(self, order: _ImportOrder) -> None:
        try:
            for block in order.blocks:
                if self._conflict is not None:
                    raise UnavailableError(f"the next block ({self._conflict})")
                if block.header.number > self._chain.head().height:
                    added = await self._write(self._workers.chain, self._importer.verify_and_add, block)
                    self._on_added(added, is_tip=block is order.blocks[-1])
        except (InvalidInputError, UnavailableError) as error:
            if not order.done.done():
                order.done.set_exception(error)
        else:
            if not order.done.done():
                order.done.set_result(None)

    def _on_added(self, added: ChainBlock, *, is_tip: bool) -> None:
        self._pool.on_block(added.transactions())
        self._pool.expire(self._clock_ms())
        self._seals.on_head()
        self._heads.on_head(added, self._chain.receipts)
        self._events.put_nowait(head_event(added, self._validators, self._clock_ms(), is_tip=is_tip))
        self._network.on_head()

    async def _seal_late(self, effect: fx.SendLateSeal) -> None:
        seal = sign_digest(self._private_key, effect.digest)
        own = await self._write(
            self._workers.chain, self._seals.add_own, effect.height, effect.round, self._state.identity, seal
        )
        self._network.announce_seals([own])

    async def _write(self, worker: Executor, write: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Write in a worker; while the disk is full, wait for room and write nothing else."""
        while True:
            try:
                result = await self._in_worker(worker, write, *args, **kwargs)
            except StoreFullError as error:
                if self._full_disk is None:
                    _log.error("disk_full", reason=str(error))
                self._full_disk = str(error)
                await asyncio.sleep(_FULL_DISK_RETRY_SECONDS)
            else:
                if self._full_disk is not None:
                    _log.info("disk_has_room_again")
                self._full_disk = None
                return result

    async def _in_worker(self, worker: Executor, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(worker, lambda: work(*args, **kwargs))


def head_event(head: ChainBlock, validators: Validators, now_ms: int, *, is_tip: bool = True) -> ev.BlockImported:
    """What the machine is told of a block that is durable now."""
    header = head.header
    return ev.BlockImported(
        header=header,
        block_hash=head.hash,
        round=decode_extra_data(header.extra_data).round,
        sealers=recover_sealers(header) if header.number > 0 else (),
        validators=validators.after(head),
        is_tip=is_tip,
        now_ms=now_ms,
    )
