"""What of a borrower could be found somewhere, in clear or by guessing, and a search for it in bytes."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from client.sdk.hashing import keccak

PREFIX_SIZE = 16
"""Bytes of a hash that are looked for, so that a shortened one is found too."""
_END_SIZE = 6
"""Last bytes of a trace, by which it is looked up; none is shorter. First bytes may all be zero."""


@dataclass(frozen=True)
class Trace:
    """Something that must be nowhere."""

    what: str
    data: bytes


def in_clear(what: str, data: bytes) -> Iterator[Trace]:
    """The bytes themselves, and as hexadecimal text in small letters."""
    yield Trace(what, data)
    yield Trace(f"{what}, hex", data[:PREFIX_SIZE].hex().encode())


def guesses(what: str, data: bytes, keys: Iterable[bytes]) -> Iterator[Trace]:
    """Every hash of the bytes that somebody who guesses them could compute."""
    plain = {
        "keccak": keccak(data),
        "sha256": hashlib.sha256(data).digest(),
        "sha3": hashlib.sha3_256(data).digest(),
        "sha512": hashlib.sha512(data).digest(),
        "sha1": hashlib.sha1(data, usedforsecurity=False).digest(),
        "md5": hashlib.md5(data, usedforsecurity=False).digest(),
        "blake2b": hashlib.blake2b(data, digest_size=32).digest(),
    }
    plain["keccak of keccak"] = keccak(plain["keccak"])
    plain["sha256 of sha256"] = hashlib.sha256(plain["sha256"]).digest()
    plain["keccak of 32 zeros and it"] = keccak(bytes(32) + data)
    for name, digest in plain.items():
        yield from in_clear(f"{name} of {what}", digest[:PREFIX_SIZE])
    for key in keys:
        for name, digest in (
            ("HMAC", hmac.digest(key, data, "sha256")),
            ("keccak of key and", keccak(key + data)),
            ("sha256 of key and", hashlib.sha256(key + data).digest()),
        ):
            yield from in_clear(f"{name} {what}, key {key[:8].hex()}", digest[:PREFIX_SIZE])


def spellings(subject: str) -> list[bytes]:
    """Ways in which a person's id is commonly written before it is hashed."""
    return [
        each.encode()
        for each in (
            *(subject, subject.lower(), subject.lstrip("X"), subject.lstrip("X0"), f" {subject}", f"{subject}\n"),
            *(f"subject:{subject}", f"{subject}:", f"US{subject}", f"{subject}\0"),
        )
    ]


def word(number: int) -> bytes:
    """A number as the EVM stores it."""
    return number.to_bytes(32, "big")


def dollars(cents: int) -> bytes:
    """An amount as people write it."""
    return f"{cents // 100}.{cents % 100:02d}".encode()


def is_distinctive(cents: int) -> bool:
    """Whether an amount is one that hardly anything else is equal to."""
    return cents >= 100_000 and cents % 10_000 != 0


def search(traces: Iterable[Trace], places: Mapping[str, bytes]) -> list[str]:
    """Return `trace in place` for every trace that is somewhere; the data themselves are not repeated.

    Capital letters of a place are looked at as small ones too.
    """
    by_end: dict[bytes, list[Trace]] = {}
    for trace in traces:
        assert len(trace.data) >= _END_SIZE, f"{trace.what} is too short to be searched for"
        by_end.setdefault(trace.data[-_END_SIZE:], []).append(trace)
    ends = np.unique(np.array([int.from_bytes(end, "big") for end in by_end], dtype=np.uint64))
    found = []
    for place, content in places.items():
        for each in {content, content.lower()}:
            for offset in _offsets(ends, each):
                end = offset + _END_SIZE
                for trace in by_end[each[offset:end]]:
                    if each.endswith(trace.data, 0, end):
                        found.append(f"{trace.what} in {place}")
    return sorted(set(found))


def _offsets(ends: NDArray[np.uint64], content: bytes) -> list[int]:
    """Where the last bytes of some trace stand."""
    if len(content) < _END_SIZE:
        return []
    windows = np.zeros(len(content) - _END_SIZE + 1, dtype=np.uint64)
    data = np.frombuffer(content, dtype=np.uint8).astype(np.uint64)
    for place in range(_END_SIZE):
        windows = windows << np.uint64(8) | data[place : place + len(windows)]
    nearest = np.minimum(np.searchsorted(ends, windows), len(ends) - 1)
    return [int(offset) for offset in np.flatnonzero(ends[nearest] == windows)]
