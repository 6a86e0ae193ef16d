"""A workbench for single rules: a state of one of four validators, and messages of all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chain_node.consensus.qbft.effects import BuildBlock, Effect
from chain_node.consensus.qbft.events import BlockImported, BlockValidated, Event
from chain_node.consensus.qbft.extra_data import ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, proposal_digest, with_round
from chain_node.consensus.qbft.machine import event_of, step
from chain_node.consensus.qbft.messages import (
    PreparedMetadata,
    PreparePayload,
    Proposal,
    ProposalPayload,
    RoundChange,
    RoundChangePayload,
    SignedCommit,
    SignedPrepare,
    UnsignedCommit,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.record import VoteRecord
from chain_node.consensus.qbft.signing import sign_message
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.core.types import ZERO_HASH, Address, Block, Header
from tests.unit.consensus.network import build, genesis_of, imported, keys_by_address, with_vanity

KEYS = keys_by_address(4)
VALIDATORS = tuple(KEYS)
STRANGER = b"\x77" * 32
GENESIS = genesis_of(VALIDATORS)
ROOT = GENESIS.build_header(ZERO_HASH)


def key(index: int) -> bytes:
    return KEYS[VALIDATORS[index]]


def head(header: Header = ROOT) -> BlockImported:
    return imported(header, VALIDATORS, now_ms=10_000)


def state_of(index: int, record: VoteRecord | None = None) -> State:
    """Height 1, round 0, nothing happened."""
    return state_from_record(VALIDATORS[index], GENESIS.qbft, head(), record)[0]


def block_of(author: int, round_number: int = 0, *, vanity: bytes = bytes(32)) -> Block:
    """An empty block 1 by a validator."""
    extra = ExtraData(vanity=bytes(32), validators=VALIDATORS, vote=None, round=round_number, seals=())
    effect = BuildBlock(
        height=1,
        round=round_number,
        parent=ROOT,
        parent_hash=block_hash(ROOT),
        timestamp_min=1,
        extra_data=encode_extra_data(extra),
    )
    return with_vanity(build(effect, VALIDATORS[author], 10), vanity)


def prepare(author: int, block: Block, round_number: int = 0, **changes: Any) -> SignedPrepare:
    payload = PreparePayload(height=1, round=round_number, digest=proposal_digest(block))
    signed = sign_message(key(author), replace(payload, **changes))
    assert isinstance(signed, SignedPrepare)
    return signed


def commit(author: int, block: Block, round_number: int = 0, *, height: int = 1) -> SignedCommit:
    signed = sign_message(key(author), UnsignedCommit(height=height, round=round_number, digest=proposal_digest(block)))
    assert isinstance(signed, SignedCommit)
    return signed


def round_change(
    author: int,
    round_number: int,
    *,
    prepared: Block | None = None,
    prepared_round: int = 0,
    preparers: tuple[int, ...] = (0, 1, 2),
    height: int = 1,
    **changes: Any,
) -> RoundChange:
    metadata, block, prepares = None, None, ()
    if prepared is not None:
        block = with_round(prepared, prepared_round)
        metadata = PreparedMetadata(prepared_round, proposal_digest(block))
        prepares = tuple(prepare(one, block, prepared_round) for one in preparers)
    unsigned = UnsignedRoundChange(
        payload=RoundChangePayload(height=height, round=round_number, prepared=metadata),
        block=block,
        prepares=prepares,
    )
    signed = sign_message(key(author), replace(unsigned, **changes))
    assert isinstance(signed, RoundChange)
    return signed


def proposal(
    author: int,
    block: Block,
    round_number: int = 0,
    *,
    because: tuple[RoundChange, ...] = (),
    prepares: tuple[SignedPrepare, ...] = (),
    height: int = 1,
) -> Proposal:
    unsigned = UnsignedProposal(
        payload=ProposalPayload(height=height, round=round_number, block=block),
        round_changes=tuple(one.signed for one in because),
        prepares=prepares,
    )
    signed = sign_message(key(author), unsigned)
    assert isinstance(signed, Proposal)
    return signed


def run(state: State, *events: Event | Proposal | SignedPrepare | SignedCommit | RoundChange) -> State:
    """The state after these events; messages become events, and accepted blocks are found valid."""
    for event in events:
        state = act(state, event)[0]
    return state


def act(
    state: State, event: Event | Proposal | SignedPrepare | SignedCommit | RoundChange
) -> tuple[State, tuple[Effect, ...]]:
    is_message = isinstance(event, Proposal | SignedPrepare | SignedCommit | RoundChange)
    return step(state, event_of(event) if is_message else event)


def validated(block: Block, round_number: int = 0, *, reason: str | None = None) -> BlockValidated:
    return BlockValidated(1, round_number, proposal_digest(block), reason)


def of_kind(effects: tuple[Effect, ...], *kinds: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kinds)]


def authors(*indexes: int) -> list[Address]:
    return [VALIDATORS[index] for index in indexes]
