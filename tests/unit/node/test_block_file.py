"""Exporting blocks from a data directory."""

from pathlib import Path

import pytest

from chain_node.core.codec import decode_block
from chain_node.core.errors import ConfigError
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Height
from chain_node.node.block_file import export_blocks, verify_file
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain
from chain_node.node.opening import EngineOptions, open_chain
from tests.engines import ENGINE
from tests.unit.rpc.memory_node import MemoryNode, genesis_text

GENESIS = parse_genesis(genesis_text())
HEAD = 4


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of empty blocks on disk, as a node leaves it."""
    directory = tmp_path_factory.mktemp("data")
    node = MemoryNode()
    opened = open_chain(GENESIS, directory, EngineOptions(wish=ENGINE))
    chain = Chain(GENESIS, opened.store, opened.engine)
    maker = BlockMaker(GENESIS, opened.engine, opened.store.block_hash)
    for _ in range(HEAD):
        parent = chain.head()
        node.mine()
        block = decode_block(node.chain.encoded_block(Height(parent.height + 1)))
        chain.add(block, maker.execute(block, parent.header))
    opened.store.close()
    return directory


def export(data_dir: Path, target: Path, first: int = 0, last: int | None = None) -> tuple[int, list[int]]:
    heights: list[int] = []
    count = export_blocks(GENESIS, data_dir, target, first=first, last=last, progress=heights.append)
    return count, heights


def test_whole_chain_is_written_and_verifies(data_dir: Path, tmp_path: Path) -> None:
    assert export(data_dir, tmp_path / "chain.rlp") == (HEAD + 1, list(range(HEAD + 1)))
    assert [block.height for block in verify_file(tmp_path / "chain.rlp", GENESIS)] == list(range(HEAD + 1))


def test_part_of_a_chain_is_part_of_the_whole(data_dir: Path, tmp_path: Path) -> None:
    export(data_dir, tmp_path / "whole")
    assert export(data_dir, tmp_path / "part", first=1, last=2) == (2, [1, 2])
    assert (tmp_path / "part").read_bytes() in (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize(("first", "last"), [(HEAD + 1, None), (0, HEAD + 1), (3, 2)])
def test_range_outside_the_chain_is_refused(data_dir: Path, tmp_path: Path, first: int, last: int | None) -> None:
    with pytest.raises(ConfigError, match=f"the chain has blocks 0 to {HEAD}"):
        export(data_dir, tmp_path / "chain.rlp", first, last)


def test_existing_file_is_not_overwritten(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "chain.rlp").write_bytes(b"precious")
    with pytest.raises(ConfigError, match="exists already"):
        export(data_dir, tmp_path / "chain.rlp")
    assert (tmp_path / "chain.rlp").read_bytes() == b"precious"


def test_missing_file_to_verify_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        list(verify_file(tmp_path / "none.rlp", GENESIS))
