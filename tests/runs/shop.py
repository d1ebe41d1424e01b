"""A shop with a real database, a project that reads it, and a clock that a test can turn."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import evenfall as ef
from evenfall.project import Project
from evenfall.runs.report import NightReport, StatusRow
from evenfall.store.records import NightResult, PosteriorRecord, PriorVersion

DAY = timedelta(days=1)
TONIGHT = date(2026, 3, 20)

SETTINGS = """\
zone = "{zone}"
lookback_days = {lookback}
[connections.shop]
type = "sqlite"
path = "shop.db"
"""

QUERY = """\
SELECT SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE edge = '{edge}' AND day >= :start_date AND day < :end_date"""

WALL = {"wall_at", "run_id"}
"""Columns that say when and by which attempt a row was written, not what it holds."""


class TurnableClock:
    """Noon of the day it is set to."""

    def __init__(self, today: date) -> None:
        self.today = today

    def now(self) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, 12, tzinfo=UTC)


class Shop:
    """A project in a folder of its own, the SQLite file its queries read, and its nights."""

    def __init__(self, root: Path, *, zone: str = "UTC", lookback: int = 5, more: str = "") -> None:
        self.root = root
        for folder in ("parameters", "contexts", "data"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "evenfall.toml").write_text(SETTINGS.format(zone=zone, lookback=lookback) + more)
        self.clock = TurnableClock(TONIGHT)
        self.db = sqlite3.connect(root / "shop.db", isolation_level=None)
        self.db.execute("CREATE TABLE counts (day TEXT, edge TEXT, trials, successes, channel TEXT)")
        self._project: Project | None = None

    # Definitions ------------------------------------------------------------------------------------------

    def define(
        self,
        name: str = "signup",
        *,
        prior: str = "{distribution: beta, alpha: 8, beta: 17}",
        source: str = "min_sample_size: 1",
        query: str | None = None,
        connection: str = "shop",
        update: str = "",
        rest: str = "posterior_destination: {write_frequency: 1d}",
    ) -> None:
        """Write a parameter that counts its own edge; `source`, `update` and `rest` are further YAML."""
        kind = {"shop": "sqlite", "data": "duckdb"}[connection]
        lines = [f"id: {name}", "observation_source:", f"  type: {kind}", f"  connection: {connection}"]
        lines += [f"  {source}"] if source else []
        lines += ["  query: |", f"    {query or QUERY.format(edge=name)}"]
        if prior or update:
            lines += ["bayesian_update:"]
            lines += [f"  prior: {prior}"] if prior else []
            lines += [f"  {update}"] if update else []
        self.write(f"parameters/{name}.yaml", "\n".join([*lines, rest]) + "\n")

    def write(self, file: str, text: str) -> None:
        """Write a file of the project; an open project reads its definitions again."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if self._project is not None:
            self._project.reload()

    # The world outside ------------------------------------------------------------------------------------

    def sell(
        self,
        day: date | int,
        trials: Any,
        successes: Any,
        *,
        edge: str = "signup",
        channel: str | None = None,
    ) -> None:
        """Let the shop say this of one day, in place of what it said before; an int counts days ago."""
        on = self.day(day)
        self.db.execute(
            "DELETE FROM counts WHERE day = ? AND edge = ? AND channel IS ?", (on.isoformat(), edge, channel)
        )
        row = (on.isoformat(), edge, trials, successes, channel)
        self.db.execute("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", row)

    def day(self, day: date | int) -> date:
        return self.today - day * DAY if isinstance(day, int) else day

    @property
    def today(self) -> date:
        return self.clock.today

    @today.setter
    def today(self, day: date) -> None:
        self.clock.today = day

    # The project ------------------------------------------------------------------------------------------

    @property
    def project(self) -> Project:
        if self._project is None:
            self._project = ef.open(self.root, clock=self.clock)
        return self._project

    def night(self, as_of: date | None = None, **options: Any) -> NightReport:
        """Run tonight, or the night of a date."""
        return self.project.nightly(as_of, **options).apply()

    def tomorrow(self, days: int = 1) -> NightReport:
        """Let days pass and run the night then."""
        self.today += days * DAY
        return self.night()

    def result(self, name: str = "signup", report: NightReport | None = None) -> NightResult:
        """Return what the last night (or the report) says of a parameter."""
        results = report.results if report is not None else self.project.history(name).nights
        return [each for each in results if each.parameter_id == name][-1]

    def row(self, name: str = "signup", as_of: date | None = None) -> StatusRow:
        (row,) = self.project.status(as_of, only=name).rows
        return row

    def posterior(self, name: str = "signup") -> tuple[float, ...] | None:
        """Return the numbers of the current posterior in the family's order."""
        return tuple(self.project.show(name).posterior.values()) or None

    def priors(self, name: str = "signup") -> tuple[PriorVersion, ...]:
        return self.project.history(name).priors

    def posteriors(self, name: str = "signup") -> tuple[PosteriorRecord, ...]:
        return self.project.history(name).posteriors

    # The store, read with nothing but SQL -----------------------------------------------------------------

    @property
    def store_file(self) -> Path:
        return self.root / ".evenfall" / "store.db"

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows as they stand in the file, without when and by whom they were written."""
        with sqlite3.connect(self.store_file) as file:
            file.row_factory = sqlite3.Row
            found = file.execute(f"SELECT * FROM {table}").fetchall()
        file.close()
        return [{key: row[key] for key in row.keys() if key not in WALL} for row in found]  # noqa: SIM118

    def findings(self, name: str | None = None) -> list[tuple[str, str]]:
        """Return (check, message) of every finding that stands."""
        return [
            (row["check_name"], row["message"])
            for row in self.rows("findings")
            if row["withdrawn_at"] is None and name in (None, row["parameter_id"])
        ]

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything the store keeps but the lists of attempts and their tasks."""
        with sqlite3.connect(self.store_file) as file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        file.close()
        return {
            name: self.rows(name) for name in names if name not in ("runs", "tasks") and name[:7] != "sqlite_"
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._project is not None:
            self._project.close()
        self.db.close()
