"""Databases for the bureau's tests: SQLite always, PostgreSQL where its programs are installed."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from client.roles.bureau.store import BureauStore

ACCOUNT = Account.from_key(b"\x21" * 32)


def _postgres_program(name: str) -> str | None:
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))), None)
    return os.path.realpath(found) if found else None


def _as_postgres(command: list[str]) -> list[str]:
    """The programs refuse to run as root."""
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command] if os.getuid() == 0 else command
    )


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    initdb, postgres = _postgres_program("initdb"), _postgres_program("pg_ctl")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    base = Path(tmp_path_factory.mktemp("pg", numbered=True))
    if os.getuid() == 0:
        for parent in [base, *base.parents][:3]:
            parent.chmod(0o755)
        try:
            shutil.chown(base, "postgres", "postgres")
        except LookupError:
            pytest.skip("there is no user postgres to run the server as")
    data = base / "data"
    made = subprocess.run(
        _as_postgres([initdb, "-D", str(data), "-U", "bureau", "-A", "trust", "-E", "UTF8"]),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"initdb does not work here: {made.stderr.strip().splitlines()[-1]}")
    options = f"-c listen_addresses='' -c unix_socket_directories={base} -c fsync=off"
    subprocess.run(
        _as_postgres([postgres, "-D", str(data), "-o", options, "-l", str(base / "log"), "-w", "start"]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    yield f"postgresql://bureau@/postgres?host={base}"
    subprocess.run(
        _as_postgres([postgres, "-D", str(data), "-m", "immediate", "stop"]), capture_output=True, check=True
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bureau.db"
    url = str(request.getfixturevalue("postgres_url"))
    name = f"db_{os.urandom(6).hex()}"
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store(database_url: str) -> Iterator[BureauStore]:
    opened = BureauStore(database_url, ACCOUNT)
    yield opened
    opened.close()
