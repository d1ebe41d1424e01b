"""Worlds beyond a plain chain: lag families, branches and joins, deep chains, and lags half seen."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.funnels.delays.answers import Refused, describe, eventual_rate
from evenfall.funnels.delays.model import DelayModel
from evenfall.funnels.network import Network
from evenfall.funnels.reach import reach
from evenfall.funnels.simulate import Edge as Link
from evenfall.inference.engines.batch import Single
from evenfall.inference.engines.modes import find_modes
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.ladder import climb

from .generators import Cells, Edge, Lag, Reading, arrivals, branch, chain

HORIZON = 14
FAMILIES = ("gamma", "generalised_gamma", "log_logistic", "lognormal", "weibull")


def model_of(edge: Edge, cells: Cells, reading: Reading, **options: object) -> DelayModel:
    told = {"family": edge.lag.family, "clock": reading.clock, "horizon_days": HORIZON}
    return DelayModel(cells, {**told, "onset": edge.lag.onset > 0, **options})


def touching(model: DelayModel, seed: int, draws: int = 1000) -> dict[str, np.ndarray]:
    """Return quantities drawn from the normal law that touches the posterior's peak."""
    mode = find_modes(Single(model), np.zeros(1, dtype=np.intp), model.start()[None])
    assert mode.found[0], mode.reasons
    noise = np.random.default_rng([seed, 2]).normal(size=(draws, len(model.names)))
    return model.quantities(mode.points[0] + noise @ mode.roots[0].T)


def truths(edge: Edge) -> dict[str, float]:
    lag = edge.lag
    known = {"p": edge.within(HORIZON), "t50": lag.t50, "log_ratio": lag.log_ratio}
    known |= {"onset_days": lag.onset} if lag.onset else {}
    return known | ({"q": lag.q} if lag.family == "generalised_gamma" else {})


def recovered(edge: Edge, clock: str, seeds: range) -> dict[str, np.ndarray]:
    """Return per quantity (mean − truth, sd, covered by the 90 % interval), shape (replicate, 3)."""
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in truths(edge)}
    reading = Reading(60.25, clock, followed=40)
    for seed in seeds:
        (cells,) = chain(np.random.default_rng([11, seed]), (edge,), reading, days=60)
        found = touching(model_of(edge, cells, reading), seed)
        for name, truth in truths(edge).items():
            low, high = np.quantile(found[name], (0.05, 0.95))
            rows[name].append((found[name].mean() - truth, found[name].std(), low <= truth <= high))
    return {name: np.array(row, dtype=float) for name, row in rows.items()}


def kinds() -> list[object]:
    """Return every family with and without an onset, the clock in turn."""
    found = []
    for number, family in enumerate(FAMILIES):
        for onset in (0.0, 1.0):
            clock = ("elapsed", "calendar")[(number + int(onset)) % 2]
            found.append(
                pytest.param(
                    Edge(0.3, Lag(family, 3.0, 12.0, onset)), clock, id=f"{family}-{onset:g}-{clock}"
                )
            )
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "clock"), kinds())
def test_every_family_is_found_again(edge: Edge, clock: str) -> None:
    """Four worlds each; 5 sd hold all of the 160 figures but in one of 10,000 runs of normal posteriors."""
    for name, rows in recovered(edge, clock, range(4)).items():
        assert np.all(np.abs(rows[:, 0]) < 5 * rows[:, 1]), name


@pytest.mark.verify
@pytest.mark.parametrize(("edge", "clock"), kinds())
def test_every_family_is_covered(edge: Edge, clock: str) -> None:
    """100 worlds each; .90 leaves .78 to .99 with probability 1.4e-4, one of 40 figures in 180 runs."""
    for name, rows in recovered(edge, clock, range(100)).items():
        bias, covered = rows[:, 0].mean(), rows[:, 2].mean()
        print(
            f"{edge.lag.family}, onset {edge.lag.onset:g}, {clock}, {name}:"
            f" bias {bias:+.4f}, covers {covered:.2f}"
        )
        assert 0.78 <= covered <= 0.99, name


ROADS = (Edge(0.35, Lag("lognormal", 1.0, 5.0)), Edge(0.25, Lag("weibull", 2.0, 7.0)))
JOINS = (Edge(0.5, Lag("gamma", 1.0, 4.0)), Edge(0.2, Lag("log_logistic", 1.5, 6.0)))
DIAMOND = Network.of(
    ("start", "left", "right", "end"),
    [
        Link("sl", "start", "left"),
        Link("sr", "start", "right"),
        Link("le", "left", "end"),
        Link("re", "right", "end"),
    ],
)


def diamond(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of the rates of four edges, shape (draw, edge), and the true rates."""
    rng, reading = np.random.default_rng([12, seed]), Reading(60.25, followed=40)
    entries = arrivals(rng, 60, 500)
    found, roads = [], branch(entries, ROADS, rng)
    for edge, moments in zip(ROADS, roads, strict=True):
        found.append(touching(model_of(edge, reading.cells(entries, moments), reading), seed)["p"])
    for edge, road in zip(JOINS, roads, strict=True):
        arrived = road[road < reading.moment]
        cells = reading.cells(arrived, edge.convert(arrived, rng))
        found.append(touching(model_of(edge, cells, reading), seed)["p"])
    rates = np.stack(found, axis=1)
    truth = np.array([edge.within(HORIZON) for edge in (*ROADS, *JOINS)])
    return rates, truth


def through(rates: np.ndarray) -> np.ndarray:
    return reach(DIAMOND, rates, "start", "end")


def covered_by_diamonds(seeds: range) -> float:
    """Return how often the 90 % interval of what reaches the end, from draws of its edges, covers."""
    hits, off = [], []
    for seed in seeds:
        rates, truth = diamond(seed)
        # by hand: left road times left join, plus right road times right join
        expected = truth[0] * truth[2] + truth[1] * truth[3]
        found = through(rates)
        low, high = np.quantile(found, (0.05, 0.95))
        hits.append(low <= expected <= high)
        off.append((found.mean() - expected) / expected)
    print(
        f"branch and join, {len(hits)} worlds: bias {np.mean(off):+.2%},"
        f" 90 % intervals cover {np.mean(hits):.3f}"
    )
    assert abs(np.mean(off)) < 0.01
    return float(np.mean(hits))


@pytest.mark.slow
def test_what_reaches_a_join_is_composed_of_its_edges() -> None:
    # 20 of .90: fewer than 13 with probability 4e-4
    assert covered_by_diamonds(range(20)) >= 0.65


@pytest.mark.verify
def test_what_reaches_a_join_is_covered() -> None:
    # 150 of .90 leave .80 to .98 with probability 2e-4
    assert 0.8 <= covered_by_diamonds(range(150)) <= 0.98


DEEP = tuple(Edge(0.4, Lag("lognormal", 25.0, 150.0)) for _ in range(4))


def deep(seed: int) -> tuple[int, int]:
    """Return how many figures of a slow chain were answered, and how many flagged; answers must hold."""
    rng, reading = np.random.default_rng([13, seed]), Reading(60.25, followed=60)
    answered = flagged = 0
    for depth, (edge, cells) in enumerate(zip(DEEP, chain(rng, DEEP, reading, 60, 60), strict=True)):
        model = DelayModel(cells, {"family": "lognormal", "horizon_days": 60})
        fit = climb(model, FitRequest(engine="laplace", seed=seed, draws=1000))
        if not fit.passed:
            flagged += 4
            continue
        truth = {
            "p": edge.within(60),
            "t50": edge.lag.t50,
            "log_ratio": edge.lag.log_ratio,
            "p_eventual": edge.rate,
        }
        for name, answer in describe(fit, model).items():
            if name not in truth:
                continue
            summary = answer.summary
            answered, flagged = answered + answer.identified, flagged + (not answer.identified)
            # an answer may be off by 4.5 of its own standard deviations: never in 300 answers
            assert not answer.identified or abs(summary.mean - truth[name]) < 4.5 * summary.stdev, (
                depth,
                name,
            )
    return answered, flagged


@pytest.mark.slow
def test_a_deep_slow_chain_is_found_again_or_flagged() -> None:
    """Four edges with a median of 25 days, 60 days of data: the deeper, the less is seen."""
    answered, flagged = np.sum([deep(seed) for seed in range(3)], axis=0)
    print(f"deep slow chain: {answered} figures answered, {flagged} not identified")
    assert answered > 0
    assert flagged > 0


@pytest.mark.parametrize(
    ("first", "days", "read"),
    [(70, 30, 100.25), (0, 30, 100.25), (50, 20, 75.25)],
    ids=["starts late", "stops early", "starts late and stops"],
)
def test_a_slice_that_starts_or_stops_midway_is_found_again(first: int, days: int, read: float) -> None:
    """Ten worlds each: 5 sd hold all of the 90 figures but in one of 20,000 runs."""
    edge, reading = Edge(0.3, Lag("weibull", 3.0, 12.0)), Reading(read, followed=60)
    for seed in range(10):
        rng = np.random.default_rng([14, seed])
        entries = arrivals(rng, days, 500, first)
        cells = reading.cells(entries, edge.convert(entries, rng))
        # with the fetch at six, the last day that entered has shown no whole age of 24 hours to everybody
        assert cells["entry"].min() == first
        assert len(cells["size"]) == days
        found = touching(model_of(edge, cells, reading), seed)
        for name, truth in truths(edge).items():
            assert abs(found[name].mean() - truth) < 5 * found[name].std(), name


SLOW = Edge(0.3, Lag("lognormal", 40.0, 40.0 * np.exp(1.645)))
"""Half of this lag lies within 40 days, the oldest age seen."""
HALF = ("lognormal", "weibull", "log_logistic")


def half_seen(seed: int, people: int = 150) -> Cells:
    rng, reading = np.random.default_rng([15, seed]), Reading(41.0, followed=40)
    return chain(rng, (SLOW,), reading, 41, people)[0]


def _headline_holds(fit: Fit) -> None:
    truth = SLOW.within(20)
    headline = fit.summary("p")
    assert abs(headline.mean - truth) < 4 * headline.stdev
    assert headline.stdev < 0.1 * truth


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # far out, while warming up
def test_perfect_chains_with_a_wrong_answer_are_refused() -> None:
    """R-hat says that chains agree with each other, and nothing of the family that all of them believe in."""
    cells, eventual = half_seen(1), {}
    for family in HALF:
        model = DelayModel(cells, {"family": family, "horizon_days": 20})
        request = FitRequest(engine="nuts", seed=3, draws=450, tune=300, options={"adaptation": "low_rank"})
        fit = climb(model, request)
        assert fit.passed, fit.failures
        assert fit.diagnostics["r_hat"] < 1.01
        eventual[family] = fit.summary("p_eventual")
        _headline_holds(fit)
        assert isinstance(eventual_rate(fit, model), Refused)
        print(
            f"half seen, {family}: R-hat {fit.diagnostics['r_hat']:.4f}, p(20) {fit.summary('p').mean:.4f}"
            f" (truth {SLOW.within(20):.4f}), eventual {eventual[family].median:.3f} (truth .3)"
        )
    medians = [one.median for one in eventual.values()]
    assert max(medians) > 1.3 * min(medians)


@pytest.mark.slow
def test_no_family_may_extrapolate_from_half_of_the_lag() -> None:
    """Eight worlds, three families each, by the ladder's cheaper rung."""
    spread = []
    for seed in range(8):
        cells, medians = half_seen(seed), []
        for family in HALF:
            model = DelayModel(cells, {"family": family, "horizon_days": 20})
            fit = climb(model, FitRequest(engine="laplace", seed=seed, draws=500))
            if not fit.passed:  # publishes nothing at all
                continue
            _headline_holds(fit)
            assert isinstance(eventual_rate(fit, model), Refused)
            medians.append(fit.summary("p_eventual").median)
        spread.append(max(medians) / min(medians))
    print(f"half seen: eventual rates of three families differ by a factor {np.median(spread):.2f}")
    assert np.median(spread) > 1.2


@pytest.mark.slow
@pytest.mark.parametrize("family", HALF)
def test_a_share_that_never_converts_is_no_bare_number_where_the_data_do_not_know_it(family: str) -> None:
    """Two weeks of a lag with a median of 40 days: what is left may come, or never."""
    for seed in range(4):
        rng, reading = np.random.default_rng([16, seed]), Reading(15.0, followed=14)
        (cells,) = chain(rng, (SLOW,), reading, 15, 50)
        model = DelayModel(cells, {"family": family, "horizon_days": 10})
        fit = climb(model, FitRequest(engine="laplace", seed=seed, draws=1000))
        assert isinstance(eventual_rate(fit, model), Refused)
        told = describe(fit, model)["p_eventual"]
        print(f"{family}, {cells['conversions'].sum()} conversions: {told}, overlap {told.overlap:.2f}")
        assert f"{told.summary.lower:.4g} … {told.summary.upper:.4g}" in str(told)
        assert told.summary.lower < SLOW.rate < told.summary.upper
        assert told.summary.upper - told.summary.lower > 0.3


@pytest.mark.parametrize("family", HALF)
def test_what_hardly_anybody_has_shown_yet_is_not_identified(family: str) -> None:
    """Fifteen people a day for five days, of a lag with a median of 40 days."""
    rng, reading = np.random.default_rng(17), Reading(6.0, followed=5)
    (cells,) = chain(rng, (SLOW,), reading, 6, 15)
    model = DelayModel(cells, {"family": family, "horizon_days": 60})
    fit = climb(model, FitRequest(engine="laplace", seed=1, draws=1000))
    told = describe(fit, model)["p_eventual"]
    assert not told.identified
    assert "not identified" in str(told)
