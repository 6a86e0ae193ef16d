"""Signed transactions in bulk: legacy ones with the chain's id (EIP-155), which every client of Ethereum takes.

Made by several processes before the clock starts; one costs about 100 µs. Pure: no I/O besides those processes.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from coincurve import PrivateKey

from client.sdk.hashing import keccak

CHUNK = 1_000
"""Transactions that a process signs at a time."""
_IN_PROCESS_MAX = 2_000
"""Up to so many, starting processes would take longer than signing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A transaction to sign; amounts in wei."""

    key: bytes
    """Private key of its sender, 32 bytes."""
    nonce: int
    gas: int
    gas_price_wei: int
    to: bytes
    value_wei: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction as nodes take it."""

    raw_hex: bytes
    """`0x` and hex digits, ASCII."""
    hash: str
    """`0x` and 64 lower-case hex digits."""


def sign(one: Unsigned, chain_id: int) -> Signed:
    """Return a signed transaction."""
    fields = b"".join(
        (
            _number(one.nonce),
            _number(one.gas_price_wei),
            _number(one.gas),
            _bytes(one.to),
            _number(one.value_wei),
            _bytes(one.data),
        )
    )
    digest = keccak(_list(fields + _number(chain_id) + b"\x80\x80"))
    signature = PrivateKey(one.key).sign_recoverable(digest, hasher=None)
    v = 35 + 2 * chain_id + signature[64]
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
    raw = _list(fields + _number(v) + _number(r) + _number(s))
    return Signed(b"0x" + raw.hex().encode(), "0x" + keccak(raw).hex())


def sign_all(unsigned: Sequence[Unsigned], chain_id: int) -> Iterator[list[Signed]]:
    """Yield all of them signed, in their order, a chunk at a time as they are ready."""
    chunks = [unsigned[start : start + CHUNK] for start in range(0, len(unsigned), CHUNK)]
    if len(unsigned) <= _IN_PROCESS_MAX:
        yield from (_sign_chunk(chunk, chain_id) for chunk in chunks)
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context(_start_method())) as pool:
        yield from pool.map(_sign_chunk, chunks, [chain_id] * len(chunks))


def _start_method() -> str:
    """Copy this process where that is safe: it saves each child the imports of the program that signs."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _sign_chunk(chunk: Sequence[Unsigned], chain_id: int) -> list[Signed]:
    return [sign(one, chain_id) for one in chunk]


def _number(value: int) -> bytes:
    return _bytes(value.to_bytes((value.bit_length() + 7) // 8))


def _bytes(value: bytes) -> bytes:
    """RLP of a string."""
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _length(len(value), 0x80) + value


def _list(content: bytes) -> bytes:
    """RLP of a list whose items are encoded already."""
    return _length(len(content), 0xC0) + content


def _length(size: int, offset: int) -> bytes:
    if size < 56:
        return bytes([offset + size])
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([offset + 55 + len(digits)]) + digits
