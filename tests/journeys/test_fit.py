"""Looking at fits: what the night made of delays and slices, other engines, other models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evenfall as ef
from evenfall.cli import main
from evenfall.errors import UnknownName, UsageError
from evenfall.runs.demo.data import DemoData
from evenfall.runs.demo.story import build_demo
from evenfall.runs.demo.world import DAYS, NIGHTS
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.night.nightly import apply
from evenfall.runs.night.plan import plan_night
from evenfall.window import DayWindow

pytestmark = pytest.mark.slow

type Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's delays, one template and one plain rate, their thirty days read at once."""
    root = tmp_path_factory.mktemp("fit") / "acme"
    build_demo(root)
    with ef.open(root) as project:
        DemoData.of(project.registry.parameters).lay(root, NIGHTS[-1])
        world, days = project.world, DayWindow(DAYS[0], NIGHTS[-1])
        with Fitter.of(world) as fitter:
            for only in ("come-back", "order-again", "signup", "browse"):
                report = apply(
                    world, plan_night(world, world.night(), only=only, backfill=days), fitter=fitter
                )
                assert not report.failures
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "acme"))


@pytest.fixture
def call(root: Path, capsys: Any, monkeypatch: Any) -> Call:
    monkeypatch.chdir(root)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_a_fit_is_shown_with_its_intervals_figures_and_version(root: Path, call: Call) -> None:
    code, out, _ = call("fit", "come-back")
    assert code == 0
    assert "rate within 10 days" in out
    # the simulated lag has a median of 2 days and a t95 of 8 (parameters/come-back.yaml)
    shown = json.loads(call("fit", "come-back", "--json")[1])
    (fit,) = shown["fits"]
    quantities = {row["name"]: row for row in fit["quantities"]}
    assert quantities["t50"]["lower"] < 2.0 < quantities["t50"]["upper"]
    assert quantities["t95"]["lower"] < 8.0 < quantities["t95"]["upper"]
    assert {figure["name"]: figure["holds"] for figure in fit["figures"]}["k_hat"] is True
    assert [(v["number"], v["fits"], v["passed"]) for v in fit["versions"]] == [(1, 1, 1)]
    assert (fit["published"], shown["refused"]) == (True, 0)


def test_without_a_name_every_fit_has_a_line(call: Call) -> None:
    code, out, _ = call("fit")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["come-back", "order-again", "signup~pooled"]


def test_a_template_a_shard_and_a_reference_lead_to_their_fit(root: Path) -> None:
    with ef.open(root) as project:
        names = ["signup", "signup[channel=email,device=mobile]", "e.come-back.p.mean", "e.come-back"]
        found = [project.fit(name).fits[0].parameter_id for name in names]
        assert found == ["signup~pooled", "signup~pooled", "come-back", "come-back"]
        (pooled,) = project.fit("signup").fits
        labels = [row.name for row in pooled.quantities]
        assert "p of signup[channel=email,device=mobile]" in labels
        assert "effect of device=mobile" in labels
        assert "formula" in project.fit("browse").without["browse"]
        assert project.fit(as_of=DAYS[0]).fits == ()


def test_a_fit_made_now_agrees_and_leaves_no_trace(root: Path, call: Call) -> None:
    def kept() -> list[tuple[str, int]]:
        # SQLite's own journal files come and go with each opening
        files = (file for file in (root / ".evenfall").rglob("*") if file.is_file())
        return sorted((file.name, file.stat().st_size) for file in files if "cache" not in file.parts)

    with ef.open(root) as project:
        (by_night,) = project.fit("order-again").fits
    before = kept()
    code, out, _ = call("fit", "order-again", "--refit", "--engine", "laplace", "--json")
    assert code == 0
    (now,) = json.loads(out)["fits"]
    assert (now["rung"], now["published"], now["versions"]) == ("laplace", False, [])
    p = next(row for row in now["quantities"] if row["name"] == "p")
    assert by_night.headline is not None
    # two sets of 2,000 draws: their means differ by .03 standard deviations; 4 of these
    assert p["mean"] == pytest.approx(by_night.headline.mean, abs=0.15 * by_night.headline.stdev)
    assert kept() == before


def test_an_engine_that_the_gate_refuses_ends_with_one(call: Call) -> None:
    code, out, _ = call("fit", "order-again", "--refit", "--engine", "conjugate")
    assert code == 1
    assert "REFUSED by its gate" in out
    assert "why, and what to do:" in out


def test_a_conjugate_rate_can_be_fitted_to_be_compared_with_its_formula(root: Path) -> None:
    with ef.open(root) as project:
        (fit,) = project.fit("browse", refit=True, engine="quadrature").fits
        exact = project.show("browse").row
    assert fit.headline is not None
    assert fit.headline.mean == pytest.approx(exact.posterior_mean, abs=0.1 * fit.headline.stdev)


def test_the_lag_families_are_told_apart_where_the_data_tell_them_apart(root: Path, call: Call) -> None:
    """Come-back is simulated with a lognormal lag, order-again with a Weibull one."""
    code, out, _ = call("fit", "order-again", "--compare", "--json")
    assert code == 0
    compared = json.loads(out)
    verdicts = {model["model"]: model["verdict"] for model in compared["models"]}
    assert verdicts["weibull"] in {"best", "no clear difference"}
    assert verdicts["log_logistic"] == "worse"
    assert sum(model["weight"] for model in compared["models"]) == pytest.approx(1)
    assert all(model["pareto_k_max"] < model["pareto_k_limit"] for model in compared["models"])
    assert (compared["unit"], compared["current"]) == ("cohort", "weibull")
    assert "no clear difference" in compared["words"]


def test_one_rate_for_all_slices_predicts_worse_where_slices_differ(root: Path, call: Call) -> None:
    code, out, _ = call("fit", "signup", "--compare")
    assert code == 0
    lines = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "worse" in lines["pooled"]
    with ef.open(root) as project:
        compared = project.compare_models("signup")
    kept = {row.name: row.elpd for row in compared.comparison.rows}
    units = {elpd.pointwise.size for elpd in kept.values() if elpd is not None}
    assert len(units) == 1  # the same days of the same slices
    separate = kept["separate"]
    assert separate is not None
    # each of six slices has one rate: the fit knows its own days better by about six half nats each
    assert 3 < separate.effective_parameters < 9
    assert str(compared).startswith("signup: pooling, by day of a slice")


def test_calls_that_make_no_sense_are_refused_in_words(root: Path, call: Call) -> None:
    for wrong in (
        ["--refit"],
        ["--compare"],
        ["browse", "--engine", "nuts"],
        ["browse", "--compare", "--refit"],
    ):
        assert call("fit", *wrong)[0] == 64, wrong
    code, _, err = call("fit", "browse", "--compare")
    assert (code, "neither a lag family nor slices" in err) == (64, True)
    with ef.open(root) as project:
        with pytest.raises(UnknownName, match="nuts"):
            project.fit("browse", refit=True, engine="nust")
        with pytest.raises(UsageError, match="nothing is named"):
            project.fit(refit=True)
