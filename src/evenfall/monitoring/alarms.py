"""What rings: the detector, or the lights' threshold with hysteresis, each with its false alarms per year."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal

import numpy as np
from scipy import special

from evenfall.monitoring.detector import Detection
from evenfall.monitoring.histories import LOOKS_PER_YEAR
from evenfall.monitoring.judging import RED_BEYOND_AMBER
from evenfall.monitoring.wording import day, quantity, sigmas

__all__ = ["Alarm", "detector_alarm", "threshold_alarm", "threshold_false_alarms"]

_NODES: Final = 2001


@dataclass(frozen=True, slots=True)
class Alarm:
    """Whether a parameter rings tonight.

    Attributes
    ----------
    rule
        detector or threshold.
    raised
        Whether it rings.
    message
        One sentence for people; empty when it does not ring.
    false_alarms_per_year
        How often the rule rings for a parameter that is well: for the detector at most, on average.
    """

    parameter_id: str
    rule: Literal["detector", "threshold"]
    raised: bool
    direction: str
    since: date | None
    message: str
    false_alarms_per_year: float


def detector_alarm(detection: Detection, of_type: str) -> Alarm:
    """Return the detector's alarm in words.

    Examples
    --------
    >>> from datetime import date
    >>> found = Detection(
    ...     "checkout.p.mean", 12.0, 6.5, True, "lower", date(2025, 11, 3),
    ...     (date(2025, 11, 1), date(2025, 11, 4)), 0.55, 0.42, 200, 300, 8.9
    ... )
    >>> detector_alarm(found, "probability").message
    'checkout.p.mean lower: 55 % before, 42 % now, since 3 Nov (1 Nov to 4 Nov)'
    """
    return Alarm(
        parameter_id=detection.parameter_id,
        rule="detector",
        raised=detection.alarmed,
        direction=detection.direction,
        since=detection.since,
        message=_changed(detection, of_type) if detection.alarmed else "",
        false_alarms_per_year=LOOKS_PER_YEAR * math.exp(-detection.log_threshold),
    )


def threshold_alarm(
    parameter_id: str,
    *,
    sigma: float,
    effect: float,
    threshold: float = 2.0,
    margin: float = 0.05,
    ringing: bool = False,
    window_days: int = 7,
) -> Alarm:
    """Return the alarm of the red light: it starts one sigma beyond `threshold` and ends below `threshold`.

    Parameters
    ----------
    sigma, effect
        Predictive distance and practical effect of tonight's window, signed.
    ringing
        Whether it rang the night before.
    window_days
        Length of the window the distance is taken over.

    Examples
    --------
    >>> threshold_alarm("p", sigma=-3.2, effect=-0.2).message
    'p lower: 3.2σ from what is believed'
    >>> threshold_alarm("p", sigma=-2.4, effect=-0.2).raised
    False
    >>> threshold_alarm("p", sigma=-2.4, effect=-0.2, ringing=True).raised
    True
    """
    distance = abs(sigma)
    needed = threshold if ringing else threshold + RED_BEYOND_AMBER
    raised = distance >= needed and (ringing or abs(effect) >= margin)
    direction = "higher" if sigma > 0 else "lower"
    return Alarm(
        parameter_id=parameter_id,
        rule="threshold",
        raised=raised,
        direction=direction,
        since=None,
        message=f"{parameter_id} {direction}: {sigmas(sigma)} from what is believed" if raised else "",
        false_alarms_per_year=threshold_false_alarms(threshold + RED_BEYOND_AMBER, window_days),
    )


@cache
def threshold_false_alarms(sigma: float, window_days: int = 7) -> float:
    """Return how often a year the distance of a rolling window first exceeds `sigma` when all is well.

    Neighbouring windows of w days share w − 1 of them, so their distances have correlation (w − 1)/w, and an
    alarm starts with probability P(|Z₁| < σ, |Z₂| >= σ) each night. The belief is taken as exact and the
    margin as passed; the hysteresis ends some alarms later and so merges a few of them.

    Examples
    --------
    >>> round(threshold_false_alarms(3.0), 2), round(threshold_false_alarms(4.0), 3)
    (0.63, 0.018)
    """
    correlation = (window_days - 1) / window_days
    rest = math.sqrt(1.0 - correlation**2)
    z = np.linspace(-sigma, sigma, _NODES)
    starts = special.ndtr((-sigma - correlation * z) / rest) + special.ndtr((correlation * z - sigma) / rest)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return LOOKS_PER_YEAR * float(np.trapezoid(density * starts, z))


def _changed(detection: Detection, of_type: str) -> str:
    before, now = detection.baseline_mean, detection.current_mean
    assert now is not None
    assert detection.since is not None
    assert detection.since_interval is not None
    resolution = abs(now - before) / 2
    first, last = (day(when) for when in detection.since_interval)
    interval = "" if first == last else f" ({first} to {last})"
    return (
        f"{detection.parameter_id} {detection.direction}: {quantity(of_type, before, resolution)} before, "
        f"{quantity(of_type, now, resolution)} now, since {day(detection.since)}{interval}"
    )
