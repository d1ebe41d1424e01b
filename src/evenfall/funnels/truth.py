"""What parameters of a simulated world really are: drawn from what is believed of them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief

__all__ = ["Truth", "draw_truth", "generator", "overdisperse"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What one parameter really is.

    Attributes
    ----------
    quantity
        What a posterior of the parameter estimates: the probability, the rate, the mean.
    location, noise
        Mean and sd of one observation (of its logarithm for a duration); for a probability or a rate the
        quantity itself and 0.
    """

    quantity: float
    location: float
    noise: float


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers that belong to `name`: new names leave those of the others as they are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def draw_truth(priors: Mapping[str, Belief], seed: int) -> dict[str, Truth]:
    """Return one truth per parameter, drawn from what is believed of it.

    Parameters
    ----------
    priors
        Belief per parameter, of any of the four families.
    seed
        The same seed gives a parameter the same truth, whatever the other parameters are.
    """
    return {name: _draw(prior, generator(seed, f"truth {name}")) for name, prior in priors.items()}


def _draw(prior: Belief, rng: np.random.Generator) -> Truth:
    numbers = prior.numbers
    if prior.family == "beta":
        probability = float(rng.beta(numbers["alpha"], numbers["beta"]))
        return Truth(probability, probability, 0.0)
    if prior.family == "gamma":
        rate = float(rng.gamma(numbers["shape"]) / numbers["rate"])
        return Truth(rate, rate, 0.0)
    location, noise = _draw_normal(numbers, rng)
    if prior.family.startswith("lognormal"):
        return Truth(math.exp(location + noise**2 / 2), location, noise)
    return Truth(location, location, noise)


def _draw_normal(numbers: Mapping[str, float], rng: np.random.Generator) -> tuple[float, float]:
    """Return mean and sd of one observation; the mean is normal given an inverse gamma noise variance."""
    if "noise_sigma" in numbers:
        return float(rng.normal(numbers["mu"], numbers["sigma"])), numbers["noise_sigma"]
    shape, scale = numbers["noise_shape"], numbers["noise_scale"]
    variance = scale / float(rng.gamma(shape))
    prior_count = scale / (shape * numbers["sigma"] ** 2)
    return float(rng.normal(numbers["mu"], math.sqrt(variance / prior_count))), math.sqrt(variance)


def overdisperse(mean: float, kappa: float, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return daily probabilities that scatter around `mean` as Beta(mean κ, (1 − mean) κ), shape (day,)."""
    return rng.beta(mean * kappa, (1 - mean) * kappa, size=days)
