"""How fits and comparisons are written: doubt beside the number, limits beside the figure, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from evenfall.cli import fit as verb
from evenfall.inference.comparison.elpd import loo
from evenfall.inference.comparison.table import compare_elpds
from evenfall.runs.models.comparing import ModelComparison
from evenfall.runs.models.shown import Fits, ShownFit, figures_of, quantities_of, versions_of
from evenfall.store.records import FitRecord

NIGHT = date(2026, 3, 20)
FIGURES = {"mean": 0.3, "stdev": 0.02, "median": 0.3, "lower": 0.26, "upper": 0.34}

type Build = Callable[..., ShownFit]


@pytest.fixture
def build() -> Build:
    def shown(**rest: Any) -> ShownFit:
        stated: dict[str, Any] = {
            "parameter_id": "trial",
            "type": "probability",
            "as_of": NIGHT,
            "published": True,
            "engine": "auto",
            "rung": "nuts",
            "passed": True,
            "quantities": quantities_of({"p": FIGURES}),
            "figures": figures_of("nuts", {"r_hat": 1.003}, 2000),
            **rest,
        }
        return ShownFit(**stated)

    return shown


def printed(capsys: Any, *fits: ShownFit, without: dict[str, str] | None = None) -> str:
    verb._print(Fits(NIGHT, fits, without or {}))
    return str(capsys.readouterr().out)


def test_a_quantity_that_the_data_do_not_identify_says_so_beside_its_interval(
    build: Build, capsys: Any
) -> None:
    rows = quantities_of({"p_eventual": {**FIGURES, "overlap": 0.83}}, ["p_eventual"])
    out = printed(capsys, build(quantities=rows))
    line = next(line for line in out.splitlines() if line.startswith("p_eventual"))
    assert line.split("  ")[0] == "p_eventual"
    assert "30.0 % [26.0, 34.0]" in line
    assert "83 %" in line
    assert line.rstrip().endswith("not identified")
    assert "not identified by the data" in str(rows[0])


def test_a_refused_fit_says_why_what_to_do_and_which_one_stands(build: Build, capsys: Any) -> None:
    failures = ("R-hat 1.400 of p is not below 1.01: the chains disagree; sample longer",)
    one = build(
        passed=False,
        failures=failures,
        quantities=(),
        figures=figures_of("nuts", {"r_hat": 1.4, "ess_bulk": 900.0, "divergences": float("nan")}, 2000),
        tried=(("laplace", "k-hat 0.9 is not below 0.70"),),
        stands_since=date(2026, 3, 18),
    )
    out = printed(capsys, one)
    assert "REFUSED" in out
    assert "→ R-hat 1.400" in out
    assert "the fit of 2026-03-18 stands" in out
    assert "--refit --engine nuts" in out
    assert "before it laplace was tried: k-hat 0.9" in out
    lines = {line.split()[0]: line.rstrip() for line in out.splitlines() if line}
    assert lines["r_hat"].endswith("beyond its limit")
    assert lines["ess_bulk"].endswith("ok")
    assert lines["divergences"].endswith("beyond its limit")  # NaN is not within


@pytest.mark.parametrize(
    ("rung", "name", "within", "beyond"),
    [
        # docs/reference/diagnostics.md: just inside and just outside each limit
        ("nuts", "r_hat", 1.0099, 1.01),
        ("nuts", "ess_bulk", 400.5, 400.0),
        ("nuts", "ess_tail", 401.0, 399.0),
        ("nuts", "divergences", 0.0, 1.0),
        ("nuts", "bfmi", 0.21, 0.2),
        ("nuts", "tree_depth_share", 0.009, 0.01),
        ("laplace", "k_hat", 0.69, 0.7),
        ("laplace", "importance_ess", 401.0, 400.0),
    ],
)
def test_a_figure_holds_exactly_where_the_gate_lets_it_pass(
    rung: str, name: str, within: float, beyond: float
) -> None:
    (good,) = figures_of(rung, {name: within}, 2000)
    (bad,) = figures_of(rung, {name: beyond}, 2000)
    assert (good.holds, bad.holds) == (True, False)
    assert good.limit


def test_a_figure_that_the_gate_does_not_look_at_is_only_shown() -> None:
    shown = figures_of("nuts", {"mcse_mean_ratio": 0.03, "k_hat": 0.1}, 2000)
    assert [(figure.limit, figure.holds) for figure in shown] == [("", None), ("", None)]


def test_quantities_of_a_pooled_fit_go_by_the_names_of_slices_and_values() -> None:
    effects = [
        {"name": "channel", "values": ["email", "google"]},
        {"name": "visited(blog)", "values": ["yes"]},
    ]
    said = {f"p[{i}]": FIGURES for i in range(2)} | {f"effects[{i}]": FIGURES for i in range(3)}
    names = [row.name for row in quantities_of(said, (), ["a", "b"], effects)]
    assert names == [
        "p of a",
        "p of b",
        "effect of channel=email",
        "effect of channel=google",
        "effect of visited(blog)=yes",
    ]


def test_versions_are_told_apart_by_definition_and_code_and_a_return_keeps_its_number() -> None:
    first = FitRecord(
        "trial", NIGHT, "auto", "nuts", True, "d", "aaa", "i", "1.0", 1, datetime(2026, 3, 20, tzinfo=UTC)
    )
    second = replace(first, definition_hash="bbb", passed=False)
    versions = versions_of([first, second, replace(first, as_of=date(2026, 3, 22))])
    assert [(v.number, v.definition_hash, v.fits, v.passed) for v in versions] == [
        (1, "aaa", 2, 2),
        (2, "bbb", 1, 0),
    ]
    assert (versions[0].first, versions[0].last) == (NIGHT, date(2026, 3, 22))


def test_several_fits_are_a_line_each_and_names_without_one_are_told_why(build: Build, capsys: Any) -> None:
    out = printed(capsys, build(), build(parameter_id="other", passed=False), without={"plain": "a formula"})
    lines = out.splitlines()
    assert lines[1].split()[:4] == ["trial", "2026-03-20", "nuts", "passed"]
    assert lines[2].split()[:4] == ["other", "2026-03-20", "nuts", "refused"]
    assert lines[-1] == "plain: a formula"


def test_a_comparison_is_a_table_with_words_that_claim_no_more_than_it_shows(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rng = np.random.default_rng(3)
    base = rng.normal(-1.0, 0.05, (2, 500, 150))
    given = {"weibull": base, "gamma": base - 0.01, "lognormal": base - 1.0}
    elpds = {name: loo(values, relative_ess=1.0) for name, values in given.items()}
    found = compare_elpds(elpds, {"log_logistic": "its fit did not pass: it diverged"})
    compared = ModelComparison("trial", "lag family", "cohort", NIGHT, "gamma", found, {})
    verb._tell(compared, as_json=False)
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.rstrip() for line in out.splitlines() if line}
    assert lines["weibull"].endswith("best")
    assert lines["gamma"].endswith("no clear difference")  # 1.5 nats, fewer than 4
    assert lines["lognormal"].endswith("worse")  # 150 nats
    assert lines["log_logistic"].endswith("not ranked")
    assert "it diverged" in out
    assert "The definition has: gamma" in out
    assert compared.as_dict()["models"][0]["undependable_units"] == 0
