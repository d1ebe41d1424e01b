"""How far windows of data lie from the beliefs they are held against, for a chunk of parameters at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.divergence import observed_sigma, predictive_z
from evenfall.beliefs.summary import summarise
from evenfall.monitoring.immature import immature_z
from evenfall.monitoring.inputs import CheckInput

__all__ = ["Comparison", "compare"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Belief against window, one entry per parameter.

    Attributes
    ----------
    sigma_predictive : ndarray, shape (parameter,)
        Signed distance that counts the belief's own error and the sampling error; what the lights use.
    sigma_observed : ndarray, shape (parameter,)
        |observed − expected| over the standard error of the observed alone.
    mid_p : ndarray, shape (parameter,)
        Share of the predictive distribution below what was seen, half of the point itself included.
    expected, stdev : ndarray, shape (parameter,)
        Mean and standard deviation of the belief, in the parameter's unit.
    observed : ndarray, shape (parameter,)
        What the window alone says, in the same unit; of a probability whose outcomes are still arriving,
        successes over the trials they can have come from by now.
    effect : ndarray, shape (parameter,)
        (observed − expected) / |expected|, signed; for a mean over the prior's standard deviation.
    """

    sigma_predictive: Floats
    sigma_observed: Floats
    mid_p: Floats
    expected: Floats
    stdev: Floats
    observed: Floats
    effect: Floats


def compare(inputs: Sequence[CheckInput], beliefs: Sequence[Belief]) -> Comparison:
    """Return how far each input's window lies from the belief beside it.

    Every input must have a window with something in it.
    """
    windows = [item.window for item in inputs if item.window is not None]
    sums = np.array([window.total() for window in windows]).reshape(-1, 3)
    types = np.array([item.type for item in inputs], dtype=object)
    z, mid_p = predictive_z(beliefs, windows, [item.kappa for item in inputs])
    for row, (item, belief) in enumerate(zip(inputs, beliefs, strict=True)):
        if item.arrived is not None and belief.family == "beta":
            z[row], mid_p[row] = immature_z(belief, windows[row], item.arrived, item.kappa)
            sums[row, 0] = np.sum(windows[row].sums[:, 0] * item.arrived)
    summary = summarise(beliefs)
    observed = _observed(types, sums, beliefs)
    return Comparison(
        sigma_predictive=z,
        sigma_observed=observed_sigma(beliefs, sums),
        mid_p=mid_p,
        expected=summary.mean,
        stdev=summary.stdev,
        observed=observed,
        effect=_effect(types, observed, summary.mean, inputs, beliefs),
    )


def _observed(types: NDArray[np.object_], sums: Floats, beliefs: Sequence[Belief]) -> Floats:
    """Return what each window says of the reported quantity; durations come back from the log scale."""
    size, total, squares = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        location = total / size
        spread = np.maximum(squares / size - location**2, 0.0)
    logged = types == "duration"
    if logged.any():
        noise = [belief.numbers.get("noise_sigma") for belief in beliefs]
        known = np.array([np.nan if sd is None else sd**2 for sd in noise])
        # E[T] = exp(μ + σ²/2) of a lognormal T, σ the belief's where it is known and the window's where not
        variance = np.where(np.isnan(known), spread, known)
        location[logged] = np.exp(location[logged] + variance[logged] / 2)
    observed: Floats = location
    return observed


def _effect(
    types: NDArray[np.object_],
    observed: Floats,
    expected: Floats,
    inputs: Sequence[CheckInput],
    beliefs: Sequence[Belief],
) -> Floats:
    """Return the signed practical effect: relative, or in prior standard deviations for a mean.

    A mean may be zero or negative, so nothing is relative to it; the prior's own width is the yardstick, also
    when the window is held against a much narrower posterior.
    """
    yardstick = np.abs(expected)
    for index in np.flatnonzero(types == "mean").tolist():
        yardstick[index] = (inputs[index].expected or beliefs[index]).numbers["sigma"]
    with np.errstate(divide="ignore", invalid="ignore"):
        effect: Floats = (observed - expected) / yardstick
    return effect
