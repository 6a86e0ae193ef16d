"""The hashes of a block. No I/O.

Two hashes of one header, which differ in what they see of extraData:

- block hash: round 0, no seals. Parent hash, RPC, BLOCKHASH.
- seal hash: the real round, no seals. Validators sign it to commit; it is also the digest that Prepare, Commit
  and RoundChange carry, with the round of the proposal in the header (as Besu from 24.12 on).

Vanity, validators and vote count in both. The keccak of the whole header with its seals is used for nothing.

Source: Besu BftBlockHashing; GoQuorum Header.Hash and QBFTHashWithRoundNumber.
"""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.extra_data import ExtraData, decode_extra_data, encode_extra_data
from chain_node.core.codec import encode_header
from chain_node.core.hashing import keccak
from chain_node.core.types import Block, Hash32, Header, Round


def block_hash(header: Header) -> Hash32:
    """Identity of a block, the same whatever round it was committed in and whoever sealed it.

    The extraData of block 0 is hashed as it stands.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    if header.number == 0:
        return keccak(encode_header(header))
    extra = decode_extra_data(header.extra_data)
    return _hash_with(header, replace(extra, round=Round(0), seals=()))


def seal_hash(header: Header) -> Hash32:
    """What a commit seal signs, and the digest of a proposal: the round counts, the seals do not.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    extra = decode_extra_data(header.extra_data)
    return _hash_with(header, replace(extra, seals=()))


def proposal_digest(block: Block) -> Hash32:
    """The digest under which validators speak of a proposed block.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    return seal_hash(block.header)


def with_round(block: Block, round_number: Round) -> Block:
    """The block as proposed in another round: only the round in extraData changes, not the coinbase.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    extra = replace(decode_extra_data(block.header.extra_data), round=round_number, seals=())
    return _with_extra(block, extra)


def with_seals(block: Block, round_number: Round, seals: tuple[bytes, ...]) -> Block:
    """The block as committed: with the round of commitment and its seals.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    extra = replace(decode_extra_data(block.header.extra_data), round=round_number, seals=seals)
    return _with_extra(block, extra)


def _with_extra(block: Block, extra: ExtraData) -> Block:
    return Block(replace(block.header, extra_data=encode_extra_data(extra)), block.transactions)


def _hash_with(header: Header, extra: ExtraData) -> Hash32:
    return keccak(encode_header(replace(header, extra_data=encode_extra_data(extra))))
