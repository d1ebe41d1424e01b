"""Histories laid out for the detector: baselines learned, watched days side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.families import Family
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.observations import Observations
from evenfall.monitoring.day_laws import DAY_LAWS, POINTS_A_SIDE, DayLaw
from evenfall.monitoring.recursion import Baseline, learn

__all__ = [
    "FEWEST_BASELINE_ROWS",
    "FEWEST_ROWS_FOR_KAPPA",
    "LOOKS_PER_YEAR",
    "RUN_LENGTH_YEARS",
    "WATCHED_DAYS",
    "Batch",
    "DetectorInput",
    "batches",
    "looks",
]

RUN_LENGTH_YEARS: Final = 20.0
"""Average time to the first false alarm of one parameter, at least."""

LOOKS_PER_YEAR: Final = 365

WATCHED_DAYS: Final = 365
"""Days that may be the day of the change; what is older belongs to the baseline."""

FEWEST_BASELINE_ROWS: Final = 14
"""Rows with data before the first watched one; the prior alone is no baseline."""

FEWEST_ROWS_FOR_KAPPA: Final = 28
"""The same where kappa is learned, which two weeks of days show too poorly."""

_CHUNK: Final = 1 << 16  # values of (parameter, node, point) held at once: they stay in the cache
_RHO_NODES: Final = np.array([0.4, 1.0, 2.0])
_MOST_RHO: Final = 0.9
_LEARNED: Final = 2


@dataclass(frozen=True, slots=True)
class DetectorInput:
    """One parameter's history, as the detector sees it.

    Attributes
    ----------
    type
        probability, rate, mean or duration.
    prior
        What was believed before the first of the observations.
    observations
        Rows of mature days only.
    kappa
        Overdispersion of a probability between days; None for none.
    kappa_learned
        Whether kappa was learned from such data and is uncertain by a factor of two; the detector then weighs
        nodes around it by the data before each day.
    margin
        Smallest change worth a message: relative, for a mean in standard deviations of the prior.
    run_length_years
        Average time to a false alarm that is accepted.
    baseline_until
        First day that may not enter the baseline: the start of an incident that is still open.
    watch_from
        First day that may be a change; the day an incident was resolved.
    left_out
        Half-open spans of days that are not counted at all: incidents that are over.
    """

    parameter_id: str
    type: str
    prior: Belief
    observations: Observations
    kappa: float | None = None
    kappa_learned: bool = False
    margin: float = 0.05
    run_length_years: float = RUN_LENGTH_YEARS
    baseline_until: date | None = None
    watch_from: date | None = None
    left_out: tuple[tuple[date, date], ...] = ()

    @property
    def log_threshold(self) -> float:
        """Log of the average run length in looks, which R has to reach."""
        return math.log(LOOKS_PER_YEAR * self.run_length_years)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Parameters of one family and number of nodes, side by side; `sums` has shape (parameter, row, 3)."""

    family: Family
    law: DayLaw
    members: NDArray[np.intp]
    baseline: Baseline
    points: Floats
    margin: Floats
    watched: list[Observations]
    sums: Floats
    rows_before: NDArray[np.intp]


def batches(
    inputs: Sequence[DetectorInput], watched_days: int = WATCHED_DAYS, *, learning: bool = True
) -> Iterator[Batch]:
    """Yield the inputs by family and number of nodes, in pieces that fit the cache.

    Without `learning` the prior alone is the baseline of the first watched day.
    """
    spread = np.array([0 if item.kappa is None else 1 + item.kappa_learned for item in inputs], dtype=np.intp)
    for family, members, _ in by_family([item.prior for item in inputs]):
        kinds = spread[members] if family.name == "beta" else np.zeros_like(members)
        for kind in np.unique(kinds).tolist():
            rows = np.flatnonzero(kinds == kind)
            size = max(1, _CHUNK // (2 * POINTS_A_SIDE * (len(_RHO_NODES) if kind == _LEARNED else 1)))
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield _batch(family, kind, members[part], inputs, (watched_days, learning))


def _batch(
    family: Family,
    kind: int,
    members: NDArray[np.intp],
    inputs: Sequence[DetectorInput],
    how: tuple[int, bool],
) -> Batch:
    """Return the members with their baselines learned and their points laid out."""
    law = DAY_LAWS[family.name, kind > 0]
    items = [inputs[i] for i in members.tolist()]
    parts = [_split(item, *how) for item in items]
    before = [part[0] for part in parts]
    theta = np.array([item.prior.theta for item in items], dtype=np.float64)
    start = _nodes(theta, items, kind) if family.name == "beta" else theta[:, None, :]
    # Without overdispersion only the total of the baseline matters.
    learned = _padded([one.sums for one in before] if kind else [one.total()[None] for one in before])
    baseline = learn(law, Baseline(start, np.zeros(start.shape[:2])), learned)
    margin = np.array([_absolute_margin(item) for item in items])
    watched = [part[1] for part in parts]
    return Batch(
        family=family,
        law=law,
        members=members,
        baseline=baseline,
        points=law.points(baseline.mixed, margin),
        margin=margin,
        watched=watched,
        sums=_padded([one.sums for one in watched]),
        rows_before=np.array([looks(one) for one in before], dtype=np.intp),
    )


def _split(item: DetectorInput, watched_days: int, learning: bool) -> tuple[Observations, Observations]:
    """Return the rows of the baseline and the rows that may be the change."""
    seen = item.observations
    counted = np.ones(len(seen), dtype=bool)
    for first, stop in item.left_out:
        counted &= (seen.stop <= np.datetime64(first)) | (seen.first >= np.datetime64(stop))
    seen = _rows(seen, counted)
    if not len(seen):
        return seen, seen
    start = seen.stop.max() - np.timedelta64(watched_days, "D")
    if item.watch_from is not None:
        start = max(start, np.datetime64(item.watch_from))
    if item.baseline_until is not None:
        start = min(start, np.datetime64(item.baseline_until))
    learning_kappa = item.kappa is not None and item.kappa_learned
    fewest = FEWEST_ROWS_FOR_KAPPA if learning_kappa else FEWEST_BASELINE_ROWS
    enough = np.cumsum(seen.sums[:, 0] > 0) > (fewest if learning else 0)
    watched = (seen.first >= start) & enough
    return _rows(seen, ~watched), _rows(seen, watched)


def _rows(seen: Observations, keep: NDArray[np.bool_]) -> Observations:
    return Observations(seen.first[keep], seen.stop[keep], seen.sums[keep])


def _nodes(theta: Floats, inputs: Sequence[DetectorInput], kind: int) -> Floats:
    """Return theta with the overdispersion rho of each node as its third key."""
    rho = np.array([0.0 if item.kappa is None else 1.0 / (item.kappa + 1.0) for item in inputs])
    nodes = np.minimum(rho[:, None] * (_RHO_NODES if kind == _LEARNED else np.ones(1)), _MOST_RHO)
    repeated = np.broadcast_to(theta[:, None, :], (*nodes.shape, theta.shape[-1]))
    return np.concatenate([repeated, nodes[..., None]], axis=-1)


def _absolute_margin(item: DetectorInput) -> float:
    """Return the margin, for a mean in its own unit: nothing is relative to a mean, which may be zero."""
    return item.margin * item.prior.numbers["sigma"] if item.type == "mean" else item.margin


def _padded(rows: Sequence[Floats]) -> Floats:
    """Return the rows of all parameters side by side; shorter histories end with empty rows."""
    padded = np.zeros((len(rows), max((len(one) for one in rows), default=0), 3))
    for i, one in enumerate(rows):
        padded[i, : len(one)] = one
    return padded


def looks(observations: Observations) -> int:
    """Return the number of rows with data."""
    return int((observations.sums[:, 0] > 0).sum())
