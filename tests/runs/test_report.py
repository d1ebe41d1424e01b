"""What a run says at its end: exit codes, counts, JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from evenfall.findings import Light
from evenfall.runs.report import Difference, Gap, NightReport, RebuildReport, Status, StatusRow, json_ready
from evenfall.store.records import NightResult
from evenfall.window import DayWindow

D = date(2026, 3, 20)


def report(*outcomes: str, problems: int = 0) -> NightReport:
    results = tuple(NightResult(f"p{n}", D, outcome, Light.GREEN) for n, outcome in enumerate(outcomes))
    return NightReport("nightly:2026-03-20", D, results, {}, {}, problems)


@pytest.mark.parametrize("outcome", ["updated", "not_due", "no_data", "insufficient_samples"])
def test_what_a_healthy_night_may_say_ends_well(outcome: str) -> None:
    assert report(outcome).exit_code == 0
    assert report(outcome, "updated").exit_code == 0


@pytest.mark.parametrize("outcome", ["failed", "source_down", "quarantined", "config_error"])
def test_trouble_of_some_ends_partial_and_of_all_failed(outcome: str) -> None:
    assert report("updated", outcome).exit_code == 2
    assert report("no_data", outcome, outcome).exit_code == 2
    assert report(outcome, outcome).exit_code == 1
    assert report(outcome).exit_code == 1


def test_days_set_aside_beside_days_that_count_are_partial_even_alone() -> None:
    result = NightResult("p", D, "quarantined", Light.GREEN, counted=40, quarantined=10, loaded=50)
    assert NightReport("nightly:2026-03-20", D, (result,), {}, {}).exit_code == 2


def test_a_broken_file_makes_a_good_night_partial() -> None:
    assert report("updated", problems=1).exit_code == 2
    assert report(problems=1).exit_code == 2
    assert report("failed", problems=1).exit_code == 1
    assert report().exit_code == 0


def test_a_report_counts_its_outcomes_and_is_json() -> None:
    said = report("updated", "failed", "updated").as_dict()
    assert said["counts"] == {"failed": 1, "updated": 2}
    assert said["exit_code"] == 2
    assert json.loads(json.dumps(said)) == said
    assert said["results"][0]["as_of"] == "2026-03-20"


def test_a_rebuild_fails_when_one_posterior_differs() -> None:
    assert RebuildReport(3, (), 1e-16).exit_code == 0
    differing = Difference("p", D, (1.0,), (2.0,))
    assert RebuildReport(3, (differing,), 0.5).exit_code == 1
    assert RebuildReport(3, (differing,), 0.5).as_dict()["differing"][0]["as_of"] == "2026-03-20"


@pytest.mark.parametrize(("light", "red"), [(light, light is Light.RED) for light in Light])
def test_a_status_is_red_when_a_row_is(light: Light, red: bool) -> None:
    rows = (
        StatusRow("a", "a", "probability", Light.GREEN, "updated"),
        StatusRow("b", "b", "probability", light, "updated"),
    )
    assert Status(D, rows).red is red


def test_days_windows_and_lights_are_text_in_json() -> None:
    instant = datetime(2026, 3, 20, 6, tzinfo=UTC)
    said = json_ready(
        {"gap": Gap("p", (DayWindow(D, date(2026, 3, 22)),), "missing").as_dict(), 1: (instant, Light.RED)}
    )
    assert said == {
        "gap": {"parameter_id": "p", "windows": [["2026-03-20", "2026-03-22"]], "reason": "missing"},
        "1": ["2026-03-20T06:00:00+00:00", "red"],
    }
    assert json.loads(json.dumps(said)) == said
