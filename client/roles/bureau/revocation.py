"""Taking records back: superseded, erased, expired. Secrets go first, then the chain is told, then vaults confirm.

The database holds what is still to be told, so an interruption at any point loses nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.tables import (
    BATCHES,
    DELETIONS,
    RECORDS,
    SUBJECTS,
    BatchState,
    RecordState,
)
from client.sdk import signing
from client.sdk.errors import DecodeError, RefusedError, TamperedError
from client.sdk.vault_client import VaultClient

REASON_OFFSET = 2
"""State of a record minus reason of its revocation. Source: docs/protocol.md, 5."""
_INDICES_MAX = 500
"""Records of one revocation transaction: 16 KB of calldata, about a million gas."""
_RECEIPT_INDICES_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was done to forget a subject."""

    records: int
    """Records whose key and salt are destroyed."""
    revoked: int
    """Of them, those that the chain lists as erased."""
    receipts: int
    """Signed deletion receipts of vaults, one a record and vault."""
    receipts_missing: int
    """Receipts that vaults have not given yet; `tranchain bureau erase` again asks for them."""
    was_erased: bool
    """The subject had been erased before; nothing of it was here any more."""


def erase(bureau: Bureau, national_id: str) -> Erasure:
    """Destroy everything readable about a subject, revoke its records and collect the vaults' receipts.

    Raises:
        RefusedError: nobody with this id is or was here; or the chain does not let this account revoke.
        UnavailableError: chain or vault are away; what is destroyed stays destroyed, the rest is done by the next run.
    """
    subject = bureau.store.key.subject(national_id)
    now = bureau.chain.block_second()
    with bureau.store.engine.begin() as connection:
        known = connection.execute(select(SUBJECTS.c.erased_at).where(SUBJECTS.c.subject == subject)).one_or_none()
        if known is None:
            raise RefusedError("the bureau", "no credit file of this subject was ever here")
        was_erased = known.erased_at is not None
        connection.execute(
            update(RECORDS)
            .where(RECORDS.c.subject == subject, RECORDS.c.state <= RecordState.LIVE)
            .values(state=RecordState.ERASED)
        )
        connection.execute(update(RECORDS).where(RECORDS.c.subject == subject).values(sealed_secrets=None))
        if not was_erased:
            connection.execute(
                update(SUBJECTS).where(SUBJECTS.c.subject == subject).values(sealed_id=None, erased_at=now)
            )
    bureau.store.scrub()
    send_revocations(bureau)
    collect_receipts(bureau, subject)
    return _erasure(bureau, subject, was_erased=was_erased)


def expire(bureau: Bureau) -> int:
    """Destroy and revoke all records whose time has passed; gives how many there were."""
    today = bureau.today()
    with bureau.store.engine.begin() as connection:
        count = connection.execute(
            update(RECORDS)
            .where(RECORDS.c.state <= RecordState.LIVE, RECORDS.c.expires_day <= today)
            .values(state=RecordState.EXPIRED, sealed_secrets=None)
        ).rowcount
    if count:
        bureau.store.scrub()
    send_revocations(bureau)
    return count


def send_revocations(bureau: Bureau) -> int:
    """Tell the chain of every record that is taken back here and not there; gives how many were told."""
    told = 0
    for batch_id, chain_id, state, positions in _waiting(bureau):
        words = bureau.chain.call(CREDIT_FILES, "revokedWords", chain_id, 0, (max(positions) >> 8) + 1)
        open_positions = [at for at in positions if not words[at >> 8] >> (at & 255) & 1]
        _mark_revoked(bureau, batch_id, sorted(set(positions) - set(open_positions)))
        for start in range(0, len(open_positions), _INDICES_MAX):
            some = open_positions[start : start + _INDICES_MAX]
            bureau.chain.send(CREDIT_FILES, "revoke", [chain_id, some, state - REASON_OFFSET], bureau.identity.account)
            _mark_revoked(bureau, batch_id, some)
            told += len(some)
    return told


def collect_receipts(bureau: Bureau, subject: bytes) -> None:
    """Ask every vault for its signed receipts of the subject's revoked records, and keep those that verify."""
    positions_by_root: defaultdict[tuple[int, bytes], dict[int, bytes]] = defaultdict(dict)
    query = (
        select(RECORDS.c.batch_id, BATCHES.c.root, RECORDS.c.position, RECORDS.c.blob_hash)
        .join(BATCHES, BATCHES.c.id == RECORDS.c.batch_id)
        .where(RECORDS.c.subject == subject, RECORDS.c.is_revoked == 1)
        .order_by(RECORDS.c.batch_id, RECORDS.c.position)
    )
    with bureau.store.engine.connect() as connection:
        for batch_id, root, position, blob_hash in connection.execute(query):
            positions_by_root[batch_id, root][position] = blob_hash
    for (batch_id, root), hash_by_position in positions_by_root.items():
        for vault in bureau.vaults:
            rows = list(_receipts_of(bureau, vault, batch_id, root, hash_by_position))
            _keep_receipts(bureau, vault.info.address, batch_id, rows)


def _receipts_of(
    bureau: Bureau, vault: VaultClient, batch_id: int, root: bytes, hash_by_position: dict[int, bytes]
) -> Iterator[dict[str, object]]:
    positions = sorted(hash_by_position)
    for start in range(0, len(positions), _RECEIPT_INDICES_MAX):
        some = positions[start : start + _RECEIPT_INDICES_MAX]
        for position, answer in zip(some, vault.receipts(root, some), strict=True):
            if answer is not None:
                deleted_at, signature = _checked_receipt(bureau, vault, root, position, hash_by_position, answer)
                yield {
                    "batch_id": batch_id,
                    "position": position,
                    "vault": vault.info.address,
                    "deleted_at": deleted_at,
                    "signature": signature,
                }


def _checked_receipt(
    bureau: Bureau,
    vault: VaultClient,
    root: bytes,
    position: int,
    hash_by_position: dict[int, bytes],
    answer: object,
) -> tuple[int, bytes]:
    match answer:
        case {"blob_hash": bytes(blob_hash), "deleted_at": int(deleted_at), "signature": bytes(signature)}:
            pass
        case _:
            raise DecodeError("deletion receipt", got="another shape", expected="that of docs/protocol.md, 9")
    digest = signing.typed_digest(
        domain={
            "name": "Tranchain Vault",
            "version": "1",
            "chainId": bureau.chain.chain_id,
            "verifyingContract": bureau.chain.registry,
        },
        primary="DeletionReceipt",
        fields=[("batchRoot", "bytes32"), ("index", "uint32"), ("blobHash", "bytes32"), ("deletedAt", "uint256")],
        message={"batchRoot": root, "index": position, "blobHash": blob_hash, "deletedAt": deleted_at},
    )
    if signing.recover(digest, signature) != vault.info.address or blob_hash != hash_by_position[position]:
        raise TamperedError("deletion receipt", got="another signer or blob", expected="the vault's, for this record")
    return deleted_at, signature


def _keep_receipts(bureau: Bureau, vault: str, batch_id: int, rows: Sequence[dict[str, object]]) -> None:
    with bureau.store.engine.begin() as connection:
        held = set(
            connection.scalars(
                select(DELETIONS.c.position).where(DELETIONS.c.batch_id == batch_id, DELETIONS.c.vault == vault)
            )
        )
        new = [row for row in rows if row["position"] not in held]
        if new:
            connection.execute(insert(DELETIONS), new)


def _waiting(bureau: Bureau) -> list[tuple[int, int, int, list[int]]]:
    """Return (batch id here, on the chain, state, positions) of records that the chain is still to be told of."""
    query = (
        select(RECORDS.c.batch_id, BATCHES.c.chain_id, RECORDS.c.state, RECORDS.c.position)
        .join(BATCHES, BATCHES.c.id == RECORDS.c.batch_id)
        .where(
            RECORDS.c.state >= RecordState.SUPERSEDED,
            RECORDS.c.is_revoked == 0,
            BATCHES.c.state == BatchState.PUBLISHED,
        )
        .order_by(RECORDS.c.batch_id, RECORDS.c.state, RECORDS.c.position)
    )
    positions: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    with bureau.store.engine.connect() as connection:
        for batch_id, chain_id, state, position in connection.execute(query):
            positions[batch_id, chain_id, state].append(position)
    return [(*key, found) for key, found in positions.items()]


def _mark_revoked(bureau: Bureau, batch_id: int, positions: Sequence[int]) -> None:
    if not positions:
        return
    with bureau.store.engine.begin() as connection:
        connection.execute(
            update(RECORDS)
            .where(RECORDS.c.batch_id == batch_id, RECORDS.c.position.in_(positions))
            .values(is_revoked=1)
        )


def _erasure(bureau: Bureau, subject: bytes, *, was_erased: bool) -> Erasure:
    its_records = RECORDS.c.subject == subject
    with bureau.store.engine.connect() as connection:
        records = connection.scalar(select(func.count()).select_from(RECORDS).where(its_records)) or 0
        revoked = (
            connection.scalar(select(func.count()).select_from(RECORDS).where(its_records, RECORDS.c.is_revoked == 1))
            or 0
        )
        joined = RECORDS.join(
            DELETIONS,
            (DELETIONS.c.batch_id == RECORDS.c.batch_id) & (DELETIONS.c.position == RECORDS.c.position),
        )
        receipts = connection.scalar(select(func.count()).select_from(joined).where(its_records)) or 0
    return Erasure(
        records=records,
        revoked=revoked,
        receipts=receipts,
        receipts_missing=records * len(bureau.vaults) - receipts,
        was_erased=was_erased,
    )
