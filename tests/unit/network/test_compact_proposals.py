"""Proposals that name their transactions: put together from what a node holds, completed by questions."""

import asyncio
from dataclasses import replace

import pytest

from chain_node.consensus.qbft.messages import Proposal, ProposalPayload, UnsignedProposal
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.codec import decode_transaction
from chain_node.core.types import Block, Height, Round, Transaction
from chain_node.network.frames import ConsensusMessage, Frame
from chain_node.network.misdeeds import MISDEED_POINTS_MAX
from chain_node.network.proposal_frames import CompactProposal, GetProposalTransactions, ProposalTransactions
from tests.unit.network.memory_link import MemoryLink
from tests.unit.network.plain_node import GENESIS, VALIDATOR_KEY, PlainNode, block_hash, join, make_block, make_nodes
from tests.unit.network.quick_loop import play
from tests.unit.rpc.memory_node import ECHO, sign

TRANSACTIONS = tuple(decode_transaction(sign(ECHO, nonce=nonce)) for nonce in range(12))


def make_proposal(transactions: tuple[Transaction, ...] = TRANSACTIONS, *, height: int = 1) -> Proposal:
    header = make_block(block_hash(GENESIS.header), height).header
    payload = ProposalPayload(height=Height(height), round=Round(0), block=Block(header, transactions))
    message = sign_message(VALIDATOR_KEY, UnsignedProposal(payload=payload, round_changes=(), prepares=()))
    assert isinstance(message, Proposal)
    return message


def know(node: PlainNode, transactions: tuple[Transaction, ...]) -> None:
    node.known |= {transaction.hash: transaction for transaction in transactions}


def compact(proposal: Proposal) -> CompactProposal:
    frame = make_nodes(1)[0].peers.proposals.frame_of(proposal)
    assert isinstance(frame, CompactProposal)
    return frame


def sent(link: MemoryLink, kind: type[Frame]) -> list[Frame]:
    return [frame for frame in link.sent if isinstance(frame, kind)]


def test_proposal_whose_transactions_are_known_travels_as_hashes() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        know(two, TRANSACTIONS)
        to_two, to_one = join(one, two)
        one.peers.send_to_validators(make_proposal())
        await asyncio.sleep(0.1)
        assert two.messages == [make_proposal()]
        assert len(sent(to_two, CompactProposal)) == 1
        assert sent(to_two, ConsensusMessage) == sent(to_one, GetProposalTransactions) == []

    play(scene())


def test_small_proposal_travels_whole() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, _ = join(one, two)
        one.peers.send_to_validators(make_proposal(TRANSACTIONS[:3]))
        await asyncio.sleep(0.1)
        assert two.messages == [make_proposal(TRANSACTIONS[:3])]
        assert sent(to_two, CompactProposal) == []

    play(scene())


def test_missing_transactions_are_asked_for_by_position() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        know(two, TRANSACTIONS[1:7])
        to_two, to_one = join(one, two)
        one.peers.send_to_validators(make_proposal())
        await asyncio.sleep(0.1)
        (question,) = sent(to_one, GetProposalTransactions)
        assert isinstance(question, GetProposalTransactions)
        assert question.indices == (0, 7, 8, 9, 10, 11)
        (answer,) = sent(to_two, ProposalTransactions)
        assert answer == ProposalTransactions(question.number, tuple(TRANSACTIONS[i].raw for i in question.indices))
        assert two.messages == [make_proposal()]

    play(scene())


def test_proposal_is_passed_on_compact_and_whoever_misses_something_asks_the_one_who_passed_it_on() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        know(two, TRANSACTIONS)
        join(one, two)
        to_three, to_two = join(two, three)
        await asyncio.sleep(0.3)
        one.peers.send_to_validators(make_proposal())
        await asyncio.sleep(0.1)
        assert three.messages == [make_proposal()]
        assert (len(sent(to_three, CompactProposal)), len(sent(to_two, GetProposalTransactions))) == (1, 1)

    play(scene())


def test_peer_that_does_not_answer_is_asked_for_the_whole_and_then_the_next_one() -> None:
    async def scene() -> None:
        one, silent, honest = make_nodes(3)
        to_silent, to_one = join(one, silent)
        to_honest, honest_to_one = join(one, honest)
        honest.peers.proposals.frame_of(make_proposal())
        frame = compact(make_proposal())
        silent.peers.proposals.on_question = lambda peer, frame: None  # type: ignore[method-assign]
        to_one.send(frame)
        honest_to_one.send(frame)
        await asyncio.sleep(2)
        questions = [question.indices for question in to_silent.sent if isinstance(question, GetProposalTransactions)]
        assert questions == [tuple(range(12)), ()]
        assert [q.indices for q in to_honest.sent if isinstance(q, GetProposalTransactions)] == [()]
        assert one.messages == [make_proposal()]

    play(scene())


@pytest.mark.parametrize(
    ("answer", "penalties"),
    [
        pytest.param(TRANSACTIONS[:11], 1, id="too few"),
        pytest.param((*TRANSACTIONS[1:], TRANSACTIONS[0]), 1, id="in another order"),
        pytest.param((), 0, id="has it no more"),
    ],
)
def test_answer_that_is_none_costs_what_it_must_and_the_proposal(
    answer: tuple[Transaction, ...], penalties: int
) -> None:
    async def scene() -> None:
        one, liar = make_nodes(2)
        to_liar, to_one = join(one, liar)
        liar.peers.proposals.on_question = lambda peer, frame: peer.link.send(  # type: ignore[method-assign]
            ProposalTransactions(frame.number, tuple(transaction.raw for transaction in answer))
        )
        to_one.send(compact(make_proposal()))
        await asyncio.sleep(1)
        assert one.messages == []
        assert to_liar.misdeed_points == MISDEED_POINTS_MAX * penalties

    play(scene())


def test_whole_proposal_ends_the_search_for_its_transactions() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        two.peers.proposals.on_question = lambda peer, frame: None  # type: ignore[method-assign]
        to_one.send(compact(make_proposal()))
        to_one.send(ConsensusMessage.of(make_proposal()))
        await asyncio.sleep(2)
        assert one.messages == [make_proposal()]
        assert len(sent(to_two, GetProposalTransactions)) == 1

    play(scene())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda frame: replace(frame, header=b"\xc0"), id="no header"),
        pytest.param(lambda frame: replace(frame, height=Height(2)), id="another height"),
        pytest.param(lambda frame: replace(frame, signature=bytes(65)), id="no signature"),
        pytest.param(lambda frame: replace(frame, justification=b"\xc0"), id="no justification"),
    ],
)
def test_malformed_compact_proposal_is_a_misdeed(spoil: object) -> None:
    async def scene() -> None:
        one, liar = make_nodes(2)
        know(one, TRANSACTIONS)
        to_liar, to_one = join(one, liar)
        assert callable(spoil)
        to_one.send(spoil(compact(make_proposal())))
        await asyncio.sleep(0.1)
        assert (one.messages, len(to_liar.misdeeds)) == ([], 1)

    play(scene())


@pytest.mark.parametrize("height", [0, 11])
def test_compact_proposal_of_a_height_that_is_of_no_use_is_dropped(height: int) -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        to_one.send(compact(make_proposal(height=height)))
        await asyncio.sleep(0.1)
        assert sent(to_two, GetProposalTransactions) == to_two.misdeeds == []

    play(scene())


def test_questions_about_one_proposal_are_bounded_and_must_fit_it() -> None:
    async def scene() -> None:
        one, curious = make_nodes(2)
        to_curious, to_one = join(one, curious)
        one.peers.send_to_validators(make_proposal())
        signature = make_proposal().signature
        to_one.send(GetProposalTransactions(number=1, signature=signature, indices=(12,)))
        await asyncio.sleep(0.1)
        assert len(to_curious.misdeeds) == 1
        to_one.send(GetProposalTransactions(number=2, signature=bytes(65), indices=(0,)))
        await asyncio.sleep(0.1)
        assert to_curious.sent[-1] == ProposalTransactions(2, ())
        to_curious.sent.clear()
        for number in range(3, 9):
            to_one.send(GetProposalTransactions(number=number, signature=signature, indices=(0,)))
        await asyncio.sleep(0.1)
        assert [frame.number for frame in sent(to_curious, ProposalTransactions)] == [3]
        one.peers.send_to_validators(make_proposal())
        to_one.send(GetProposalTransactions(number=9, signature=signature, indices=(0,)))
        await asyncio.sleep(0.1)
        assert [frame.number for frame in sent(to_curious, ProposalTransactions)] == [3, 9]
        assert len(to_curious.misdeeds) == 1

    play(scene())


def test_unasked_transactions_of_a_proposal_are_a_misdeed() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        to_one.send(ProposalTransactions(7, (TRANSACTIONS[0].raw,)))
        await asyncio.sleep(0.1)
        assert len(to_two.misdeeds) == 1

    play(scene())


def test_peer_holds_few_unfinished_proposals() -> None:
    async def scene() -> None:
        one, liar = make_nodes(2)
        _, to_one = join(one, liar)
        liar.peers.proposals.on_question = lambda peer, frame: None  # type: ignore[method-assign]
        for count in range(8, 12):
            to_one.send(compact(make_proposal(TRANSACTIONS[:count])))
        await asyncio.sleep(0.1)
        assert len(one.peers.proposals._pending) == 2
        await asyncio.sleep(2)
        assert len(one.peers.proposals._pending) == 0

    play(scene())
