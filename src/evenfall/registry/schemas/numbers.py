"""The numbers of a belief as people write them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from evenfall.registry.schemas.base import Day, Model

__all__ = ["NOISE_KEYS", "NUMBER_KEYS", "Distribution", "Numbers", "PriorNumbers"]

Distribution = Literal["beta", "normal", "gamma", "lognormal"]
NOISE_KEYS: Final = ("noise_sigma", "noise_shape", "noise_scale")
NUMBER_KEYS: Final = ("mean", "stdev", "alpha", "beta", "mu", "sigma", "shape", "rate", *NOISE_KEYS)

_Positive = Annotated[float, Field(gt=0)]


class Numbers(Model):
    """A belief by its mean and standard deviation, or by its distribution's own numbers.

    Attributes
    ----------
    mean, stdev
        Of the reported quantity, whatever the distribution.
    alpha, beta
        Of a beta distribution (probability).
    mu, sigma
        Of a normal or lognormal: what is believed of the mean (of the logs), and how surely.
    shape, rate
        Of a gamma distribution (rate).
    noise_sigma
        Standard deviation of one observation (mean, duration), where it is known.
    noise_shape, noise_scale
        Of the inverse gamma belief about that deviation's square, where it is not.
    absorbed_until
        First day whose evidence is not yet in these numbers; unset for a belief older than the ledger.
    """

    mean: float | None = None
    stdev: Annotated[float, Field(ge=0)] | None = None
    alpha: _Positive | None = None
    beta: _Positive | None = None
    mu: float | None = None
    sigma: _Positive | None = None
    shape: _Positive | None = None
    rate: _Positive | None = None
    noise_sigma: _Positive | None = None
    noise_shape: _Positive | None = None
    noise_scale: _Positive | None = None
    absorbed_until: Day | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that were written, by key."""
        written = {key: getattr(self, key) for key in NUMBER_KEYS}
        return {key: number for key, number in written.items() if number is not None}

    @property
    def states_a_belief(self) -> bool:
        """Whether anything but noise was written."""
        return any(key not in NOISE_KEYS for key in self.numbers)


class PriorNumbers(Numbers):
    """The prior of a parameter; its distribution follows from the parameter's type when unset."""

    distribution: Distribution | None = None
