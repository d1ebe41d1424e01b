"""One parameter of a shop, looked at closely: curves, band, values, ledger, lineage, predictions."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.runs.shop import TONIGHT, Shop

from evenfall.errors import UnknownName, UsageError
from evenfall.inference.fit import Fit
from evenfall.runs.parameter.draws import Drawn, ranks_of, trace_of
from evenfall.store.records import FitRecord


def sell_a_fortnight(shop: Shop) -> None:
    """Sell 13 of 40 on each of fourteen days and run the night: 520 successes expected of 1,600 so far."""
    shop.define(source="min_sample_size: 1")
    for back in range(1, 15):
        shop.sell(back, 40, 13)
    shop.project.backfill(shop.day(14), shop.day(0)).apply()
    shop.night()


def heights(values: tuple[float | None, ...] | None) -> np.ndarray:
    assert values is not None
    return np.array([np.nan if value is None else value for value in values])


# Curves ---------------------------------------------------------------------------------------------------


def test_curves_are_the_betas_of_prior_posterior_and_window(shop: Shop) -> None:
    sell_a_fortnight(shop)
    curves = shop.project.look("signup").curves()
    x = np.array(curves.x)
    assert curves.scale == "probability"
    assert len(x) == 200
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(heights(curves.prior), stats.beta(8, 17).pdf(x), rtol=1e-8, atol=1e-10)
    after = stats.beta(8 + 14 * 13, 17 + 14 * 27)
    np.testing.assert_allclose(heights(curves.posterior), after.pdf(x), rtol=1e-8, atol=1e-10)
    assert curves.interval["lower"] == pytest.approx(after.ppf(0.025), rel=1e-9)
    assert curves.window is not None
    days = (curves.window["stop"] - curves.window["first"]).days
    assert days == 7
    seen = stats.beta(13 * days + 1, 27 * days + 1)
    np.testing.assert_allclose(heights(curves.observed), seen.pdf(x), rtol=1e-8, atol=1e-10)


def test_a_parameter_that_waits_has_its_prior_alone(shop: Shop) -> None:
    shop.define()
    shop.night()
    curves = shop.project.look("signup").curves()
    assert curves.posterior is None
    assert curves.observed is None
    assert curves.interval["upper"] == pytest.approx(stats.beta(8, 17).ppf(0.975), rel=1e-9)


def test_before_any_night_there_are_no_curves(shop: Shop) -> None:
    shop.define()
    curves = shop.project.look("signup").curves()
    assert curves.x == ()
    assert (curves.prior, curves.posterior, curves.observed) == (None, None, None)


# The past -------------------------------------------------------------------------------------------------


def test_the_band_has_every_night_and_what_was_published(shop: Shop) -> None:
    shop.define(rest="posterior_destination: {write_frequency: 2d}")
    for back in range(1, 4):
        shop.sell(back, 40, 13)
    shop.night()
    for _ in range(2):
        shop.sell(0, 40, 13)
        shop.tomorrow()
    band = shop.project.look("signup").band()
    assert [point.as_of for point in band.points] == [shop.day(2), shop.day(1), shop.day(0)]
    expected = [(8 + 13 * days) / (25 + 40 * days) for days in (3, 4, 5)]
    assert [point.mean for point in band.points] == pytest.approx(expected, rel=1e-12)
    assert [point.published for point in band.points] == [True, False, True]
    assert [point.outcome for point in band.points] == ["updated", "not_due", "updated"]
    (prior,) = band.priors
    assert (prior.since, prior.version, prior.mean, prior.reason) == (shop.day(2), 1, 8 / 25, "declared")


def test_a_band_can_be_cut(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.tomorrow()
    look = shop.project.look("signup")
    assert [point.as_of for point in look.band(first=shop.today).points] == [shop.today]
    assert [point.as_of for point in look.band(stop=shop.today).points] == [TONIGHT]
    assert shop.project.look("signup", TONIGHT).band().points == look.band(stop=shop.today).points


def test_values_are_what_the_view_of_the_store_says(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.tomorrow()
    shop.define(prior="{distribution: beta, alpha: 9, beta: 16}")
    shop.tomorrow()
    values, total = shop.project.look("signup").values(100)
    with shop.project.world.store._reading() as scope:  # the view itself has no reader but people
        rows = scope.connection.exec_driver_sql(
            "SELECT timestamp, mean, stdev, source FROM parameter_values WHERE param_id = 'signup'"
        ).all()
    found = [
        (value.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), value.mean, value.stdev, value.source)
        for value in values
    ]
    assert total == len(rows) == 5
    assert sorted(found) == sorted(tuple(row) for row in rows)
    assert [value.timestamp for value in values] == sorted((v.timestamp for v in values), reverse=True)
    assert values[0].who == f"nightly:{shop.today}"


def test_pieces_of_the_ledger_are_the_whole(shop: Shop) -> None:
    sell_a_fortnight(shop)
    shop.sell(3, 44, 14)
    shop.tomorrow()
    look = shop.project.look("signup")
    whole, total = look.ledger(1000)
    assert total == len(whole) == len(shop.project.history("signup").evidence)
    pieces = [row for start in range(0, total, 4) for row in look.ledger(4, start)[0]]
    assert pieces == whole
    assert [row.window.first for row in whole] == sorted((r.window.first for r in whole), reverse=True)
    earlier, _ = shop.project.look("signup", TONIGHT).ledger(1000)
    assert all(row.size == 40 for row in earlier)


# Where it comes from --------------------------------------------------------------------------------------


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_lineage_names_file_query_source_and_prior(shop: Shop) -> None:
    sell_a_fortnight(shop)
    lineage = shop.project.look("signup").lineage()
    assert (lineage.file, lineage.revision, lineage.dirty) == ("parameters/signup.yaml", None, True)
    assert lineage.query is not None
    assert "WHERE edge = 'signup'" in lineage.query
    row = shop.project.history("signup").posteriors[-1]
    assert (lineage.query_hash, lineage.inputs_hash) == (row.query_hash, row.inputs_hash)
    assert lineage.source is not None
    assert (lineage.source.type, lineage.source.connection, lineage.source.age_days) == ("sqlite", "shop", 0)
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    line = text[: text.index("prior:")].count("\n") + 1
    assert (lineage.prior_version, lineage.prior_origin) == (1, f"manual (parameters/signup.yaml:{line})")


def test_git_says_who_changed_the_file_last_and_whether_it_stands(shop: Shop) -> None:
    shop.define()
    git(shop.root, "init", "--quiet")
    git(shop.root, "add", "parameters")
    git(shop.root, "commit", "--quiet", "-m", "signup")
    committed = git(shop.root, "rev-parse", "HEAD")
    lineage = shop.project.look("signup").lineage()
    assert (lineage.revision, lineage.author, lineage.dirty) == (committed, "Ada", False)
    shop.define(prior="{distribution: beta, alpha: 9, beta: 16}")
    assert shop.project.look("signup").lineage().dirty


# Predictions ----------------------------------------------------------------------------------------------


def test_the_prediction_of_a_window_is_the_beta_binomial_of_what_was_believed_before(shop: Shop) -> None:
    sell_a_fortnight(shop)
    exact = shop.project.look("signup").predictive()["exact"]
    window = shop.project.look("signup").curves().window
    assert window is not None
    before = (window["first"] - shop.day(14)).days
    law = stats.betabinom(int(exact["n"]), 8 + 13 * before, 17 + 27 * before)
    assert (exact["n"], exact["observed"], exact["discrete"]) == (280, 91, True)
    np.testing.assert_allclose(exact["density"], law.pmf(exact["x"]), rtol=1e-8)
    assert (exact["lower"], exact["upper"]) == (law.ppf(0.025), law.ppf(0.975))
    assert exact["mean"] == pytest.approx(law.mean(), rel=1e-12)
    assert exact["mid_p"] == pytest.approx(law.cdf(91) - law.pmf(91) / 2, rel=1e-9)


def test_without_a_closed_day_there_is_no_prediction(shop: Shop) -> None:
    shop.define()
    shop.night()
    with pytest.raises(UsageError, match="no closed days"):
        shop.project.look("signup").predictive()


# Draws ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pooled(shop: Shop) -> Shop:
    """A template of three channels, whose slices lean on each other by a fit."""
    shop.write(
        "contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: mail}, {id: direct}]\nmece: true\n"
    )
    query = """\
SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE day >= :start_date AND day < :end_date {% if channel %} AND channel = '{{ channel }}' {% endif %}
    GROUP BY channel"""
    shop.define(source="min_sample_size: 1\n  context_variables: [channel]", query=query)
    text = (shop.root / "parameters" / "signup.yaml").read_text().replace("query: |", "query_template: |")
    shop.write("parameters/signup.yaml", text)
    for back in range(1, 4):
        for channel, successes in (("google", 13), ("mail", 20), ("direct", 9)):
            shop.sell(back, 40, successes, channel=channel)
    shop.night()
    return shop


def test_a_slice_shows_the_draws_of_the_fit_it_is_pooled_by(pooled: Shop) -> None:
    look = pooled.project.look("signup[channel=google]")
    trace = look.trace()
    assert trace["quantity"] == "p of signup[channel=google]"
    assert "p of signup[channel=mail]" in trace["quantities"]
    stored = look.fit()
    assert stored is not None
    figures = {row["name"]: row for row in stored["quantities"]}[trace["quantity"]]
    values = np.array(trace["chains"], dtype=float)
    # The draws are weighted, so their plain mean lies within some of its standard errors of the stored one.
    assert values.mean() == pytest.approx(figures["mean"], abs=5 * figures["stdev"] / np.sqrt(200))
    assert look.predictive()["kind"] == "replicated"


def test_a_quantity_nobody_fitted_names_those_that_were(pooled: Shop) -> None:
    with pytest.raises(UnknownName) as refused:
        pooled.project.look("signup[channel=google]").trace("populaton_p")
    assert "population_p" in refused.value.remedy


def test_a_formula_has_no_draws(shop: Shop) -> None:
    sell_a_fortnight(shop)
    with pytest.raises(UsageError, match="no fit"):
        shop.project.look("signup").trace()
    assert shop.project.look("signup").fit() is None


def drawn(values: np.ndarray, **diagnostics: float) -> Drawn:
    facts: dict[str, Any] = dict.fromkeys(("data_hash", "definition_hash", "inputs_hash", "code_version"), "")
    record = FitRecord(
        "p",
        TONIGHT,
        "nuts",
        "nuts",
        passed=True,
        seed=1,
        seen_at=None,  # type: ignore[arg-type]  (nothing here asks when)
        diagnostics=diagnostics,
        **facts,
    )
    return Drawn(record, Fit("nuts", {"p": values}, np.empty((*values.shape, 0))), "p", values, {"p": "p"})


def test_ranks_of_chains_that_agree_spread_evenly() -> None:
    values = np.random.default_rng(5).normal(size=(4, 1000))
    ranks = ranks_of(drawn(values, r_hat=1.002, ess_bulk=4000.0))
    counts = np.array(ranks["chains"])
    assert counts.shape == (4, 20)
    assert (counts.sum(axis=1) == 1000).all()
    assert (counts.sum(axis=0) == 200).all()
    assert ranks["expected"] == 50
    assert ranks["bins"][0] == 0.025
    assert ranks["lower"] <= counts.min() <= counts.max() <= ranks["upper"]  # holds 95 times of 100


def test_a_chain_that_stands_apart_fills_its_own_bins() -> None:
    values = np.random.default_rng(6).normal(size=(4, 1000))
    values[3] += 10
    counts = np.array(ranks_of(drawn(values, ess_bulk=4000.0))["chains"])
    assert counts[3, :15].sum() == 0
    assert counts[3, 15:].tolist() == [200] * 5


def test_a_trace_is_thinned_evenly_to_a_thousand() -> None:
    values = np.arange(5000.0).reshape(2, 2500)
    trace = trace_of(drawn(values, r_hat=1.01, ess_bulk=300.0, ess_tail=float("nan")))
    assert [len(chain) for chain in trace["chains"]] == [834, 834]
    assert trace["chains"][0][:3] == [0.0, 3.0, 6.0]
    assert (trace["r_hat"], trace["ess_bulk"], trace["ess_tail"]) == (1.01, 300.0, None)
