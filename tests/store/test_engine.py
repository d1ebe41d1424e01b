"""How SQLite is spoken to: settings, snapshots, and writers one after another."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.store.cases import LATE, P, full, night, save

from evenfall.errors import StoreError
from evenfall.store.database import open_store
from evenfall.store.engine import Transactions, make_engine


@pytest.mark.parametrize("url", ["mysql://host/db", "store.db", "", "postgresql://host/db", "sqlite://"])
def test_an_unknown_kind_of_store_is_refused_with_those_there_are(url: str) -> None:
    with pytest.raises(StoreError, match=r"use memory, sqlite:///path/to/store\.db or postgresql\+psycopg"):
        make_engine(url)


def test_a_file_is_kept_in_wal_with_foreign_keys_and_full_flushes(tmp_path: Path) -> None:
    transactions = Transactions(make_engine(f"sqlite:///{tmp_path / 'store.db'}"))
    with transactions.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    transactions.close()
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 60_000}


def test_a_reader_sees_one_snapshot_while_a_writer_commits(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        with store._reading() as scope:
            count = "SELECT count(*) FROM evidence"
            assert scope.connection.exec_driver_sql(count).scalar() == 0
            save(store, full(1))
            assert scope.connection.exec_driver_sql(count).scalar() == 0
        assert len(store.evidence({P: "q1"}, LATE)[P]) == 1


def test_a_writer_waits_for_the_writer_before_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with open_store(url) as one, open_store(url) as other:
        begun = threading.Event()
        reports = []

        def second() -> None:
            begun.set()
            reports.append(save(other, full(2, parameter_id="b")))

        with one._writing() as scope:
            thread = threading.Thread(target=second)
            thread.start()
            begun.wait()
            scope.connection.exec_driver_sql("UPDATE runs SET summary = '{}'")
        thread.join()
        assert reports[0].failed == {}
        assert one.posteriors(["b"], night(2)).keys() == {"b"}


def test_an_error_rolls_everything_back(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        with pytest.raises(KeyError), store._writing() as scope:  # noqa: PT012
            scope.connection.exec_driver_sql("INSERT INTO tenants VALUES ('x', '')")
            raise KeyError
        with store._reading() as scope:
            assert scope.connection.exec_driver_sql("SELECT tenant FROM tenants").scalars().all() == [
                "default"
            ]


def test_a_database_that_cannot_write_stops_the_whole_commit_and_says_so(tmp_path: Path) -> None:
    """A full disk is no fault of the record at hand; taking it for one would fail every parameter in turn."""
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        lease = store.start_run("night", "nightly", LATE.date())
        limit = "PRAGMA max_page_count"
        with store._reading() as scope:
            pages = scope.connection.exec_driver_sql("PRAGMA page_count").scalar()
        with store._writing() as scope:
            scope.connection.exec_driver_sql(f"{limit} = {pages}")
        records = [full(1, parameter_id=f"p{n}") for n in range(400)]
        with pytest.raises(StoreError, match=r"database refused.*full"):
            store.commit(records, lease)
        with store._reading() as scope:
            scope.connection.exec_driver_sql(f"{limit} = 1000000")
        assert store.parameter_ids() == []
        assert store.commit(records, lease).failed == {}
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_forty_threads_read_at_once_and_see_every_commit_of_a_writer(tmp_path: Path) -> None:
    """Each thread waits, inside its transaction, until all forty are inside theirs."""
    transactions = Transactions(make_engine(f"sqlite:///{tmp_path / 'store.db'}"))
    with transactions.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    inside = threading.Barrier(40, timeout=20)

    def read(_: int) -> int:
        with transactions.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
            inside.wait()
            return int(connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())

    with ThreadPoolExecutor(40) as threads:
        assert list(threads.map(read, range(40))) == [0] * 40
        with transactions.writing() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert list(threads.map(read, range(40))) == [1] * 40
    transactions.close()
