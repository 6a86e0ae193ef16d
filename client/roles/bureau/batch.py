"""From rows of a credit file to a batch: leaves for the chain, ciphertext for the vault, secrets to keep.

Pure but for the system's random source. Source: docs/protocol.md, 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.model.schema import CREDIT_FIELDS
from client.roles.bureau.tables import Part
from client.sdk import canonical, cipher, leaf, merkle
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.hashing import keccak
from client.sdk.pack.credit_record import CreditValues, encode_record, observed_day

BATCH_SIZE = 10_000
"""Records of one batch; the chain takes no more."""
_DAY_S = 86_400
_IS_EXPLICIT = tuple(spec.needs_explicit_consent for spec in CREDIT_FIELDS)
_EXPLICIT = tuple(index for index, is_explicit in enumerate(_IS_EXPLICIT) if is_explicit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One acceptable row of a credit file."""

    national_id: str
    subject: bytes
    """Keyed hash under which the database keeps the person."""
    values: CreditValues
    expires_day: int
    """First day on which the record may not be used any more."""
    part: Part = Part.OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBatch:
    """Everything about a batch before anybody else hears of it. Lists run parallel to its rows."""

    root: bytes
    vault_root: bytes
    observed_from: int
    observed_to: int
    expires_at: int
    """Unix second after which no record of the batch is used."""
    leaves: list[bytes]
    blobs: list[bytes]
    blob_hashes: list[bytes]
    secrets: list[bytes]
    """Key ‖ salt of each record, 64 bytes."""


def parts_of(values: CreditValues) -> dict[Part, CreditValues]:
    """Return what is kept of a person as records: fields of explicit consent apart, where any is known."""
    if all(values[index] is None for index in _EXPLICIT):
        return {Part.OWN: values}
    pairs = list(zip(values, _IS_EXPLICIT, strict=True))
    explicit = [value if is_explicit else None for value, is_explicit in pairs]
    return {
        Part.OWN: tuple(None if is_explicit else value for value, is_explicit in pairs),
        Part.EXPLICIT: (observed_day(values), *explicit[1:]),
    }


def prepare(rows: Sequence[Row]) -> PreparedBatch:
    """Encode, salt and encrypt 1 to 10,000 rows."""
    if not 1 <= len(rows) <= BATCH_SIZE:
        raise InvalidInputError("batch", got=f"{len(rows)} records", expected=f"1 to {BATCH_SIZE}")
    records = [encode_record(row.values) for row in rows]
    salts, keys = leaf.new_salts(len(rows)), cipher.new_keys(len(rows))
    leaves = leaf.leaves(salts, records)
    blobs = cipher.encrypt_each(keys, records)
    blob_hashes = [keccak(blob) for blob in blobs]
    days = [observed_day(row.values) for row in rows]
    return PreparedBatch(
        root=merkle.compute_root(leaves),
        vault_root=merkle.compute_root(blob_hashes),
        observed_from=min(days),
        observed_to=max(days),
        expires_at=max(row.expires_day for row in rows) * _DAY_S,
        leaves=leaves,
        blobs=blobs,
        blob_hashes=blob_hashes,
        secrets=[key + salt for key, salt in zip(keys, salts, strict=True)],
    )


def split_secrets(secrets: bytes) -> tuple[bytes, bytes]:
    """Return key and salt of a record."""
    return secrets[: cipher.KEY_SIZE], secrets[cipher.KEY_SIZE :]


def join_blobs(blobs: Sequence[bytes]) -> bytes:
    """Return blobs as one byte string, the form in which the database holds them until they are published."""
    return canonical.encode(list(blobs))


def split_blobs(joined: bytes) -> list[bytes]:
    """Take joined blobs apart."""
    blobs = [blob for blob in canonical.decode_array(joined, what="blobs of a batch") if isinstance(blob, bytes)]
    if not blobs:
        raise DecodeError("blobs of a batch", got="none", expected="byte strings")
    return blobs
