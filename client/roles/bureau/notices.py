"""Telling risk controls to query again, without saying about whom. Source: docs/protocol.md, 5; docs/adr/0022.

A record that was given and is superseded or wrong since makes a query out of date. Changes are collected and told of
together, at most once a day for each query, so that no revocation on the chain points to a pack.
"""

from sqlalchemy import ColumnElement, and_, select, update

from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.store import put_setting, setting
from client.roles.bureau.tables import QUERIES, QUERY_SUBJECTS, RECORDS, Outcome, QueryState, RecordState
from client.sdk.errors import ContractRefusedError
from client.sdk.pack.status import PackStatus

NOTICE_EVERY_S = 86_400
_CHANGED = (RecordState.SUPERSEDED, RecordState.WRONG)
_ENDED = (PackStatus.CLOSED, PackStatus.WITHDRAWN)
_TOLD_AT = "told_at"


def tell_when_due(bureau: Bureau, *, every_s: int = NOTICE_EVERY_S) -> list[int]:
    """Tell of what changed, if that was last done `every_s` seconds ago; returns the queries. The first call begins."""
    now = bureau.chain.block_second()
    with bureau.store.engine.begin() as connection:
        last = setting(connection, _TOLD_AT)
        if last is None:
            put_setting(connection, _TOLD_AT, str(now).encode())
    return tell(bureau) if last is not None and now >= int(last) + every_s else []


def tell(bureau: Bureau) -> list[int]:
    """Tell the requesters of all queries that are out of date, each once for a change; returns the queries.

    Raises:
        RefusedError: the chain does not let this account; nothing is lost.
        UnavailableError: likewise.
    """
    told = []
    for query_id, pack_id in _out_of_date(bureau):
        has_ended = bureau.chain.call("AssetPackRegistry", "statusOf", pack_id) in _ENDED
        if has_ended:
            _mark_told(bureau, query_id)
        elif _tell_one(bureau, query_id):
            _mark_told(bureau, query_id)
            told.append(query_id)
    with bureau.store.engine.begin() as connection:
        put_setting(connection, _TOLD_AT, str(bureau.chain.block_second()).encode())
    return told


def _tell_one(bureau: Bureau, query_id: int) -> bool:
    """Tell of one query; False when that was done today already, so that it is for another day."""
    try:
        bureau.chain.send(CREDIT_FILES, "tellQueryAgain", [[query_id]], bureau.identity.account)
    except ContractRefusedError as error:
        if error.error != "CreditFileToldToday":
            raise
        return False
    return True


def _out_of_date(bureau: Bureau) -> list[tuple[int, int]]:
    """Return the queries (and their packs) with a record given that has changed since, and of which nobody was told."""
    query = (
        select(QUERIES.c.id, QUERIES.c.pack_id)
        .join(QUERY_SUBJECTS, QUERY_SUBJECTS.c.query_id == QUERIES.c.id)
        .join(RECORDS, _same_record())
        .where(QUERIES.c.state == QueryState.ANSWERED, *_is_untold())
        .distinct()
        .order_by(QUERIES.c.id)
    )
    with bureau.store.engine.connect() as connection:
        return [(int(query_id), int(pack_id)) for query_id, pack_id in connection.execute(query)]


def _mark_told(bureau: Bureau, query_id: int) -> None:
    changed = (
        select(QUERY_SUBJECTS.c.position)
        .join(RECORDS, _same_record())
        .where(QUERY_SUBJECTS.c.query_id == query_id, *_is_untold())
    )
    with bureau.store.engine.begin() as connection:
        positions = list(connection.scalars(changed))
        its_rows = and_(QUERY_SUBJECTS.c.query_id == query_id, QUERY_SUBJECTS.c.position.in_(positions))
        connection.execute(update(QUERY_SUBJECTS).where(its_rows).values(is_told=1))


def _same_record() -> ColumnElement[bool]:
    return and_(RECORDS.c.batch_id == QUERY_SUBJECTS.c.batch_id, RECORDS.c.position == QUERY_SUBJECTS.c.record_position)


def _is_untold() -> tuple[ColumnElement[bool], ...]:
    return QUERY_SUBJECTS.c.outcome == Outcome.FOUND, QUERY_SUBJECTS.c.is_told == 0, RECORDS.c.state.in_(_CHANGED)
