"""From distances to lights: the grading that the belief check and the drift check share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.findings import Finding, Light
from evenfall.monitoring.comparison import Comparison, compare
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.wording import count, day, quantity, sigmas

__all__ = ["Figures", "Reading", "Silence", "Wording", "grade", "judge", "too_little"]

type Figures = dict[str, float | int | str | None]

RED_BEYOND_AMBER: Final = 1.0
"""Sigmas between amber and red: with the usual threshold, amber from 2 and red from 3."""

MATURE_SHARE: Final = 0.5
"""Below this share of outcomes arrived, the window says more about the delay than about the rate."""

_GRADES: Final = (Light.GREEN, Light.AMBER, Light.RED)


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a check cannot judge; an empty message is not worth a reader's time."""

    message: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One parameter's numbers in one check, ready to be put into words."""

    item: CheckInput
    expected: float
    observed: float
    sigma: float

    @property
    def seen(self) -> str:
        """What was observed, how far out that is, and on how much."""
        unit = "exposure" if self.item.type == "rate" else "n"
        since = "" if self.item.since is None else f", since {day(self.item.since)}"
        return (
            f"observed {self.quantity(self.observed)} ({sigmas(self.sigma)}), "
            f"{unit} {count(self.item.size)}{since}"
        )

    def quantity(self, value: float) -> str:
        """Return a value with the digits that tell expected and observed apart."""
        return quantity(self.item.type, value, abs(self.observed - self.expected) / 2)


class Wording(Protocol):
    """How a check speaks of a parameter whose light is amber or red."""

    def __call__(self, reading: Reading) -> tuple[str, str]:
        """Return the message and the remedy."""
        ...


def grade(
    sigma: NDArray[np.float64],
    effect: NDArray[np.float64],
    threshold: NDArray[np.float64],
    margin: NDArray[np.float64],
) -> list[Light]:
    """Return a light per parameter: far enough AND large enough, or green.

    Parameters
    ----------
    sigma, effect, threshold, margin : ndarray, shape (parameter,)
        Distance in sigmas, practical effect, sigmas from which amber begins, smallest effect worth a light.

    Notes
    -----
    A distance that is no number is grey: it has not shown that all is well. An effect that is no number does
    not hold a light back.
    """
    distance = np.abs(sigma)
    level = (distance >= threshold).astype(int) + (distance >= threshold + RED_BEYOND_AMBER)
    level[np.abs(effect) < margin] = 0
    return [
        Light.GREY if unknown else _GRADES[step]
        for step, unknown in zip(level.tolist(), np.isnan(distance).tolist(), strict=True)
    ]


def too_little(item: CheckInput) -> Silence | None:
    """Return why the window of `item` is no basis for a judgement, or None when it is one."""
    if item.window is None:
        return Silence(
            "nothing is compared with the prior: the parameter has no observation source",
            "add an observation_source to its definition",
        )
    if item.size <= 0:
        return Silence(
            "the window holds no data", "run `evenfall status --gaps` to see which days are missing"
        )
    if item.size < item.min_sample_size:
        return Silence(
            f"too few to judge: {count(item.size)} in the window, {count(item.min_sample_size)} are needed",
            "wait, lengthen window_days in evenfall.toml, or lower model_fit.thresholds.min_sample_size",
        )
    if item.maturity < MATURE_SHARE:
        return Silence(f"too early to judge: {item.maturity:.0%} of the window's outcomes can have arrived")
    return None


def judge(
    name: str,
    inputs: Sequence[CheckInput],
    beliefs: Sequence[Belief | None],
    silences: Sequence[Silence | None],
    wording: Wording,
) -> list[Finding | None]:
    """Return one finding per input: its light, its words and the numbers behind them.

    Parameters
    ----------
    name
        Name of the check.
    beliefs
        What each window is held against; None where there is nothing to hold it against.
    silences
        Why an input is not judged; its figures are still given where they can be computed.
    wording
        Puts an amber or red reading into words.
    """
    ready = [
        (index, belief)
        for index, belief in enumerate(beliefs)
        if belief is not None and inputs[index].size > 0
    ]
    found: list[Finding | None] = [
        _silent(name, item, silence or Silence(), {}) for item, silence in zip(inputs, silences, strict=True)
    ]
    if not ready:
        return found
    chosen = [inputs[index] for index, _ in ready]
    held = [belief for _, belief in ready]
    compared = compare(chosen, held)
    lights = grade(
        compared.sigma_predictive,
        compared.effect,
        np.array([item.divergence_threshold for item in chosen]),
        np.array([item.margin for item in chosen]),
    )
    for row, (index, belief) in enumerate(ready):
        item, silence = inputs[index], silences[index]
        figures = _figures(item, belief, compared, row)
        if silence is None and lights[row] is Light.GREY:
            silence = Silence("the distance between belief and window is not a number")
        if silence is not None:
            found[index] = _silent(name, item, silence, figures)
        else:
            reading = _reading(item, compared, row)
            message, remedy = ("", "") if lights[row] is Light.GREEN else wording(reading)
            found[index] = Finding(name, item.parameter_id, lights[row], message, remedy, figures)
    return found


def _reading(item: CheckInput, compared: Comparison, row: int) -> Reading:
    return Reading(
        item=item,
        expected=float(compared.expected[row]),
        observed=float(compared.observed[row]),
        sigma=float(compared.sigma_predictive[row]),
    )


def _silent(name: str, item: CheckInput, silence: Silence, figures: Figures) -> Finding:
    message = f"{item.parameter_id}: {silence.message}" if silence.message else ""
    return Finding(name, item.parameter_id, Light.GREY, message, silence.remedy, figures)


def _figures(item: CheckInput, belief: Belief, compared: Comparison, row: int) -> Figures:
    """Return the numbers of one reading, JSON-ready: what is not finite is None."""
    effect = float(compared.effect[row])
    size = item.size
    return {
        "sigma_predictive": _finite(compared.sigma_predictive[row]),
        "sigma_observed": _finite(compared.sigma_observed[row]),
        "mid_p": _finite(compared.mid_p[row]),
        "expected_mean": _finite(compared.expected[row]),
        "expected_stdev": _finite(compared.stdev[row]),
        "observed": _finite(compared.observed[row]),
        "n": int(size) if size.is_integer() else size,
        "direction": "higher" if effect > 0 else "lower" if effect < 0 else "same",
        "effect": _finite(effect),
        "threshold": item.divergence_threshold,
        "origin": str(belief.origin),
    }


def _finite(number: float) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None
