"""The families of beliefs as models that any engine can fit: the same priors, met by the same daily sums.

`family_model` and `family_pymc` are factories of a `ModelSpec`. Their data are ``sums``, shape (day, 3), as
`Observations` holds them, and ``weights``, shape (day,), which multiply each day's log likelihood (1 when
left out). Their options are ``family``, a name in the catalogue of families; ``theta``, the prior's numbers
in that family's order; and ``kappa``, the overdispersion of a rate between days, or None. The quantity is
``value``, what the family reports.

Coordinates are fixed by the prior alone, so that draws can be reweighted when data come in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.families import FAMILIES, Family
from evenfall.errors import UsageError
from evenfall.inference.model import PymcModel

__all__ = ["FamilyModel", "Likelihood", "family_model", "family_pymc"]

type Floats = NDArray[np.float64]
type Inputs = Mapping[str, NDArray[np.generic]]

_HALF_LOG_2PI: Final = 0.9189385332046727


class Likelihood(Protocol):
    """Prior and daily likelihood of one family in its own coordinates, `z` of shape (point, coordinate)."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""

    def coordinates(self, theta: Floats) -> Floats:
        """Return the coordinates of the centre of a belief of the family."""

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log prior density, shape (point,), and its gradient, (point, coordinate)."""

    def log_likelihood(self, z: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return each day's log likelihood, shape (point, day), and its gradient, with a last axis more."""

    def value(self, z: Floats) -> Floats:
        """Return the reported quantity, shape (point,)."""


@dataclass(frozen=True, eq=False)
class FamilyModel:
    """A belief met by daily sums; a `LogDensity`.

    Attributes
    ----------
    family
        Name of the family.
    theta : ndarray, shape (key,)
        The prior's numbers.
    kappa
        Overdispersion between days; None for none.
    sums : ndarray, shape (day, 3)
    weights : ndarray, shape (day,)
        Multiply the log likelihoods.
    law
        The family's arithmetic.
    """

    family: str
    theta: Floats
    kappa: float | None
    sums: Floats
    weights: Floats
    law: Likelihood

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        return self.law.names

    def start(self) -> Floats:
        """Return the centre of the conjugate posterior, days taken for independent; shape (coordinate,)."""
        family: Family = FAMILIES.resolve(self.family)
        return self.law.coordinates(family.update(self.theta, self.weights @ self.sums))

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density of the coordinates, shape (point,)."""
        return self.law.log_prior(z)[0]

    def log_likelihood(self, z: Floats) -> Floats:
        """Return each day's weighted log likelihood, shape (point, day)."""
        return self.weights * self.law.log_likelihood(z, self.sums)[0]

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density and its gradient."""
        prior, prior_slope = self.law.log_prior(z)
        days, slopes = self.law.log_likelihood(z, self.sums)
        return prior + days @ self.weights, prior_slope + np.einsum("d,pdc->pc", self.weights, slopes)

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return ``value``, shape (point,)."""
        return {"value": self.law.value(z)}

    def batch(self, units: NDArray[np.intp]) -> FamilyModel:
        """Return the model of these days alone."""
        return FamilyModel(
            self.family, self.theta, self.kappa, self.sums[units], self.weights[units], self.law
        )


def family_model(data: Inputs, options: Mapping[str, object]) -> FamilyModel:
    """Return a family's model in arrays.

    Raises
    ------
    UnknownName
        When no family is called so.
    UsageError
        When the family has no model in arrays, or its days cannot be overdispersed.
    """
    name, theta, kappa = _settings(options)
    law = _LAWS.get(name)
    if law is None:
        raise UsageError(f"the family {name!r} has no model to fit", remedy=f"use {', '.join(sorted(_LAWS))}")
    sums, weights = _evidence(data)
    return FamilyModel(name, theta, kappa, sums, weights, law(theta, kappa))


def family_pymc(data: Inputs, options: Mapping[str, object]) -> PymcModel:
    """Return a family's model in PyMC; one compiled program serves every prior of the family."""
    name, theta, kappa = _settings(options)
    sums, weights = _evidence(data)
    inputs: dict[str, NDArray[np.generic]] = {"sums": sums, "weights": weights, "theta": theta}
    if kappa is not None:
        inputs["kappa"] = np.asarray(kappa, dtype=np.float64)
    return PymcModel(
        "evenfall.inference.families_pymc:build_family", inputs, ("value",), options={"family": name}
    )


def _settings(options: Mapping[str, object]) -> tuple[str, Floats, float | None]:
    """Return the family's name, the prior's numbers and kappa, refused where they do not fit together."""
    name, kappa = str(options["family"]), options.get("kappa")
    family: Family = FAMILIES.resolve(name)
    theta = np.asarray(options["theta"], dtype=np.float64)
    if theta.shape != (len(family.keys),):
        raise UsageError(
            f"{name} has {len(family.keys)} numbers, not {theta.size}",
            remedy=f"give {', '.join(family.keys)}",
        )
    family.check(theta)
    if kappa is None:
        return name, theta, None
    if family.name not in _RATES:
        raise UsageError(f"days of a {name} have no kappa", remedy="leave kappa out; it belongs to rates")
    return name, theta, float(str(kappa))


def _evidence(data: Inputs) -> tuple[Floats, Floats]:
    sums = np.asarray(data["sums"], dtype=np.float64).reshape(-1, 3)
    weights = np.asarray(data.get("weights", np.ones(len(sums))), dtype=np.float64)
    return sums, weights


class _Rate:
    """Log odds of a rate p; days are binomial, or beta-binomial with κ."""

    names = ("log_odds",)

    def __init__(self, theta: Floats, kappa: float | None) -> None:
        self.theta, self.kappa = theta, kappa

    def coordinates(self, theta: Floats) -> Floats:
        return np.asarray([np.log(theta[0]) - np.log(theta[1])])

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        return _beta_log_odds(z[:, 0], self.theta[0], self.theta[1])

    def log_likelihood(self, z: Floats, sums: Floats) -> tuple[Floats, Floats]:
        n, k = sums[:, 0], sums[:, 1]
        ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        p = special.expit(z)
        if self.kappa is None:
            density = ways + k * special.log_expit(z) + (n - k) * special.log_expit(-z)
            return density, (k - n * p)[..., None]
        x, y = self.kappa * p, self.kappa * special.expit(-z)
        density = ways + _rise(x, k) + _rise(y, n - k) - _rise(np.full_like(x, self.kappa), n)
        slope = self.kappa * p * special.expit(-z) * (_slope(x, k) - _slope(y, n - k))
        return density, slope[..., None]

    def value(self, z: Floats) -> Floats:
        return np.asarray(special.expit(z[:, 0]))


class _RobustRate(_Rate):
    """The same under a mixture of two betas."""

    def coordinates(self, theta: Floats) -> Floats:
        return super().coordinates(theta[:2] if theta[4] > 0 else theta[2:4])

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        informed, informed_slope = _beta_log_odds(z[:, 0], self.theta[0], self.theta[1])
        vague, vague_slope = _beta_log_odds(z[:, 0], self.theta[2], self.theta[3])
        informed = informed + special.log_expit(self.theta[4])
        vague = vague + special.log_expit(-self.theta[4])
        share = special.expit(informed - vague)[:, None]
        return np.logaddexp(informed, vague), share * informed_slope + (1 - share) * vague_slope


class _Events:
    """Log of a rate of events over its prior mean; days are Poisson."""

    names = ("log_rate",)

    def __init__(self, theta: Floats, _kappa: float | None) -> None:
        self.shape, self.rate = theta

    def coordinates(self, theta: Floats) -> Floats:
        return np.asarray([np.log(theta[0] / theta[1]) - np.log(self.shape / self.rate)])

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        # In units of its mean the rate is Gamma(shape, shape).
        a, u = self.shape, z[:, 0]
        density = a * np.log(a) - special.gammaln(a) + a * u - a * np.exp(u)
        return density, a * (1.0 - np.exp(z))

    def log_likelihood(self, z: Floats, sums: Floats) -> tuple[Floats, Floats]:
        exposure, events = sums[:, 0], sums[:, 1]
        expected = exposure * self.value(z)[:, None]
        density = special.xlogy(events, expected) - expected - special.gammaln(events + 1)
        return density, (events - expected)[..., None]

    def value(self, z: Floats) -> Floats:
        return np.asarray(self.shape / self.rate * np.exp(z[:, 0]))


class _Mean:
    """A mean in prior standard deviations from its prior mean; observations normal with known noise."""

    names = ("mean",)

    def __init__(self, theta: Floats, _kappa: float | None) -> None:
        self.mu, self.sigma, self.noise = theta

    def coordinates(self, theta: Floats) -> Floats:
        return np.asarray([(theta[0] - self.mu) / self.sigma])

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        return -0.5 * np.square(z[:, 0]) - _HALF_LOG_2PI, -z

    def log_likelihood(self, z: Floats, sums: Floats) -> tuple[Floats, Floats]:
        deviation, squares = _around(self.mean(z)[:, None], sums)
        density = -sums[:, 0] * (_HALF_LOG_2PI + np.log(self.noise)) - 0.5 * squares / self.noise**2
        return density, (deviation * self.sigma / self.noise**2)[..., None]

    def mean(self, z: Floats) -> Floats:
        return np.asarray(self.mu + self.sigma * z[:, 0])

    def value(self, z: Floats) -> Floats:
        return self.mean(z)


class _LogMean(_Mean):
    """The same of logarithms; reported is the mean of the quantity itself."""

    def value(self, z: Floats) -> Floats:
        return np.asarray(np.exp(self.mean(z) + 0.5 * self.noise**2))


class _MeanAndNoise:
    """A mean as above, and the log of the noise's variance over scale/shape; the variance InvGamma."""

    names = ("mean", "log_noise_variance")

    def __init__(self, theta: Floats, _kappa: float | None) -> None:
        self.mu, self.sigma, self.shape, self.scale = theta

    def coordinates(self, theta: Floats) -> Floats:
        spread = np.log(theta[3] / theta[2]) - np.log(self.scale / self.shape)
        return np.asarray([(theta[0] - self.mu) / self.sigma, spread])

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        # The variance is v = (scale/shape)·e^u and the mean given it N(mu, v/κ₀), κ₀ = scale/(shape·sigma²):
        # so z₀ ~ N(0, e^u), and e^u ~ InvGamma(shape, shape).
        a, m, u = self.shape, z[:, 0], z[:, 1]
        precision = np.exp(-u)
        of_mean = -0.5 * (u + np.square(m) * precision) - _HALF_LOG_2PI
        of_noise = a * np.log(a) - special.gammaln(a) - a * u - a * precision
        slopes = (-m * precision, -0.5 + 0.5 * np.square(m) * precision - a + a * precision)
        return of_mean + of_noise, np.stack(slopes, axis=-1)

    def log_likelihood(self, z: Floats, sums: Floats) -> tuple[Floats, Floats]:
        variance = self.variance(z)[:, None]
        deviation, squares = _around(self.mean(z)[:, None], sums)
        n = sums[:, 0]
        density = -n * (_HALF_LOG_2PI + 0.5 * np.log(variance)) - 0.5 * squares / variance
        return density, np.stack([deviation * self.sigma / variance, 0.5 * (squares / variance - n)], axis=-1)

    def mean(self, z: Floats) -> Floats:
        return np.asarray(self.mu + self.sigma * z[:, 0])

    def variance(self, z: Floats) -> Floats:
        return np.asarray(self.scale / self.shape * np.exp(z[:, 1]))

    def value(self, z: Floats) -> Floats:
        return self.mean(z)


class _LogMeanAndNoise(_MeanAndNoise):
    """The same of logarithms; reported is the mean of the quantity itself."""

    def value(self, z: Floats) -> Floats:
        return np.exp(self.mean(z) + 0.5 * self.variance(z))


def _beta_log_odds(t: Floats, a: float, b: float) -> tuple[Floats, Floats]:
    """Return the log density of log odds whose rate is Beta(a, b), and its slope, shape (point, 1)."""
    density = a * special.log_expit(t) + b * special.log_expit(-t) - special.betaln(a, b)
    return density, (a - (a + b) * special.expit(t))[:, None]


def _rise(x: Floats, count: Floats) -> Floats:
    """Return log Γ(x + count) − log Γ(x)."""
    return np.asarray(special.gammaln(x + count) - special.gammaln(x))


def _slope(x: Floats, count: Floats) -> Floats:
    return np.asarray(special.digamma(x + count) - special.digamma(x))


def _around(centre: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return Σ(x − centre) and Σ(x − centre)² of each day, shape (point, day)."""
    n, total, squares = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(n > 0, total / n, 0.0)
    within = np.maximum(squares - mean * total, 0.0)  # rounding may fall below zero
    return n * (mean - centre), within + n * np.square(mean - centre)


_RATES: Final = frozenset({"beta", "robust-beta"})
_LAWS: Final[Mapping[str, Any]] = {
    "beta": _Rate,
    "gamma": _Events,
    "lognormal": _LogMean,
    "lognormal-inverse-gamma": _LogMeanAndNoise,
    "normal": _Mean,
    "normal-inverse-gamma": _MeanAndNoise,
    "robust-beta": _RobustRate,
}
