"""Partial pooling: the log odds of each slice are a centre plus effects whose spreads are learned.

::

    η_s = μ + Σ_e b_e[value of s]      μ ~ N(m, v²) from the parameter's beta belief
    b_e[value] ~ N(0, τ_g²)            τ_g ~ HalfNormal(scale), g the group of effect e
    k_sd ~ Binomial(n_sd, p_s)         or BetaBinomial(n_sd, κ p_s, κ (1 − p_s)), log κ ~ N(log 99, 2²)

Every coordinate is N(0, 1) a priori: spreads through their quantile function, effects in units of their
spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.errors import UnknownName
from evenfall.funnels.pooling.fast import fast_fit
from evenfall.funnels.pooling.likelihood import Days, group_days
from evenfall.funnels.pooling.place import Place
from evenfall.funnels.pooling.scales import LOG_KAPPA_MEAN, LOG_KAPPA_STDEV, half_normal, logit_normal
from evenfall.funnels.pooling.slices import ABSENT, Slices, from_specification
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec

__all__ = ["PooledRates", "Settings", "pooled_rates", "pooled_spec"]

type Floats = NDArray[np.float64]

_HALF_LOG_2PI = 0.9189385332046727


@dataclass(frozen=True)
class Settings:
    """What a pooled model believes before the data.

    Attributes
    ----------
    belief
        Alpha and beta of the rate at the centre of all effects; Beta(1, 1) says little.
    scales
        Per group of effects the scale of its spread's half-normal; 1 where none is stated.
    overdispersed
        Whether days scatter more than chance.
    """

    belief: tuple[float, float] = (1.0, 1.0)
    scales: Mapping[str, float] = field(default_factory=dict)
    overdispersed: bool = False

    def options(self) -> dict[str, object]:
        """Return it JSON-ready."""
        return {
            "belief": list(self.belief),
            "scales": dict(self.scales),
            "overdispersed": self.overdispersed,
        }

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Settings:
        """Return the settings among the options of a model."""
        alpha, beta = cast("tuple[float, float]", options.get("belief", (1.0, 1.0)))
        scales = cast("Mapping[str, float]", options.get("scales", {}))
        return cls((float(alpha), float(beta)), scales, bool(options.get("overdispersed", False)))


@dataclass(frozen=True, eq=False)
class PooledRates:
    """The pooled rates of some slices, as a `LogDensity`.

    Coordinates: the centre, one spread per group, log κ when overdispersed, one per value of each effect.
    """

    slices: Slices
    settings: Settings = field(default_factory=Settings)
    days: Days = field(init=False, repr=False)
    design: Floats = field(init=False, repr=False)
    group: NDArray[np.intp] = field(init=False, repr=False)
    scales: Floats = field(init=False, repr=False)
    centre: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        slices, settings = self.slices, self.settings
        for name in settings.scales:
            if name not in slices.spreads:
                raise UnknownName("group of effects", name, slices.spreads)
        days = group_days(slices.trials, slices.successes, overdispersed=settings.overdispersed)
        groups = [slices.spreads.index(e.spread) for e in slices.effects for _ in e.values]
        object.__setattr__(self, "days", days)
        object.__setattr__(self, "design", design(slices))
        object.__setattr__(self, "group", np.array(groups, dtype=np.intp))
        scales = [float(settings.scales.get(name, 1.0)) for name in slices.spreads]
        object.__setattr__(self, "scales", np.array(scales))
        object.__setattr__(self, "centre", logit_normal(*settings.belief))

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        spreads = tuple(f"spread[{name}]" for name in self.slices.spreads)
        kappa = ("log_kappa",) if self.settings.overdispersed else ()
        values = tuple(f"{e.name}[{value}]" for e in self.slices.effects for value in e.values)
        return ("centre", *spreads, *kappa, *values)

    @property
    def hypers(self) -> slice:
        """Coordinates of the spreads and of κ."""
        return slice(1, 1 + len(self.scales) + self.settings.overdispersed)

    def start(self) -> Floats:
        """Return the centre of the prior, all spreads a little smaller than their median."""
        z = np.zeros(len(self.names))
        z[self.hypers] = -0.5 * (np.arange(self.hypers.stop - 1) < len(self.scales))
        return z

    def place(self, z: Floats) -> Place:
        """Return what the coordinates (point, coordinate) stand for."""
        groups = len(self.scales)
        t, slope = half_normal(z[:, 1 : 1 + groups])
        spreads, kappa = t * self.scales, None
        if self.settings.overdispersed:
            kappa = np.exp(LOG_KAPPA_MEAN + LOG_KAPPA_STDEV * z[:, 1 + groups])
        centre = self.centre[0] + self.centre[1] * z[:, 0]
        effects = z[:, self.hypers.stop :] * spreads[:, self.group]
        eta = centre[:, None] + effects @ self.design.T
        return Place(centre, spreads, kappa, effects, eta, slope * self.scales)

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,): standard normal in every coordinate."""
        return np.asarray(-0.5 * np.square(z).sum(axis=1) - z.shape[1] * _HALF_LOG_2PI)

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each slice, shape (point, slice)."""
        at = self.place(z)
        return self.days.value(at.eta, at.kappa)

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density, shape (point,), and its gradient, shape (point, coordinate).

        So far out that a spread overflows the density is −inf and the gradient zero.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = self._gradient(z)
        lost = ~np.isfinite(value) | ~np.isfinite(gradient).all(axis=1)
        return np.where(lost, -np.inf, value), np.where(lost[:, None], 0.0, gradient)

    def _gradient(self, z: Floats) -> tuple[Floats, Floats]:
        at, groups = self.place(z), len(self.scales)
        slopes = self.days.slopes(at.eta, at.kappa)
        by_effect = slopes.score @ self.design
        gradient = -z.copy()
        gradient[:, 0] += self.centre[1] * slopes.score.sum(axis=1)
        for g in range(groups):
            own = self.group == g
            by_spread = (by_effect[:, own] * z[:, self.hypers.stop :][:, own]).sum(axis=1)
            gradient[:, 1 + g] += by_spread * at.stretch[:, g]
        if slopes.by_log_kappa is not None:
            gradient[:, 1 + groups] += LOG_KAPPA_STDEV * slopes.by_log_kappa
        gradient[:, self.hypers.stop :] += by_effect * at.spreads[:, self.group]
        return self.log_prior(z) + slopes.value.sum(axis=1), gradient

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return rates by slice and at the centre, spreads, effects and κ, each of shape (point, …)."""
        at = self.place(z)
        result = {"p": special.expit(at.eta), "population_p": special.expit(at.centre), "centre": at.centre}
        for name, spread in zip(self.slices.spreads, at.spreads.T, strict=True):
            result[f"spread[{name}]"] = spread
        result["effects"] = at.effects
        if at.kappa is not None:
            result["kappa"] = at.kappa
        return result

    def fast_fit(self, request: FitRequest) -> Fit:
        """Return draws by Laplace given the spreads, integrated over the spreads; see `fast`."""
        return fast_fit(self, request)


def design(slices: Slices) -> Floats:
    """Return 1 where an effect's value touches a slice, shape (slice, effect value)."""
    columns = []
    for effect, code in zip(slices.effects, slices.codes.T, strict=True):
        column = np.zeros((len(slices), len(effect.values)))
        touched = np.flatnonzero(code != ABSENT)
        column[touched, code[touched]] = 1.0
        columns.append(column)
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(slices), 0))


def pooled_spec(slices: Slices, settings: Settings | None = None) -> ModelSpec:
    """Return the specification of a pooled model, for a worker in another process."""
    options = {**slices.options(), **(settings or Settings()).options()}
    return ModelSpec(f"{__name__}:pooled_rates", slices.data(), options)


def pooled_rates(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> PooledRates:
    """Return the pooled model of a specification."""
    return PooledRates(from_specification(data, options), Settings.of(options))
