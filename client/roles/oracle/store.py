"""What an oracle must not forget between commit and reveal."""

import secrets
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, insert, select

from client.sdk.database import ensure_schema

_METADATA = MetaData()
_REPORTS = Table(
    "reports",
    _METADATA,
    Column("registry", String(42), primary_key=True),
    Column("chain_id", Integer, primary_key=True),
    Column("round_id", Integer, primary_key=True),
    Column("salt", LargeBinary(32), nullable=False),
    Column("report", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report and the salt of its commitment."""

    salt: bytes
    report: bytes


class ReportStore:
    """The reports of one oracle on one chain."""

    def __init__(self, engine: Engine, *, chain_id: int, registry: str):
        """Open or create the table."""
        ensure_schema(engine, _METADATA, component="oracle", version=1)
        self._engine, self._where = engine, {"chain_id": chain_id, "registry": registry}

    def find(self, round_id: int) -> StoredReport | None:
        """Return what was stored for a round."""
        query = select(_REPORTS.c.salt, _REPORTS.c.report).filter_by(round_id=round_id, **self._where)
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else StoredReport(salt=row.salt, report=row.report)

    def keep(self, round_id: int, report: bytes) -> StoredReport:
        """Store a report under a fresh salt; must be done before its commitment is sent."""
        stored = StoredReport(salt=secrets.token_bytes(32), report=report)
        with self._engine.begin() as connection:
            connection.execute(
                insert(_REPORTS).values(round_id=round_id, salt=stored.salt, report=report, **self._where)
            )
        return stored
