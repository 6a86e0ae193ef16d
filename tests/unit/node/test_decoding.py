"""Decoding once: what is remembered, in which order the rest is decoded, what becomes of bad bytes."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import current_thread

import pytest

from chain_node.core.codec import decode_transaction
from chain_node.core.errors import InvalidInputError
from chain_node.node import decoding
from chain_node.node.decoding import Decoded, TransactionDecoder
from tests.unit.rpc.memory_node import ECHO, sign

RAWS = [sign(ECHO, nonce=nonce) for nonce in range(12)]


class Calls:
    """What an engine was asked, and in which thread."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.threads: set[str] = set()

    def decode(self, raws: Sequence[bytes]) -> list[Decoded]:
        self.batches.append(list(raws))
        self.threads.add(current_thread().name)
        return [_decode(raw) for raw in raws]


def _decode(raw: bytes) -> Decoded:
    try:
        return decode_transaction(raw)
    except InvalidInputError as error:
        return error


def test_transaction_is_decoded_once_and_bad_bytes_every_time() -> None:
    calls = Calls()
    decoder = TransactionDecoder(calls.decode)
    first = decoder.decode([RAWS[0], b"bad", RAWS[1]])
    again = decoder.decode([RAWS[1], b"bad", RAWS[0], RAWS[2]])
    assert calls.batches == [[RAWS[0], b"bad", RAWS[1]], [b"bad", RAWS[2]]]
    assert again[0] is first[2]
    assert isinstance(first[1], InvalidInputError)
    assert decoder.get(decode_transaction(RAWS[0]).hash) is first[0]


def test_transaction_of_a_decided_block_is_looked_up_but_not_remembered() -> None:
    calls = Calls()
    decoder = TransactionDecoder(calls.decode)
    decoder.decode(RAWS[:1])
    for _ in range(2):
        decoder.decode_included(RAWS[:2])
    assert calls.batches == [RAWS[:1], RAWS[1:2], RAWS[1:2]]


@pytest.mark.parametrize(
    "limit", [("REMEMBERED_COUNT_MAX", 3), ("REMEMBERED_SIZE_BYTES_MAX", 3 * max(map(len, RAWS)) + 1)]
)
def test_oldest_are_forgotten_first(limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, *limit)
    calls = Calls()
    decoder = TransactionDecoder(calls.decode)
    decoder.decode(RAWS[:5])
    decoder.decode(RAWS[:5])
    assert calls.batches == [RAWS[:5], RAWS[:2]]
    assert decoder.get(decode_transaction(RAWS[2]).hash) is None


def test_many_new_ones_are_decoded_in_the_worker_and_few_in_place() -> None:
    async def scene() -> None:
        assert len(await decoder.decode_soon(RAWS)) == len(RAWS)
        assert calls.threads == {current_thread().name}
        calls.threads.clear()
        await decoder.decode_soon([*RAWS, *(b"bad" + bytes((number,)) for number in range(decoding._INLINE_COUNT_MAX))])
        assert calls.threads == {current_thread().name}, "those decoded before do not count"
        calls.threads.clear()
        await decoder.decode_soon([b"bad" + bytes((number,)) for number in range(decoding._INLINE_COUNT_MAX + 1)])
        assert calls.threads == {"decoding_0"}

    calls = Calls()
    with ThreadPoolExecutor(1, "decoding") as worker:
        decoder = TransactionDecoder(calls.decode, worker)
        asyncio.run(scene())
