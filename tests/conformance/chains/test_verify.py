"""`tranchain-node verify`: chains of another implementation and of ours are accepted, and refused after any change."""

import io
import random
from itertools import accumulate
from pathlib import Path

import pytest

from chain_node.core.codec import decode_blocks, encode_block
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.node.block_file import InvalidChainError, verify_stream
from tests.unit.rpc.memory_node import ECHO, MemoryNode, genesis_text

CHAINS = Path(__file__).parents[1] / "qbft" / "goquorum_chains"
BLOCK_COUNTS = {"header_mode": 23, "contract_mode": 26, "ours": 4}
SAMPLES = 100


def our_chain() -> tuple[bytes, Genesis]:
    node = MemoryNode()
    for nonce in range(3):
        node.send(ECHO, nonce.to_bytes(32, "big"), nonce=nonce)
        node.mine()
    content = b"".join(node.chain.encoded_block(height) for height in range(4))  # type: ignore[arg-type]
    return content, parse_genesis(genesis_text())


@pytest.fixture(scope="module", params=sorted(BLOCK_COUNTS))
def exported(request: pytest.FixtureRequest) -> tuple[str, bytes, Genesis]:
    if request.param == "ours":
        return ("ours", *our_chain())
    directory = CHAINS / request.param
    return (
        request.param,
        (directory / "chain.rlp").read_bytes(),
        parse_genesis((directory / "genesis.json").read_text()),
    )


def verify(content: bytes, genesis: Genesis) -> int:
    return len(list(verify_stream(io.BytesIO(content), genesis)))


def height_at(content: bytes, position: int) -> int:
    ends = accumulate(len(encode_block(block)) for block in decode_blocks(io.BytesIO(content)))
    return next(height for height, end in enumerate(ends) if position < end)


def assert_refused(content: bytes, genesis: Genesis, position: int, mask: int) -> None:
    changed = content[:position] + bytes((content[position] ^ mask,)) + content[position + 1 :]
    with pytest.raises(InvalidChainError) as refused:
        verify(changed, genesis)
    assert refused.value.height == height_at(content, position)
    assert str(refused.value).startswith(f"block {refused.value.height}: ")


def test_chain_is_accepted(exported: tuple[str, bytes, Genesis]) -> None:
    name, content, genesis = exported
    assert verify(content, genesis) == BLOCK_COUNTS[name]


def test_chain_is_refused_after_a_change_of_any_sampled_byte(exported: tuple[str, bytes, Genesis]) -> None:
    name, content, genesis = exported
    generator = random.Random(name)
    for position in generator.sample(range(len(content)), SAMPLES):
        assert_refused(content, genesis, position, 1 << generator.randrange(8))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_chain_is_refused_after_a_change_of_any_byte(exported: tuple[str, bytes, Genesis]) -> None:
    name, content, genesis = exported
    generator = random.Random(name)
    for position in range(len(content)):
        assert_refused(content, genesis, position, generator.randrange(1, 256))


def test_chain_cut_short_is_refused(exported: tuple[str, bytes, Genesis]) -> None:
    name, content, genesis = exported
    with pytest.raises(InvalidChainError, match=f"^block {BLOCK_COUNTS[name] - 1}: "):
        verify(content[:-1], genesis)


def test_chain_of_another_genesis_is_refused_at_once() -> None:
    content, _ = our_chain()
    other = parse_genesis(genesis_text().replace('"0x3938700"', '"0x3938701"'))
    with pytest.raises(InvalidChainError, match=r"^block 0: header genesis"):
        verify(content, other)


def test_empty_file_is_refused() -> None:
    with pytest.raises(InvalidChainError, match=r"^block 0: the chain is empty"):
        verify(b"", parse_genesis(genesis_text()))
