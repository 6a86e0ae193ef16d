"""The bytes of a report: one per asset, published in chunks. Pure: no I/O. Source: docs/protocol.md, 7."""

from client.sdk.hashing import keccak

NO_RECORD = 0
"""Report byte of an asset whose borrower has no usable record."""
AGED = 0x80
"""Bit of a report byte: the record is older than the fresh limit of the policy, and still usable."""
REPORT_CHUNK_SIZE = 16_384
"""Bytes of a report that one transaction publishes."""


def report_chunks(report: bytes) -> list[bytes]:
    """Cut a report into the chunks that are published."""
    return [report[start : start + REPORT_CHUNK_SIZE] for start in range(0, len(report), REPORT_CHUNK_SIZE)]


def report_hash(report: bytes) -> bytes:
    """Return what oracles agree on: the hash of the hashes of the chunks."""
    return keccak(b"".join(keccak(chunk) for chunk in report_chunks(report)))
