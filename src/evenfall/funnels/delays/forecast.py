"""What running cohorts will still convert, day by day, given what has been seen of them.

Of N people who entered a days ago, D have been seen to convert among the ages read so far, which show the
share S of the lag. Each of the others converts on a coming day with probability u ΔG / (1 − u S), where u is
the eventual rate of the cohort and ΔG the share of the lag that falls on that day. Without scatter between
days u is the rate p of the draw; with concentration κ it is drawn from the product of Beta(u; pκ, (1 − p)κ)
and Binomial(D; N, u S).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import UsageError
from evenfall.funnels.delays.cells import cell_tails
from evenfall.funnels.delays.draws import DelayDraws
from evenfall.funnels.delays.path import Arrivals

__all__ = ["Forecast", "forecast_along", "forecast_conversions"]

_GRID: Final = np.linspace(-8.0, 8.0, 129)  # stdevs of the logit around its approximate centre
_MOST_LIKELY: Final = 1.0 - 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Conversions still to come of the people who have entered; the first coming day is 0.

    Attributes
    ----------
    expected : ndarray, shape (draw, day)
        What each state of the world expects: their spread is the uncertainty of the rate and the lag.
    counts : ndarray, shape (draw, day)
        What happens in it: with chance, and with the scatter of days, on top; the uncertainty of the day.
    by_cohort : ndarray, shape (cohort, day)
        Mean of `expected` for each cohort.
    """

    expected: Floats
    counts: NDArray[np.int64]
    by_cohort: Floats

    @property
    def mean(self) -> Floats:
        """Expected conversions per day, shape (day,)."""
        return np.asarray(self.expected.mean(axis=0))

    def rate_interval(self, *, total: bool = False, mass: float = 0.95) -> tuple[Floats, Floats]:
        """Return where the expectation lies: per day, or summed up to each day."""
        return _interval(self.expected, total=total, mass=mass)

    def day_interval(self, *, total: bool = False, mass: float = 0.95) -> tuple[Floats, Floats]:
        """Return where the count of conversions will lie: per day, or summed up to each day."""
        return _interval(self.counts, total=total, mass=mass)


def forecast_conversions(
    cohorts: Cohorts,
    age_days: NDArray[np.int64],
    draws: DelayDraws,
    days: int,
    *,
    longest: int,
    seed: int = 0,
) -> Forecast:
    """Return the conversions of the coming `days` by people who have entered before them.

    Parameters
    ----------
    cohorts
        People by entry day, with what was seen of them.
    age_days : ndarray, shape (cohort,)
        Whole days since the end of each entry day.
    draws
        Of rate and lag, of equal weight.
    longest
        Ages from which on nobody is followed, so that nothing counts.
    """
    if days < 1:
        raise UsageError(f"{days} days cannot be forecast", remedy="ask for at least one day")
    rng = np.random.default_rng(seed)
    shares, seen = _shares(cohorts, age_days, draws, days, longest)
    converted = cohorts.converted
    expected = np.zeros((len(draws), days))
    counts = np.zeros((len(draws), days), dtype=np.int64)
    by_cohort = np.zeros((len(cohorts), days))
    for i in np.flatnonzero(shares.sum(axis=(0, 2)) > 0.0):
        left, part = int(cohorts.size[i] - converted[i]), seen[:, i]
        mean, rate = _rates(draws, int(cohorts.size[i]), int(converted[i]), part, rng)
        expected[:] += (hoped := left * _chances(mean, part, shares[:, i]))
        by_cohort[i] = hoped.mean(axis=0)
        counts[:] += _drawn(left, _chances(rate, part, shares[:, i]), rng)
    return Forecast(expected, counts, by_cohort)


def forecast_along(
    past: NDArray[np.int64], coming: Forecast, onward: Arrivals, days: int, *, seed: int = 0
) -> Forecast:
    """Return the arrivals of the coming `days` at the end of a path, of people who take its first edge.

    Those who took the first edge are not told apart by whether they have arrived since: of everybody who
    took it on a day, the path says how many arrive on which later day.

    Parameters
    ----------
    past : ndarray, shape (day,)
        Conversions on the first edge by past day, yesterday last.
    coming
        Conversions on the first edge in the coming days, draw by draw.
    onward
        Arrivals after the first edge, of the same draws, for at least as many days as past and coming have.
    """
    rng = np.random.default_rng(seed)
    between = np.diff(onward.daily(), axis=1, prepend=0.0)
    draws = len(coming.expected)
    expected = np.zeros((draws, days))
    counts = np.zeros((draws, days), dtype=np.int64)
    by_day = np.zeros((len(past) + days, days))
    for number, day in enumerate(range(-len(past), days)):
        took = past[number] if day < 0 else coming.counts[:, day]
        hoped = float(past[number]) if day < 0 else coming.expected[:, day, None]
        if not np.any(took) and not np.any(hoped):
            continue
        first = max(day, 0)
        chances = np.zeros((draws, days))
        chances[:, first:] = between[:, first - day : days - day]
        expected += (share := hoped * chances)
        by_day[number] = share.mean(axis=0)
        counts += _drawn(took, chances, rng)
    return Forecast(expected, counts, by_day)


def _shares(
    cohorts: Cohorts, age_days: NDArray[np.int64], draws: DelayDraws, days: int, longest: int
) -> tuple[Floats, Floats]:
    """Return the share of the lag on each coming day, (draw, cohort, day), and the one seen, (draw, cohort).

    At the end of a calendar day people of a cohort are spread over one day of ages, whatever the clock that
    its cells were counted by: G(m) is the mean of F over [m, m + 1].
    """
    oldest = max(cohorts.ages, int(age_days.max(initial=0)) + days + 1, longest) + 1
    ends = cell_tails(draws.family, draws.shape, oldest, cohorts.clock).cdf
    midnights = cell_tails(draws.family, draws.shape, oldest, "calendar").cdf
    seen = np.concatenate([np.zeros((len(draws), 1)), ends], axis=1)[:, cohorts.observed]
    last = midnights[:, longest - 1] if cohorts.clock == "calendar" else ends[:, longest - 1]
    ages = age_days[:, None] + np.arange(days + 1)
    reached = np.minimum(midnights[:, np.minimum(ages, oldest - 1)], last[:, None, None])
    reached = np.where(ages >= longest, last[:, None, None], reached)
    return np.diff(np.maximum(reached, seen[:, :, None]), axis=2), seen


def _chances(rate: Floats, seen: Floats, shares: Floats) -> Floats:
    """Return P(converts on each coming day | has not been seen to convert), shape (draw, day)."""
    return np.asarray(rate[:, None] * shares / np.maximum(1.0 - rate * seen, 1e-12)[:, None])


def _rates(
    draws: DelayDraws, size: int, converted: int, seen: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the cohort's eventual rate: its expectation at each draw, and one draw of it."""
    p = np.minimum(draws.eventual, _MOST_LIKELY)
    if draws.kappa is None:
        return p, p
    a, b = p * draws.kappa, (1.0 - p) * draws.kappa
    low, high = a + converted, b + np.maximum(size * seen - converted, 0.0)
    centre = special.psi(low) - special.psi(high)
    width = np.sqrt(special.polygamma(1, low) + special.polygamma(1, high))
    logit = centre[:, None] + width[:, None] * _GRID
    u = special.expit(logit)
    with np.errstate(divide="ignore"):
        log_density = (
            (a + converted)[:, None] * special.log_expit(logit)
            + b[:, None] * special.log_expit(-logit)
            + (size - converted) * np.log1p(-u * seen[:, None])
        )
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    place = (np.cumsum(weight, axis=1) < rng.random((len(p), 1))).sum(axis=1)
    chosen = np.minimum(place, len(_GRID) - 1)
    step = (_GRID[1] - _GRID[0]) * (rng.random(len(p)) - 0.5)
    drawn = special.expit(centre + width * (_GRID[chosen] + step))
    return np.asarray((weight * u).sum(axis=1)), np.asarray(drawn)


def _drawn(left: int | NDArray[np.int64], chances: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a multinomial over the days for each draw, the rest being those who do not convert in them."""
    remaining = np.broadcast_to(np.asarray(left, dtype=np.int64), len(chances)).copy()
    gone = np.zeros(len(chances))
    found = np.zeros(chances.shape, dtype=np.int64)
    for day in range(chances.shape[1]):
        chance = np.clip(chances[:, day] / np.maximum(1.0 - gone, 1e-12), 0.0, 1.0)
        found[:, day] = rng.binomial(remaining, chance)
        remaining -= found[:, day]
        gone += chances[:, day]
    return found


def _interval(values: Floats | NDArray[np.int64], *, total: bool, mass: float) -> tuple[Floats, Floats]:
    ends = ((1.0 - mass) / 2.0, (1.0 + mass) / 2.0)
    lower, upper = np.quantile(np.cumsum(values, axis=1) if total else values, ends, axis=0)
    return lower, upper
