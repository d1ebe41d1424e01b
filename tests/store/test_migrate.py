"""Schemas: new, current, older, newer, somebody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import evenfall.store.migrations
from evenfall.errors import MigrationNeeded, StoreError
from evenfall.store.database import Store, migrate_store, open_store
from evenfall.store.engine import Transactions, make_engine
from evenfall.store.migrate import migrate
from evenfall.store.schema import APPEND_ONLY, REVISION, metadata


def at_revision(path: Path, revision: str) -> str:
    url = f"sqlite:///{path}"
    open_store(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    engine.dispose()
    return url


def test_the_migrations_lead_to_the_tables_the_program_knows(store: Store) -> None:
    with store._reading() as scope:
        context = MigrationContext.configure(scope.connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION


def test_the_newest_migration_is_the_one_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(evenfall.store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_every_table_carries_the_tenant() -> None:
    assert [table.name for table in metadata.sorted_tables if "tenant" not in table.c] == []
    assert APPEND_ONLY.keys() <= metadata.tables.keys()


def test_a_new_file_is_made_with_its_folders_and_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'er' / 'store.db'}"
    open_store(url).close()
    open_store(url).close()
    assert migrate_store(url) == (REVISION, REVISION)


def test_an_older_schema_is_not_touched_but_names_the_command(tmp_path: Path) -> None:
    url = at_revision(tmp_path / "store.db", "0000")
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(
        MigrationNeeded, match=f"schema 0000, this program needs {REVISION}: run `evenfall migrate`"
    ):
        open_store(url)
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_newer_schema_is_refused_also_by_migrate(tmp_path: Path) -> None:
    url = at_revision(tmp_path / "store.db", "0999")
    for attempt in (open_store, migrate_store):
        with pytest.raises(MigrationNeeded, match=f"schema 0999, this program knows only {REVISION}"):
            attempt(url)


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
    engine.dispose()
    with pytest.raises(StoreError, match="holds other tables, such as 'orders'"):
        open_store(url)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("parameters:\n  - id: checkout\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'store.db'}")


def test_a_migration_that_breaks_leaves_an_empty_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = Transactions(make_engine(f"sqlite:///{tmp_path / 'store.db'}"))
    monkeypatch.setattr("alembic.op.create_index", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate(transactions)
    monkeypatch.undo()
    with transactions.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    assert migrate(transactions) == (None, REVISION)
    transactions.close()


def test_programs_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    script = "import sys; from evenfall.store.database import open_store; open_store(sys.argv[1]).close()"
    command = [sys.executable, "-W", "error", "-c", script, f"sqlite:///{tmp_path / 'store.db'}"]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [child.communicate()[1] for child in children] == [""] * 4
    assert [child.returncode for child in children] == [0] * 4


@pytest.mark.parametrize(
    ("script", "heavy"),
    [
        ("import evenfall.store.records", "sqlalchemy"),
        ("from evenfall.store.database import open_store; open_store(sys.argv[1]).close()", "alembic"),
    ],
)
def test_what_is_not_needed_is_not_imported(tmp_path: Path, script: str, heavy: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    open_store(url).close()
    check = f"import sys; {script}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check, url], check=False).returncode == 0
