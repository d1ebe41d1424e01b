"""Whether a parameter whose incident is open has come back: evidence for it, not the absence of an alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from scipy import special

from evenfall.monitoring.histories import Batch, DetectorInput, batches
from evenfall.monitoring.recursion import block, learn

__all__ = ["EVIDENCE", "SPANS", "returned"]

EVIDENCE: Final = 20.0
"""How much better the last days must fit the baseline than the level of the incident."""

SPANS: Final = (7, 14, 28, 56)
"""Numbers of last rows that are tried; what little traffic cannot show in a week it may show in a month."""


def returned(inputs: Sequence[DetectorInput]) -> list[bool]:
    """Return which parameters' last days look like the baseline again.

    Each input's `baseline_until` is the start of its incident. The last days must fit the frozen baseline
    `EVIDENCE` times better than the points that the days of the incident before them speak for, and better
    than all points on average: a level half-way back is not back. Few parameters have an incident, so they
    are taken one by one.
    """
    found = [False] * len(inputs)
    for batch in batches(inputs):
        for row, i in enumerate(batch.members.tolist()):
            started = inputs[i].baseline_until
            found[i] = started is not None and _returned(batch, row, started)
    return found


def _returned(batch: Batch, row: int, started: date) -> bool:
    """Return whether any span of last rows speaks for the baseline."""
    one = np.array([row])
    seen = batch.watched[row]
    since = seen.first >= np.datetime64(started)
    before = batch.sums[one, : len(seen)][:, ~since]
    baseline = learn(batch.law, batch.baseline.rows(one), before)
    days = batch.sums[one, : len(seen)][:, since]
    points = batch.points[one]
    for span in SPANS:
        if span > days.shape[1]:
            break
        _, of_incident = block(batch.law, baseline, points, days[:, :-span])
        unchanged, moved = block(batch.law, baseline, points, days[:, -span:])
        share = special.log_softmax(of_incident, axis=1)
        at_its_level = special.logsumexp(share + moved, axis=1)
        at_any = special.logsumexp(moved, axis=1) - math.log(moved.shape[1])
        gain = unchanged - np.maximum(at_its_level + math.log(EVIDENCE), at_any)
        if gain[0] >= 0:
            return True
    return False
