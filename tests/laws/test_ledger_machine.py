"""Whatever happens to a project, its posterior is what a twenty-line model says.

The machine loads, restates and loses rows, runs nights in and out of order, kills commits, edits the prior,
accepts posteriors and jumps the clock; after every step alpha and beta must agree with the model to 1e-12
(the counts exactly). Expected values come from the model alone, which shares no code with the program.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import evenfall as ef
from evenfall.errors import StoreError
from evenfall.store import faults

FIRST = date(2026, 3, 20)  # the last Sunday of March changes the clock in the project's zone
DAY = timedelta(days=1)
LOOKBACK = 5
DEFINITION = """\
id: rate
bayesian_update:
  prior: {{distribution: beta, alpha: {alpha}, beta: {beta}}}
observation_source:
  type: sqlite
  connection: shop
  min_sample_size: 1
  query: |
    SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM journeys
    WHERE created_at >= :start_date AND created_at < :end_date
posterior_destination:
  write_frequency: 1d
"""


class MovableClock:
    today = FIRST

    def now(self) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, 12, tzinfo=UTC)


class Model:
    """Twenty lines: what a night reads replaces what was known of those days; sums give the posterior."""

    def __init__(self) -> None:
        self.written = (8.0, 17.0)
        self.source: dict[date, tuple[int, int]] = {}
        self.ledger: dict[date, list[tuple[date, int, tuple[int, int]]]] = {}
        self.priors: list[tuple[date, int, tuple[float, float], date]] = []
        self.published: dict[date, tuple[float, float]] = {}
        self.clock = 0

    def known(self, day: date, as_of: date) -> tuple[int, int] | None:
        return max((row for row in self.ledger.get(day, []) if row[0] <= as_of), default=(None, None, None))[
            2
        ]

    def prior(self, as_of: date) -> tuple[date, int, tuple[float, float], date] | None:
        return max((version for version in self.priors if version[0] <= as_of), default=None)

    def believe(self, as_of: date, numbers: tuple[float, float], absorbed: date) -> None:
        self.clock += 1
        self.priors.append((as_of, self.clock, numbers, absorbed))

    def night(self, as_of: date) -> None:
        lookback = as_of - LOOKBACK * DAY
        seen = [day for day in self.ledger if self.known(day, as_of) is not None]
        days = days_between(min([*seen, lookback]), as_of)
        for day in days:
            if day >= lookback or self.known(day, as_of - DAY) is None:
                self.clock += 1
                self.ledger.setdefault(day, []).append((as_of, self.clock, self.source.get(day, (0, 0))))
        prior = self.prior(as_of)
        if prior is None or prior[2] != self.written:
            self.believe(as_of, self.written, date.min)
        *_, (alpha, beta), absorbed = self.prior(as_of) or (None, None, (0.0, 0.0), date.min)
        sums = {day: self.known(day, as_of) or (0, 0) for day in days}
        if sum(n for day, (n, _) in sums.items() if day >= absorbed) >= 1:
            trials, successes = (sum(column) for column in zip(*sums.values(), strict=True))
            self.published[as_of] = (alpha + successes, beta + trials - successes)

    def accept(self, today: date) -> None:
        watermark, prior = max(self.published) - DAY, self.prior(today)
        if prior is not None and prior[3] < watermark:
            self.believe(today, prior[2], watermark)


def days_between(first: date, stop: date) -> list[date]:
    return [first + n * DAY for n in range((stop - first).days)]


class Ledger(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.model = Model()
        self.today = FIRST
        (self.root / "parameters").mkdir()
        (self.root / "evenfall.toml").write_text(
            f'zone = "Europe/Berlin"\nlookback_days = {LOOKBACK}\n'
            '[connections.shop]\ntype = "sqlite"\npath = "shop.db"\n'
        )
        self.write_prior()
        self.shop = sqlite3.connect(self.root / "shop.db", isolation_level=None)
        self.shop.execute("CREATE TABLE journeys (created_at TEXT, converted INTEGER)")
        self.clock = MovableClock()
        self.clock.today = FIRST
        self.project = ef.open(self.root, clock=self.clock, store="memory")

    def teardown(self) -> None:
        self.project.close()
        self.shop.close()
        shutil.rmtree(self.root)

    def write_prior(self) -> None:
        alpha, beta = self.model.written
        (self.root / "parameters" / "rate.yaml").write_text(DEFINITION.format(alpha=alpha, beta=beta))

    @rule(ago=st.integers(1, 9), trials=st.integers(0, 6), data=st.data())
    def load_or_restate_a_day(self, ago: int, trials: int, data: st.DataObject) -> None:
        day = self.today - ago * DAY
        successes = data.draw(st.integers(0, trials))
        self.model.source[day] = (trials, successes)
        self.shop.execute("DELETE FROM journeys WHERE date(created_at) = ?", (day.isoformat(),))
        rows = [(f"{day} {(i * 5) % 24:02}:30:00", int(i < successes)) for i in range(trials)]
        self.shop.executemany("INSERT INTO journeys VALUES (?, ?)", rows)

    @rule(days=st.integers(1, 4))
    def time_passes(self, days: int) -> None:
        self.today += days * DAY
        self.clock.today = self.today

    @rule()
    def run_tonight(self) -> None:
        self.project.nightly().apply()
        self.model.night(self.today)

    @rule(ago=st.integers(1, 5))
    def run_a_night_late(self, ago: int) -> None:
        self.project.nightly(self.today - ago * DAY).apply()
        self.model.night(self.today - ago * DAY)

    @rule()
    def run_tonight_twice(self) -> None:
        self.run_tonight()
        again = self.project.nightly().apply()
        assert not any(again.written.values()), again.written

    @rule(point=st.sampled_from(["ledger.before", "ledger.after", "posterior.after", "commit.before"]))
    def a_night_dies(self, point: str) -> None:
        faults._passes.clear()
        os.environ["EVENFALL_FAULT"] = f"raise:{point}:1"
        try:
            with contextlib.suppress(StoreError):
                self.project.nightly().apply()
                self.model.night(
                    self.today
                )  # the fault hit the bulk write only; the night went on without it
        finally:
            del os.environ["EVENFALL_FAULT"]

    @rule(alpha=st.integers(1, 30), beta=st.integers(1, 30))
    def the_prior_is_edited(self, alpha: int, beta: int) -> None:
        self.model.written = (float(alpha), float(beta))
        self.write_prior()
        self.project.reload()

    @precondition(lambda self: bool(self.model.published))
    @rule()
    def the_posterior_is_accepted(self) -> None:
        self.project.accept("rate")
        self.model.accept(self.today)

    @invariant()
    def the_current_posterior_is_the_models(self) -> None:
        shown = self.project.show("rate").posterior
        expected = self.model.published[max(self.model.published)] if self.model.published else (None, None)
        assert (shown.get("alpha"), shown.get("beta")) == expected

    @invariant()
    def every_posterior_can_be_rebuilt(self) -> None:
        assert self.project.rebuild().max_difference <= 1e-12


def run_machine(examples: int) -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_two_hundred_histories_give_the_models_posterior() -> None:
    run_machine(200)


@pytest.mark.verify
def test_ten_thousand_histories_give_the_models_posterior() -> None:
    run_machine(10_000)
