"""Parameters over an event table: which days a night reads, in how many reads, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from evenfall.connectors.events import read as events_read
from evenfall.runs.night.sources import shape_of

from ..shop import DAY, TONIGHT, Shop

# ruff: noqa: DTZ001 - wall times of the shop's zone


def define(
    shop: Shop,
    name: str = "signup",
    *,
    source: str = "",
    more: str = "",
    columns: str = "{user: user_id, time: at, channel: channel}",
    kind: str = "probability",
) -> None:
    prior = "mean: 0.3, stdev: 0.1, noise_sigma: 1" if kind == "mean" else "alpha: 8, beta: 17"
    shop.write(
        f"parameters/{name}.yaml",
        f"""\
id: {name}
type: {kind}
observation_source:
  type: events
  connection: shop
  table: events
  columns: {columns}
  attempt: start
  success: done
  min_sample_size: 1
  {source}
bayesian_update: {{prior: {{distribution: {"normal" if kind == "mean" else "beta"}, {prior}}}}}
posterior_destination: {{write_frequency: 1d}}
{more}
""",
    )


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    made = open_shop()
    make_table(made)
    return made


def make_table(shop: Shop) -> None:
    shop.db.execute("CREATE TABLE events (user_id, at TEXT, event, node, channel)")


def happen(
    shop: Shop, user: str, ago: int, event: str, *, hour: float = 12, node: str = "", channel: str = "google"
) -> None:
    on = datetime(TONIGHT.year, TONIGHT.month, TONIGHT.day) - ago * DAY + timedelta(hours=hour)
    shop.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (user, str(on), event, node, channel))


def windows(shop: Shop, name: str = "signup") -> tuple[date, date]:
    (task,) = [task for task in shop.project.nightly().plan.tasks if task.parameter_id == name]
    return task.windows[0].first, task.windows[-1].stop


# Which days -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("horizon", "days"), [("1h", 1), ("1d", 1), ("25h", 2), ("3d", 3)])
def test_a_day_is_read_once_the_horizon_of_its_last_attempt_has_passed(
    shop: Shop, horizon: str, days: int
) -> None:
    define(shop, source=f"horizon: {horizon}")
    end = TONIGHT - days * DAY
    assert windows(shop) == (end - 5 * DAY, end)


def test_a_day_of_23_hours_waits_until_its_horizon_has_passed_too(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(zone="Europe/Berlin")
    make_table(shop)
    define(shop)
    shop.today = date(2026, 3, 30)  # the 29th had 23 hours: 24 hours before its end are on the 28th
    assert windows(shop)[1] == date(2026, 3, 28)
    shop.today = date(2026, 3, 31)
    assert windows(shop)[1] == date(2026, 3, 30)


def test_a_success_within_the_horizon_is_never_missed_by_reading_too_early(shop: Shop) -> None:
    define(shop, source="horizon: 3d")
    happen(shop, "ann", 4, "start")
    happen(shop, "ann", 2, "done")
    happen(shop, "bob", 3, "start")
    shop.night()
    assert shop.posterior() == (9, 17)
    happen(shop, "bob", 1, "done")
    shop.tomorrow()
    assert shop.posterior() == (10, 17)


def test_an_accepted_posterior_leaves_the_days_still_within_their_horizon_to_be_counted(shop: Shop) -> None:
    define(shop, source="horizon: 3d")
    for user, ago in (("ann", 4), ("bob", 3), ("cem", 2)):
        happen(shop, user, ago, "start")
    shop.night()
    shop.project.accept("signup")
    shop.tomorrow(3)
    assert shop.posterior() == (8, 20)
    assert shop.result().late_not_counted == 0


def test_a_backfill_reads_no_day_within_its_horizon(shop: Shop) -> None:
    define(shop)
    happen(shop, "ann", 1, "start")
    happen(shop, "bob", 9, "start")
    shop.project.backfill(TONIGHT - 10 * DAY, TONIGHT).apply()
    assert [row["size"] for row in shop.rows("evidence") if row["size"]] == [1]


# One read ---------------------------------------------------------------------------------------------------


def test_all_that_ask_the_same_are_answered_from_one_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    fetch = events_read.fetch_cube

    def listen(ask: Any, warehouse: Any) -> Any:
        reads.append(ask)
        return fetch(ask, warehouse)

    monkeypatch.setattr(events_read, "fetch_cube", listen)
    define(shop, "base")
    for channel in ("google", "bing"):
        define(shop, channel, more=f"context_filter: {{channel: {channel}}}")
    for node in ("home", "pricing"):
        define(shop, node, more=f"visited_filter: [{node}]")
    define(shop, "other", source="horizon: 2d")
    happen(shop, "ann", 3, "start")
    assert shop.night().exit_code == 0
    assert len(reads) == 2
    (first,) = [ask for ask in reads if ask.nodes]
    assert (first.nodes, first.keys) == (("home", "pricing"), ("channel",))
    define(shop, "newcomer", more="visited_filter: [demo]")
    shop.night()
    assert len(reads) == 4


def test_more_parameters_than_a_chunk_holds_stay_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenfall.runs.night.plan.CHUNK", 2)
    for i in range(5):
        define(shop, f"p{i}")
        shop.define(f"q{i}")
    chunks = shop.project.nightly().plan.chunks
    assert sorted(len(chunk) for chunk in chunks) == [1, 2, 2, 5]
    assert sum(len(chunk) for chunk in chunks) == 10


# Identity ---------------------------------------------------------------------------------------------------


def identity(shop: Shop, **more: str) -> str:
    define(shop, **more)
    registry = shop.project.registry
    return shape_of(registry.parameters["signup"], registry).query_hash


def test_the_identity_changes_with_what_is_counted_and_with_nothing_else(shop: Shop) -> None:
    plain = identity(shop)
    assert plain == identity(shop, more="metadata: {description: the same}")
    assert plain == identity(shop, source="horizon: 24h")
    assert plain == identity(shop, columns="{user: user_id, time: at, channel: other, device: device}")
    both = "visited_filter: {operator: %s, nodes: [home, pricing]}"
    reference = "edge_reference: e.signup.%s"
    changed = {
        identity(shop, source="horizon: 2d"),
        identity(shop, source="unit: session"),
        identity(shop, columns="{user: id, time: at}"),
        identity(shop, more="context_filter: {channel: google}"),
        identity(shop, more="context_filter: {channel: google}", columns="{user: user_id, time: at}"),
        identity(shop, more=both % "AND"),
        identity(shop, more=both % "OR"),
        identity(shop, more=both % "AND", source="lookback: 7d"),
        identity(shop, more=reference % "exclude(home)"),
    }
    assert len(changed - {plain}) == 9
    assert identity(shop, more=both % "AND") == identity(shop, more=reference % "visited(pricing,home)")
    assert identity(shop, more=both % "OR") == identity(shop, more=reference % "visitedAny(pricing,home)")


def test_an_other_condition_reads_its_days_again(shop: Shop) -> None:
    define(shop)
    happen(shop, "ann", 9, "start", channel="bing")
    happen(shop, "bob", 9, "start")
    happen(shop, "bob", 9, "done", hour=13)
    shop.project.backfill(TONIGHT - 10 * DAY, TONIGHT).apply()
    define(shop, more="context_filter: {channel: google}")
    shop.night()
    assert shop.posterior() == (9, 17)


# Refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "mean"}, "which a mean has not"),
        ({"source": "success: start"}, "the same event"),
        (
            {"more": f"visited_filter: [{', '.join(f'n{i}' for i in range(64))}]"},
            "names 64 nodes; one condition may name 63",
        ),
        (
            {"more": "context_filter: {channel: google}\nedge_reference: e.signup.context(channel='bing')"},
            "two values",
        ),
    ],
)
def test_what_events_cannot_answer_is_a_problem_of_the_definition(
    shop: Shop, change: dict[str, str], message: str
) -> None:
    define(shop, **change)
    if change.get("source"):
        text = (shop.root / "parameters/signup.yaml").read_text()
        shop.write("parameters/signup.yaml", text.replace("  success: done\n", ""))
    found = [str(problem) for problem in shop.project.validate()]
    assert any(message in problem for problem in found), found
    assert shop.night().counts == {"config_error": 1}


def test_a_missing_table_or_column_is_a_finding_and_the_rest_of_the_night_goes_on(shop: Shop) -> None:
    define(shop, columns="{user: usr, time: at}")
    define(shop, "fine")
    happen(shop, "ann", 3, "start")
    report = shop.night()
    assert report.counts == {"config_error": 1, "updated": 1}
    result = shop.result("signup", report)
    assert "no column usr" in result.detail
    assert "did you mean user_id" in result.remedy


def test_a_table_without_an_attempt_is_no_data(shop: Shop) -> None:
    define(shop)
    assert shop.night().counts == {"no_data": 1}
    happen(shop, "ann", 3, "view")
    assert shop.tomorrow().counts == {"no_data": 1}
    assert shop.rows("evidence") == []


def test_waiting_for_a_horizon_is_not_taken_for_lateness(shop: Shop) -> None:
    # every day is first read seven nights after its end; none of its attempts was late
    define(shop, source="horizon: 7d")
    for n in range(45):
        for user in range(3):
            happen(shop, f"{n}-{user}", 1 - n, "start")
        shop.night()
        shop.today += DAY
    shop.today -= DAY
    delays = [row["value"] for row in shop.rows("hyperparameters") if row["name"] == "arrival_delay_days"]
    assert delays == [1.0]
    last = shop.posteriors("signup")[-1]
    assert (last.as_of - last.watermark).days == 7 + 1
