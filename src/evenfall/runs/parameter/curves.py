"""Prior, posterior and what the last window alone says, as curves over one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.families import FAMILIES
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import EvenfallError
from evenfall.registry.parameter import Parameter
from evenfall.runs.models.standing import standing
from evenfall.runs.night.check import Looked, look
from evenfall.runs.parameter.draws import posterior_draws
from evenfall.runs.parameter.kernel import kernel_curve
from evenfall.runs.parameter.likelihood import Curve, likelihood_of
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord

__all__ = ["Curves", "curves_of", "looked_at_by"]

type Floats = NDArray[np.float64]

_POINTS: Final = 200
_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "probability": (0.0, 1.0),
    "rate": (0.0, np.inf),
    "duration": (0.0, np.inf),
    "mean": (-np.inf, np.inf),
}


@dataclass(frozen=True)
class Curves:
    """Densities over `x`; a curve that cannot be drawn is None, a value of it that is infinite too.

    Attributes
    ----------
    scale
        probability, rate, mean or duration: what `x` is.
    observed
        The likelihood of the window of the check, as a density.
    interval
        Ends of the equal-tailed 95 % interval of the posterior, else of the prior.
    drawn
        Whether the posterior's curve is made from draws.
    window
        First day of the window, the day after its last, and its size; None without one.
    """

    scale: str
    x: tuple[float, ...]
    prior: tuple[float | None, ...] | None
    posterior: tuple[float | None, ...] | None
    observed: tuple[float | None, ...] | None
    interval: Mapping[str, float | None]
    drawn: bool
    window: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the curves as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        return shown


def curves_of(
    world: World, parameter: Parameter, night: Night, prior: Belief | None, current: PosteriorRecord | None
) -> Curves:
    """Return the curves of a parameter as of a night.

    Parameters
    ----------
    prior
        In force on that night; None when nothing was believed yet.
    """
    looked = looked_at_by(world, parameter, night)
    drawn = None
    if current is not None and current.fit_id is not None:
        draws = posterior_draws(world, current)
        drawn = None if draws is None else kernel_curve(*draws, _BOUNDS[parameter.type])
    observed = None
    if looked is not None and looked.window is not None and prior is not None:
        observed = likelihood_of(parameter.type, looked.window, prior, looked.arrived)
    curves = {
        "prior": None if prior is None else _curve(prior),
        "posterior": drawn or (None if current is None else _curve(current.belief)),
        "observed": observed,
    }
    x = _grid([one for one in curves.values() if one is not None])
    heights = {name: None if one is None else _heights(one, x) for name, one in curves.items()}
    return Curves(
        scale=parameter.type,
        x=tuple(x.tolist()),
        **heights,
        interval=_interval(prior, current),
        drawn=drawn is not None,
        window=_days(looked),
    )


def looked_at_by(world: World, parameter: Parameter, night: Night) -> Looked | None:
    """Return what the check of a night held against what; None where that night could not have judged."""
    try:
        (case,) = standing(world, [parameter], night)
    except EvenfallError:  # no prior yet, or a definition that cannot be read: there is no window to show
        return None
    return look(case, world)


def _curve(belief: Belief) -> Curve:
    law = FAMILIES.resolve(belief.family).belief(np.array(belief.theta))
    return Curve.of(law)


def _grid(curves: Sequence[Curve]) -> Floats:
    """Return points that show every curve: each has its own share of them, evenly over its own span."""
    if not curves:
        return np.empty(0)
    shares = [len(part) for part in np.array_split(np.arange(_POINTS), len(curves))]
    parts = [np.linspace(c.lower, c.upper, share) for c, share in zip(curves, shares, strict=True)]
    return np.unique(np.concatenate(parts))


def _heights(curve: Curve, x: Floats) -> tuple[float | None, ...]:
    with np.errstate(over="ignore"):
        values = np.exp(curve.log_density(x))
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _interval(prior: Belief | None, current: PosteriorRecord | None) -> dict[str, float | None]:
    if current is not None:
        return {"lower": current.lower, "upper": current.upper}
    if prior is None:
        return {"lower": None, "upper": None}
    found = summarise([prior])
    return {"lower": float(found.lower[0]), "upper": float(found.upper[0])}


def _days(looked: Looked | None) -> dict[str, Any] | None:
    if looked is None or looked.window is None or not len(looked.window):
        return None
    window = looked.window
    return {"first": window.first.min().item(), "stop": window.stop.max().item(), "size": window.size}
