"""The same random chain on every engine: receipts, gas, roots, refusals, calls, proofs and traces are the same.

A failure names rules, seed and block, which are enough to replay it.
"""

from pathlib import Path

import pytest

from chain_node.core.genesis import Fork
from tests.conformance.engines.replay import replay
from tests.conformance.engines.side import SIDES

FORKS: tuple[Fork, ...] = ("istanbul", "berlin", "london")
OTHERS = [name for name in SIDES if name != "py-evm"]
BLOCKS = 8
CHAINS = 10
CHAINS_LONG = 400


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("seed", range(CHAINS))
def test_random_chain_is_the_same_on_every_engine(fork: Fork, seed: int, tmp_path: Path) -> None:
    replay(fork, seed, blocks=BLOCKS, directory=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("first", range(0, CHAINS_LONG, 20))
def test_many_random_chains_are_the_same_on_every_engine(fork: Fork, first: int, tmp_path: Path) -> None:
    for seed in range(1_000 + first, 1_020 + first):
        replay(fork, seed, blocks=BLOCKS, directory=tmp_path / str(seed))
