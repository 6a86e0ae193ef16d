"""The words of a report: 16 bits an asset, big-endian, published in chunks. Pure: no I/O. Source: docs/protocol.md, 7.

A word is quality << 8 | score. Its quality says how old the record is (band 0: fresh, 1 to 3: aged, rising) and whether
it was spread from related persons; what either costs is the policy's to say, not the oracle's.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.sdk.errors import DecodeError
from client.sdk.hashing import keccak

NO_RECORD: Final = 0
"""Word of an asset whose borrower has no usable record."""
BAND_MAX: Final = 3
RELATION: Final = 0x0400
"""Bit of a word: the record was spread from related persons."""
WORD_SIZE: Final = 2
REPORT_CHUNK_SIZE: Final = 16_384
"""Bytes of a report that one transaction publishes: 8,192 words."""


def word(score: int, band: int = 0, relation: bool = False) -> int:
    """Return the word of a usable record: score 1 to 100, age band 0 to 3."""
    return (RELATION if relation else 0) | band << 8 | score


def score_of(report_word: int) -> int:
    """Return the score 1 to 100, or 0 where there is no usable record."""
    return report_word & 0x7F


def band_of(report_word: int) -> int:
    """Return the age band: 0 fresh, 1 to 3 aged."""
    return report_word >> 8 & BAND_MAX


def is_by_relation(report_word: int) -> bool:
    """Return whether the record was spread from related persons."""
    return report_word & RELATION != 0


def age_band(age_days: int, *, fresh_days: int, age_days_max: int) -> int | None:
    """Return the band of a record of that age, None when it is too old to be used."""
    if age_days > age_days_max:
        return None
    if age_days <= fresh_days:
        return 0
    return 1 + BAND_MAX * (age_days - fresh_days - 1) // (age_days_max - fresh_days)


def report_of(words: Iterable[int] | NDArray[np.uint16]) -> bytes:
    """Return the bytes of a report."""
    return np.fromiter(words, dtype=np.uint16).astype(">u2").tobytes()


def words_of(report: bytes) -> list[int]:
    """Return the words of a report; DecodeError when its length is odd."""
    if len(report) % WORD_SIZE:
        raise DecodeError("report", got=f"{len(report)} bytes", expected=f"{WORD_SIZE} bytes an asset")
    words: list[int] = np.frombuffer(report, dtype=">u2").tolist()
    return words


def report_chunks(report: bytes) -> list[bytes]:
    """Cut a report into the chunks that are published."""
    return [report[start : start + REPORT_CHUNK_SIZE] for start in range(0, len(report), REPORT_CHUNK_SIZE)]


def report_hash(report: bytes) -> bytes:
    """Return what oracles agree on: the hash of the hashes of the chunks."""
    return keccak(b"".join(keccak(chunk) for chunk in report_chunks(report)))
