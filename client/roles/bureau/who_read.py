"""Who read this person's file: every query that named it, each proven against the chain.

Source: docs/protocol.md, 5.
"""

from dataclasses import dataclass

from sqlalchemy import select

from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.tables import QUERIES, QUERY_SUBJECTS, SUBJECTS, Outcome, QueryState
from client.sdk.consent import Purpose
from client.sdk.errors import RefusedError
from client.sdk.handle import handles_tree
from client.sdk.hashing import keccak
from client.sdk.merkle import check_proof

_HANDLE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One query that named the subject."""

    query_id: int
    pack_id: int
    requester: str
    recipients: tuple[str, ...]
    """Accounts that got the file when the outcome is `found`."""
    purpose: Purpose
    second: int
    """Unix second of the block that asked."""
    block_number: int
    outcome: Outcome
    handle: bytes
    """What the person was called in this query."""
    position: int
    """Of the handle in the query."""
    proof: tuple[bytes, ...]
    """Siblings from keccak(handle) to `handles_root`."""
    handles_root: bytes
    """As it is on the chain."""


def who_read(bureau: Bureau, national_id: str) -> list[Reading]:
    """Return the answered queries that named a person, oldest first, checked against the chain.

    Raises:
        RefusedError: nobody with this id is or was here.
        TamperedError: the database does not agree with the chain.
    """
    subject = bureau.store.key.subject(national_id)
    query = (
        select(QUERIES, QUERY_SUBJECTS.c.position, QUERY_SUBJECTS.c.outcome)
        .join(QUERY_SUBJECTS, QUERY_SUBJECTS.c.query_id == QUERIES.c.id)
        .where(QUERY_SUBJECTS.c.subject == subject, QUERIES.c.state == QueryState.ANSWERED)
        .order_by(QUERIES.c.id)
    )
    with bureau.store.engine.connect() as connection:
        if connection.scalar(select(SUBJECTS.c.subject).where(SUBJECTS.c.subject == subject)) is None:
            raise RefusedError("the bureau", "no credit file of this subject was ever here")
        rows = connection.execute(query).all()
    readings = []
    for row in rows:
        on_chain = bureau.chain.call(CREDIT_FILES, "query", row.id)
        handles = [row.handles[at : at + _HANDLE_SIZE] for at in range(0, len(row.handles), _HANDLE_SIZE)]
        handle = handles[row.position]
        proof = handles_tree(handles).proof(row.position)
        root = bytes(on_chain.handlesRoot)
        check_proof(root, keccak(handle), index=row.position, proof=proof, what=f"query {row.id}")
        readings.append(
            Reading(
                query_id=row.id,
                pack_id=row.pack_id,
                requester=row.requester,
                recipients=tuple(on_chain.recipients),
                purpose=Purpose(row.purpose),
                second=row.second,
                block_number=row.block_number,
                outcome=Outcome(row.outcome),
                handle=handle,
                position=row.position,
                proof=tuple(proof),
                handles_root=root,
            )
        )
    return readings
