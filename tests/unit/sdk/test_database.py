import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, insert, text
from sqlalchemy.exc import IntegrityError

from client.sdk.database import ensure_schema, open_engine
from client.sdk.errors import ConfigError, UnavailableError

METADATA = MetaData()
PARENT = Table("parent", METADATA, Column("id", Integer, primary_key=True))
CHILD = Table("child", METADATA, Column("parent_id", ForeignKey("parent.id"), primary_key=True))


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_sqlite_file_is_created_with_write_ahead_log_and_foreign_keys(tmp_path, form):
    engine = open_engine(form.format(tmp_path / "deep" / "bureau.db"))
    ensure_schema(engine, METADATA, component="test", version=1)
    with engine.begin() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        with pytest.raises(IntegrityError):
            connection.execute(insert(CHILD).values(parent_id=5))
    engine.dispose()


def test_schema_of_the_same_version_keeps_its_rows(tmp_path):
    engine = open_engine(str(tmp_path / "bureau.db"))
    ensure_schema(engine, METADATA, component="test", version=1)
    with engine.begin() as connection:
        connection.execute(insert(PARENT).values(id=1))
    ensure_schema(engine, METADATA, component="test", version=1)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM parent")) == 1
    engine.dispose()


@pytest.mark.parametrize("version", [1, 3])
def test_schema_of_another_version_is_refused(tmp_path, version):
    engine = open_engine(str(tmp_path / "bureau.db"))
    ensure_schema(engine, METADATA, component="test", version=2)
    with pytest.raises(ConfigError, match=f"got schema version 2, expected {version}"):
        ensure_schema(engine, METADATA, component="test", version=version)
    engine.dispose()


def test_components_share_a_database(tmp_path):
    engine = open_engine(str(tmp_path / "bureau.db"))
    ensure_schema(engine, METADATA, component="one", version=1)
    ensure_schema(engine, MetaData(), component="two", version=9)
    engine.dispose()


def test_file_that_is_no_database_is_refused_in_one_line(tmp_path):
    path = tmp_path / "bureau.db"
    path.write_bytes(b"certainly not a database, and long enough for a header" * 30)
    engine = open_engine(str(path))
    with pytest.raises(ConfigError) as caught:
        ensure_schema(engine, METADATA, component="test", version=1)
    assert "\n" not in str(caught.value)
    engine.dispose()


def test_server_that_is_not_there_is_unavailable_without_naming_the_password():
    engine = open_engine("postgresql://user:hunter2@127.0.0.1:1/bureau")
    with pytest.raises(UnavailableError) as caught:
        ensure_schema(engine, METADATA, component="test", version=1)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://host/name", "://", "http://host"])
def test_url_of_something_else_is_refused(url):
    with pytest.raises(ConfigError, match="database"):
        open_engine(url)
