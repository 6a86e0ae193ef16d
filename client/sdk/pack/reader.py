"""Reading a pack and its credit records from chain and vault, every byte checked against the chain.

Whoever reads has an identity whose encryption key the rows and bundles were sealed to: risk control, the trustee, or
an organisation's auditor account.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from client.sdk import merkle
from client.sdk.attestation import CHUNK_SIZE
from client.sdk.chain import ChainClient
from client.sdk.credit_bundle import Bundle, decode_answer, decode_bundle
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import RefusedError, TamperedError
from client.sdk.hpke import decode_key_blob
from client.sdk.keystore import Identity
from client.sdk.leaf import leaves
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.asset_table import AssetTable
from client.sdk.pack.blobs import decrypt_rows
from client.sdk.pack.bundle_reader import read_entries, read_parts
from client.sdk.pack.credit_record import OWN_RECORDS, CreditValues, NoRecord, RecordRules
from client.sdk.pack.credit_table import FoundRecords
from client.sdk.recipients import open_sealed

_CHUNKS_PER_REQUEST = 128
"""Some 12 MB of rows."""


class BlobSource(Protocol):
    """What a reader needs of a vault."""

    def get(self, blob_hash: bytes) -> bytes:
        """Return one blob, checked against its hash; RefusedError when it is not to be had."""

    def get_all(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return the blobs with these hashes, checked, in order; RefusedError when one is not to be had."""

    def stream(self, hashes: Sequence[bytes], *, per_request: int) -> Iterator[bytes]:
        """Yield the blobs with these hashes, checked, in order; RefusedError when one is not to be had.

        About `per_request` of them are in memory at a time.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFile:
    """A pack as its entitled readers have it: row i is the asset with index i."""

    pack_id: int
    root: bytes
    originator: str
    cut_off_day: int
    class_unit: int
    row_key: bytes
    rows: Sequence[AssetRow]
    receipts: tuple[bytes, ...] = ()
    """Signed consent receipt of each row's borrower; none where they were not wanted."""

    @property
    def table(self) -> AssetTable:
        """The rows as columns."""
        return AssetTable.of(self.rows)


def read_pack(
    chain: ChainClient, vault: BlobSource, identity: Identity, pack_id: int, *, with_receipts: bool = False
) -> PackFile:
    """Read and check all rows of a submitted pack, and keep their receipts where they are wanted.

    Raises:
        RefusedError: the pack is not submitted, or its rows are not sealed to this account.
        TamperedError: rows do not give the leaves the chain has.
    """
    pack = chain.call("AssetPackRegistry", "pack", pack_id)
    if not any(pack.root):
        raise RefusedError("AssetPackRegistry", f"pack {pack_id} is not submitted", "see `tranchain pack show`")
    row_key = read_row_key(chain, vault, identity, pack_id)
    added = list(chain.events("AssetPackRegistry", "AssetsAdded", filters={"packId": pack_id}))
    blobs = vault.stream([bytes(event.args["rowsBlob"]) for event in added], per_request=_CHUNKS_PER_REQUEST)
    rows: list[bytes] = []
    receipts: list[bytes] = []
    commitments: list[bytes] = []
    for event, blob in zip(added, blobs, strict=True):
        opened = decrypt_rows(row_key, blob, what=f"rows of pack {pack_id} from asset {event.args['firstIndex']}")
        commitments += leaves([salt for salt, _, _ in opened], [row for _, row, _ in opened])
        rows += [row for _, row, _ in opened]
        receipts += [receipt for _, _, receipt in opened] if with_receipts else []
    check_root(bytes(pack.root), commitments, pack_id)
    return PackFile(
        pack_id=pack_id,
        root=bytes(pack.root),
        originator=pack.originator,
        cut_off_day=pack.cutOff,
        class_unit=pack.classUnit,
        row_key=row_key,
        rows=AssetTable(rows),
        receipts=tuple(receipts),
    )


def pack_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over a pack's leaves as the chain computes it from its chunks."""
    if len(leaves) <= CHUNK_SIZE:
        return merkle.compute_root(leaves)
    padded = [*leaves, *[merkle.ZERO_LEAF] * (-len(leaves) % CHUNK_SIZE)]
    chunk_roots = [
        merkle.compute_root(padded[start : start + CHUNK_SIZE]) for start in range(0, len(padded), CHUNK_SIZE)
    ]
    return merkle.compute_root(chunk_roots, padding=merkle.zero_root(CHUNK_SIZE.bit_length() - 1))


def check_root(root: bytes, leaves: Sequence[bytes], pack_id: int) -> None:
    """Raise TamperedError unless the leaves give the pack's root."""
    if pack_root(leaves) != root:
        raise TamperedError(f"pack {pack_id}", got="rows that do not give its root", expected="the submitted rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRecords:
    """What bureaus answered to a query: the records that were not revoked as of a block."""

    by_handle: Mapping[bytes, CreditValues]
    """One record per handle, merged where there are several."""
    erased_handles: frozenset[bytes]
    """Subjects of whom a record that counts was revoked after that block, so that nobody can read it any more; what
    `by_handle` has of them is not all that counts."""
    reason_by_handle: Mapping[bytes, NoRecord]
    """Of handles without record that a bureau knows or refused; the others are missing at every bureau."""

    def reason(self, handle: bytes) -> NoRecord | None:
        """Return why there is no record of a handle of the query; None when there is one."""
        return None if handle in self.by_handle else self.reason_by_handle.get(handle, NoRecord.MISSING)


def read_credit(
    chain: ChainClient,
    vault: BlobSource,
    identity: Identity,
    query_id: int,
    *,
    rules: RecordRules = OWN_RECORDS,
    as_of_block: int | None = None,
) -> CreditRecords:
    """Read, open and check every record that bureaus answered a query with, and merge those that count by the rules.

    Records revoked up to `as_of_block` (None: up to now) do not count. Records of a handle come in ascending order of
    organisation, then newest first, then by batch and index: the same for every recipient.

    Raises:
        RefusedError: the account is not a recipient of the query, or the vault does not have a record that counts.
        TamperedError: a bundle or record is not what its bureau committed to.
    """
    answered = read_answers(chain, vault, identity, query_id, as_of_block=as_of_block)
    by_handle, unusable = answered.found.merged(rules)
    reasons = dict.fromkeys(answered.refused_handles, NoRecord.REFUSED) | unusable
    return CreditRecords(by_handle=by_handle, erased_handles=answered.erased_handles, reason_by_handle=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What bureaus answered to a query, every bureau's records by themselves."""

    found: FoundRecords
    """Records that were not revoked as of the block."""
    erased_handles: frozenset[bytes]
    """Subjects of whom a record that counts was revoked after that block."""
    refused_handles: frozenset[bytes]
    """Subjects of whom a bureau refused to answer."""


def read_answers(
    chain: ChainClient, vault: BlobSource, identity: Identity, query_id: int, *, as_of_block: int | None = None
) -> Answers:
    """Read, open and check every record that bureaus answered a query with; raises as `read_credit`."""
    block = chain.head() if as_of_block is None else as_of_block
    query = chain.call("CreditFileRegistry", "query", query_id)
    answers = chain.events("CreditFileRegistry", "CreditAnswered", filters={"queryId": query_id}, last_block=block)
    found = FoundRecords()
    erased: set[bytes] = set()
    refused: set[bytes] = set()
    for event in answers:
        organisation = _organisation(chain, event.args["bureau"], block)
        bundle = _bundle(chain, vault, identity, query_id, query, bytes(event.args["bundleRoot"]))
        refused.update(bundle.refused_handles)
        read = read_parts if bundle.part_key else read_entries
        erased |= read(chain, vault, bundle, found, organisation=organisation, block=block)
    return Answers(found=found, erased_handles=frozenset(erased), refused_handles=frozenset(refused))


def without_record(pack: PackFile, records: CreditRecords) -> dict[int, NoRecord]:
    """Return why assets of a pack have no record that counts, by asset index. Not for the chain."""
    reasons = {index: records.reason(row.handle) for index, row in enumerate(pack.rows)}
    return {index: why for index, why in reasons.items() if why is not None}


def read_row_key(chain: ChainClient, vault: BlobSource, identity: Identity, pack_id: int) -> bytes:
    """Return the key of a pack's rows; RefusedError when it is not sealed to this account, or not to be had."""
    blob_hash = bytes(chain.call("AssetPackRegistry", "pack", pack_id).rowKeyBlob)
    sealed = decode_key_blob(vault.get(blob_hash)).get(identity.address)
    if sealed is None:
        raise RefusedError(f"pack {pack_id}", f"its rows are not sealed to {identity.address}")
    info = KeyDirectory(chain).seal_info("row-key", subject=pack_id, recipient=identity.address, expires_at=0)
    return open_sealed(identity, sealed, info)


def _bundle(
    chain: ChainClient, vault: BlobSource, identity: Identity, query_id: int, query: Any, answer_hash: bytes
) -> Bundle:
    bundle_hash = decode_answer(vault.get(answer_hash)).get(identity.address)
    if bundle_hash is None:
        raise RefusedError(f"query {query_id}", f"{identity.address} is not one of its recipients")
    keys = KeyDirectory(chain)
    info = keys.seal_info("bundle", subject=query_id, recipient=identity.address, expires_at=query.expiresAt)
    bundle = decode_bundle(open_sealed(identity, vault.get(bundle_hash), info))
    if (bundle.query_id, bundle.pack_id) != (query_id, query.packId):
        raise TamperedError("bundle", got=f"query {bundle.query_id}", expected=f"query {query_id}")
    return bundle


def _organisation(chain: ChainClient, account: str, block: int) -> int:
    enrolled, _ = chain.call("Consortium", "account", account, block=block)
    return int(enrolled.organisation)
