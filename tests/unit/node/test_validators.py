"""Finality: how many seals are enough. Source: design, "Two levels of finality, honestly named"."""

import pytest

from chain_node.node.validators import compute_byzantine_quorum
from tests.unit.rpc.memory_node import MemoryNode


@pytest.mark.parametrize(
    ("validator_count", "expected"), [(1, None), (2, 2), (3, 3), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)]
)
def test_byzantine_quorum_of_each_size(validator_count: int, expected: int | None) -> None:
    assert compute_byzantine_quorum(validator_count) == expected


def test_one_validator_is_crash_final_from_its_own_seal_on() -> None:
    node = MemoryNode()
    genesis = node.chain.head()
    assert node.validators.finality(genesis).signers == ()
    mined = node.mine()
    finality = node.validators.finality(genesis)
    assert finality.signers == node.validators.of(mined.height)
    assert finality.finality == "crash_final"


def test_validators_of_every_height_are_those_of_the_headers() -> None:
    node = MemoryNode()
    for _ in range(3):
        node.mine()
    sets = {node.validators.of(height) for height in range(5)}  # type: ignore[arg-type]
    assert len(sets) == 1
