"""Stacking and the table of a comparison: known mixtures, ArviZ, and what may not be said."""

import numpy as np
import pytest

from evenfall.errors import UsageError
from evenfall.inference.comparison.elpd import Elpd
from evenfall.inference.comparison.stacking import stacking_weights
from evenfall.inference.comparison.table import NO_CLEAR_DIFFERENCE, compare, compare_elpds
from evenfall.inference.fit import Fit


def _elpd(pointwise, bad=()):
    pointwise = np.asarray(pointwise, dtype=float)
    se = float(np.sqrt(pointwise.size * np.var(pointwise, ddof=1)))
    k = np.zeros(pointwise.size)
    k[list(bad)] = 0.9
    return Elpd("loo", float(np.sum(pointwise)), se, pointwise, 1.0, k, 0.7, tuple(bad))


def _fit(log_likelihood, **kwargs):
    draws = {"mu": np.zeros(log_likelihood.shape[:2])} if log_likelihood is not None else {}
    return Fit("nuts", draws, np.empty((1, 1, 0)), log_likelihood=log_likelihood, **kwargs)


def _log_normal(y, mean, sd):
    return -0.5 * np.log(2 * np.pi) - np.log(sd) - ((y - mean) / sd) ** 2 / 2


def test_stacking_finds_the_proportions_of_a_known_mixture():
    rng = np.random.default_rng(1)
    from_first = rng.random(20_000) < 0.3
    y = np.where(from_first, rng.normal(-3, 1, 20_000), rng.normal(3, 1, 20_000))
    weights = stacking_weights(np.array([_log_normal(y, -3, 1), _log_normal(y, 3, 1)]))
    # Standard error of a proportion of 0.3 in 20,000 is 0.0033; five of them.
    assert weights[0] == pytest.approx(0.3, abs=0.017)


def test_stacking_weights_are_those_of_arviz():
    import arviz_base
    import arviz_stats

    rng = np.random.default_rng(2)
    y = rng.standard_t(4, size=60)
    fits = {"tight": 0.8, "wide": 2.5, "shifted": 1.0}
    log_likelihoods = {
        name: _log_normal(y, rng.normal(float(name == "shifted"), 0.1, size=(2, 400, 1)), sd)
        for name, sd in fits.items()
    }
    trees = {
        name: arviz_base.from_dict(
            {"posterior": {"mu": rng.normal(size=(2, 400))}, "log_likelihood": {"y": v}}
        )
        for name, v in log_likelihoods.items()
    }
    theirs = arviz_stats.compare(trees, round_to="none")
    mine = compare({name: _fit(values) for name, values in log_likelihoods.items()})
    for row in mine.rows:
        assert row.weight == pytest.approx(float(theirs.loc[row.name, "weight"]), abs=0.02)
        assert row.difference == pytest.approx(float(theirs.loc[row.name, "elpd_diff"]), abs=0.05)


def test_no_other_weights_score_higher():
    rng = np.random.default_rng(3)
    pointwise = rng.normal(-400, 2, size=(4, 50)) - 600.0  # densities far below the smallest float
    weights = stacking_weights(pointwise)
    relative = np.exp(pointwise - pointwise.max(axis=0))

    def score(w):
        return np.mean(np.log(w @ relative))

    assert weights.sum() == pytest.approx(1.0)
    assert all(score(weights) >= score(other) - 1e-6 for other in rng.dirichlet(np.ones(4), size=2000))
    assert all(score(weights) >= score(corner) - 1e-6 for corner in np.eye(4) * (1 - 1e-9) + 1e-12)


@pytest.mark.parametrize(
    ("units", "fits", "spread"), [(50, 3, 0.02), (1000, 5, 0.001), (8, 2, 0.01), (500, 6, 3.0)]
)
def test_the_search_ends_where_the_gradient_leaves_nothing_to_gain(units, fits, spread):
    # Lindsay 1983: at the optimum no fit's mean relative density is above one.
    rng = np.random.default_rng(12)
    pointwise = rng.normal(-2, 1, units) + rng.normal(0, spread, (fits, units))
    relative = np.exp(pointwise - pointwise.max(axis=0))
    weights = stacking_weights(pointwise)
    assert np.max(np.mean(relative / (weights @ relative), axis=1)) < 1 + 2e-7


def test_fits_that_predict_alike_share_the_weight():
    same = np.random.default_rng(4).normal(size=40)
    np.testing.assert_allclose(stacking_weights(np.array([same, same])), [0.5, 0.5])


def test_a_large_and_certain_difference_is_called():
    rng = np.random.default_rng(5)
    base = rng.normal(-2, 1, size=200)
    found = compare_elpds({"b": _elpd(base - 0.2 + rng.normal(0, 0.1, 200)), "a": _elpd(base)})
    assert found.clear
    assert [row.name for row in found.rows] == ["a", "b"]
    assert found.row("b").verdict == "worse"
    assert found.words.startswith("a predicts best: b follows at -")


def test_a_difference_below_four_is_none_however_certain():
    base = np.random.default_rng(6).normal(-2, 1, size=200)
    found = compare_elpds({"a": _elpd(base), "b": _elpd(base - 3.9 / 200)})
    assert found.row("b").difference == pytest.approx(-3.9)
    assert found.row("b").difference_se < 1e-6
    assert found.words == f"Between a and b: {NO_CLEAR_DIFFERENCE}."
    assert not found.clear


def test_a_difference_below_two_standard_errors_is_none_however_large():
    base = np.random.default_rng(7).normal(-2, 1, size=200)
    lone = np.zeros(200)
    lone[0] = -30.0  # one unit makes all of it: difference 30, standard error 30
    found = compare_elpds({"a": _elpd(base), "b": _elpd(base + lone)})
    assert found.row("b").difference_se == pytest.approx(30.0, rel=0.01)
    assert NO_CLEAR_DIFFERENCE in found.words


def test_a_fit_with_many_bad_units_is_not_ranked_even_when_it_looks_best():
    base = np.random.default_rng(8).normal(-2, 1, size=100)
    found = compare_elpds({"a": _elpd(base), "b": _elpd(base - 1), "c": _elpd(base + 5, bad=range(6))})
    assert [row.name for row in found.rows] == ["a", "b", "c"]
    assert found.row("c").verdict == "not ranked"
    assert "6 of 100 units" in found.words
    assert np.isnan(found.row("c").weight)
    few = compare_elpds({"a": _elpd(base), "c": _elpd(base + 5, bad=range(5))})
    assert few.rows[0].name == "c"


def test_refits_make_a_fit_rankable():
    rng = np.random.default_rng(9)
    y = np.append(rng.normal(size=9), 12.0)
    mu = rng.normal(np.mean(y), np.sqrt(0.1), size=(4, 500, 1))
    fit = _fit(_log_normal(y, mu, 1.0))
    assert compare({"a": fit, "b": fit}).row("a").refused
    asked = []

    def refit(unit):
        asked.append(unit)
        return -60.0

    found = compare({"a": fit, "b": fit}, refits={"a": refit, "b": refit})
    assert asked == [9, 9]
    assert NO_CLEAR_DIFFERENCE in found.words
    assert "With 10 units the standard errors are rather too small." in found.words


def test_fits_that_may_not_be_compared_say_why():
    values = np.random.default_rng(10).normal(-1, 0.1, size=(2, 500, 30))
    found = compare(
        {
            "fine": _fit(values),
            "silent": _fit(None),
            "failed": _fit(values, failures=("R-hat 1.2",)),
            "rough": Fit("laplace", {}, np.empty((2, 500, 0)), log_likelihood=values),
        }
    )
    assert found.row("silent").refused == "its model gives no log likelihood by unit"
    assert "R-hat 1.2" in found.row("failed").refused
    assert "laplace" in found.row("rough").refused
    assert found.words.startswith("There are not two fits to compare.")
    weighted = Fit(
        "laplace", {}, np.empty((2, 500, 0)), weights=np.full((2, 500), 1e-3), log_likelihood=values
    )
    assert not compare({"weighted": weighted}).row("weighted").refused


def test_jacobians_put_two_links_on_one_scale():
    rng = np.random.default_rng(11)
    y = np.exp(rng.normal(2.0, 0.5, size=150))
    mu = rng.normal(2.0, 0.04, size=(2, 500, 1))
    of_logarithms = _log_normal(np.log(y), mu, 0.5)
    fits = {"logarithms": _fit(of_logarithms), "values": _fit(of_logarithms - np.log(y))}
    assert compare(fits).clear
    found = compare(fits, log_jacobians={"logarithms": -np.log(y)})
    assert abs(found.rows[1].difference) < 1e-6
    assert NO_CLEAR_DIFFERENCE in found.words


def test_fits_to_different_units_are_refused():
    with pytest.raises(UsageError, match="same units: a 10, b 11"):
        compare_elpds({"a": _elpd(np.arange(10)), "b": _elpd(np.arange(11))})


def test_nothing_to_compare_is_said():
    assert compare({}).words == "There are not two fits to compare."
    assert compare({}).rows == ()
