"""Posteriors that no formula gives, through whole nights over a real database.

Cohorts are drawn from a Weibull lag by inversion, entries uniform within the day, counted by calendar
days as a query would; the truth is known, and so are the conjugate posteriors that samplers must meet.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from evenfall.runs.night.pool import pooled_id
from evenfall.store.records import FitRecord

from ..shop import DAY, Shop

RATE, MEDIAN_DAYS, POWER = 0.4, 2.0, 1.3
"""Share that converts within ten days, and the Weibull lag of those who ever do."""

COHORT_QUERY = """\
SELECT day AS date, age AS age_days, SUM(trials) AS trials, SUM(successes) AS successes{also} FROM cohorts
    WHERE edge = '{edge}' AND day >= :start_date AND day < :end_date GROUP BY day, age{also}"""

LATENCY = """\
latency: {%s, horizon_days: 10, median_days: 3, t95_days: 9, max_age_days: 30}
posterior_destination: {write_frequency: 1d}"""


def converts_within(days: float) -> float:
    return 1 - 2.0 ** -((days / MEDIAN_DAYS) ** POWER)


def follow(
    shop: Shop, edge: str, days: int, people: int, *, rate: float = RATE, channel: str = "", seed: int = 1
):
    """Write what the last `days` days say by now of those who entered on each of them."""
    shop.db.execute(
        "CREATE TABLE IF NOT EXISTS cohorts (day TEXT, age INT, edge TEXT, channel TEXT, trials, successes)"
    )
    rng = np.random.default_rng([seed, *edge.encode(), *channel.encode()])
    eventual = rate / converts_within(10)
    for ago in range(days, 0, -1):
        entered = rng.random(people)
        lag = MEDIAN_DAYS * (-np.log2(1 - rng.random(people))) ** (1 / POWER)
        age = np.floor(entered + lag).astype(int)
        seen = age[(rng.random(people) < eventual) & (age < ago)]
        counts = np.bincount(seen, minlength=ago)
        day = (shop.today - ago * DAY).isoformat()
        for number, count in enumerate(counts.tolist()):
            shop.db.execute(
                "INSERT INTO cohorts VALUES (?,?,?,?,?,?)", (day, number, edge, channel, people, count)
            )


def define_delay(shop: Shop, name: str = "signup", family: str = "family: weibull", **rest: str) -> None:
    shop.define(
        name,
        prior="{distribution: beta, mean: 0.4, stdev: 0.1}",
        source="result_mapping: {date: date, age_days: age_days}",
        query=COHORT_QUERY.format(edge=name, also=""),
        rest=LATENCY % family,
        **rest,
    )


def fits(shop: Shop, name: str = "signup") -> list[FitRecord]:
    return shop.project.world.store.fit_history([name])[name]


def test_a_delayed_conversion_is_recovered_and_the_same_night_twice_changes_nothing(shop: Shop) -> None:
    define_delay(shop)
    follow(shop, "signup", days=30, people=400)
    assert shop.night().counts == {"updated": 1}
    (fit,) = fits(shop)
    assert (fit.passed, fit.rung) == (True, "laplace")
    row = shop.row()
    assert row.lower is not None
    assert row.upper is not None
    # 12,000 people: the 95 % interval is about ± .01 wide; four of its standard deviations
    assert row.posterior_mean == pytest.approx(RATE, abs=0.02)
    assert row.upper - row.lower < 0.04
    assert fit.quantities["t50"]["median"] == pytest.approx(MEDIAN_DAYS, rel=0.08)
    assert row.light == "green"
    before = {table: shop.rows(table) for table in ("fits", "posteriors", "evidence", "current_posteriors")}
    shop.night()
    assert {table: shop.rows(table) for table in before} == before


def test_young_cohorts_count_with_what_can_be_known_of_them(shop: Shop) -> None:
    """Of people followed for half the horizon a naive rate is too low; the fitted one is not."""
    define_delay(shop)
    follow(shop, "signup", days=30, people=400)
    shop.night()
    row = shop.row()
    assert row.observed is not None
    assert row.observed < RATE - 0.03
    assert abs(float(row.posterior_mean or 0) - RATE) < 0.02


def test_the_eventual_rate_is_refused_while_half_of_the_lag_is_unseen(shop: Shop) -> None:
    define_delay(shop, family="family: lognormal")
    follow(shop, "signup", days=3, people=300)
    shop.night()
    (fit,) = fits(shop)
    refused = fit.request["eventual_rate"]
    assert isinstance(refused, dict)
    assert refused["refused"]
    assert "p_eventual" not in fit.quantities


def test_a_fitted_posterior_is_rebuilt_to_the_last_digit_though_days_were_restated_since(shop: Shop) -> None:
    define_delay(shop)
    follow(shop, "signup", days=20, people=200)
    shop.night()
    shop.db.execute("UPDATE cohorts SET successes = successes + 3 WHERE age = 1")
    shop.tomorrow()
    assert len(fits(shop)) == 2
    report = shop.project.rebuild()
    assert (report.checked, report.differing) == (2, ())


def test_all_families_together_answer_where_one_is_not_named(shop: Shop) -> None:
    define_delay(shop, family="family: auto")
    follow(shop, "signup", days=25, people=200)
    shop.night()
    (fit,) = fits(shop)
    assert fit.rung == "stacked"
    weights = fit.request["families"]
    assert isinstance(weights, dict)
    assert sum(weights.values()) == pytest.approx(1)
    assert shop.row().posterior_mean == pytest.approx(RATE, abs=0.03)
    assert shop.project.rebuild().differing == ()


def test_shards_that_take_their_time_lean_on_each_other(shop: Shop) -> None:
    shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: web}, {id: app}, {id: mail}]\n")
    lines = [
        "id: signup",
        LATENCY % "family: weibull",
        "bayesian_update: {prior: {distribution: beta, mean: 0.4, stdev: 0.1}, pooling: partial}",
        "observation_source:",
        "  type: sqlite",
        "  connection: shop",
        "  context_variables: [channel]",
        "  result_mapping: {date: date, age_days: age_days}",
        "  query_template: |",
        "    " + COHORT_QUERY.format(edge="signup", also=", channel"),
    ]
    shop.write("parameters/signup.yaml", "\n".join(lines) + "\n")
    for channel, people in (("web", 300), ("app", 200), ("mail", 12)):
        follow(shop, "signup", days=20, people=people, channel=channel)
    shop.night()
    (fit,) = fits(shop, pooled_id("signup"))
    assert fit.passed
    assert fit.request["slices"] == [f"signup[channel={name}]" for name in ("app", "mail", "web")]
    lone, pooled = fits(shop, "signup[channel=mail]"), fit.quantities["p[1]"]
    assert pooled["mean"] == pytest.approx(RATE, abs=0.1)
    if lone:
        assert pooled["stdev"] < lone[-1].quantities["p"]["stdev"]


MODELS = """\
import pymc as pm

def rate(observations):
    with pm.Model() as model:
        value = pm.Beta("value", 8, 17)
        trials = pm.Data("trials", observations.trials)
        pm.Binomial("seen", n=trials, p=value, observed=pm.Data("successes", observations.successes))
    return model
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    ["update_rule: mcmc", "update_rule: variational", "update_rule: model\n  model: models.rates:rate"],
    ids=["mcmc", "variational", "model"],
)
def test_every_rule_finds_the_posterior_that_the_formula_gives(shop: Shop, rule: str) -> None:
    """Beta(8, 17) with 120 of 300: Beta(128, 197), mean .3938 ± .0270; four errors of 1,000 draws."""
    shop.write("models/rates.py", MODELS)
    shop.define(update=rule)
    for ago in (1, 2, 3):
        shop.sell(ago, 100, 40)
    assert shop.night().counts == {"updated": 1}
    row = shop.row()
    assert row.posterior_mean == pytest.approx(128 / 325, abs=4 * 0.027 / 1000**0.5)
    assert row.posterior_stdev == pytest.approx(0.0270, rel=0.1)
    assert fits(shop)[-1].passed
    shop.today += timedelta(days=1)
    shop.sell(1, 100, 40)
    shop.night()  # a night later: from the last full fit on
    assert shop.row().posterior_mean == pytest.approx(168 / 425, abs=4 * 0.0237 / 400**0.5)


@pytest.mark.slow
def test_a_full_fit_that_began_where_the_last_one_ended_is_rebuilt_from_there(shop: Shop) -> None:
    shop.write("models/rates.py", MODELS)
    shop.define(update="update_rule: model\n  model: models.rates:rate")
    shop.sell(1, 100, 40)
    shop.night()
    shop.sell(0, 2000, 1500)
    shop.tomorrow()  # far from the last draws: none of them carry this posterior
    first, second = fits(shop)
    assert (first.request["begun_from"], second.request["begun_from"]) == (None, first.id)
    assert second.tried[0][0] == "reweighted"
    assert second.rung != "reweighted"
    assert shop.project.rebuild().differing == ()
