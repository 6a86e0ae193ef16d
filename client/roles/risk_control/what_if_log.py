"""Which eligible borrowers of a pack were answered for, in the database of this risk control."""

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, insert, select

from client.sdk.chain import ChainClient
from client.sdk.database import ensure_schema

_METADATA = MetaData()
_ANSWERED = Table(
    "what_ifs",
    _METADATA,
    Column("chain_id", Integer, primary_key=True),
    Column("registry", String(42), primary_key=True),
    Column("pack_id", Integer, primary_key=True),
    Column("eligible", LargeBinary, primary_key=True),
)


class WhatIfLog:
    """The sets of eligible assets that were answered for, by pack: a bit an asset, no borrower."""

    def __init__(self, engine: Engine, chain: ChainClient):
        """Open or create the table."""
        ensure_schema(engine, _METADATA, component="what_if", version=1)
        self._engine = engine
        self._where = {"chain_id": chain.chain_id, "registry": chain.registry}

    def answered(self, pack_id: int) -> list[bytes]:
        """Return the bitmaps answered for, the lowest bit of the first byte being asset 0."""
        query = select(_ANSWERED.c.eligible).filter_by(pack_id=pack_id, **self._where)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def keep(self, pack_id: int, eligible: bytes) -> None:
        """Remember a bitmap."""
        with self._engine.begin() as connection:
            connection.execute(insert(_ANSWERED).values(pack_id=pack_id, eligible=eligible, **self._where))
