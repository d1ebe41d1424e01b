"""Posterior predictive checks: whether the fitted model makes data that look like the observed.

References
----------
Gelman, Meng, Stern (1996), Posterior predictive assessment of model fitness via realized discrepancies.
Statistica Sinica 6, 733-807.
Meng (1994), Posterior predictive p-values. Annals of Statistics 22, 1142-1160: under the model a p-value
below a happens with probability 2a at most, and mostly far less, since the data were seen by the fit.
Rubin-Delanchy, Lawson (2014), Posterior predictive p-values and the convex order. arXiv:1412.3442: p-values
that are uniform in the convex order, and the factor of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UsageError
from evenfall.findings import Finding, Light

__all__ = ["STATISTICS", "PredictiveCheck", "StatisticRow", "predictive_check"]

type Floats = NDArray[np.float64]
type Statistic = Callable[[Floats], Floats]

FALSE_ALARM = 0.05
"""Of the whole check, whatever the number of statistics, where the model is right."""
LEVELS = (0.5, 0.9)

STATISTICS: Mapping[str, Statistic] = {
    "mean": lambda data: np.asarray(np.mean(data, axis=-1)),
    "sd": lambda data: np.asarray(np.std(data, axis=-1)),
    "smallest": lambda data: np.asarray(np.min(data, axis=-1)),
    "largest": lambda data: np.asarray(np.max(data, axis=-1)),
    "zeros": lambda data: np.asarray(np.mean(data == 0, axis=-1)),
}
"""Each takes data of shape (…, unit) and returns shape (…)."""


@dataclass(frozen=True, slots=True)
class StatisticRow:
    """One statistic of the observed data among those of simulated data.

    Attributes
    ----------
    name
        Of the statistic; ``outside 50 %`` and ``outside 90 %`` count units beyond their intervals.
    observed
        Its value for the data.
    mean, lower, upper
        Of its values for simulated data; lower and upper end the central 90 %.
    p
        Mid-p: share of simulated values above the observed one, ties by half; near 0 the data are too high.
    p_tested
        What the verdict looks at: two-sided, but one-sided for units outside, since a fit that has seen the
        data is expected to have too few.
    """

    name: str
    observed: float
    mean: float
    lower: float
    upper: float
    p: float
    p_tested: float


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """What came of a predictive check.

    Attributes
    ----------
    rows
        One per statistic.
    intervals
        By level 0.5 and 0.9: ends of each unit's central predictive interval, shape (unit, 2).
    covered
        By level: whether each unit lies in its interval, ends included.
    pit : ndarray, shape (unit,)
        Randomised probability integral transform; uniform for units the fit has not seen.
    threshold
        A row's `p_tested` at or below it is poor fit.
    draws
        Simulated data sets.
    poor
        Names of the rows that say so.
    """

    rows: tuple[StatisticRow, ...]
    intervals: Mapping[float, Floats]
    covered: Mapping[float, NDArray[np.bool_]]
    pit: Floats
    threshold: float
    draws: int
    poor: tuple[str, ...]

    @property
    def decidable(self) -> bool:
        """Whether there are enough simulated data sets for any row to reach the threshold."""
        return 1.0 / (self.draws + 1) <= self.threshold

    def coverage(self, level: float) -> float:
        """Return the share of units in their intervals of `level` (0.5 or 0.9)."""
        return float(np.mean(self.covered[level]))

    def finding(self, parameter_id: str) -> Finding:
        """Return what is to be told about the parameter: green, amber for poor fit, grey when undecidable."""
        figures = {f"p {row.name}": row.p_tested for row in self.rows}
        figures |= {f"coverage {level:.0%}": self.coverage(level) for level in self.covered}
        if not self.decidable:
            message = f"{self.draws} simulated data sets are too few to judge the fit"
            remedy = f"simulate at least {int(np.ceil(1 / self.threshold))}"
            return Finding("fit", parameter_id, Light.GREY, message, remedy, figures)
        if not self.poor:
            return Finding("fit", parameter_id, Light.GREEN, "the model makes data like these", "", figures)
        told = "; ".join(_told(row) for row in self.rows if row.name in self.poor)
        remedy = "try another family or pooling, or look for days that differ from the others"
        message = f"the model does not make data like these: {told}"
        return Finding("fit", parameter_id, Light.AMBER, message, remedy, figures)


def predictive_check(
    observed: Floats,
    simulated: Floats,
    *,
    statistics: Mapping[str, Statistic] = STATISTICS,
    seed: int = 0,
    false_alarm: float = FALSE_ALARM,
) -> PredictiveCheck:
    """Return how the observed data compare with data simulated from the posterior.

    A right model is called poor with probability `false_alarm` at most: Bonferroni over the rows, each at
    half its share, for Meng's factor of two.

    Parameters
    ----------
    observed : ndarray, shape (unit,)
    simulated : ndarray, shape (draw, unit)
        One data set for each of equally weighted posterior draws; resample draws that have weights.
    statistics
        By name; each takes (…, unit) and returns (…).
    seed
        Of the randomisation of ties in the PIT.

    Raises
    ------
    UsageError
        When the shapes do not belong together or a value is not finite.
    """
    observed, simulated = np.asarray(observed, dtype=float), np.asarray(simulated, dtype=float)
    _check_shapes(observed, simulated)
    rows = [
        _row(name, float(statistic(observed)), statistic(simulated)) for name, statistic in statistics.items()
    ]
    intervals, covered = {}, {}
    for level in LEVELS:
        ends = np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2], axis=0)
        covered[level] = _within(observed, ends)
        intervals[level] = np.ascontiguousarray(ends.T)
        outside = np.sum(~_within(simulated, ends), axis=-1).astype(float)
        rows.append(_row(f"outside {level:.0%}", float(np.sum(~covered[level])), outside, one_sided=True))
    threshold = false_alarm / 2 / len(rows)
    return PredictiveCheck(
        rows=tuple(rows),
        intervals=intervals,
        covered=covered,
        pit=_pit(observed, simulated, np.random.default_rng(seed)),
        threshold=threshold,
        draws=simulated.shape[0],
        poor=tuple(row.name for row in rows if not row.p_tested > threshold),
    )


def _check_shapes(observed: Floats, simulated: Floats) -> None:
    if (
        observed.ndim != 1
        or simulated.ndim != 2
        or simulated.shape[1:] != observed.shape
        or not simulated.size
    ):
        raise UsageError(
            f"observed data have shape (unit,) and simulated (draw, unit), not {observed.shape} and "
            f"{simulated.shape}",
            remedy="simulate every unit once for every draw",
        )
    if not (np.isfinite(observed).all() and np.isfinite(simulated).all()):
        raise UsageError(
            "observed and simulated data must be finite numbers", remedy="leave out units without data"
        )


def _within(data: Floats, ends: Floats) -> NDArray[np.bool_]:
    return np.asarray((data >= ends[0]) & (data <= ends[1]))


def _row(name: str, observed: float, simulated: Floats, *, one_sided: bool = False) -> StatisticRow:
    values = np.asarray(simulated, dtype=float)
    # The observed value is counted among the simulated ones, so that p is never below its resolution.
    above, equal = np.sum(values > observed), np.sum(values == observed) + 1
    p = float((above + equal / 2) / (values.size + 1))
    lower, upper = np.quantile(values, [0.05, 0.95])
    tested = p if one_sided else min(1.0, 2 * min(p, 1 - p))
    return StatisticRow(
        name, float(observed), float(np.mean(values)), float(lower), float(upper), p, float(tested)
    )


def _pit(observed: Floats, simulated: Floats, rng: np.random.Generator) -> Floats:
    below, equal = np.sum(simulated < observed, axis=0), np.sum(simulated == observed, axis=0) + 1
    return np.asarray((below + rng.random(observed.size) * equal) / (simulated.shape[0] + 1))


def _told(row: StatisticRow) -> str:
    return f"{row.name} {row.observed:.4g}, expected {row.lower:.4g} to {row.upper:.4g}"
