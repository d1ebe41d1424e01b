"""Beliefs written as a sentence: `Beta(8, 17)`, `Normal(mean=3, stdev=1, noise_sigma=2)`."""

from __future__ import annotations

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.declared import belief_from_numbers

__all__ = ["Beta", "Gamma", "LogNormal", "Normal"]

_WRITTEN = Origin("manual")


def Beta(  # noqa: N802 - reads as the law it names
    alpha: float | None = None,
    beta: float | None = None,
    *,
    mean: float | None = None,
    stdev: float | None = None,
    origin: Origin = _WRITTEN,
) -> Belief:
    """Return a beta belief about a rate, from alpha and beta or from mean and stdev.

    Examples
    --------
    >>> print(Beta(8, 17))
    Beta(8, 17)  mean 0.320 ± 0.091
    """
    return _belief("beta", origin, alpha=alpha, beta=beta, mean=mean, stdev=stdev)


def Gamma(  # noqa: N802 - reads as the law it names
    shape: float | None = None,
    rate: float | None = None,
    *,
    mean: float | None = None,
    stdev: float | None = None,
    origin: Origin = _WRITTEN,
) -> Belief:
    """Return a gamma belief about a rate of events, from shape and rate or from mean and stdev."""
    return _belief("gamma", origin, shape=shape, rate=rate, mean=mean, stdev=stdev)


def Normal(  # noqa: N802 - reads as the law it names
    mu: float | None = None,
    sigma: float | None = None,
    *,
    mean: float | None = None,
    stdev: float | None = None,
    noise_sigma: float | None = None,
    noise_shape: float | None = None,
    noise_scale: float | None = None,
    origin: Origin = _WRITTEN,
) -> Belief:
    """Return a normal belief about a mean; noise_shape and noise_scale say that the noise is not known."""
    return _belief(
        "normal",
        origin,
        mu=mu,
        sigma=sigma,
        mean=mean,
        stdev=stdev,
        noise_sigma=noise_sigma,
        noise_shape=noise_shape,
        noise_scale=noise_scale,
    )


def LogNormal(  # noqa: N802 - reads as the law it names
    mu: float | None = None,
    sigma: float | None = None,
    *,
    mean: float | None = None,
    stdev: float | None = None,
    noise_sigma: float | None = None,
    noise_shape: float | None = None,
    noise_scale: float | None = None,
    origin: Origin = _WRITTEN,
) -> Belief:
    """Return a lognormal belief: mu and sigma of the mean of log x, mean and stdev of the mean of x."""
    return _belief(
        "lognormal",
        origin,
        mu=mu,
        sigma=sigma,
        mean=mean,
        stdev=stdev,
        noise_sigma=noise_sigma,
        noise_shape=noise_shape,
        noise_scale=noise_scale,
    )


def _belief(distribution: str, origin: Origin, **numbers: float | None) -> Belief:
    given = {key: number for key, number in numbers.items() if number is not None}
    return belief_from_numbers(distribution, given, origin)
