from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.monitoring.detector import DetectorInput
from evenfall.monitoring.returning import returned

START = date(2025, 1, 1)
SINCE = START + timedelta(days=100)


def incident(seed: int, after: float, days_after: int, trials: int = 800, kappa: float | None = None):
    """Return 100 days at .30, 20 at .20, then some at `after`."""
    rng = np.random.default_rng(seed)
    p = np.repeat([0.30, 0.20, after], [100, 20, days_after])
    if kappa is not None:
        p = rng.beta(kappa * p, kappa * (1 - p))
    k = rng.binomial(trials, p)
    rows = [
        (START + timedelta(days=t), START + timedelta(days=t + 1), float(trials), float(x), 0.0)
        for t, x in enumerate(k)
    ]
    flat = Belief("beta", ("alpha", "beta"), (1.0, 1.0), Origin("manual"))
    return DetectorInput("p", "probability", flat, Observations.of(rows), kappa, baseline_until=SINCE)


@pytest.mark.parametrize("kappa", [None, 60.0])
def test_a_week_at_the_old_level_is_a_return(kappa):
    assert returned([incident(1, 0.30, 8, kappa=kappa)]) == [True]


@pytest.mark.parametrize(("after", "days"), [(0.20, 30), (0.25, 30), (0.40, 30), (0.30, 2)])
def test_neither_the_same_level_nor_half_way_nor_beyond_nor_two_days_are_a_return(after, days):
    assert returned([incident(2, after, days)]) == [False]


def test_what_a_week_of_little_traffic_cannot_show_a_month_can():
    week, months = (
        np.mean(returned([incident(seed, 0.30, days, trials=20) for seed in range(50)])) for days in (7, 56)
    )
    assert week < 0.6
    assert months > 0.9


def test_without_an_incident_nothing_returns():
    calm = incident(4, 0.30, 8)
    assert returned([DetectorInput("p", "probability", calm.prior, calm.observations)]) == [False]
    assert returned([]) == []


def test_an_incident_rarely_looks_resolved_while_it_lasts():
    # 200 incidents of 30 further days at the level of the incident; a drop of a third at 50 trials a day
    found = returned([incident(seed, 0.20, 30, trials=50) for seed in range(200)])
    assert np.mean(found) <= 0.03
