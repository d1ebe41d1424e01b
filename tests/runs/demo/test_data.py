"""The example's events: what had arrived when, and that it is what the truth says."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import evenfall as ef
from evenfall.registry.files import load
from evenfall.registry.scope import Scope, scope_of
from evenfall.runs.demo import world as acme
from evenfall.runs.demo.data import DemoData, example_path
from evenfall.runs.demo.story import build_demo

EXAMPLE = load(example_path())
PARAMETERS = EXAMPLE.parameters
UNTRACKED = {"subscribe", "write-review"}
SEEN_TWICE = {"usual-order-value"}
"""Parameters over events that another parameter's truth has drawn."""
BY_EVENTS = {"keep-shopping", *acme.CONDITIONAL[acme.EVENT_EDGE]}


@pytest.fixture(scope="module")
def demo() -> DemoData:
    return DemoData.of(PARAMETERS, seed=3)


def arrived(root: Path) -> dict[str, bytes]:
    files = (root / "data").rglob("*.*")
    return {f.relative_to(root / "data").as_posix(): f.read_bytes() for f in files if f.is_file()}


def rows(
    root: Path, where: str = "true", columns: str = "count(*)", table: str = "journeys"
) -> tuple[Any, ...]:
    with duckdb.connect() as connection:
        for name in ("journeys", "events"):
            connection.read_parquet(f"{root}/data/{name}/**/*.parquet").create_view(name)
        found = connection.execute(f"SELECT {columns} FROM {table} WHERE {where}").fetchone()
    assert found is not None
    return found


def edge_number(slug: str) -> int:
    return [edge.slug for edge in acme.TRACKED].index(slug)


def test_a_night_sees_the_days_before_it_and_no_other(demo: DemoData, tmp_path: Path) -> None:
    for night in (acme.NIGHTS[0], acme.NIGHTS[5], acme.NIGHTS[-1]):
        demo.lay(tmp_path, night)
        newest = rows(tmp_path, columns="max(created_at)")[0]
        assert newest.date() == night - timedelta(days=1)
        parts = [name.rpartition("part-")[2] for name in arrived(tmp_path) if name.endswith(".parquet")]
        assert max(parts) == f"{night}.parquet"


def test_nights_laid_in_any_order_leave_the_same_bytes(demo: DemoData, tmp_path: Path) -> None:
    straight, zigzag = tmp_path / "straight", tmp_path / "zigzag"
    demo.lay(straight, acme.NIGHTS[13])
    for night in (acme.NIGHTS[20], acme.NIGHTS[2], acme.NIGHTS[-1], acme.NIGHTS[13]):
        demo.lay(zigzag, night)
    assert arrived(straight) == arrived(zigzag)


def test_the_same_seed_gives_the_same_bytes(demo: DemoData, tmp_path: Path) -> None:
    again = DemoData.of(PARAMETERS, seed=3)
    demo.lay_all(tmp_path / "a")
    again.lay_all(tmp_path / "b")
    assert arrived(tmp_path / "a") == arrived(tmp_path / "b")


def test_laying_a_night_twice_touches_no_file(demo: DemoData, tmp_path: Path) -> None:
    demo.lay(tmp_path, acme.NIGHTS[9])
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.is_file()}
    demo.lay(tmp_path, acme.NIGHTS[9])
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.is_file()} == before


def test_late_rows_arrive_one_to_three_days_after_the_others(demo: DemoData, tmp_path: Path) -> None:
    day = acme.DAYS[2]
    where = f"created_at >= '{day}' AND created_at < '{day + timedelta(days=1)}'"
    seen = []
    for night in acme.NIGHTS[2:7]:
        demo.lay(tmp_path, night)
        seen.append(rows(tmp_path, where)[0])
    assert seen == sorted(seen)
    assert seen[0] < seen[3] == seen[4] == int((demo.journeys.day == 2).sum())
    assert seen[0] / seen[-1] == pytest.approx(1 - acme.LATE_SHARE, abs=0.01)


def test_a_restated_day_is_replaced_whole(demo: DemoData, tmp_path: Path) -> None:
    folder = f"journeys/day={acme.RESTATED_DAY}/"
    where = f"CAST(created_at AS DATE) = DATE '{acme.RESTATED_DAY}'"
    demo.lay(tmp_path, acme.RESTATED_ON - timedelta(days=1))
    attempts, before = rows(tmp_path, where, "count(*), count(*) FILTER (converted)")
    demo.lay(tmp_path, acme.RESTATED_ON)
    assert [name for name in arrived(tmp_path) if name.startswith(folder)] == [
        f"{folder}part-{acme.RESTATED_ON}.parquet"
    ]
    corrected, after = rows(tmp_path, where, "count(*), count(*) FILTER (converted)")
    assert attempts == corrected == int((demo.journeys.day == 11).sum())
    # binomial loss of a fifth of about 1,500 conversions, five standard deviations
    assert before / after == pytest.approx(1 - acme.LOST_SHARE, abs=5 * math.sqrt(0.2 * 0.8 / after))


def test_the_drifting_edge_loses_three_of_ten_from_the_eighth_day_on(demo: DemoData) -> None:
    journeys = demo.journeys
    checkout = journeys.edge == edge_number(acme.DRIFTING)
    truth = demo.truths[acme.DRIFTING].quantity
    for where, expected in [(journeys.day < 7, truth), (journeys.day >= 7, truth * 0.7)]:
        taken = journeys.converted[checkout & where]
        assert taken.mean() == pytest.approx(expected, abs=5 * 0.5 / math.sqrt(len(taken)))


def test_overdispersed_days_scatter_more_than_chance(demo: DemoData) -> None:
    journeys = demo.journeys
    find = journeys.edge == edge_number("find")
    attempts = np.bincount(journeys.day[find])
    daily = np.bincount(journeys.day[find], journeys.converted[find]) / attempts
    by_chance = np.sqrt(daily.mean() * (1 - daily.mean()) / attempts.mean())
    # kappa 60 and 270 a day: sqrt(1 + 269/61) = 2.3 times as much; 30 days know it to 13 %
    assert 1.6 < daily.std(ddof=1) / by_chance < 3.1


def first_carts(demo: DemoData, days: int = len(acme.DAYS)) -> dict[str, np.ndarray]:
    """Whether each session's first visit of its cart ended at the products, per parameter of that edge."""
    journeys = demo.journeys
    here = np.flatnonzero((journeys.edge == edge_number("keep-shopping")) & (journeys.day < days))
    first = here[np.unique(journeys.session[here], return_index=True)[1]]
    searched = (journeys.has_visited("search") | journeys.has_visited("deals"))[first]
    read = journeys.has_visited("reviews")[first]
    taken = journeys.converted[first]
    return {
        "keep-shopping": taken[~searched],
        "keep-shopping-looked": taken[searched & ~read],
        "keep-shopping-compared": taken[searched & read],
    }


def test_a_cart_left_for_the_products_is_a_cycle_that_sessions_walk(demo: DemoData) -> None:
    journeys = demo.journeys
    back = (journeys.edge == edge_number("keep-shopping")) & journeys.converted
    again = (journeys.edge == edge_number("add-to-cart")) & journeys.has_visited("cart")
    assert back.sum() == again.sum() > 400
    # who comes back takes an edge as often as anybody else; five standard errors
    truth = demo.truths["add-to-cart"].quantity
    assert journeys.converted[again].mean() == pytest.approx(truth, abs=5 * 0.5 / math.sqrt(again.sum()))


def test_who_keeps_shopping_depends_on_what_he_had_seen(demo: DemoData) -> None:
    for name, taken in first_carts(demo).items():
        truth = demo.truths[name].quantity
        error = math.sqrt(truth * (1 - truth) / len(taken))
        assert taken.mean() == pytest.approx(truth, abs=5 * error), name


def test_the_events_are_the_pages_of_the_journeys_with_an_attempt_and_its_success(
    demo: DemoData, tmp_path: Path
) -> None:
    demo.lay_all(tmp_path)
    journeys = demo.journeys
    seen = rows(
        tmp_path,
        columns="count(*) FILTER (event = 'page_view'), count(*) FILTER (event = 'cart_opened'), "
        "count(*) FILTER (event = 'kept_shopping'), "
        "count(*) FILTER ((event = 'page_view') = (node_slug IS NULL)), count(DISTINCT session_id)",
        table="events",
    )
    carts = journeys.edge == edge_number("keep-shopping")
    moments = np.unique(np.stack([journeys.session, journeys.second]), axis=1).shape[1]
    sessions = len(np.unique(journeys.session))
    assert seen == (moments, carts.sum(), (carts & journeys.converted).sum(), 0, sessions)


def test_visits_after_the_conversion_mislead_whoever_looks_at_whole_sessions(
    demo: DemoData, tmp_path: Path
) -> None:
    demo.lay_all(tmp_path)
    (whole_sessions,) = rows(
        tmp_path,
        table="""(SELECT bool_or(event = 'kept_shopping') AS kept FROM events GROUP BY session_id
            HAVING bool_or(event = 'cart_opened') AND bool_or(node_slug = 'reviews')
            AND bool_or(node_slug IN ('search', 'deals')))""",
        columns="avg(kept::INT)",
    )
    compared = first_carts(demo)["keep-shopping-compared"].mean()
    assert whole_sessions > 1.2 * compared


def test_the_ledger_counts_first_carts_by_what_was_seen_before_them(demo: DemoData, tmp_path: Path) -> None:
    build_demo(tmp_path)
    demo.lay_all(tmp_path)
    with ef.open(tmp_path, store="memory") as project:
        assert not project.backfill(acme.DAYS[0], acme.NIGHTS[-1]).apply().failures
        counted = {
            name: [sum(column) for column in zip(*((e.size, e.total) for e in evidence), strict=True)]
            for name in BY_EVENTS
            if (evidence := project.history(name).evidence)
        }
    # the last night leaves out the day before it, whose last hour had not had its horizon by midnight
    expected = {name: [len(taken), taken.sum()] for name, taken in first_carts(demo, days=29).items()}
    assert counted == expected


def test_truth_json_says_what_was_drawn(demo: DemoData, tmp_path: Path) -> None:
    truth = json.loads(demo.write_truth(tmp_path).read_text())
    assert truth["seed"] == 3
    assert truth["parameters"].keys() == PARAMETERS.keys() - UNTRACKED - SEEN_TWICE
    checkout = truth["parameters"]["checkout"]
    assert checkout["drift"]["quantity"] == pytest.approx(0.7 * checkout["quantity"])
    assert date.fromisoformat(checkout["drift"]["from"]) == acme.DAYS[7]
    assert truth["parameters"]["find"]["kappa"] == 60


def test_the_world_is_the_one_the_example_describes() -> None:
    graph = EXAMPLE.graphs["acme"]
    described = {(e.slug, e.from_node, e.to_node): e.p.parameter_id for e in graph.edges}
    tracked = {(e.slug, e.origin, e.target): name for e, name in acme.TRACKED.items()}
    assert tracked == {key: name for key, name in described.items() if name not in UNTRACKED | {*acme.LAGGED}}
    conditions = {name: visited for some in acme.CONDITIONAL.values() for name, visited in some.items()}
    for name, visited in conditions.items():
        assert scope_of(PARAMETERS[name]) == Scope.of(visited.all, visited.any, visited.none), name
    assert len(graph.nodes) >= 12
    assert EXAMPLE.contexts["channel"].value_ids == acme.CHANNELS
    assert EXAMPLE.contexts["device"].value_ids == acme.DEVICES
    assert EXAMPLE.settings.clock == acme.NIGHTS[-1]


def test_the_example_has_no_problem_and_one_of_every_kind() -> None:
    assert EXAMPLE.problems == ()
    assert {parameter.type for parameter in PARAMETERS.values()} == {
        "probability",
        "rate",
        "mean",
        "duration",
    }
    assert sum(parameter.template_id == "signup" for parameter in PARAMETERS.values()) == len(acme.SLICES)
    assert {PARAMETERS["find"].kappa, PARAMETERS["cart-after-reviews"].kappa} == {60, "learned"}
    assert PARAMETERS["add-to-cart"].observation_source.result_type == "timeseries"
    assert all(PARAMETERS[name].value and not PARAMETERS[name].observation_source for name in UNTRACKED)
    assert PARAMETERS["pay-member"].visited_filter.nodes == ("account",)
    sources = {PARAMETERS[name].observation_source.type for name in BY_EVENTS}
    assert sources == {"events"}
    filters = [PARAMETERS[name].visited_filter for name in sorted(BY_EVENTS)]
    assert [each and each.operator for each in filters] == [None, "AND", "OR"]


def test_every_cart_is_spoken_of_by_exactly_one_parameter() -> None:
    scopes = [scope_of(PARAMETERS[name]) for name in BY_EVENTS]
    for number in range(8):
        seen = {node for bit, node in enumerate(("search", "deals", "reviews")) if number >> bit & 1}
        cart = Scope.of(seen, exclude={"search", "deals", "reviews"} - seen)
        assert sum(cart.implies(scope) for scope in scopes) == 1, seen
