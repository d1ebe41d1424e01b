"""Families with a posterior in closed form, as models that make their own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.families import FAMILIES, Family
from evenfall.errors import UnknownName
from evenfall.inference.model import ModelSpec

__all__ = ["ConjugateGenerative"]

type Floats = NDArray[np.float64]
type Data = Mapping[str, NDArray[np.generic]]

_FIRST_DAY: Final = np.datetime64("2024-01-01")


class _Law(Protocol):
    """How one family makes the sums of a day of a given size, and what they say of the quantity."""

    def sums(self, value: float, size: Floats, rng: np.random.Generator) -> Floats:
        """Return daily sums, shape (day, 3)."""

    def log_likelihood(self, value: float, sums: Floats) -> float:
        """Return their log likelihood up to what hangs on the data alone."""


@dataclass(frozen=True)
class ConjugateGenerative:
    """A belief, and days of given sizes; a `GenerativeModel`.

    Attributes
    ----------
    family
        beta, gamma, normal or lognormal; the noise of one observation is known.
    theta
        The prior's numbers in the family's order.
    sizes
        Trials, exposure or number of observations of each day.
    kappa
        Overdispersion between days of a rate; None for none.
    """

    family: str
    theta: tuple[float, ...]
    sizes: tuple[float, ...]
    kappa: float | None = None

    @property
    def name(self) -> str:
        """The family."""
        return self.family if self.kappa is None else f"{self.family}-overdispersed"

    @property
    def _law(self) -> _Law:
        if self.family == "beta":
            return _Rate(self.kappa)
        if self.family == "gamma":
            return _Events()
        if self.family in {"normal", "lognormal"}:
            return _Mean(self.theta[2], logs=self.family == "lognormal")
        raise UnknownName("family with known noise", self.family, ("beta", "gamma", "normal", "lognormal"))

    def prior_draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Return the quantity drawn from the belief, by its quantile function."""
        family: Family = FAMILIES.resolve(self.family)
        value = family.belief(np.array(self.theta)).quantile(rng.uniform())
        return {"value": np.asarray(value, dtype=np.float64)}

    def simulate(
        self, parameters: Mapping[str, Floats], rng: np.random.Generator
    ) -> dict[str, NDArray[np.generic]]:
        """Return the sums of each day."""
        first = _FIRST_DAY + np.arange(len(self.sizes)).astype("timedelta64[D]")
        sums = self._law.sums(float(parameters["value"]), np.array(self.sizes), rng)
        return {"first": first, "stop": first + np.timedelta64(1, "D"), "sums": sums}

    def spec(self, data: Data) -> ModelSpec:
        """Return the update that the nightly run makes."""
        options = {"family": self.family, "theta": list(self.theta), "kappa": self.kappa}
        return ModelSpec("evenfall.inference.engines.conjugate:conjugate_model", data, options)

    def log_likelihood(self, parameters: Mapping[str, Floats], data: Data) -> float:
        """Return the log likelihood of all days, up to a constant that hangs on the data alone."""
        sums = np.asarray(data["sums"], dtype=np.float64)
        return self._law.log_likelihood(float(parameters["value"]), sums)

    def quantities(self, parameters: Mapping[str, Floats]) -> dict[str, float]:
        """Return the one quantity."""
        return {"value": float(parameters["value"])}


@dataclass(frozen=True)
class _Rate:
    """Successes among trials; with κ the rate of a day is Beta(pκ, (1 − p)κ)."""

    kappa: float | None

    def sums(self, value: float, size: Floats, rng: np.random.Generator) -> Floats:
        day = (
            value if self.kappa is None else rng.beta(value * self.kappa, (1 - value) * self.kappa, len(size))
        )
        successes = rng.binomial(size.astype(np.int64), day)
        return np.stack([size, successes, np.zeros(len(size))], axis=1)

    def log_likelihood(self, value: float, sums: Floats) -> float:
        trials, successes = sums[:, 0], sums[:, 1]
        misses = trials - successes
        if self.kappa is None:
            return float((special.xlogy(successes, value) + special.xlog1py(misses, -value)).sum())
        a, b = value * self.kappa, (1.0 - value) * self.kappa
        return float((special.betaln(a + successes, b + misses) - special.betaln(a, b)).sum())


@dataclass(frozen=True)
class _Events:
    """Events of a Poisson process within an exposure."""

    def sums(self, value: float, size: Floats, rng: np.random.Generator) -> Floats:
        return np.stack([size, rng.poisson(value * size), np.zeros(len(size))], axis=1)

    def log_likelihood(self, value: float, sums: Floats) -> float:
        return float((special.xlogy(sums[:, 1], value) - value * sums[:, 0]).sum())


@dataclass(frozen=True)
class _Mean:
    """Measurements with normal noise, or whose logarithms have it."""

    noise: float
    logs: bool

    def sums(self, value: float, size: Floats, rng: np.random.Generator) -> Floats:
        rows = [rng.normal(self._centre(value), self.noise, int(n)) for n in size]
        return np.array([(len(row), row.sum(), np.square(row).sum()) for row in rows])

    def log_likelihood(self, value: float, sums: Floats) -> float:
        n, total, squares = sums.sum(axis=0)
        centre = self._centre(value)
        return float(-0.5 * (squares - 2.0 * centre * total + n * centre**2) / self.noise**2)

    def _centre(self, value: float) -> float:
        """Return the mean of what is normal; a lognormal's own mean is exp(centre + noise²/2)."""
        return float(np.log(value) - 0.5 * self.noise**2) if self.logs else value
