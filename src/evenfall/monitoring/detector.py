"""The alarm: has this quantity changed, said with a stated rate of false alarms.

Every night the statistic is computed anew from the ledger's daily rows: prior × the rows before the watched
days is the baseline, and each watched day may be the day of the change (`recursion`). Nothing is carried from
night to night, so a restated day is simply read as it now stands.
"""

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
from evenfall.monitoring.change_point import ChangePoint, change_points
from evenfall.monitoring.day_laws import DAY_LAWS, POINTS_A_SIDE, DayLaw
from evenfall.monitoring.recursion import Baseline, evidence_by_day, learn, path, watch

__all__ = [
    "FEWEST_BASELINE_ROWS",
    "LOOKS_PER_YEAR",
    "RECOMMENDED_BASELINE_DAYS",
    "RUN_LENGTH_YEARS",
    "WATCHED_DAYS",
    "Detection",
    "DetectorInput",
    "detect",
    "detection_path",
]

RUN_LENGTH_YEARS: Final = 20.0
"""Average time to the first false alarm of one parameter, at least."""

LOOKS_PER_YEAR: Final = 365

WATCHED_DAYS: Final = 365
"""Days that may be the day of the change; what is older belongs to the baseline."""

FEWEST_BASELINE_ROWS: Final = 14
"""Rows with data before the first watched one; the prior alone is no baseline."""

RECOMMENDED_BASELINE_DAYS: Final = 180
"""From here on the baseline's own doubt no longer delays an alarm much; a shorter one is learning."""

_CHUNK: Final = 1 << 16  # values of (parameter, node, point) held at once: they stay in the cache
_RHO_NODES: Final = np.array([0.4, 1.0, 2.0])
_MOST_RHO: Final = 0.9
_LEARNED: Final = 2
_WORTH_DATING: Final = 10.0  # R_t/t from which the day of the change is looked for
_DATED_AT_ONCE: Final = 32


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


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detector says of one parameter on one night.

    Attributes
    ----------
    log_r
        Log of R, the evidence summed over all days the change may have come on; −inf before the first look.
    e_value
        R over the number of looks, at most one on average when nothing changed; what ranks parameters.
    alarmed
        Whether R reached the average run length and the change is outside the margin.
    direction
        higher or lower than the baseline; empty before the first look.
    since, since_interval
        Most likely day of the change, and the first and last day of its 80 % interval; None where there is
        too little evidence to ask.
    baseline_mean
        Mean of the baseline, in the parameter's unit.
    current_mean
        What the days since the change say, in the same unit; None without `since`.
    baseline_days
        Rows with data before the change, all of them where there is none; below 180 they are still learning.
    looks
        Watched rows with data.
    log_threshold
        What log_r has to reach.
    """

    parameter_id: str
    log_r: float
    e_value: float
    alarmed: bool
    direction: str
    since: date | None
    since_interval: tuple[date, date] | None
    baseline_mean: float
    current_mean: float | None
    baseline_days: int
    looks: int
    log_threshold: float

    @property
    def learning(self) -> bool:
        """Whether the baseline is shorter than recommended; false alarms stay as rare, delays are longer."""
        return self.baseline_days < RECOMMENDED_BASELINE_DAYS


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
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


def detect(inputs: Sequence[DetectorInput], watched_days: int = WATCHED_DAYS) -> list[Detection]:
    """Return one detection per input, in the same order.

    Parameters
    ----------
    watched_days
        How many of the last days may be the day of the change.
    """
    found: list[Detection | None] = [None] * len(inputs)
    for batch in _batches(inputs, watched_days):
        for i, detection in zip(batch.members.tolist(), _detect(batch, inputs), strict=True):
            found[i] = detection
    return [one for one in found if one is not None]


def detection_path(inputs: Sequence[DetectorInput], watched_days: int = WATCHED_DAYS) -> list[Floats]:
    """Return log R as each of the watched nights saw it, shape (watched row,) per input.

    The last entry is what `detect` says tonight; the others are what it said on those nights, as long as the
    first watched day was the same.
    """
    paths: list[Floats] = [np.empty(0)] * len(inputs)
    for batch in _batches(inputs, watched_days):
        nights = path(batch.law, batch.baseline, batch.points, batch.margin, batch.sums)
        for row, i in enumerate(batch.members.tolist()):
            paths[i] = nights[row, : len(batch.watched[row])]
    return paths


def _batches(inputs: Sequence[DetectorInput], watched_days: int) -> Iterator[_Batch]:
    """Yield the inputs by family and number of nodes, in pieces that fit the cache."""
    spread = np.array([0 if item.kappa is None else 1 + item.kappa_learned for item in inputs], dtype=np.intp)
    for family, members, _ in by_family([item.prior for item in inputs]):
        kinds = spread[members] if family.name == "beta" else np.zeros_like(members)
        for kind in np.unique(kinds).tolist():
            rows = np.flatnonzero(kinds == kind)
            size = max(1, _CHUNK // (2 * POINTS_A_SIDE * (len(_RHO_NODES) if kind == _LEARNED else 1)))
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield _batch(family, kind, members[part], inputs, watched_days)


def _batch(
    family: Family,
    kind: int,
    members: NDArray[np.intp],
    inputs: Sequence[DetectorInput],
    watched_days: int,
) -> _Batch:
    """Return the members with their baselines learned and their points laid out."""
    law = DAY_LAWS[family.name, kind > 0]
    items = [inputs[i] for i in members.tolist()]
    parts = [_split(item, watched_days) for item in items]
    before = [part[0] for part in parts]
    theta = np.array([item.prior.theta for item in items], dtype=np.float64)
    start = _nodes(theta, items, kind) if family.name == "beta" else theta[:, None, :]
    # Without overdispersion only the total of the baseline matters.
    learned = _padded([one.sums for one in before] if kind else [one.total()[None] for one in before])
    baseline = learn(law, Baseline(start, np.zeros(start.shape[:2])), learned)
    margin = np.array([_absolute_margin(item) for item in items])
    watched = [part[1] for part in parts]
    return _Batch(
        family=family,
        law=law,
        members=members,
        baseline=baseline,
        points=law.points(baseline.mixed, margin),
        margin=margin,
        watched=watched,
        sums=_padded([one.sums for one in watched]),
        rows_before=np.array([_looks(one) for one in before], dtype=np.intp),
    )


def _split(item: DetectorInput, watched_days: int) -> tuple[Observations, Observations]:
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
    enough = np.cumsum(seen.sums[:, 0] > 0) > FEWEST_BASELINE_ROWS
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


def _looks(observations: Observations) -> int:
    return int((observations.sums[:, 0] > 0).sum())


def _detect(batch: _Batch, inputs: Sequence[DetectorInput]) -> Iterator[Detection]:
    """Yield the detections of a batch, in its order."""
    evidence = watch(batch.law, batch.baseline, batch.points, batch.margin, batch.sums)
    log_r = evidence.log_r
    looks = np.array([_looks(one) for one in batch.watched])
    thresholds = np.array([inputs[i].log_threshold for i in batch.members.tolist()])
    worth = log_r >= np.minimum(thresholds, np.log(_WORTH_DATING * np.maximum(looks, 1)))
    changes = _dated(batch, np.flatnonzero(worth))
    unchanged = batch.sums.copy()
    for row, dated in changes.items():
        unchanged[row, dated.mode :] = 0.0
    baseline = learn(batch.law, batch.baseline, unchanged).mixed[:, : len(batch.family.keys)]
    means = np.asarray(batch.family.belief(baseline).mean)
    for row, i in enumerate(batch.members.tolist()):
        item, change, watched = inputs[i], changes.get(row), batch.watched[row]
        current = None if change is None else _current(item, batch, row, change.mode, baseline[row])
        far = current is not None and _effect(item, current, float(means[row])) >= item.margin
        yield Detection(
            parameter_id=item.parameter_id,
            log_r=float(log_r[row]),
            e_value=_capped_exp(float(log_r[row]) - math.log(max(int(looks[row]), 1))),
            alarmed=bool(log_r[row] >= thresholds[row]) and far,
            direction=_direction(float(evidence.log_below[row]), float(evidence.log_above[row])),
            since=None if change is None else watched.first[change.mode].item(),
            since_interval=None
            if change is None
            else (watched.first[change.first].item(), watched.first[change.last].item()),
            baseline_mean=float(means[row]),
            current_mean=current,
            baseline_days=int(batch.rows_before[row] + (unchanged[row, :, 0] > 0).sum()),
            looks=int(looks[row]),
            log_threshold=float(thresholds[row]),
        )


def _dated(batch: _Batch, rows: NDArray[np.intp]) -> dict[int, ChangePoint]:
    """Return the day of the change of some parameters, by their row."""
    changes: dict[int, ChangePoint] = {}
    for start in range(0, len(rows), _DATED_AT_ONCE):
        part = rows[start : start + _DATED_AT_ONCE]
        log_evidence = evidence_by_day(
            batch.law, batch.baseline.rows(part), batch.points[part], batch.margin[part], batch.sums[part]
        )
        changes.update(zip(part.tolist(), change_points(log_evidence), strict=True))
    return changes


def _current(item: DetectorInput, batch: _Batch, row: int, first: int, baseline: Floats) -> float:
    """Return what the days from the change on say, in the unit of the parameter."""
    size, total, _ = batch.sums[row, first:].sum(axis=0)
    location = float(total / size)
    if item.type != "duration":
        return location
    # A shift of the mean of log x multiplies the mean of x, the noise being the same.
    return float(batch.family.belief(baseline).mean) * math.exp(location - float(baseline[0]))


def _effect(item: DetectorInput, current: float, before: float) -> float:
    """Return how large a change is: relative, for a mean in standard deviations of the prior."""
    yardstick = item.prior.numbers["sigma"] if item.type == "mean" else abs(before)
    return abs(current - before) / yardstick


def _direction(log_below: float, log_above: float) -> str:
    if max(log_below, log_above) == -math.inf:
        return ""
    return "higher" if log_above > log_below else "lower"


def _capped_exp(log_value: float) -> float:
    """Return exp, at most the largest float."""
    return math.exp(min(log_value, 709.0))
