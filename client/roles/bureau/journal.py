"""What the bureau remembers of queries: whom they named, what was given, how far the answer came."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, or_, select, update

from client.roles.bureau.query import Query
from client.roles.bureau.store import BureauStore, put_setting, setting
from client.roles.bureau.tables import QUERIES, QUERY_SUBJECTS, WITHDRAWALS, Outcome, QueryState
from client.sdk.database import insert_rows

_MONTH_S = 30 * 86_400
_EARLIER_S = 366 * 86_400
"""How far back queries of an originator are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A subject of this bureau that a query names."""

    position: int
    """Of its handle in the query."""
    subject: bytes
    outcome: Outcome
    record: tuple[int, int] | None = None
    """Batch id in the database and position of the record that was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The counts of an answer; found, missing and refused together as many as the query has handles."""

    found: int = 0
    missing: int = 0
    refused: int = 0
    withheld: int = 0
    """Of those found, whose fields that need explicit consent are held back."""


class Journal:
    """The bureau's memory of queries, in the bureau's database."""

    def __init__(self, store: BureauStore):
        """Use the tables of `store`."""
        self._engine = store.engine

    def followed_to(self) -> int:
        """Return the last block whose events were dealt with; -1 at first."""
        with self._engine.connect() as connection:
            value = setting(connection, "followed_to")
        return -1 if value is None else int(value)

    def set_followed_to(self, block_number: int) -> None:
        """Remember that the events up to a block were dealt with."""
        with self._engine.begin() as connection:
            put_setting(connection, "followed_to", str(block_number).encode())

    def state_of(self, query_id: int) -> QueryState | None:
        """Return how far a query has come; None when it was never looked at."""
        with self._engine.connect() as connection:
            state = connection.scalar(select(QUERIES.c.state).where(QUERIES.c.id == query_id))
        return None if state is None else QueryState(state)

    def unsettled(self) -> list[int]:
        """Return the queries that were looked at and are neither answered, refused nor lapsed, oldest first."""
        with self._engine.connect() as connection:
            query = select(QUERIES.c.id).where(QUERIES.c.state == QueryState.PREPARED).order_by(QUERIES.c.id)
            return list(connection.scalars(query))

    def decision_of(self, query_id: int) -> tuple[int, Tally]:
        """Return reason of refusal (0: none) and counts as they were decided."""
        columns = QUERIES.c.reason, QUERIES.c.found, QUERIES.c.missing, QUERIES.c.refused, QUERIES.c.withheld
        with self._engine.connect() as connection:
            row = connection.execute(select(*columns).where(QUERIES.c.id == query_id)).one()
        counts = Tally(found=row.found, missing=row.missing, refused=row.refused, withheld=row.withheld)
        return row.reason, counts

    def keep(
        self,
        query: Query,
        *,
        originator: str,
        state: QueryState,
        reason: int = 0,
        tally: Tally | None = None,
        handles: Sequence[bytes] = (),
        named: Sequence[Named] = (),
    ) -> None:
        """Write down a decision before it is carried out; one of an earlier attempt is replaced."""
        counts = tally or Tally()
        with self._engine.begin() as connection:
            connection.execute(delete(QUERY_SUBJECTS).where(QUERY_SUBJECTS.c.query_id == query.id))
            connection.execute(delete(QUERIES).where(QUERIES.c.id == query.id))
            connection.execute(
                insert(QUERIES).values(
                    id=query.id,
                    pack_id=query.pack_id,
                    originator=originator,
                    requester=query.requester,
                    purpose=query.purpose,
                    second=query.second,
                    block_number=query.block_number,
                    state=state,
                    reason=reason,
                    found=counts.found,
                    missing=counts.missing,
                    refused=counts.refused,
                    withheld=counts.withheld,
                    handles=b"".join(handles),
                )
            )
            rows = [
                (query.id, one.position, one.subject, int(one.outcome), *(one.record or (None, None)), 0)
                for one in named
            ]
            insert_rows(connection, QUERY_SUBJECTS, [column.name for column in QUERY_SUBJECTS.columns], rows)

    def settle(self, query_id: int, state: QueryState) -> None:
        """Record that a decision was carried out, or overtaken."""
        with self._engine.begin() as connection:
            connection.execute(update(QUERIES).where(QUERIES.c.id == query_id).values(state=state))

    def times_given(self, subjects: Sequence[bytes], *, now: int) -> dict[bytes, int]:
        """Return how often the file of each subject was given within the last 30 days; 0 is left out."""
        wanted = set(subjects)
        query = (
            select(QUERY_SUBJECTS.c.subject, func.count())
            .join(QUERIES, QUERIES.c.id == QUERY_SUBJECTS.c.query_id)
            .where(
                QUERIES.c.second > now - _MONTH_S,
                QUERIES.c.state == QueryState.ANSWERED,
                QUERY_SUBJECTS.c.outcome == Outcome.FOUND,
            )
            .group_by(QUERY_SUBJECTS.c.subject)
        )
        with self._engine.connect() as connection:
            return {subject: count for subject, count in connection.execute(query) if subject in wanted}

    def earlier_subjects(self, originator: str, requester: str, *, now: int, but: int) -> dict[int, set[bytes]]:
        """Return the subjects of each query of the last year that is about the originator's packs or the requester's.

        Counted are queries that were answered, and earlier ones whose answer is under way; never `but` itself.
        """
        is_under_way = and_(QUERIES.c.state == QueryState.PREPARED, QUERIES.c.reason == 0, QUERIES.c.id < but)
        query = (
            select(QUERY_SUBJECTS.c.query_id, QUERY_SUBJECTS.c.subject)
            .join(QUERIES, QUERIES.c.id == QUERY_SUBJECTS.c.query_id)
            .where(
                or_(QUERIES.c.originator == originator, QUERIES.c.requester == requester),
                QUERIES.c.second > now - _EARLIER_S,
                or_(QUERIES.c.state == QueryState.ANSWERED, is_under_way),
                QUERIES.c.id != but,
            )
        )
        earlier: defaultdict[int, set[bytes]] = defaultdict(set)
        with self._engine.connect() as connection:
            for query_id, subject in connection.execute(query):
                earlier[query_id].add(subject)
        return earlier

    def withdraw(self, subject: bytes, *, purposes: int, now: int) -> None:
        """Remember that a subject withdrew its consent for purposes (bitmap), beyond those it withdrew before."""
        with self._engine.begin() as connection:
            before = connection.scalar(select(WITHDRAWALS.c.purposes).where(WITHDRAWALS.c.subject == subject))
            if before is None:
                values = {"subject": subject, "purposes": purposes, "withdrawn_at": now}
                connection.execute(insert(WITHDRAWALS).values(**values))
            else:
                changed = update(WITHDRAWALS).where(WITHDRAWALS.c.subject == subject)
                connection.execute(changed.values(purposes=before | purposes, withdrawn_at=now))

    def withdrawn(self, purpose: int) -> set[bytes]:
        """Return the subjects that do not want to be read for a purpose."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(WITHDRAWALS.c.subject, WITHDRAWALS.c.purposes))
            return {subject for subject, purposes in rows if purposes >> purpose & 1}

    def query_counts(self) -> dict[str, int]:
        """Return how many queries are in each state, for the console."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(QUERIES.c.state, func.count()).group_by(QUERIES.c.state).order_by(QUERIES.c.state)
            )
            return {f"queries_{QueryState(state).name.lower()}": count for state, count in rows}
