"""Databases for the bureau's tests: SQLite always, PostgreSQL where its programs are installed."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
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
def postgres_url() -> Iterator[str]:
    initdb, pg_ctl = _postgres_program("initdb"), _postgres_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    # not below pytest's own directory: every run of pytest closes that to other users
    with tempfile.TemporaryDirectory(prefix="tranchain-pg-", ignore_cleanup_errors=True) as name:
        base, data = Path(name), Path(name) / "data"
        if os.getuid() == 0:
            try:
                shutil.chown(base, "postgres", "postgres")
            except LookupError:
                pytest.skip("there is no user postgres to run the server as")
        made = _run([initdb, "-D", str(data), "-U", "bureau", "-A", "trust", "-E", "UTF8"])
        if made.returncode:
            pytest.skip(f"initdb does not work here: {made.stderr.strip().splitlines()[-1]}")
        options = f"-c listen_addresses='' -c unix_socket_directories={base} -c fsync=off"
        log = str(base / "log")
        started = _run([pg_ctl, "-D", str(data), "-o", options, "-l", log, "-w", "start"], is_silent=True)
        assert started.returncode == 0
        yield f"postgresql://bureau@/postgres?host={base}"
        stopped = _run([pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop"])
        assert stopped.returncode == 0, stopped.stderr


def _run(command: list[str], *, is_silent: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program of the server; one that leaves a server behind must not inherit a pipe of ours."""
    output = subprocess.DEVNULL if is_silent else subprocess.PIPE
    return subprocess.run(_as_postgres(command), stdout=output, stderr=output, text=True, check=False, cwd="/")


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
