"""From an event table to conditional beliefs: what came before an attempt, by night, counted by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import evenfall as ef
from evenfall.clock import PinnedClock
from evenfall.project import Project

# ruff: noqa: DTZ001 - wall times of the project's zone are what the table holds

TODAY = date(2026, 3, 20)
DAY = timedelta(days=1)
SETTINGS = """\
zone = "UTC"
lookback_days = 10
[connections.shop]
type = "sqlite"
path = "shop.db"
"""
SOURCE = """\
observation_source:
  type: events
  connection: {connection}
  table: events
  columns: {{user: user_id, node: page, event: name, time: at}}
  attempt: signup_started
  success: signup_done
  lookback: 7d
  min_sample_size: 1
bayesian_update: {{prior: {{distribution: beta, alpha: 8, beta: 17}}}}
posterior_destination: {{write_frequency: 1d}}
"""
EDGE = "edge_reference: e.signup\n"
BOTH = f"{EDGE}visited_filter: [home, pricing]"
CONDITIONS = {
    # condition, and (alpha, beta) after Beta(8, 17) and the people below, counted by hand
    "base": (EDGE, (8 + 4, 17 + 2)),
    "both": (BOTH, (8 + 1, 17 + 1)),  # ann, eve
    "either": (
        f"{EDGE}visited_filter: {{operator: OR, nodes: [home, pricing]}}",
        (8 + 2, 17 + 2),
    ),  # and bob, cem
    "without": ("edge_reference: e.signup.exclude(pricing)", (8 + 2, 17 + 1)),  # bob, dan, fay
    "google": (f"{EDGE}context_filter: {{channel: google}}", (8 + 3, 17 + 1)),  # ann, bob, dan, fay
    "both-google": (f"{BOTH}\ncontext_filter: {{channel: google}}", (8 + 1, 17)),  # ann
    "home-without-google": (
        "edge_reference: e.signup.visited(home).exclude(pricing).context(channel='google')",
        (8, 17 + 1),  # bob
    ),
    "nobody": ("edge_reference: e.signup.visited(pricing).exclude(home).context(channel='google')", (8, 17)),
}
PEOPLE = [
    # user, channel, pages an hour before the attempt, whether it succeeded
    ("ann", "google", ("home", "pricing"), True),
    ("bob", "google", ("home",), False),
    ("cem", "bing", ("pricing",), True),
    ("dan", "google", (), True),
    ("eve", "bing", ("home", "pricing"), False),
    ("fay", "google", (), True),
]

type Event = tuple[str, datetime, str, str | None, str | None]


def noon(ago: int) -> datetime:
    return datetime(TODAY.year, TODAY.month, TODAY.day, 12) - ago * DAY


def first_events(ago: int = 3) -> list[Event]:
    events: list[Event] = []
    for user, channel, pages, success in PEOPLE:
        events += [(user, noon(ago) - timedelta(hours=1), "page_view", page, "direct") for page in pages]
        events.append((user, noon(ago), "signup_started", None, channel))
        events += [(user, noon(ago) + timedelta(hours=1), "signup_done", None, None)] * success
    # who has signed up is shown the prices, and dan saw them eight days before: neither counts
    events += [
        (user, noon(ago) + timedelta(hours=2), "page_view", "pricing", None) for user in ("dan", "fay")
    ]
    events.append(("dan", noon(ago + 8), "page_view", "pricing", None))
    return events


class Site:
    """A project over an event table in one of the embedded warehouses."""

    def __init__(self, root: Path, connection: str) -> None:
        self.root, self.connection, self.today = root, connection, TODAY
        (root / "evenfall.toml").write_text(SETTINGS)
        (root / "parameters").mkdir()
        (root / "data" / "events").mkdir(parents=True)
        for name, (condition, _) in CONDITIONS.items():
            text = f"id: {name}\n{condition}\n{SOURCE.format(connection=connection)}"
            (root / "parameters" / f"{name}.yaml").write_text(text)

    def lay(self, events: list[Event]) -> None:
        """Let the warehouse hold exactly these events."""
        columns = 'user_id {0}, "at" {1}, name {0}, page {0}, channel {0}'
        if self.connection == "shop":
            with closing(sqlite3.connect(self.root / "shop.db")) as shop:
                shop.execute("DROP TABLE IF EXISTS events")
                shop.execute(f"CREATE TABLE events ({columns.format('TEXT', 'TEXT')})")
                shop.executemany(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?)", [(e[0], str(e[1]), *e[2:]) for e in events]
                )
                shop.commit()
            return
        with closing(duckdb.connect(":memory:")) as files:
            files.execute(f"CREATE TABLE e ({columns.format('VARCHAR', 'TIMESTAMP')})")
            files.executemany("INSERT INTO e VALUES (?, ?, ?, ?, ?)", events)
            files.execute(f"COPY e TO '{self.root}/data/events/part.parquet' (FORMAT parquet)")

    def now(self) -> datetime:
        return PinnedClock(
            datetime(self.today.year, self.today.month, self.today.day, 12).astimezone()
        ).instant

    def open(self) -> Project:
        return ef.open(self.root, clock=self)


@pytest.fixture(params=["shop", "data"], ids=["sqlite", "duckdb"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    made = Site(tmp_path, request.param)
    made.lay(first_events())
    return made


def believed(project: Project) -> dict[str, tuple[float, ...]]:
    return {name: tuple(project.show(name).posterior.values()) for name in CONDITIONS}


def test_every_condition_over_one_table_is_the_count_made_by_hand(site: Site) -> None:
    with site.open() as project:
        assert project.validate() == []
        report = project.nightly().apply()
        assert report.exit_code == 0, report.counts
        found = believed(project)
        assert {name: numbers for name, numbers in found.items() if name != "nobody"} == {
            name: numbers for name, (_, numbers) in CONDITIONS.items() if name != "nobody"
        }
        assert report.counts == {"updated": 7, "insufficient_samples": 1}
        # P(signup) = Σ P(visited)·P(signup | visited): the counts of either and of its complement add up
        assert float(project["e.signup.visitedAny(home,pricing).p.mean"]) == pytest.approx(10 / 29)
        assert project["e.signup.context(channel='google').visited(pricing,home).p.mean"].n == 1


def test_a_night_over_events_run_twice_writes_nothing(site: Site) -> None:
    with site.open() as project:
        first = project.nightly().apply()
        assert first.written["evidence"] > 0
        assert project.nightly().apply().written == {}


def test_late_events_restate_their_day(site: Site) -> None:
    """A visit, a success and an attempt arrive two days late; every condition they touch follows."""
    with site.open() as project:
        project.nightly().apply()
        late: list[Event] = [
            ("bob", noon(3) - timedelta(hours=2), "page_view", "pricing", None),  # bob had seen both
            ("eve", noon(3) + timedelta(hours=5), "signup_done", None, None),
            ("gil", noon(3), "signup_started", None, "google"),
        ]
        site.lay(first_events() + late)
        site.today += 2 * DAY
        report = project.nightly().apply()
        assert report.exit_code == 0
        found = believed(project)
        assert found["base"] == (8 + 5, 17 + 2)
        assert found["both"] == (8 + 2, 17 + 1)  # ann, eve, and now bob
        assert found["without"] == (8 + 2, 17 + 1)  # dan, fay, gil
        assert found["google"] == (8 + 3, 17 + 2)
        (before,) = project.status(TODAY, only="base").rows
        assert before.posterior_mean == pytest.approx(12 / 31)


def test_a_new_condition_is_read_over_all_days_of_the_lookback(site: Site) -> None:
    site.lay(first_events(8))
    with site.open() as project:
        project.nightly().apply()
        text = f"id: bing\ncontext_filter: {{channel: bing}}\n{SOURCE.format(connection=site.connection)}"
        (site.root / "parameters" / "bing.yaml").write_text(text)
        project.reload()
        assert project.nightly().apply().counts["updated"] >= 1
        assert tuple(project.show("bing").posterior.values()) == (8 + 1, 17 + 1)  # cem, eve


def test_the_two_warehouses_keep_the_same_evidence(tmp_path: Path) -> None:
    def kept(connection: str) -> list[Any]:
        (tmp_path / connection).mkdir()
        site = Site(tmp_path / connection, connection)
        site.lay(first_events() + first_events(5))
        with site.open() as project:
            project.nightly().apply()
            rows = [row.as_dict() for row in project.status().rows]
            return [believed(project), [(row["size"], row["total"]) for row in rows]]

    assert kept("shop") == kept("data")
