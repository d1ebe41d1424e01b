"""Worlds with a known truth, drawn person by person: the recovery tests' own, apart from all models.

A person enters at a moment of a day, evenly over it, and converts or not, after a lag. Cohorts of a day may
share a rate of their own (a beta around the edge's) and a spread over ages of their own (a Dirichlet around
the law of the lag). What is read is what a source shows at one moment, such as six in the morning; the cells
of which a part is still to come are left out, as the maker of cohorts must.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

type Floats = NDArray[np.float64]
type Cells = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Lag:
    """A lag by its family, median and 95 % point, both with the onset in them; all in days."""

    family: str
    t50: float
    t95: float
    onset: float = 0.0
    q: float = 0.5

    @cached_property
    def law(self) -> Any:
        """What comes after the onset, as a law of scipy."""
        t50, t95 = self.t50 - self.onset, self.t95 - self.onset
        log_ratio = np.log(t95 / t50)
        if self.family == "lognormal":
            return stats.lognorm(log_ratio / stats.norm.ppf(0.95), scale=t50)
        if self.family == "weibull":
            power = np.log(np.log(20) / np.log(2)) / log_ratio
            return stats.weibull_min(power, scale=t50 / np.log(2) ** (1 / power))
        if self.family == "log_logistic":
            return stats.fisk(np.log(19) / log_ratio, scale=t50)
        if self.family == "gamma":
            return _scaled(stats.gamma, log_ratio, t50)
        # log T = μ + σ log(γ)/Q-like with γ ~ Gamma(1/Q²) (Prentice 1974): a power of a gamma variable
        return _scaled(lambda power: stats.gengamma(self.q**-2, power), log_ratio, t50)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Return so many lags."""
        if self.family == "lognormal":
            return np.asarray(
                self.onset + self.law.kwds["scale"] * np.exp(self.law.args[0] * rng.normal(size=count))
            )
        return np.asarray(self.onset + self.law.ppf(rng.random(count)))

    def cdf(self, days: float | Floats) -> Any:
        """Return the share that has come within `days`."""
        return self.law.cdf(np.asarray(days) - self.onset)

    @property
    def log_ratio(self) -> float:
        return float(np.log(self.t95 / self.t50))


def _scaled(shaped: Callable[[float], Any], log_ratio: float, t50: float) -> Any:
    """Return the law whose 95 % point is so far from its median, scaled to its median."""

    def off(log_shape: float) -> float:
        law = shaped(np.exp(log_shape))
        return float(np.log(law.ppf(0.95) / law.ppf(0.5)) - log_ratio)

    shape = float(np.exp(optimize.brentq(off, -3.0, 5.0)))
    if shaped is stats.gamma:
        return stats.gamma(shape, scale=t50 / stats.gamma(shape).ppf(0.5))
    law = shaped(shape)
    return stats.gengamma(*law.args, scale=t50 / law.ppf(0.5))


@dataclass(frozen=True)
class Edge:
    """How people take an edge.

    Attributes
    ----------
    rate
        Eventual share of those who enter that converts.
    kappa
        Of the rates of cohorts, Beta(rate κ, (1 − rate) κ); None for one rate.
    spread
        Concentration of the cohorts' own spread over days of age around the lag; None for the lag itself.
    drift
        Standard deviation of the daily step of the log odds of the rate.
    """

    rate: float
    lag: Lag
    kappa: float | None = None
    spread: float | None = None
    drift: float = 0.0

    def convert(self, entries: Floats, rng: np.random.Generator) -> Floats:
        """Return the moment at which each person converts, NaN for those who never will."""
        day = np.floor(entries).astype(int)
        rates = self._rates(int(day.max(initial=0)) + 1, rng)
        who = np.flatnonzero(rng.random(len(entries)) < rates[day])
        lags = self.lag.draw(rng, len(who)) if self.spread is None else self._flocked(day[who], rng)
        moments = np.full(len(entries), np.nan)
        moments[who] = entries[who] + lags
        return moments

    def _rates(self, days: int, rng: np.random.Generator) -> Floats:
        logit = np.log(self.rate / (1 - self.rate)) + self.drift * np.cumsum(rng.normal(size=days))
        rates = 1 / (1 + np.exp(-logit))
        return rates if self.kappa is None else rng.beta(self.kappa * rates, self.kappa * (1 - rates))

    def _flocked(self, days: NDArray[np.intp], rng: np.random.Generator) -> Floats:
        """Return lags whose shares of whole days of age each cohort draws around those of the law."""
        assert self.spread is not None
        ends = np.concatenate([self.lag.cdf(np.arange(400.0)), [1.0]])
        gammas = rng.gamma(
            np.maximum(self.spread * np.diff(ends), 1e-12), size=(days.max(initial=0) + 1, 400)
        )
        reached = np.cumsum(gammas, axis=1) / gammas.sum(axis=1, keepdims=True)
        lags = np.empty(len(days))
        for day in np.unique(days):
            own = days == day
            u = rng.random(int(own.sum()))
            age = np.minimum(np.searchsorted(reached[day], u), 399)
            within = ends[age] + rng.random(len(u)) * (ends[age + 1] - ends[age])
            lags[own] = self.lag.onset + self.lag.law.ppf(within)
        return lags

    def within(self, days: float) -> float:
        """Return the rate within a horizon."""
        return float(self.rate * self.lag.cdf(days))


@dataclass(frozen=True)
class Reading:
    """What a source shows, and what of it counts.

    Attributes
    ----------
    moment
        Of the fetch, in days: 100.25 is six in the morning of day 100.
    clock
        ``elapsed`` or ``calendar``.
    followed
        Ages that are looked at.
    stopped
        Per entry day the first age that was never read, of days whose later nights are missing.
    """

    moment: float
    clock: str = "elapsed"
    followed: int = 60
    stopped: tuple[tuple[int, int], ...] = ()

    def observed(self, days: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return how many ages of each entry day lie wholly before the fetch, for everybody of the day."""
        last_entry = days + 1 if self.clock == "elapsed" else days
        ages = np.floor(self.moment - last_entry if self.clock == "elapsed" else np.floor(self.moment) - days)
        ages = np.clip(ages, 0, self.followed).astype(np.int64)
        for day, age in self.stopped:
            ages[days == day] = np.minimum(ages[days == day], age)
        return ages

    def raw(self, entries: Floats, moments: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return entry day and age of every conversion that the source shows, those of today included."""
        seen = moments <= self.moment
        day = np.floor(entries[seen])
        age = np.floor(moments[seen]) - day if self.clock == "calendar" else moments[seen] - entries[seen]
        return day.astype(np.intp), np.floor(age).astype(np.intp)

    def cells(self, entries: Floats, moments: Floats, *, partial: bool = False) -> Cells:
        """Return the cohorts; `partial` is the mistake of counting the day of the fetch as a whole one."""
        days = np.arange(int(np.floor(self.moment)))
        size = np.bincount(np.floor(entries[entries < len(days)]).astype(int), minlength=len(days))
        observed = self.observed(days) + partial
        day, age = self.raw(entries, moments)
        kept = (day < len(days)) & (age < observed[np.minimum(day, len(days) - 1)])
        width = max(1, int(observed.max()))
        cell = day[kept] * width + age[kept]
        counts = np.bincount(cell, minlength=len(days) * width).reshape(len(days), width)
        some = size > 0
        return {
            "entry": days[some],
            "size": size[some],
            "observed": observed[some],
            "conversions": counts[some],
        }


def arrivals(rng: np.random.Generator, days: int, people: int, first: int = 0) -> Floats:
    """Return the moments at which `people` a day enter, evenly over each day."""
    day = np.repeat(np.arange(first, first + days), people)
    return np.asarray(day + rng.random(len(day)))


def chain(
    rng: np.random.Generator, edges: tuple[Edge, ...], reading: Reading, days: int = 100, people: int = 1000
) -> list[Cells]:
    """Return the cohorts of each edge of a chain; who takes an edge enters the next one at that moment."""
    found, entries = [], arrivals(rng, days, people)
    for edge in edges:
        moments = edge.convert(entries, rng)
        found.append(reading.cells(entries, moments))
        entries = moments[moments < reading.moment]
    return found


def branch(entries: Floats, edges: tuple[Edge, ...], rng: np.random.Generator) -> list[Floats]:
    """Return per edge the moments at which people take it, NaN for the others; nobody takes two."""
    chosen = np.searchsorted(np.cumsum([edge.rate for edge in edges]), rng.random(len(entries)), side="right")
    moments = [np.where(chosen == number, entries, np.nan) for number in range(len(edges))]
    return [found + edge.lag.draw(rng, len(entries)) for found, edge in zip(moments, edges, strict=True)]


def with_missing_nights(rng: np.random.Generator, reading: Reading, days: int, share: float) -> Reading:
    """Return the reading with some entry days never read beyond an age: later nights were lost."""
    lost = rng.choice(days, int(share * days), replace=False)
    return replace(reading, stopped=tuple((int(day), int(rng.integers(2, 12))) for day in lost))
