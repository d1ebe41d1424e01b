"""The verbs, as a person or a scheduler calls them, on a small real project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from evenfall.cli import main

TONIGHT = date(2025, 11, 11)
DAYS = 10
"""Days of data before tonight."""

COUNTS = {
    # trials and successes per day; over ten days 150 and 52, the design's worked example
    "signup": [(15, 5)] * 8 + [(15, 6)] * 2,
    # yesterday is still open; the seven days before it hold 892 trials and 375 successes, expected .55 ± .037
    "checkout": [(127, 70)] * 2 + [(127, 53)] * 3 + [(127, 54)] * 3 + [(130, 54)] + [(127, 54)],
    "quiet": [(4, 1)] * 10,
}

SETTINGS = f"""\
zone = "UTC"
clock = "{TONIGHT}"
"""

PARAMETER = """\
id: {name}
type: probability
observation_source:
  type: duckdb
  connection: data
  query: |
    SELECT SUM(trials) AS trials, SUM(successes) AS successes
    FROM counts WHERE edge = '{name}' AND day >= :start_date AND day < :end_date
bayesian_update:
  prior: {{{prior}}}
"""

STATIC = """\
id: price
type: mean
value: {mean: 12.5, stdev: 1.5, noise_sigma: 4.0}
"""


@dataclass(frozen=True)
class Call:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "parameters").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "evenfall.toml").write_text(SETTINGS)
    rows = ["day,edge,trials,successes"]
    for edge, counts in COUNTS.items():
        for back, (trials, successes) in enumerate(reversed(counts), start=1):
            rows.append(f"{TONIGHT - timedelta(days=back)},{edge},{trials},{successes}")
    (root / "data" / "counts.csv").write_text("\n".join(rows) + "\n")
    priors = {
        "signup": "distribution: beta, alpha: 8, beta: 17",
        "checkout": "distribution: beta, mean: 0.55, stdev: 0.037",
        "quiet": "distribution: beta, alpha: 2, beta: 8",
    }
    for name, prior in priors.items():
        (root / "parameters" / f"{name}.yaml").write_text(PARAMETER.format(name=name, prior=prior))
    (root / "parameters" / "price.yaml").write_text(STATIC)
    return root


@pytest.fixture
def call(project: Path, capsys: Any, monkeypatch: Any) -> Callable[..., Call]:
    monkeypatch.chdir(project)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: object) -> Call:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Call(left.value.code, out, err)

    return run


def rows_of(status: Call) -> dict[str, dict[str, Any]]:
    return {row["parameter_id"]: row for row in status.json["rows"]}


def test_a_new_project_validates_and_runs_its_first_night(call, tmp_path, monkeypatch):
    fresh = tmp_path / "fresh"
    made = call("init", fresh)
    assert made.code == 0
    assert "evenfall.toml" in made.out
    assert call("init", fresh).code == 64
    monkeypatch.chdir(fresh)
    assert call("validate").code == 0
    assert call("nightly").code == 0
    standing = call("status")
    assert standing.code == 0
    assert "grey" in standing.out


def test_a_night_then_the_status_says_red_where_belief_and_data_part(call):
    night = call("nightly", "--json")
    assert (night.code, night.err) == (0, "")
    assert night.json["exit_code"] == 0
    status = call("status", "--json")
    rows = rows_of(status)
    assert status.code == 1
    assert status.json["red"] is True
    assert {name: row["light"] for name, row in rows.items()} == {
        "checkout": "red",
        "price": "grey",
        "quiet": "grey",
        "signup": "green",
    }
    assert rows["checkout"]["sigma"] == pytest.approx(-3.195, abs=5e-3)
    assert rows["signup"]["posterior_mean"] == pytest.approx(60 / 175)


def test_the_table_names_every_light_in_words_and_the_reasons_below(call):
    call("nightly")
    out = call("status").out
    assert re.search(r"■ red +checkout +55\.0 ± 3\.7 %", out)
    assert re.search(r"● green +signup .*34\.3 % \[27\.5, 41\.5\]", out)
    assert re.search(r"○ grey +quiet", out)
    assert "checkout diverging: expected 55 %, observed 42 % (3.2σ), n 892" in out
    assert "too few to judge: 28 in the window, 100 are needed" in out
    assert "\x1b[" not in out
    assert max(map(len, out.split("\n\n")[0].splitlines())) <= 120


def test_the_answer_of_an_update_is_the_worked_example(call):
    answer = call("update", "signup", "--json")
    assert answer.code == 0
    posterior = answer.json["posterior"]
    assert (posterior["alpha"], posterior["beta"]) == (60, 115)
    assert posterior["mean"] == pytest.approx(0.342857, abs=1e-6)
    assert posterior["credible_interval_95"] == pytest.approx([0.2745, 0.4146], abs=5e-5)
    assert answer.json["observations"] == {"trials": 150, "successes": 52}
    assert answer.json["divergence"]["light"] == "green"
    text = call("update", "signup").out
    assert "34.3 % [27.5, 41.5]" in text
    assert "trials 150, successes 52" in text


def test_an_update_without_enough_samples_is_skipped_with_its_reason(call):
    skipped = call("update", "quiet", "--json")
    assert skipped.code == 0
    assert (skipped.json["skipped"], skipped.json["reason"]) == (True, "insufficient_samples")
    assert "insufficient_samples" in call("update", "quiet").out


def test_an_accepted_posterior_becomes_the_prior_and_changes_no_posterior(call):
    call("nightly")
    before = rows_of(call("status", "--json"))["signup"]
    accepted = call("update", "signup", "--accept", "--json")
    assert accepted.code == 0
    assert accepted.json["changed"] is True
    assert accepted.json["absorbed_until"] <= str(TONIGHT)
    call("nightly")
    after = rows_of(call("status", "--json"))["signup"]
    assert after["posterior_mean"] == pytest.approx(before["posterior_mean"], rel=1e-12)
    assert after["prior_mean"] != before["prior_mean"]
    assert call("update", "signup", "--accept", "--json").json["changed"] is False
    assert "already" in call("update", "signup", "--accept").out


def test_a_plan_says_what_it_would_do_and_does_nothing(call):
    plan = call("nightly", "--plan", "--json")
    assert plan.code == 0
    assert {task["parameter_id"] for task in plan.json["tasks"]} == {*COUNTS, "price"}
    assert "signup" in call("nightly", "--plan").out
    assert all(row["posterior_mean"] is None for row in rows_of(call("status", "--json")).values())


def test_a_second_night_of_the_same_day_changes_no_number(call):
    call("nightly")
    first = call("status", "--json").json
    assert call("nightly").code == 0
    assert call("status", "--json").json == first


def test_only_the_named_parameter_is_run(call):
    night = call("nightly", "--only", "signup", "--json")
    assert [result["parameter_id"] for result in night.json["results"]] == ["signup"]
    unknown = call("nightly", "--only", "singup", "--json")
    assert unknown.code != 0
    assert "signup" in unknown.json["remedy"]


def test_gaps_are_listed_until_a_night_has_read_them(call):
    before = call("status", "--gaps", "--json").json["gaps"]
    assert {gap["parameter_id"] for gap in before} == set(COUNTS)
    assert "signup" in call("status", "--gaps").out
    call("nightly")
    assert call("status", "--gaps", "--json").json["gaps"] == []
    assert call("status", "--gaps").out == "no gaps\n"


def test_a_backfill_reads_the_days_it_is_given(call):
    first = TONIGHT - timedelta(days=40)
    filled = call("backfill", "--from", first, "--to", first + timedelta(days=5), "--json")
    assert filled.code == 0
    assert filled.json["written"]["evidence"] >= 0
    assert call("backfill", "--from", first, "--to", TONIGHT, "--plan").code == 0


def test_every_stored_posterior_is_rebuilt(call):
    call("nightly")
    rebuilt = call("rebuild", "--verify", "--json")
    assert rebuilt.code == 0
    assert rebuilt.json["checked"] >= 2
    assert rebuilt.json["differing"] == []
    assert "0 differ" in call("rebuild", "--verify").out


def test_the_history_holds_priors_posteriors_and_nights(call):
    call("nightly")
    kept = call("history", "signup", "--json").json
    assert [len(kept[name]) for name in ("priors", "posteriors", "nights")] == [1, 1, 1]
    assert len(kept["evidence"]) >= DAYS
    out = call("history", "signup").out
    assert "declared" in out
    assert "34.3 % [27.5, 41.5]" in out
    assert call("history", "price").code == 0


def test_one_parameter_is_shown_with_its_file_and_numbers(call):
    empty = call("show", "signup")
    assert empty.code == 0
    assert "none yet" in empty.out
    call("nightly")
    shown = call("show", "signup", "--json").json
    assert (shown["file"], shown["line"]) == ("parameters/signup.yaml", 1)
    assert shown["prior"] == {"alpha": 8, "beta": 17}
    assert shown["posterior"] == {"alpha": 60, "beta": 115}
    out = call("show", "signup").out
    assert "parameters/signup.yaml:1" in out
    assert "n 150, observed 34.7 %" in out
    unknown = call("show", "singup")
    assert unknown.code == 1
    assert "did you mean signup?" in unknown.err


def test_a_broken_file_is_told_with_its_place_and_stops_no_other(call, project):
    call("nightly")
    broken = project / "parameters" / "signup.yaml"
    broken.write_text(broken.read_text().replace("type: probability", "type: probabilty"))
    checked = call("validate", "--json")
    assert (checked.code, checked.json["valid"]) == (1, False)
    [found] = checked.json["problems"]
    assert (found["file"], found["line"]) == ("parameters/signup.yaml", 2)
    assert "parameters/signup.yaml:2:" in call("validate").out
    night = call("nightly", "--json")
    assert night.code == 2
    assert len(night.json["results"]) == len(COUNTS) + 1
    assert rows_of(call("status", "--json"))["signup"]["config_error"]
    assert "parameters/signup.yaml:2:" in call("status").out


def test_a_source_that_is_gone_makes_the_night_partial_and_is_named(call, project):
    other = project / "parameters" / "other.yaml"
    other.write_text(PARAMETER.format(name="other", prior="alpha: 2, beta: 8").replace("counts", "orders"))
    night = call("nightly")
    assert night.code == 2
    assert "other: " in night.out
    assert rows_of(call("status", "--json"))["signup"]["light"] == "green"


def test_the_project_is_found_from_a_folder_inside_and_by_name(call, project, tmp_path, monkeypatch):
    monkeypatch.chdir(project / "parameters")
    assert call("validate").code == 0
    monkeypatch.chdir(tmp_path)
    assert call("validate").code == 64
    assert call("validate", "--project", project).code == 0
    assert call("--project", project, "validate").code == 0


def test_the_schema_is_brought_up_to_date(call):
    assert call("migrate", "--json").json["migrated"] is True
    assert "up to date" in call("migrate").out


def test_the_status_of_an_earlier_night_is_what_was_said_then(call):
    earlier = TONIGHT - timedelta(days=6)
    call("nightly", "--as-of", earlier)
    first = call("status", "--as-of", earlier, "--json").json
    call("nightly")
    assert call("status", "--as-of", earlier, "--json").json == first


def test_a_scheduler_gets_one_document_on_stdout_and_the_exit_code(project):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        return subprocess.run(
            [sys.executable, "-m", "evenfall", *arguments, "--project", str(project), "--json"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    night = run("nightly")
    assert (night.returncode, night.stderr) == (0, "")
    assert json.loads(night.stdout)["counts"]
    status = run("status")
    assert (status.returncode, status.stderr) == (1, "")
    assert json.loads(status.stdout)["red"] is True
