"""Taking records back: superseded, erased, expired. Secrets go first, then the chain is told, then vaults confirm.

The database holds what is still to be told, so an interruption at any point loses nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select, update

from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.receipts import Holder, collect_receipts
from client.roles.bureau.tables import (
    BATCHES,
    DELETIONS,
    RECORDS,
    RELATIONS,
    SUBJECTS,
    BatchState,
    Part,
    RecordState,
)
from client.sdk.errors import RefusedError

REASON_OFFSET = 2
"""State of a record minus reason of its revocation. Source: docs/protocol.md, 5."""
_INDICES_MAX = 500
"""Records of one revocation transaction: 16 KB of calldata, about a million gas."""


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
    vaults: int
    """Vaults that have to confirm the deletion of every record."""
    vaults_missing: Sequence[str]
    """Those of them that have not, by organisation and node."""
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
        _drop_derived(connection, subject)
        if not was_erased:
            connection.execute(
                update(SUBJECTS).where(SUBJECTS.c.subject == subject).values(sealed_id=None, erased_at=now)
            )
    bureau.store.scrub()
    send_revocations(bureau)
    holders = collect_receipts(bureau, subject)
    return _erasure(bureau, subject, holders, was_erased=was_erased)


def drop_spread(bureau: Bureau, subject: bytes) -> None:
    """Forget a person's relations, and destroy and revoke every record that was made from its data."""
    with bureau.store.engine.begin() as connection:
        _drop_derived(connection, subject)
    bureau.store.scrub()
    send_revocations(bureau)


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


def _drop_derived(connection: Connection, subject: bytes) -> None:
    """Forget a person's relations, and destroy every record that was made from its data."""
    its_borrowers = select(RELATIONS.c.subject).where(RELATIONS.c.related == subject)
    connection.execute(
        update(RECORDS)
        .where(
            RECORDS.c.part == Part.RELATED,
            RECORDS.c.state <= RecordState.LIVE,
            RECORDS.c.subject.in_(its_borrowers.scalar_subquery()),
        )
        .values(state=RecordState.ERASED, sealed_secrets=None)
    )
    connection.execute(delete(RELATIONS).where(or_(RELATIONS.c.subject == subject, RELATIONS.c.related == subject)))


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


def _erasure(bureau: Bureau, subject: bytes, holders: Sequence[Holder], *, was_erased: bool) -> Erasure:
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
        query = (
            select(DELETIONS.c.vault, func.count()).select_from(joined).where(its_records).group_by(DELETIONS.c.vault)
        )
        held = {str(vault): int(count) for vault, count in connection.execute(query)}
    missing = {holder.name: records - held.get(holder.vault or "", 0) for holder in holders}
    return Erasure(
        records=records,
        revoked=revoked,
        receipts=sum(held.values()),
        receipts_missing=sum(missing.values()),
        vaults=len(holders),
        vaults_missing=[name for name, count in missing.items() if count],
        was_erased=was_erased,
    )
