"""What this node exports is valid for others: checked by a verifier that was written from the facts alone."""

import random
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import pytest

from chain_node.core.genesis import parse_genesis
from chain_node.node.block_file import verify_file
from tests.conformance.export.chain_maker import EMPTY_HEIGHT, FORKS, HEIGHTS, LATE_HEIGHT, make_chain
from tests.conformance.export.plain_header import CURVE_ORDER, InvalidHeaderError, decode_extra_data
from tests.conformance.export.plain_rlp import Item, decode_at, encode, read_bytes, read_list
from tests.conformance.export.verifier import VerifiedBlock, verify

ROOT = Path(__file__).parents[3]
FOREIGN = Path(__file__).parents[1] / "qbft" / "goquorum_chains"
CHANGES = 60

Exported = tuple[Path, bytes, str]


@pytest.fixture(scope="module", params=[(forks, mode) for forks in FORKS for mode in ("header mode", "contract mode")])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    forks, mode = request.param
    directory = tmp_path_factory.mktemp("export")
    content, genesis = make_chain(forks, directory, is_contract_mode=mode == "contract mode")
    return directory / "chain.rlp", content, genesis


@pytest.fixture(scope="module")
def blocks(exported: Exported) -> list[VerifiedBlock]:
    _, content, genesis = exported
    return list(verify(content, genesis))


def round_of(block: VerifiedBlock) -> int:
    return decode_extra_data(block.header.extra_data).round


def parse(content: bytes) -> list[list[Item]]:
    """The blocks of a file as items, to be changed and encoded again."""
    items, position = [], 0
    while position < len(content):
        block, position = decode_at(content, position)
        items.append(read_list(block))
    return items


def count_valid(content: bytes, genesis: str) -> int:
    """Blocks before the first that is refused."""
    count = 0
    try:
        for _ in verify(content, genesis):
            count += 1
    except ValueError:
        return count
    raise AssertionError(f"all {count} blocks are valid")


def with_extra_item(content: bytes, height: int, index: int, item: Item) -> bytes:
    """The file with one item of one block's extraData replaced."""
    items = parse(content)
    header = read_list(items[height][0])
    extra = read_list(decode_at(read_bytes(header[12]), 0)[0])
    extra[index] = item
    header[12] = encode(extra)
    return b"".join(encode(block) for block in items)


def test_exported_chain_is_valid_by_the_facts_alone(blocks: list[VerifiedBlock]) -> None:
    """1.3, 2.4: header rules, seals, transactions root, receipts root, bloom and state root of every block."""
    assert [block.header.number for block in blocks] == list(range(HEIGHTS + 1))


def test_exported_chain_holds_everything_that_results_can_differ_by(
    exported: Exported, blocks: list[VerifiedBlock]
) -> None:
    """A creation, calls with logs, a revert, empty blocks, each transaction type, a later round, a smaller set.

    4.6: on the state after the parent.
    4.9: chain stops when a validator is removed via contract.
    """
    _, _, genesis = exported
    assert round_of(blocks[LATE_HEIGHT]) == 1
    assert {round_of(block) for block in blocks if block.header.number != LATE_HEIGHT} == {0}
    assert blocks[EMPTY_HEIGHT].transactions == []
    assert blocks[EMPTY_HEIGHT].header.gas_used == 0
    assert blocks[1].header.gas_used > 60_000
    assert blocks[2].header.logs_bloom != bytes(256)
    assert blocks[3].header.logs_bloom == bytes(256)
    assert 21_000 < blocks[3].header.gas_used < 22_000
    transactions = [transaction for block in blocks for transaction in block.transactions]
    kinds = {0 if isinstance(one, list) else one[0] for one in transactions}
    assert kinds == ({0, 1, 2} if "londonBlock" in genesis else {0, 1})
    sizes = [len(block.validators) for block in blocks[1:]]
    is_contract_mode = "validatorcontractaddress" in genesis
    assert sizes == [3] * (HEIGHTS - 2) + ([2, 2] if is_contract_mode else [3, 3])


def test_fields_in_which_clients_differ_have_the_form_that_all_accept(blocks: list[VerifiedBlock]) -> None:
    """1.3, 2.1, 2.3, 2.4: the stricter or more usual of two habits, field by field.

    1.3: always write `0x0000000000000000`.
    2.1: Genesis tools write 32 zero bytes.
    2.3: always emit low-s.
    """
    for block, parent in zip(blocks[1:], blocks, strict=False):
        header, extra = block.header, decode_extra_data(block.header.extra_data)
        assert header.nonce == bytes(8), "always written as zero; not checked by all"
        assert extra.vanity == bytes(32), "one pads on the left, the other on the right: nothing to pad"
        assert extra.vote == [], "c0, not the null of the older layout"
        assert header.coinbase in block.validators, "the author; a beneficiary is a matter of configuration"
        is_first_london = header.base_fee is not None and parent.header.base_fee is None
        assert header.gas_limit == parent.header.gas_limit * (2 if is_first_london else 1), "the default producer's"
        assert header.timestamp > parent.header.timestamp
        assert len(block.sealers) * 3 >= 2 * len(block.validators), "ceil(2n/3): enough for who counts more than F"
        for seal in extra.seals:
            assert int.from_bytes(seal[32:64], "big") <= CURVE_ORDER // 2, "always emit low-s"
            assert seal[64] in (0, 1), "recovery id, no 27 offset"


def test_blocks_have_three_parts_and_an_empty_list_of_ommers(exported: Exported) -> None:
    """[header, [txs], [ommers]], one after the other, without withdrawals.

    1.3: write an empty list.
    """
    _, content, _ = exported
    for header, _, ommers in parse(content):
        assert ommers == []
        assert len(read_list(header)) in (15, 16)


def test_own_verification_gives_the_same_blocks(exported: Exported, blocks: list[VerifiedBlock]) -> None:
    """1.3: extraData is hashed **as is**."""
    path, _, genesis = exported
    own = list(verify_file(path, parse_genesis(genesis)))
    assert [(one.hash, one.round, one.coinbase, one.sealers) for one in own[1:]] == [
        (block.header.block_hash, round_of(block), block.header.coinbase, block.sealers) for block in blocks[1:]
    ]
    assert own[0].hash == blocks[1].header.parent_hash


def test_chain_with_one_byte_changed_is_refused_at_that_block(exported: Exported) -> None:
    """2.2: All header fields (incl. coinbase and any post-London fields) are included."""
    _, content, genesis = exported
    ends = list(accumulate(len(encode(block)) for block in parse(content)))
    generator = random.Random(20260)
    for _ in range(CHANGES):
        position = generator.randrange(len(content))
        changed = bytearray(content)
        changed[position] ^= 1 << generator.randrange(8)
        passed = count_valid(bytes(changed), genesis)
        assert passed == sum(end <= position for end in ends)


def test_block_with_too_few_or_double_seals_is_refused(exported: Exported) -> None:
    """2.4: no duplicate committer; count >= ceil(2n/3).

    2.4: A GoQ-valid header can be Besu-invalid.
    """
    _, content, genesis = exported
    for height in (1, LATE_HEIGHT, HEIGHTS):
        extra = decode_extra_data(list(verify(content, genesis))[height].header.extra_data)
        first = extra.seals[0]
        with pytest.raises(InvalidHeaderError, match="count >= "):
            list(verify(with_extra_item(content, height, 4, [first]), genesis))
        with pytest.raises(InvalidHeaderError, match="no duplicate committer"):
            list(verify(with_extra_item(content, height, 4, [first, first]), genesis))


def test_block_with_its_seals_in_another_order_is_the_same_block(exported: Exported) -> None:
    """2.3: seals appear in arrival order, not sorted; 2.2: they do not count in the block hash."""
    _, content, genesis = exported
    extra = decode_extra_data(list(verify(content, genesis))[2].header.extra_data)
    turned = with_extra_item(content, 2, 4, list(reversed(extra.seals)))
    hashes = [[block.header.block_hash for block in verify(one, genesis)] for one in (content, turned)]
    assert turned != content
    assert hashes[0] == hashes[1]


def test_block_that_names_another_round_loses_its_seals(exported: Exported) -> None:
    """2.2 (b): the round in which it is committed is under the seals."""
    _, content, genesis = exported
    for height, number in ((LATE_HEIGHT, b""), (EMPTY_HEIGHT, b"\x01")):
        with pytest.raises(InvalidHeaderError, match="every recovered address must be in the validator set"):
            list(verify(with_extra_item(content, height, 3, number), genesis))


@pytest.mark.parametrize(("mode", "count"), [("header_mode", 23), ("contract_mode", 26)])
def test_verifier_accepts_chains_of_another_implementation(mode: str, count: int) -> None:
    """So what it demands of our chains is what others make."""
    directory = FOREIGN / mode
    verified = verify((directory / "chain.rlp").read_bytes(), (directory / "genesis.json").read_text())
    assert len(list(verified)) == count


def test_verifier_uses_nothing_of_the_node() -> None:
    program = """
import sys
from pathlib import Path
from tests.conformance.export.verifier import verify
directory = Path(sys.argv[1])
assert len(list(verify((directory / "chain.rlp").read_bytes(), (directory / "genesis.json").read_text()))) == 26
assert not [name for name in sys.modules if name.split(".")[0] in ("chain_node", "client")]
"""
    subprocess.run(
        [sys.executable, "-c", program, str(FOREIGN / "contract_mode")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
