"""The alarm: has this quantity changed, said with a stated rate of false alarms.

Every night the statistic is computed anew from the ledger's daily rows: prior × the rows before the watched
days is the baseline, and each watched day may be the day of the change (`recursion`). Nothing is carried from
night to night, so a restated day is simply read as it now stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.monitoring.change_point import ChangePoint, change_points
from evenfall.monitoring.histories import (
    FEWEST_BASELINE_ROWS,
    FEWEST_ROWS_FOR_KAPPA,
    WATCHED_DAYS,
    Batch,
    DetectorInput,
    batches,
    looks,
)
from evenfall.monitoring.recursion import evidence_by_day, learn, path, watch

__all__ = [
    "RECOMMENDED_BASELINE_DAYS",
    "WATCHED_DAYS",
    "Detection",
    "DetectorInput",
    "detect",
    "detection_path",
]

RECOMMENDED_BASELINE_DAYS: Final = 180
"""From here on the baseline's own doubt no longer delays an alarm much; a shorter one is learning."""

_WORTH_DATING: Final = 10.0  # R_t/t from which the day of the change is looked for
_DATED_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detector says of one parameter on one night.

    Attributes
    ----------
    log_r
        Log of R, the evidence summed over all days the change may have come on; −inf before the first look.
    log_e_value
        Log of R over the number of looks, which is one on average when nothing changed; it ranks parameters.
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
    log_e_value: float
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
    def e_value(self) -> float:
        """R over the number of looks, at most the largest float."""
        return math.exp(min(self.log_e_value, 709.0))

    @property
    def learning(self) -> bool:
        """Whether the baseline is shorter than recommended; false alarms stay as rare, delays are longer."""
        return self.baseline_days < RECOMMENDED_BASELINE_DAYS


def detect(inputs: Sequence[DetectorInput], watched_days: int = WATCHED_DAYS) -> list[Detection]:
    """Return one detection per input, in the same order.

    Parameters
    ----------
    watched_days
        How many of the last days may be the day of the change.
    """
    found: list[Detection | None] = [None] * len(inputs)
    for batch in batches(inputs, watched_days):
        for i, detection in zip(batch.members.tolist(), _detect(batch, inputs), strict=True):
            found[i] = detection
    detections = [one for one in found if one is not None]
    early = [i for i, one in enumerate(detections) if one.alarmed and _began_while_learning(one, inputs[i])]
    for i, dated in _dated_from_the_prior([inputs[i] for i in early], watched_days):
        detections[early[i]] = replace(detections[early[i]], **dated)
    return detections


def _began_while_learning(found: Detection, item: DetectorInput) -> bool:
    """Return whether a change may have begun in the days a short history was learned from.

    Such a change is dated to the first day that was watched, or one of the two after it.
    """
    rows = item.observations
    seen = rows.first[rows.sums[:, 0] > 0]
    learned = FEWEST_BASELINE_ROWS if item.kappa is None or not item.kappa_learned else FEWEST_ROWS_FOR_KAPPA
    if found.since is None or item.watch_from is not None or len(seen) <= learned:
        return False
    return bool(np.datetime64(found.since) <= seen[min(learned + 2, len(seen) - 1)])


def _dated_from_the_prior(
    inputs: Sequence[DetectorInput], watched_days: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield, by position, when each change began if the prior alone is what was normal before."""
    for batch in batches(inputs, watched_days, learning=False):
        for row, change in _dated(batch, np.arange(len(batch.members))).items():
            i, watched = int(batch.members[row]), batch.watched[row]
            before = batch.sums[row : row + 1].copy()
            before[:, change.mode :] = 0.0
            baseline = learn(batch.law, batch.baseline.rows(np.array([row])), before)
            theta = baseline.mixed[0, : len(batch.family.keys)]
            yield (
                i,
                {
                    "since": watched.first[change.mode].item(),
                    "since_interval": (watched.first[change.first].item(), watched.first[change.last].item()),
                    "baseline_mean": float(batch.family.belief(theta).mean),
                    "current_mean": _current(inputs[i], batch, row, change.mode, theta),
                    "baseline_days": int((before[0, :, 0] > 0).sum()),
                },
            )


def detection_path(inputs: Sequence[DetectorInput], watched_days: int = WATCHED_DAYS) -> list[Floats]:
    """Return log R as each of the watched nights saw it, shape (watched row,) per input.

    The last entry is what `detect` says tonight; the others are what it said on those nights, as long as the
    first watched day was the same.
    """
    paths: list[Floats] = [np.empty(0)] * len(inputs)
    for batch in batches(inputs, watched_days):
        nights = path(batch.law, batch.baseline, batch.points, batch.margin, batch.sums)
        for row, i in enumerate(batch.members.tolist()):
            paths[i] = nights[row, : len(batch.watched[row])]
    return paths


def _detect(batch: Batch, inputs: Sequence[DetectorInput]) -> Iterator[Detection]:
    """Yield the detections of a batch, in its order."""
    evidence = watch(batch.law, batch.baseline, batch.points, batch.margin, batch.sums)
    log_r = evidence.log_r
    counts = np.array([looks(one) for one in batch.watched])
    thresholds = np.array([inputs[i].log_threshold for i in batch.members.tolist()])
    worth = log_r >= np.minimum(thresholds, np.log(_WORTH_DATING * np.maximum(counts, 1)))
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
            log_e_value=float(log_r[row]) - math.log(max(int(counts[row]), 1)),
            alarmed=bool(log_r[row] >= thresholds[row]) and far,
            direction=_direction(float(evidence.log_below[row]), float(evidence.log_above[row])),
            since=None if change is None else watched.first[change.mode].item(),
            since_interval=None
            if change is None
            else (watched.first[change.first].item(), watched.first[change.last].item()),
            baseline_mean=float(means[row]),
            current_mean=current,
            baseline_days=int(batch.rows_before[row] + (unchanged[row, :, 0] > 0).sum()),
            looks=int(counts[row]),
            log_threshold=float(thresholds[row]),
        )


def _dated(batch: Batch, rows: NDArray[np.intp]) -> dict[int, ChangePoint]:
    """Return the day of the change of some parameters, by their row."""
    changes: dict[int, ChangePoint] = {}
    for start in range(0, len(rows), _DATED_AT_ONCE):
        part = rows[start : start + _DATED_AT_ONCE]
        log_evidence = evidence_by_day(
            batch.law, batch.baseline.rows(part), batch.points[part], batch.margin[part], batch.sums[part]
        )
        changes.update(zip(part.tolist(), change_points(log_evidence), strict=True))
    return changes


def _current(item: DetectorInput, batch: Batch, row: int, first: int, baseline: Floats) -> float:
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
