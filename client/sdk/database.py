"""Databases of roles: one engine for SQLite files and PostgreSQL, and the version of each schema in it."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from client.sdk.errors import ConfigError, UnavailableError

_PRAGMAS = (
    "journal_mode = WAL",
    "foreign_keys = ON",
    "synchronous = FULL",
    "busy_timeout = 10000",
    "cache_size = -65536",  # KiB: hashed keys go all over an index, which is written page by page if it does not fit
    "wal_autocheckpoint = 8000",  # pages
)
_VERSION_TABLE = Table(
    "tranchain_schema",
    MetaData(),
    Column("component", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
)


def open_engine(url: str) -> Engine:
    """Return an engine for `sqlite:///path`, `postgresql://user@host/name`, or the path of an SQLite file.

    SQLite files are created where missing and run with write-ahead log and foreign keys on; PostgreSQL is reached
    through psycopg 3.

    Raises:
        ConfigError: the URL cannot be read, or names another kind of database.
        UnavailableError: the database cannot be opened.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError as error:
        raise ConfigError(
            "database URL", got="one that cannot be read", expected="sqlite:///… or postgresql://…"
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    elif kind == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    else:
        raise ConfigError("database", got=kind, expected="sqlite or postgresql")
    try:
        engine = create_engine(parsed, pool_pre_ping=kind == "postgresql")
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError("database driver", got="none", expected="the extra `postgres` of this package") from error
    if kind == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def ensure_schema(engine: Engine, metadata: MetaData, *, component: str, version: int) -> None:
    """Create the tables of a component in an empty database, or check that they are of this version.

    Raises:
        ConfigError: the database holds another version, or is not a database.
        UnavailableError: it cannot be reached.
    """
    try:
        with engine.begin() as connection:
            _VERSION_TABLE.create(connection, checkfirst=True)
            found = connection.scalar(select(_VERSION_TABLE.c.version).where(_VERSION_TABLE.c.component == component))
            if found is None:
                metadata.create_all(connection)
                connection.execute(insert(_VERSION_TABLE).values(component=component, version=version))
    except OperationalError as error:
        raise UnavailableError("the database", str(error.orig).splitlines()[0]) from error
    except DatabaseError as error:
        raise ConfigError("database", got=str(error.orig).splitlines()[0], expected=f"one of {component}") from error
    if found not in (None, version):
        raise ConfigError(
            f"database of {component}",
            got=f"schema version {found}",
            expected=f"{version}",
            remedy="use the release that made it, or move its data",
        )


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert many rows at once; their values must be what the database itself takes: integers, bytes, text, None.

    SQLite gets them as they are: going through the types of the columns costs more than the writing.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608  # names of our own tables
        connection.exec_driver_sql(statement, list(rows))
    else:
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
