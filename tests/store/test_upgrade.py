"""A store that an earlier program filled keeps every row when it is brought to the newest schema."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, insert, select, text
from tests.store.cases import LATE, contents, fit, incident, record, run_two_nights, save

from evenfall.errors import MigrationNeeded
from evenfall.store.database import migrate_store, open_store
from evenfall.store.engine import Transactions, make_engine
from evenfall.store.migrate import _upgrade
from evenfall.store.schema import REVISION


@pytest.fixture(params=["sqlite", "postgresql"])
def two_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """Yield two empty databases of one kind; on PostgreSQL a schema is as good as one."""
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path / name}.db" for name in ("old", "new")]
        return
    server = create_engine(request.getfixturevalue("postgresql_url"))
    names = [f"upgrade_{uuid.uuid4().hex}" for _ in range(2)]
    with server.begin() as connection:
        for name in names:
            connection.execute(text(f"CREATE SCHEMA {name}"))
    yield [
        server.url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(
            hide_password=False
        )
        for name in names
    ]
    with server.begin() as connection:
        for name in names:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    server.dispose()


def copy_rows(source: str, target: str) -> None:
    """Copy into the tables of the target what they have room for."""
    old, new = create_engine(source), create_engine(target)
    known = MetaData()
    known.reflect(new)
    with old.connect() as reads, new.begin() as writes:
        for table in known.sorted_tables:
            if table.name != "alembic_version":
                rows = [dict(row) for row in reads.execute(select(table)).mappings()]
                if rows:
                    writes.execute(insert(table), rows)
    old.dispose()
    new.dispose()


def at_first_schema(url: str) -> None:
    transactions = Transactions(make_engine(url))
    with transactions.writing() as connection:
        _upgrade(connection, "0001")
    transactions.close()


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with open_store(url) as store:
        return contents(store)


def test_a_store_of_the_first_schema_is_upgraded_without_loss(two_urls: list[str]) -> None:
    old, new = two_urls
    with open_store(new) as store:
        run_two_nights(store)
    at_first_schema(old)
    copy_rows(new, old)
    with pytest.raises(MigrationNeeded, match="evenfall migrate"):
        open_store(old)
    assert migrate_store(old) == ("0001", REVISION)
    assert everything(old) == everything(new)
    with open_store(old) as store:
        run_two_nights(store)
        assert contents(store) == everything(new)
        report = save(store, record(3, parameter_id="p0", fit=fit("i", 3, parameter_id="p0"), incidents=()))
        assert not report.failed
        assert not save(
            store, record(3, parameter_id="p0", incidents=(incident(3, parameter_id="p0"),))
        ).failed
        assert store.latest_fits(["p0"], LATE).keys() == {"p0"}
        for statement in ("UPDATE posteriors SET fit_id = 1", "DELETE FROM posteriors", "DELETE FROM fits"):
            with pytest.raises(Exception, match="append-only"), store._writing() as scope:
                scope.connection.execute(text(statement))
