"""Forecasting people on their way: in Python, on the command line, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import evenfall as ef
from evenfall.cli import main
from evenfall.errors import ConfigError, UnknownName, UsageError

from ..runs.shop import DAY, TONIGHT, Shop

# ruff: noqa: DTZ001 - wall times of the shop's zone

GRAPH = """\
nodes: [{slug: letter}, {slug: back}, {slug: cart}, {slug: order, outcome: true}]
edges:
  - {slug: come-back, from: letter, to: back, p: {parameter_id: come-back}}
  - {slug: cart, from: back, to: cart, p: {mean: 0.5}}
  - {slug: order, from: cart, to: order, p: {mean: 0.4, stdev: 0.02}, latency: {median_days: 1, t95_days: 4}}
"""
COME_BACK = """\
id: come-back
latency: {family: lognormal, horizon_days: 10, median_days: 3, t95_days: 12, max_age_days: 30}
observation_source:
  type: events
  connection: shop
  table: events
  columns: {user: user_id, event: event, time: at}
  unit: user
  attempt: letter
  success: back
  horizon: 30d
bayesian_update: {prior: {distribution: beta, mean: 0.3, stdev: 0.1}}
posterior_destination: {write_frequency: 1d}
"""
RATE, MEDIAN, SIGMA = 0.35, 2.0, 0.8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, dict[int, int]]]:
    """A shop after 40 days of 80 letters, and what really came on each later day of those letters."""
    later: dict[int, int] = {}
    with Shop(tmp_path_factory.mktemp("forecast") / "shop", lookback=60) as shop:
        shop.write("graphs/letters.yaml", GRAPH)
        shop.write("parameters/come-back.yaml", COME_BACK)
        shop.db.execute("CREATE TABLE events (user_id, at TEXT, event)")
        rng = np.random.default_rng(21)
        now = datetime(TONIGHT.year, TONIGHT.month, TONIGHT.day)
        rows = []
        for user in range(80 * 40):
            entered = now - timedelta(days=40 - user // 80) + timedelta(seconds=int(rng.integers(86_400)))
            rows.append((user, str(entered), "letter"))
            if rng.random() < RATE:
                back = entered + timedelta(days=float(MEDIAN * np.exp(SIGMA * rng.normal())))
                if back < now:
                    rows.append((user, str(back), "back"))
                elif entered < now - timedelta(days=1):  # the last day has no whole age yet
                    later[(back - now).days] = later.get((back - now).days, 0) + 1
        shop.db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        shop.night()
        text = (shop.root / "evenfall.toml").read_text()
        (shop.root / "evenfall.toml").write_text(f"clock = {shop.today.isoformat()}\n{text}")
        yield shop, later


def test_the_coming_days_hold_what_came(world: tuple[Shop, dict[int, int]]) -> None:
    shop, later = world
    found = shop.project.forecast("e.come-back", days=7)
    assert [day.day for day in found.days] == [TONIGHT + n * DAY for n in range(7)]
    for number, day in enumerate(found.days):
        assert day.lower <= day.expected <= day.upper
        assert day.rate_lower <= day.expected <= day.rate_upper
        assert day.upper - day.lower > day.rate_upper - day.rate_lower
        # four sd of a Poisson count, once in 15,000 days
        assert abs(later.get(number, 0) - day.expected) < 4 * np.sqrt(day.expected) + 1
    total = sum(later.get(number, 0) for number in range(7))
    assert found.total.lower <= total <= found.total.upper
    assert found.total.expected == pytest.approx(sum(day.expected for day in found.days))
    assert sum(cohort.expected for cohort in found.cohorts) == pytest.approx(found.total.expected)


def test_arrivals_further_on_are_fewer_and_later(world: tuple[Shop, dict[int, int]]) -> None:
    project = world[0].project
    first = project.forecast("e.come-back", days=20)
    cart = project.forecast("e.come-back", days=20, to="cart")
    order = project.forecast("e.come-back", days=20, to="order")
    # half of those who come back go on at once
    assert cart.total.expected == pytest.approx(first.total.expected / 2, rel=0.02)
    assert 0.15 * first.total.expected < order.total.expected < 0.4 * first.total.expected
    peak = [max(range(20), key=lambda n: each.days[n].expected) for each in (cart, order)]
    assert peak[0] <= peak[1]
    assert any("computed from the path" in note for note in order.notes)


def test_the_command_line_says_the_same(world: tuple[Shop, dict[int, int]], capsys: Any) -> None:
    root = world[0].root

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["forecast", *arguments, "--project", str(root)])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    code, out, _ = call("e.come-back", "--days", "3", "--json")
    with ef.open(root) as project:
        assert (code, json.loads(out)) == (0, project.forecast("e.come-back", days=3).as_dict())
    code, out, _ = call("e.come-back.latency.t95", "--days", "3", "--to", "order")
    assert (code, "2026-03-22" in out, "together" in out) == (0, True, True)
    code, _, err = call("e.order", "--days", "3")
    assert (code, "its latency is only stated" in err) == (1, True)
    code, _, err = call("e.come-back", "--days", "0")
    assert (code, "ask for 1 to 366" in err) == (64, True)


def test_what_cannot_be_forecast_is_told_with_a_remedy(world: tuple[Shop, dict[int, int]]) -> None:
    project = world[0].project
    with pytest.raises(ConfigError, match="no latency is known"):
        project.forecast("e.cart")
    with pytest.raises(UnknownName, match="oder"):
        project.forecast("e.come-back", to="oder")
    with pytest.raises(UsageError, match="no way leads from back to letter"):
        project.forecast("e.come-back", to="letter")
    with pytest.raises(ConfigError, match="nothing has been fitted"):
        project.forecast("e.come-back", as_of=TONIGHT - DAY)
