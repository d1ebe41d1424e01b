"""Bring a database to this program's schema, in one transaction, or say which of the two is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect

from evenfall.errors import MigrationNeeded, StoreError
from evenfall.store.engine import Transactions
from evenfall.store.schema import REVISION

__all__ = ["check_revision", "found_revision", "migrate"]

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def found_revision(connection: Connection) -> str | None:
    """Return the revision a database is at, or None when it is empty.

    Raises
    ------
    StoreError
        When it holds tables that are not Evenfall's.
    """
    names = inspect(connection).get_table_names()
    if "alembic_version" in names:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if names:
        raise StoreError(
            f"this database holds other tables, such as {names[0]!r}",
            remedy="give Evenfall a database (or file) of its own",
        )
    return None


def check_revision(found: str | None) -> None:
    """Refuse a database whose schema is not this program's.

    Raises
    ------
    MigrationNeeded
        When it is older or newer.
    """
    if found == REVISION:
        return
    if found is None or found < REVISION:
        raise MigrationNeeded(
            f"the store has schema {found or 'none'}, this program needs {REVISION}",
            remedy="run `evenfall migrate`",
        )
    raise MigrationNeeded(
        f"the store has schema {found}, this program knows only {REVISION}",
        remedy="it was written by a newer Evenfall: install that version",
    )


def migrate(transactions: Transactions) -> tuple[str | None, str]:
    """Bring the database to the newest schema and return the revisions before and after.

    All steps are one transaction: a program killed on the way leaves the old schema whole.

    Raises
    ------
    MigrationNeeded
        When the database is newer than this program.
    """
    with transactions.writing() as connection:
        found = found_revision(connection)
        if found is not None and found >= REVISION:
            check_revision(found)
        else:
            _upgrade(connection)
    return found, REVISION


def _upgrade(connection: Connection, revision: str = "head") -> None:
    from alembic import command  # noqa: PLC0415 (heavy, and needed once in a database's life)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
