"""References to how long an edge takes, on a shop where letters bring people back after days."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.errors import ConfigError
from evenfall.registry.references import EdgeReference
from evenfall.registry.schemas import Latency
from evenfall.runs.graph.compare import answer_compare
from evenfall.runs.graph.latency import duration_figure, inline_figure

from ..shop import TONIGHT, Shop

# ruff: noqa: DTZ001 - wall times of the shop's zone

GRAPH = """\
nodes: [{slug: letter}, {slug: back}, {slug: order, outcome: true}, {slug: gift, outcome: true}]
edges:
  - {slug: come-back, from: letter, to: back, p: {parameter_id: come-back}}
  - {slug: order, from: back, to: order, p: {mean: 0.4, stdev: 0.05}, latency: {median_days: 2, t95_days: 8}}
  - {slug: gift, from: back, to: gift, p: {mean: 0.1}, latency: {median_days: 1}}
  - {slug: wait, from: order, to: gift}
  - {slug: planned, from: letter, to: gift, p: {parameter_id: planned}}
"""
COME_BACK = """\
id: {name}
edge_reference: e.{name}.p.mean
latency: {{family: lognormal, horizon_days: 10, median_days: 3, t95_days: 12, max_age_days: 30}}
observation_source:
  type: events
  connection: shop
  table: events
  columns: {{user: user_id, event: event, time: at}}
  unit: user
  attempt: letter
  success: {success}
  horizon: 30d
bayesian_update: {{prior: {{distribution: beta, mean: 0.3, stdev: 0.1}}}}
posterior_destination: {{write_frequency: 1d}}
"""
WAIT = """\
id: wait
type: duration
edge_reference: e.wait.latency.median
bayesian_update: {prior: {distribution: lognormal, mu: 1.0, sigma: 0.2, noise_sigma: 0.5}}
"""
RATE, MEDIAN, SIGMA = 0.35, 2.0, 0.8
Z95 = 1.6448536269514722
PEOPLE, DAYS = 80, 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """40 days of 80 letters; who comes back does so after a lognormal lag of known median and spread."""
    with Shop(tmp_path_factory.mktemp("latency") / "shop", lookback=60) as shop:
        shop.write("graphs/letters.yaml", GRAPH)
        shop.write("parameters/come-back.yaml", COME_BACK.format(name="come-back", success="back"))
        shop.write("parameters/wait.yaml", WAIT)
        shop.db.execute("CREATE TABLE events (user_id, at TEXT, event)")
        rng = np.random.default_rng(11)
        start = datetime(TONIGHT.year, TONIGHT.month, TONIGHT.day) - timedelta(days=DAYS)
        now = datetime(TONIGHT.year, TONIGHT.month, TONIGHT.day)
        rows = []
        for user in range(PEOPLE * DAYS):
            entered = start + timedelta(days=user // PEOPLE, seconds=int(rng.integers(86_400)))
            rows.append((user, str(entered), "letter"))
            if rng.random() < RATE:
                back = entered + timedelta(days=float(MEDIAN * np.exp(SIGMA * rng.normal())))
                if back < now:
                    rows.append((user, str(back), "back"))
        shop.db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        shop.night()
        shop.write("parameters/planned.yaml", COME_BACK.format(name="planned", success="planned"))
        yield shop


@pytest.mark.parametrize(
    ("leaf", "truth"),
    [
        ("median", MEDIAN),
        ("t50", MEDIAN),
        ("t95", MEDIAN * math.exp(Z95 * SIGMA)),
        ("t10", MEDIAN * math.exp(-1.2815515655446004 * SIGMA)),
        ("mean", MEDIAN * math.exp(SIGMA**2 / 2)),
        ("stdev", MEDIAN * math.exp(SIGMA**2 / 2) * math.sqrt(math.expm1(SIGMA**2))),
    ],
)
def test_a_latency_is_answered_from_the_draws_of_the_fit(shop: Shop, leaf: str, truth: float) -> None:
    answer = shop.project[f"e.come-back.latency.{leaf}"]
    # the seed is fixed; 4.5 posterior sd is a false alarm of 1e-5 over seeds
    assert abs(answer.value - truth) < 4.5 * answer.stdev
    assert answer.lower < answer.value < answer.upper
    # about 1,100 lags tell a log median to .8/√1100 = .024
    if leaf == "median":
        assert answer.stdev / answer.value == pytest.approx(0.024, rel=0.35)
    assert (answer.level, answer.parameter_id, answer.type) == ("exact", "come-back", "duration")
    assert (answer.origin, answer.age_days is not None) == ("posterior", True)


def test_the_n_of_a_latency_counts_those_who_converted(shop: Shop) -> None:
    answer = shop.project["e.come-back.latency.n"]
    converted = shop.project["e.come-back.p.n"].value * RATE
    assert answer.value == answer.n == pytest.approx(converted, rel=0.1)


def test_without_a_fit_the_prior_of_the_lag_answers_and_says_so(shop: Shop) -> None:
    answer = shop.project["e.planned.latency.median"]
    assert (answer.origin, answer.n) == ("prior", 0.0)
    # a bare median is the centre of a lognormal belief with sd 1 of its log
    assert answer.value == pytest.approx(3.0, rel=4.5 * 1.2533 / math.sqrt(4000))
    assert answer.upper / answer.value == pytest.approx(math.exp(1.96), rel=0.15)


def test_a_graph_answers_with_the_lognormal_it_states(shop: Shop) -> None:
    sigma = math.log(8 / 2) / Z95
    for leaf, expected in {
        "median": 2.0,
        "t95": 8.0,
        "t50": 2.0,
        "t10": 2 * math.exp(-1.2815515655446004 * sigma),
        "mean": 2 * math.exp(sigma**2 / 2),
        "n": 0.0,
    }.items():
        answer = shop.project[f"e.order.latency.{leaf}"]
        assert answer.value == pytest.approx(expected, rel=1e-12), leaf
    assert (answer.origin, answer.parameter_id, answer.type) == ("inline", None, "duration")
    assert answer.prior_origin == "graph letters (graphs/letters.yaml)"
    assert shop.project["e.gift.latency.median"].value == 1.0
    with pytest.raises(ConfigError, match="too little of the latency") as caught:
        shop.project["e.gift.latency.t95"]
    assert "add t95_days" in caught.value.remedy


def test_a_graph_answers_with_the_rate_it_states(shop: Shop) -> None:
    answer = shop.project["e.order.p.mean"]
    assert (answer.value, answer.stdev, answer.origin) == (pytest.approx(0.4), pytest.approx(0.05), "inline")
    assert answer.parameter_id is None
    # mean .4 and stdev .05 are a beta with 95 trials: .4 · .6 / .05² − 1
    assert shop.project["e.order.p.alpha"].value == pytest.approx(0.4 * 95)
    certain = shop.project["e.gift.p.mean"]
    assert (certain.value, certain.lower, certain.upper) == (0.1, 0.1, 0.1)
    with pytest.raises(ConfigError, match="no alpha"):
        shop.project["e.gift.p.alpha"]


def test_a_duration_answers_with_quantiles_of_single_lags(shop: Shop) -> None:
    answer = shop.project["e.wait.latency.t95"]
    assert answer.value == pytest.approx(math.exp(1 + Z95 * 0.5), rel=1e-3)
    # the belief is about μ alone: μ ± .2, so every quantile is known to a factor of e^(1.96 · .2)
    assert answer.upper / answer.value == pytest.approx(math.exp(1.959964 * 0.2), rel=1e-2)
    assert shop.project["e.wait.latency.stdev"].value == pytest.approx(
        math.exp(1 + 0.125) * math.sqrt(math.expm1(0.25)), rel=1e-3
    )


def test_unknown_noise_widens_a_duration() -> None:
    keys = ("mu", "sigma", "noise_shape", "noise_scale")
    origin = Origin("manual", "here")
    belief = Belief("lognormal-inverse-gamma", keys, (1.0, 0.2, 5.0, 1.0), origin)
    figure = duration_figure(belief, "t95", "wait")
    known = duration_figure(
        Belief("lognormal", ("mu", "sigma", "noise_sigma"), (1.0, 0.2, 0.5), origin), "t95", "wait"
    )
    assert figure.stdev > known.stdev
    # μ | s ~ N(1, s/κ₀) with E s = 1/(5 − 1) and κ₀ = 1/(5 · .2²) = 5: the sd of μ is √(.25/5) = .2236
    median = duration_figure(belief, "median", "wait")
    assert np.log(median.draws).std() == pytest.approx(math.sqrt(0.25 / 5), rel=0.1)
    with pytest.raises(ConfigError, match="single lags"):
        duration_figure(Belief("normal", ("mu", "sigma", "noise_sigma"), (1.0, 0.2, 0.5), origin), "t95")


def test_two_latencies_can_be_compared(shop: Shop) -> None:
    compared = answer_compare(shop.project.world, "e.come-back.latency.t95", "e.come-back.latency.median")
    assert compared.type == "duration"
    assert compared.comparison.p_b_greater == 0.0  # of one and the same lag, draw by draw


def test_a_lag_of_no_time_needs_no_spread() -> None:
    reference = EdgeReference("gift", family="latency", leaf="t95")
    assert inline_figure(Latency(median_days=0, t95_days=0), reference).value == 0
    assert inline_figure(Latency(t95_days=4), reference).value == 4
