"""From a fit to what the store keeps: its record, its draws in a file, the posterior that stands on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.families import FAMILIES
from evenfall.errors import InfeasibleBelief
from evenfall.inference.fit import Fit, FitRequest, QuantitySummary, WarmStart
from evenfall.store.draws import load_draws, save_draws
from evenfall.store.records import FitRecord

__all__ = ["belief_of", "load_fit", "quantities_of", "request_as_json", "save_fit"]

type Floats = NDArray[np.float64]

_DRAWS, _STATISTICS = "draws.", "statistics."


def quantities_of(fit: Fit) -> dict[str, dict[str, float]]:
    """Return every scalar quantity in figures; an entry of an array is named like ``p[2]``."""
    found = {}
    for name, draws in fit.draws.items():
        if draws.ndim == 2:
            found[name] = asdict(fit.summary(name))
            continue
        for place in np.ndindex(draws.shape[2:]):
            label = f"{name}[{','.join(map(str, place))}]"
            part = Fit(fit.rung, {label: draws[(..., *place)]}, fit.points, fit.weights)
            found[label] = asdict(part.summary(label))
    return found


def request_as_json(request: FitRequest) -> dict[str, object]:
    """Return what was asked of the engine, without the place it began at."""
    words = ("engine", "seed", "draws", "tune", "chains", "max_gradients", "target_accept")
    return {**{word: getattr(request, word) for word in words}, "options": dict(request.options)}


def save_fit(root: Path, fit: Fit, identity: Mapping[str, str]) -> tuple[str, str]:
    """Write the draws of a fit below `root`; return their place and what the file hashes to."""
    arrays: dict[str, NDArray[np.generic]] = {"points": fit.points}
    if fit.weights is not None:
        arrays["weights"] = fit.weights
    arrays |= {_DRAWS + name: values for name, values in fit.draws.items()}
    arrays |= {_STATISTICS + name: values for name, values in fit.statistics.items()}
    if fit.warm is not None:
        arrays["warm.points"] = fit.warm.points
        if fit.warm.mass_matrix is not None:
            arrays["warm.mass_matrix"] = fit.warm.mass_matrix
        if fit.warm.step_size is not None:
            arrays["warm.step_size"] = np.array([fit.warm.step_size])
    artifact = save_draws(root, identity["parameter_id"], arrays, {"rung": fit.rung, **identity})
    return artifact.path, artifact.sha256


def load_fit(root: Path, record: FitRecord) -> Fit | None:
    """Return a stored fit with its draws; None when it has no file.

    Raises
    ------
    StoreError
        When the file is not what was written.
    """
    if record.artifact is None or record.artifact_sha256 is None:
        return None
    arrays, _ = load_draws(root, record.artifact, record.artifact_sha256)
    return Fit(
        rung=record.rung,
        draws=_named(arrays, _DRAWS),
        points=np.asarray(arrays["points"], dtype=np.float64),
        weights=arrays.get("weights"),
        statistics=_named(arrays, _STATISTICS),
        diagnostics=dict(record.diagnostics),
        failures=record.failures,
        tried=record.tried,
        seed=record.seed,
        gradients=record.gradients,
        seconds=record.seconds,
        warm=_warm(arrays),
    )


def _named(arrays: Mapping[str, Floats], prefix: str) -> dict[str, Floats]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _warm(arrays: Mapping[str, Floats]) -> WarmStart | None:
    if "warm.points" not in arrays:
        return None
    step = arrays.get("warm.step_size")
    return WarmStart(
        arrays["warm.points"], None if step is None else float(step[0]), arrays.get("warm.mass_matrix")
    )


def belief_of(prior: Belief, summary: QuantitySummary | Mapping[str, float], exact: Belief | None) -> Belief:
    """Return the belief of the prior's family with the mean and stdev of a fitted quantity.

    What a family says beside those two (its noise) is taken from `exact`, the conjugate posterior of the same
    evidence, or from the prior.

    Raises
    ------
    InfeasibleBelief
        When the family has no member with this mean and stdev.
    """
    figures = summary if isinstance(summary, Mapping) else asdict(summary)
    name = "beta" if prior.family == "robust-beta" else prior.family
    family = FAMILIES.resolve(name)
    known = (exact or prior).numbers
    noise = {key: known[key] for key in family.noise_keys}
    theta = family.match(figures["mean"], figures["stdev"], **noise)
    if not np.all(np.isfinite(theta)):
        raise InfeasibleBelief(
            f"no {name} has mean {figures['mean']:g} and stdev {figures['stdev']:g}",
            remedy="look at the draws of the fit",
        )
    origin = Origin("posterior", str(prior.origin))
    return Belief(name, family.keys, tuple(float(number) for number in theta), origin)
