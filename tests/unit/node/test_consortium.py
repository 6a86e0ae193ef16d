"""Three validators in one process on the real engine: they decide together, miss nobody, and catch up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chain_node.consensus.qbft.hashes import seal_hash, with_seals
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.errors import InvalidInputError, UnavailableError
from chain_node.core.genesis import Genesis
from chain_node.core.types import Address, Block, Round
from chain_node.rpc import ChainBlock
from tests.unit.network.memory_link import until
from tests.unit.node.nodes_in_process import Running, join, make_genesis, make_machine, validator_key
from tests.unit.rpc.memory_node import sign

TARGET = Address(b"\x77" * 20)


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return make_genesis(3)


class Consortium:
    """Three nodes, all connected."""

    def __init__(self, genesis: Genesis, directory: Path, count: int = 3) -> None:
        self.nodes = [Running(genesis, make_machine(genesis, directory / str(index), index)) for index in range(count)]
        self.nonce = 0

    def play(self, scene: Callable[["Consortium"], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                self.group = group
                for node in self.nodes:
                    self.start(node)
                await scene(self)
                for node in self.nodes:
                    if not node.task.done():
                        await node.stop()

        asyncio.run(run())

    def start(self, node: Running) -> None:
        node.start(self.group)
        for other in self.nodes:
            if other is not node and hasattr(other, "task") and not other.task.done():
                join(node, other)

    def submit(self, node: Running) -> None:
        node.intake.submit(sign(TARGET, b"", nonce=self.nonce))
        self.nonce += 1

    async def make_block(self, node: Running, *others: Running) -> float:
        """Send a transaction to a node; gives how long it took until all have it in a block."""
        height = node.height
        started = time.monotonic()
        self.submit(node)
        await until(lambda: all(one.height > height for one in (node, *others)))
        return time.monotonic() - started

    def assert_equal_up_to(self, height: int, *nodes: Running) -> None:
        for at in range(height + 1):
            assert len({node.machine.chain.store.block_hash(at) for node in nodes}) == 1  # type: ignore[arg-type]


@pytest.fixture
def consortium(genesis: Genesis, tmp_path: Path) -> Consortium:
    return Consortium(genesis, tmp_path)


def test_three_validators_make_blocks_of_what_any_of_them_gets(consortium: Consortium) -> None:
    async def scene(consortium: Consortium) -> None:
        a, b, c = consortium.nodes
        for node in (a, b, c, a):
            assert await consortium.make_block(node, a, b, c) < 2
        await until(lambda: all(len(node.intake.pool) == 0 for node in consortium.nodes))
        authors = {a.chain.block_at(height).header.coinbase for height in range(1, 4)}  # type: ignore[union-attr,arg-type]
        assert len(authors) == 3
        consortium.assert_equal_up_to(4, a, b, c)

    consortium.play(scene)


def test_blocks_become_byzantine_final_when_the_third_seal_has_come(consortium: Consortium) -> None:
    async def scene(consortium: Consortium) -> None:
        a, b, c = consortium.nodes
        await consortium.make_block(a, b, c)
        block = a.chain.head()
        for node in consortium.nodes:
            await until(lambda node=node: node.parts.validators.finality(block).finality == "byzantine_final", 2)

    consortium.play(scene)


def test_one_validator_stops_and_the_others_go_on_without_timeout(consortium: Consortium) -> None:
    async def scene(consortium: Consortium) -> None:
        a, b, c = consortium.nodes
        await consortium.make_block(a, b, c)
        await c.stop()
        for _ in range(4):
            assert await consortium.make_block(a, b) < 2
        assert c.height == 1
        consortium.start(c)
        await until(lambda: c.height == a.height == 5)
        consortium.assert_equal_up_to(5, a, b, c)
        for node in (c, a, b, c):
            assert await consortium.make_block(node, a, b, c) < 2
        consortium.assert_equal_up_to(9, a, b, c)

    consortium.play(scene)


def test_two_decided_blocks_of_one_height_halt_the_node_for_good(consortium: Consortium) -> None:
    async def scene(consortium: Consortium) -> None:
        a, b, c = consortium.nodes
        await consortium.make_block(a, b, c)
        ours = a.chain.head()
        unproven = forged(ours, signers=(1,))
        with pytest.raises(InvalidInputError, match="at least 2"):
            a.driver.on_conflict(unproven)
        with pytest.raises(InvalidInputError, match="announced with another hash"):
            a.driver.on_conflict(Block(ours.header, ours.transactions()))
        assert a.driver.halt_reason is None
        a.driver.on_conflict(forged(ours, signers=(0, 1)))
        assert "two different blocks of height 1" in (a.driver.halt_reason or "")
        signed = len(a.votes.restore().votes)  # type: ignore[union-attr]
        consortium.submit(b)
        await until(lambda: b.height == c.height == 2)
        with pytest.raises(UnavailableError):
            await a.driver.import_blocks([Block(b.chain.head().header, b.chain.head().transactions())])
        assert (a.height, len(a.votes.restore().votes)) == (1, signed)  # type: ignore[union-attr]
        await a.stop()
        consortium.start(a)
        assert "two different blocks of height 1" in (a.driver.halt_reason or "")
        guilty = {evidence.validator for evidence in a.evidence.all()}
        assert guilty == set(recover_sealers(ours.header)) & {address_of(validator_key(index)) for index in (0, 1)}

    consortium.play(scene)


def forged(block: ChainBlock, *, signers: tuple[int, ...]) -> Block:
    """Another block of the same height, sealed by some validators."""
    other = with_seals(Block(replace(block.header, timestamp=block.header.timestamp + 1), ()), Round(0), ())
    digest = seal_hash(other.header)
    return with_seals(other, Round(0), tuple(sign_digest(validator_key(index), digest) for index in signers))
