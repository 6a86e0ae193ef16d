"""Fetching blocks: from several peers, past silent and lying ones, and what is done about a chain that contradicts."""

import asyncio

from chain_node.core.types import Hash32, Height
from chain_node.network.frames import Blocks, GetBlocks, Status
from tests.unit.network.plain_node import PlainNode, join, make_block, make_nodes
from tests.unit.network.quick_loop import play


async def until_height(node: PlainNode, height: int, *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while node.height < height:  # noqa: ASYNC110 - polled on a clock that jumps
            await asyncio.sleep(0.01)


def questions(link: object) -> list[GetBlocks]:
    return [frame for frame in link.sent if isinstance(frame, GetBlocks)]  # type: ignore[attr-defined]


def test_node_that_is_far_behind_fetches_everything() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        two.grow(300)
        to_two, _ = join(one, two)
        await until_height(one, 300, seconds=2)
        assert one.imports == list(range(1, 301))
        assert [(asked.first, asked.count) for asked in questions(to_two)] == [
            (1, 64),
            (65, 64),
            (129, 64),
            (193, 64),
            (257, 44),
        ]
        assert not one.peers.is_syncing

    play(scene())


def test_ranges_are_shared_between_peers() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        for other in (two, three):
            other.grow(300)
        to_two, to_three = join(one, two)[0], join(one, three)[0]
        await until_height(one, 300, seconds=2)
        assert questions(to_two)
        assert questions(to_three)

    play(scene())


def test_nothing_is_asked_while_the_head_moves() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, _ = join(one, two)
        for _ in range(20):
            two.grow(1)
            await asyncio.sleep(0.15)
            one.grow(1)
        assert questions(to_two) == []
        two.grow(1)
        await until_height(one, 21, seconds=0.6)

    play(scene())


def test_silent_peer_is_punished_and_another_one_asked() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        two.grow(100)
        to_two, to_one = join(one, two)
        to_one.is_cut = True
        three.grow(100)
        join(one, three)
        await until_height(one, 100, seconds=8)
        assert any("no answer to GetBlocks" in misdeed for misdeed in to_two.misdeeds)

    play(scene())


def test_peer_that_gives_no_answer_is_asked_ever_more_rarely() -> None:
    async def scene() -> None:
        one, boaster = make_nodes(2)
        to_boaster, to_one = join(one, boaster)
        listen = to_one.receive
        to_one.receive = lambda encoded: None if encoded[4] == GetBlocks.code else listen(encoded)  # type: ignore[method-assign]
        for _ in range(200):
            to_one.send(Status(Height(1), Hash32(b"\x01" * 32), ()))
            await asyncio.sleep(1)
        # Each question waits 5 s for its answer, then the peer rests for 5, 10, 20, 40 and 80 s.
        assert len(questions(to_boaster)) == 6

    play(scene())


def test_bad_block_costs_the_link_and_the_good_chain_is_taken_elsewhere() -> None:
    async def scene() -> None:
        one, liar, honest = make_nodes(3)
        one.bad_timestamp = 666
        liar.grow(50, timestamp=666)
        to_liar, _ = join(one, liar)
        await asyncio.sleep(0.5)
        assert not to_liar.is_open
        honest.grow(50)
        join(one, honest)
        await until_height(one, 50, seconds=2)

    play(scene())


def test_peer_that_promises_blocks_it_does_not_have_is_left_alone() -> None:
    async def scene() -> None:
        one, boaster, honest = make_nodes(3)
        to_boaster, to_one = join(one, boaster)
        to_one.send(Status(Height(10**9), Hash32(b"\x01" * 32), ()))
        await asyncio.sleep(20)
        assert len(questions(to_boaster)) == 2
        honest.grow(30)
        join(one, honest)
        await until_height(one, 30, seconds=2)

    play(scene())


def test_blocks_that_nobody_asked_for_are_a_misdeed() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        to_two, to_one = join(one, two)
        to_one.send(Blocks(5, ()))
        await asyncio.sleep(0.1)
        assert to_two.misdeeds == ["blocks for question 5, never asked"]

    play(scene())


def test_link_that_breaks_in_the_middle_is_replaced() -> None:
    async def scene() -> None:
        one, two, three = make_nodes(3)
        for other in (two, three):
            other.grow(200)
        _, to_one = join(one, two)
        to_one.is_cut = True
        join(one, three)
        await asyncio.sleep(0.01)
        one.peers.on_link_down(to_one.other, "broken")
        await until_height(one, 200, seconds=2)

    play(scene())


def test_other_block_at_a_height_we_have_is_fetched_and_shown() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        one.grow(3)
        two.grow(2, timestamp=9)
        join(one, two)
        await asyncio.sleep(0.5)
        assert one.conflicts == [two.blocks[2]]

    play(scene())


def test_chain_that_does_not_follow_ours_is_traced_to_our_head() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        one.grow(3)
        two.grow(20, timestamp=9)
        to_two, _ = join(one, two)
        await asyncio.sleep(0.5)
        assert one.conflicts == [two.blocks[3]]
        assert to_two.is_open

    play(scene())


def test_peer_that_invents_a_fork_is_punished() -> None:
    async def scene() -> None:
        one, two = make_nodes(2)
        one.grow(3)
        two.blocks = list(one.blocks)
        to_two, to_one = join(one, two)
        to_one.send(Status(Height(2), Hash32(b"\x09" * 32), ()))
        await asyncio.sleep(0.5)
        assert to_two.misdeeds == ["it is ours"]
        two.blocks.append(make_block(Hash32(b"\x09" * 32), 4))
        two.peers.on_head()
        await asyncio.sleep(1)
        assert len(to_two.misdeeds) == 2
        assert one.height == 3

    play(scene())
