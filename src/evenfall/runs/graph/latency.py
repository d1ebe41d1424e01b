"""How long an edge takes: draws of the fit of a delayed conversion, a duration, or what a graph says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.belief import Belief
from evenfall.errors import ConfigError
from evenfall.funnels.delays.draws import DelayDraws
from evenfall.funnels.draws import stream
from evenfall.inference.fit import Fit
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference
from evenfall.registry.schemas import Latency
from evenfall.runs.fitting.keeping import load_fit
from evenfall.runs.world import World
from evenfall.store.records import FitRecord, PosteriorRecord

__all__ = ["LagFigure", "delay_draws", "duration_figure", "fit_behind", "inline_figure", "lag_figure"]

type Floats = NDArray[np.float64]

_DRAWS: Final = 4000
_UNTIL_CHOSEN_DAYS: Final = 7.0  # the horizon of a prior whose definition leaves it to the data


@dataclass(frozen=True, slots=True, eq=False)
class LagFigure:
    """One figure of a lag as it is believed: `value` is the median of the draws.

    Attributes
    ----------
    draws
        They weigh the same; a single one where nothing is uncertain.
    """

    value: float
    mean: float
    stdev: float
    lower: float
    upper: float
    draws: Floats


def fit_behind(world: World, record: PosteriorRecord) -> FitRecord | None:
    """Return the fit that a posterior stands on; None for one that a formula gave."""
    return None if record.fit_id is None else world.store.fit(record.fit_id)


def family_of(parameter: Parameter, record: FitRecord | None = None) -> str:
    """Return the family of lags of a fit: what the fit itself says, else the definition."""
    said = record.request.get("family") if record is not None else None
    if isinstance(said, str):
        return said
    latency = parameter.latency
    return "lognormal" if latency is None or latency.family == "auto" else latency.family


def _of_family(found: Fit, record: FitRecord, family: str) -> Fit:
    """Return the draws of one family, where a fit is a mixture of several.

    Families stand one after the other, with as many draws each; their weights tell which is which.
    """
    weights = record.request.get("families")
    if not isinstance(weights, Mapping) or len(weights) < 2 or found.weights is None:
        return found
    parts = np.split(np.arange(found.weights.size), len(weights))
    shares = [float(found.weights.reshape(-1)[rows].sum()) for rows in parts]
    rows = parts[int(np.argmin(np.abs(np.array(shares) - float(weights[family]))))]
    draws = {name: values.reshape(-1)[rows][None] for name, values in found.draws.items() if values.ndim == 2}
    kept = found.weights.reshape(-1)[rows]
    return Fit(found.rung, draws, np.zeros((1, len(rows), 0)), weights=(kept / kept.sum())[None])


def delay_draws(
    world: World, parameter: Parameter, record: PosteriorRecord | None, prior: Belief | None = None
) -> DelayDraws:
    """Return draws of a parameter's rate and lag: of the fit behind its posterior, else of its prior.

    Parameters
    ----------
    record
        The posterior that answers; None where the prior does.
    prior
        What is believed of the rate, where the prior answers.

    Raises
    ------
    ConfigError
        When the draws of the fit were not kept.
    """
    latency = parameter.latency
    assert latency is not None, "only a parameter with a latency has a lag"
    fit = fit_behind(world, record) if record is not None else None
    if fit is not None:
        found = load_fit(world.artifacts, fit)
        if found is None:
            raise ConfigError(
                f"the draws of the fit behind {parameter.id} were not kept",
                value=parameter.id,
                remedy="run `evenfall nightly`",
            )
        horizon = fit.request.get("horizon_days") or latency.horizon_days or _UNTIL_CHOSEN_DAYS
        family = family_of(parameter, fit)
        return DelayDraws.of_fit(_of_family(found, fit, family), family, float(str(horizon)))
    believed: dict[str, Any] = {"rate": dict(prior.numbers)} if prior and prior.family == "beta" else {}
    for key in ("median_days", "t95_days"):
        said = getattr(latency, key)
        if said is not None:
            believed[key] = said.model_dump() if hasattr(said, "model_dump") else float(said)
    return DelayDraws.of_prior(
        believed,
        family_of(parameter),
        latency.horizon_days or _UNTIL_CHOSEN_DAYS,
        onset=latency.onset,
        count=_DRAWS,
        seed=int(stream(0, parameter.id).integers(2**32)),
    )


def lag_figure(draws: DelayDraws, leaf: str) -> LagFigure:
    """Return a figure of the lag, such as ``t95``, over the draws."""
    name = "median" if leaf == "n" else leaf
    values = draws.figure(name)
    told = draws.summary(values)
    same = draws.take(_DRAWS).figure(name)
    return LagFigure(told.median, told.mean, told.stdev, told.lower, told.upper, same)


def duration_figure(belief: Belief, leaf: str, name: str = "") -> LagFigure:
    """Return a figure of a lag whose logarithm is believed normal, in the unit of the belief.

    With log T ~ N(μ, s): T has the median e^μ, the quantiles e^(μ + z√s), the mean e^(μ + s/2), and the
    stdev √(e^s − 1) times that. μ and s are drawn from the belief.

    Raises
    ------
    ConfigError
        When the belief is not lognormal.
    """
    if not belief.family.startswith("lognormal"):
        raise ConfigError(
            f"{name or 'the parameter'} is believed as {belief.family}, which says nothing of single lags",
            value=name,
            remedy="use distribution: lognormal for a duration",
        )
    mu, noise = _drawn(belief, name)
    match leaf:
        case "mean":
            values = np.exp(mu + noise / 2)
        case "stdev":
            values = np.exp(mu + noise / 2) * np.sqrt(np.expm1(noise))
        case "median" | "n":
            values = np.exp(mu)
        case _:
            values = np.exp(mu + special.ndtri(int(leaf.removeprefix("t")) / 100) * np.sqrt(noise))
    lower, value, upper = np.quantile(values, (0.025, 0.5, 0.975))
    return LagFigure(
        float(value), float(values.mean()), float(values.std()), float(lower), float(upper), values
    )


def _drawn(belief: Belief, name: str) -> tuple[Floats, Floats]:
    """Return draws of μ and of the variance s of log T; with s known those of μ are its even quantiles."""
    numbers = belief.numbers
    even = special.ndtri((np.arange(_DRAWS) + 0.5) / _DRAWS)
    if "noise_sigma" in numbers:
        return numbers["mu"] + numbers["sigma"] * even, np.full(_DRAWS, numbers["noise_sigma"] ** 2)
    # s ~ InvGamma(shape, scale) and μ | s ~ N(mu, s/κ₀), κ₀ = scale/(shape · sigma²)
    shape, scale = numbers["noise_shape"], numbers["noise_scale"]
    rng = stream(0, name)
    noise = scale / rng.gamma(shape, size=_DRAWS)
    strength = scale / (shape * numbers["sigma"] ** 2)
    return numbers["mu"] + np.sqrt(noise / strength) * rng.permutation(even), noise


def inline_figure(latency: Latency, reference: EdgeReference) -> LagFigure:
    """Return a figure of what a graph states of an edge's latency: lognormal through median and 95 % point.

    Raises
    ------
    ConfigError
        When only one of the two is stated, and something else is asked.
    """
    median, t95 = latency.median_days, latency.t95_days
    value: float | None = None
    if reference.leaf in ("median", "t50"):
        value = median
    elif reference.leaf == "t95":
        value = t95
    if value is None and median and t95 is not None:
        sigma = np.log(t95 / median) / special.ndtri(0.95)
        value = _lognormal(np.log(median), float(sigma), reference.leaf)
    if value is None and median == 0 == t95:
        value = 0.0
    if value is None:
        missing = "t95_days" if median else "median_days"
        raise ConfigError(
            f"the graph says too little of the latency of {reference.edge or reference}",
            value=str(reference),
            remedy=f"add {missing}, above 0, to the edge's latency",
        )
    return LagFigure(value, value, 0.0, value, value, np.array([value]))


def _lognormal(mu: float, sigma: float, leaf: str) -> float:
    figures: Mapping[str, float] = {
        "mean": float(np.exp(mu + sigma**2 / 2)),
        "stdev": float(np.exp(mu + sigma**2 / 2) * np.sqrt(np.expm1(sigma**2))),
        "median": float(np.exp(mu)),
        "n": 0.0,
    }
    if leaf in figures:
        return figures[leaf]
    return float(np.exp(mu + sigma * special.ndtri(int(leaf.removeprefix("t")) / 100)))
