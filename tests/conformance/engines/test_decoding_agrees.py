"""Every engine takes the same bytes for a transaction of the same sender, and refuses all others."""

from pathlib import Path
from random import Random

import pytest

from chain_node.core.genesis import Fork
from chain_node.core.types import Transaction
from tests.conformance.engines.random_chain import RandomChain
from tests.conformance.engines.side import SIDES, genesis_of, hash_of_genesis
from tests.unit.execution.node_table import CHAIN_ID

FORKS: tuple[Fork, ...] = ("istanbul", "berlin", "london")
CANDIDATES = 60
SIZE_MAX_BYTES = 1_000
"""Of those that are changed byte by byte."""


def mutations_of(raw: bytes, random: Random) -> list[bytes]:
    """Bytes that are nearly a transaction: changed, cut, lengthened, a piece twice or gone."""
    place, other = random.randrange(len(raw)), random.randrange(len(raw))
    first, last = min(place, other), max(place, other)
    return [
        raw[:place] + bytes((random.randrange(256),)) + raw[place + 1 :],
        raw[:place] + bytes((raw[place] ^ 1 << random.randrange(8),)) + raw[place + 1 :],
        raw[:place],
        raw + b"\0",
        raw[:first] + raw[last:],
        raw[:last] + raw[first:],
        bytes((random.randrange(5),)) + raw,
        raw[:1] + bytes((random.randrange(256),)) + raw[2:],
    ]


@pytest.mark.parametrize("fork", FORKS)
def test_changed_transactions_are_the_same_to_every_engine(fork: Fork, tmp_path: Path) -> None:
    random = Random(f"decoding {fork}")
    drawn = RandomChain(77, fork)
    candidates = [each.raw for each in drawn.draw_candidates(CANDIDATES) if len(each.raw) < SIZE_MAX_BYTES]
    raws = [*candidates, *(changed for raw in candidates for changed in mutations_of(raw, random)), b"", b"\xc0"]
    genesis = genesis_of(fork, drawn.alloc, CHAIN_ID)
    decoded = {}
    for name, make in SIDES.items():
        side = make(genesis, tmp_path / name, hash_of_genesis(genesis))
        decoded[name] = side.engine.decode_transactions(raws)
        side.close()
    expected, *others = decoded.values()
    assert sum(isinstance(each, Transaction) for each in expected) > len(candidates), "some changes leave a transaction"
    for found in others:
        for raw, ours, theirs in zip(raws, found, expected, strict=True):
            if isinstance(theirs, Transaction):
                assert ours == theirs, raw.hex()
            else:
                assert (type(ours), str(ours)) == (type(theirs), str(theirs)), raw.hex()
