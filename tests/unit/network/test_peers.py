"""Who comes in, what is passed on, which links are live."""

import asyncio
from dataclasses import replace

import pytest

from chain_node.consensus.qbft.messages import PreparePayload
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.crypto import address_of
from chain_node.core.types import Hash32, Height, Round
from chain_node.network.frames import (
    Blocks,
    ConsensusMessage,
    GetBlocks,
    Goodbye,
    LateSeal,
    LateSeals,
    Ping,
    Status,
    Transactions,
)
from tests.unit.network.plain_node import BAD_TRANSACTION, VALIDATOR_KEY, PlainNode, join, make_nodes, record_of
from tests.unit.network.quick_loop import play


def prepare(key: bytes = VALIDATOR_KEY, height: int = 1) -> ConsensusMessage:
    payload = PreparePayload(height=Height(height), round=Round(0), digest=Hash32(b"\x05" * 32))
    return ConsensusMessage.of(sign_message(key, payload))


def late_seal() -> LateSeal:
    return LateSeal(height=Height(1), block_hash=Hash32(b"\x05" * 32), round=Round(0), seal=b"\x06" * 65)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 1}, "wrong protocol version: got 1, expected 2"),
        ({"chain_id": 8}, "wrong chain id: got 8, expected 7"),
        ({"genesis_hash": Hash32(b"\x02" * 32)}, "wrong genesis: got 0202"),
    ],
)
def test_node_of_another_network_is_told_what_differs(change: dict[str, object], reason: str) -> None:
    one, two = make_nodes(2)
    refusal = one.peers.judge(two.key, replace(two.peers.make_hello(), **change))  # type: ignore[arg-type]
    assert isinstance(refusal, Goodbye)
    assert refusal.reason.startswith(reason)


def test_member_comes_in_with_its_record() -> None:
    one, two = make_nodes(2)
    assert one.peers.judge(two.key, two.peers.make_hello()) == record_of(1)


def test_stranger_is_refused_by_the_newest_state() -> None:
    async def scene() -> None:
        one, stranger = make_nodes(1)[0], PlainNode(5)
        refusal = one.peers.judge(stranger.key, stranger.peers.make_hello())
        assert isinstance(refusal, Goodbye)
        assert refusal.reason == f"TLS key {stranger.key.hex()} is in no member's node record at block 0"
        stranger.grow(1)
        assert one.peers.judge(stranger.key, stranger.peers.make_hello()) is None

    play(scene())


def test_node_refuses_itself() -> None:
    (one,) = make_nodes(1)
    assert one.peers.judge(one.key, one.peers.make_hello()) == Goodbye("this is the node itself")


def test_stranger_that_is_ahead_serves_blocks_and_nothing_else_is_said_to_it() -> None:
    async def scene() -> None:
        one, newer = make_nodes(1)[0], PlainNode(5, (record_of(0), record_of(5)))
        one.waiting, one.seals = (b"transaction",), (late_seal(),)
        newer.grow(3)
        to_newer, to_one = join(one, newer)
        to_one.send(prepare())
        to_one.send(Transactions((b"theirs",)))
        to_one.send(LateSeals((late_seal(),)))
        to_one.send(GetBlocks(1, Height(0), 1))
        one.peers.announce_transactions([b"another"])
        await asyncio.sleep(0.2)
        assert (one.messages, one.transactions, one.heard_seals, one.link_changes) == ([], [], [], [])
        assert {type(frame) for frame in to_newer.sent} <= {Status, GetBlocks, Ping}
        assert to_one.misdeeds == to_newer.misdeeds == []

    play(scene())


def test_stranger_that_turns_out_a_member_becomes_one_at_the_next_head() -> None:
    async def scene() -> None:
        one, newer = make_nodes(1)[0], PlainNode(5, (record_of(0), record_of(5)))
        one.waiting = (b"transaction",)
        newer.grow(1)
        to_newer, _ = join(one, newer)
        one.records = (record_of(0), record_of(5))
        one.grow(1)
        await asyncio.sleep(0.1)
        assert one.link_changes == [(record_of(5).validator,)]
        assert newer.transactions == [b"transaction"]
        assert one.peers.views()[0].record == record_of(5)
        assert to_newer.is_open

    play(scene())


def test_stranger_is_sent_away_when_this_node_has_its_height() -> None:
    async def scene() -> None:
        one, stranger = make_nodes(1)[0], PlainNode(5, (record_of(0), record_of(5)))
        stranger.grow(1)
        to_stranger, _ = join(one, stranger)
        one.grow(1)
        assert not to_stranger.is_open
        assert one.peers.views() == ()

    play(scene())


def test_removed_record_costs_the_link_at_the_next_head() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, _ = join(one, two)
        one.records = (record_of(0),)
        assert to_two.is_open
        one.grow(1)
        assert to_two.goodbye is not None
        assert "is in no member's node record at block 1" in to_two.goodbye.reason
        assert one.link_changes == [(record_of(1).validator,), ()]

    play(scene())


@pytest.mark.parametrize("first_dials", [True, False])
def test_of_two_links_both_sides_keep_the_same(first_dials: bool) -> None:
    async def scene() -> None:
        nodes = make_nodes(2)
        one, two = nodes if first_dials else reversed(nodes)
        older, newer = join(one, two), join(two, one)
        await asyncio.sleep(0.1)
        kept = [ends for ends in (older, newer) if ends[0].is_open]
        assert len(kept) == 1
        assert kept[0][1].is_open
        dialler = one if kept[0] is older else two
        assert dialler.key == min(one.key, two.key)
        assert [len(node.peers.views()) for node in (one, two)] == [1, 1]
        assert [node.link_changes[-1] for node in (one, two)] == [
            (record_of(two.index).validator,),
            (record_of(one.index).validator,),
        ]

    play(scene())


def test_dead_link_gives_way_to_a_new_one() -> None:
    async def scene() -> None:
        one, two = sorted(make_nodes(2), key=lambda node: node.key)
        old, old_end = join(one, two)
        old.is_cut = old_end.is_cut = True
        await asyncio.sleep(2.0)
        new, _ = join(two, one)
        assert new.is_open
        assert not old.is_open

    play(scene())


def test_silent_link_is_not_live_after_a_second_and_a_half() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        await asyncio.sleep(10)
        assert one.link_changes == [(record_of(1).validator,)]
        to_one.is_cut = True
        await asyncio.sleep(1.2)
        assert len(one.link_changes) == 1
        await asyncio.sleep(1.1)
        assert one.link_changes[1:] == [()]
        assert to_two.is_open
        to_one.is_cut = False
        await asyncio.sleep(0.6)
        assert one.link_changes[2:] == [(record_of(1).validator,)]

    play(scene())


def test_validator_that_is_far_behind_does_not_count_until_it_has_caught_up() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        one.grow(50)
        join(one, two)
        assert one.link_changes == []
        await asyncio.sleep(1)
        assert two.height == 50
        assert one.link_changes == [(record_of(1).validator,)]
        one.grow(2)
        assert len(one.link_changes) == 1
        one.grow(1)
        assert one.link_changes[1:] == [()]

    play(scene())


def test_vote_for_the_next_height_shows_that_a_validator_keeps_up() -> None:
    async def scene() -> None:
        key = b"\x09" * 32
        one, two = make_nodes(2)
        one.records = (record_of(0), replace(record_of(1), validator=address_of(key)))
        _, to_one = join(one, two)
        one.grow(3)
        assert one.link_changes == [(address_of(key),), ()]
        to_one.send(prepare(key))
        await asyncio.sleep(0.01)
        one.grow(0)
        assert one.link_changes[2:] == [(address_of(key),)]

    play(scene())


def test_link_on_which_nothing_comes_is_closed() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        to_one.is_cut = True
        await asyncio.sleep(16)
        assert to_two.goodbye == Goodbye("nothing came for 15 s")
        assert one.peers.views() == ()

    play(scene())


def test_consensus_message_is_passed_on_once_to_those_it_has_not_reached() -> None:
    async def scene() -> None:
        one, two, three, four = make_nodes(4)
        join(one, two), join(two, three), join(one, four), join(two, four)
        await asyncio.sleep(0.3)  # each has told the others whom it is linked with
        message = prepare()
        for peer in one.peers._members():
            peer.link.send(message)
        await asyncio.sleep(0.3)
        assert [len(node.messages) for node in (one, two, three, four)] == [0, 1, 1, 1]
        assert two.messages[0].author == address_of(VALIDATOR_KEY)

    play(scene())


def test_message_that_is_said_again_counts_again() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, _ = join(one, two)
        for _ in range(3):
            to_two.send(prepare())
        await asyncio.sleep(2)
        to_two.send(prepare())
        await asyncio.sleep(0.1)
        assert len(two.messages) == 2

    play(scene())


def test_message_that_cannot_be_read_is_a_misdeed_and_goes_no_further() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        to_two, _ = join(one, two)
        join(two, three)
        to_two.send(ConsensusMessage(0x13, b"\xc0"))
        await asyncio.sleep(0.1)
        assert two.messages == three.messages == []
        assert len(to_two.other.misdeeds) == 1

    play(scene())


def test_message_signed_with_a_key_of_nobody_is_a_misdeed_of_who_sends_it() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        to_two, to_one = join(one, two)
        join(two, three)
        to_two.send(prepare(b"\x66" * 32))
        await asyncio.sleep(0.1)
        assert two.messages == three.messages == []
        assert len(to_one.misdeeds) == 1

    play(scene())


def test_message_for_a_height_far_ahead_may_be_of_a_validator_not_known_yet() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        to_two, to_one = join(one, two)
        join(two, three)
        to_two.send(prepare(b"\x66" * 32, height=2))
        await asyncio.sleep(0.1)
        assert (len(two.messages), to_one.misdeeds) == (1, [])
        assert three.messages == [], "who cannot judge it does not pass it on"

    play(scene())


def test_transactions_leave_in_batches_and_are_passed_on_where_they_are_new() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        to_two, _ = join(one, two)
        join(two, three)
        await asyncio.sleep(0.3)
        for number in range(40):
            one.peers.announce_transactions([b"%d" % number])
        await asyncio.sleep(0.1)
        assert [frame for frame in to_two.sent if isinstance(frame, Transactions)] == [
            Transactions(tuple(b"%d" % number for number in range(40)))
        ]
        assert two.transactions == three.transactions == [b"%d" % number for number in range(40)]

    play(scene())


def test_bad_transaction_is_a_misdeed() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        to_two.send(Transactions((BAD_TRANSACTION, b"good")))
        await asyncio.sleep(0.1)
        assert two.transactions == []
        assert len(to_one.misdeeds) == 1

    play(scene())


def test_new_link_brings_seals_and_waiting_transactions() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        one.waiting, one.seals = (b"a", b"b"), (late_seal(),)
        join(one, two)
        await asyncio.sleep(0.1)
        assert (two.transactions, two.heard_seals) == ([b"a", b"b"], [late_seal()])

    play(scene())


def test_blocks_are_given_as_far_as_there_are_any() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        two.grow(5)
        _, to_one = join(one, two)
        two.peers.on_frame(to_one, GetBlocks(77, Height(4), 64))
        two.peers.on_frame(to_one, GetBlocks(78, Height(9), 64))
        answers = [frame for frame in to_one.sent if isinstance(frame, Blocks)]
        assert answers == [Blocks(77, (two.encoded_block(Height(4)), two.encoded_block(Height(5)))), Blocks(78, ())]

    play(scene())


def test_misdeed_of_a_validator_is_counted_whoever_passed_it_on() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        to_two, _ = join(one, two)
        to_three, _ = join(one, three)
        one.peers.punish_validator(record_of(2).validator or one.key, "it lied", 10)  # type: ignore[arg-type]
        assert (to_two.misdeeds, to_three.misdeeds) == ([], ["it lied"])

    play(scene())
