"""Rates drawn from what is believed of them, one stream of random numbers per parameter."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from evenfall.beliefs.belief import Belief
from evenfall.errors import UnknownName, UsageError

__all__ = ["RateDraws", "draw_rate", "draw_rates", "stream"]


@dataclass(frozen=True, slots=True, eq=False)
class RateDraws:
    """Draws of several rates.

    Attributes
    ----------
    names
        One per column, such as the ids of parameters.
    values : ndarray, shape (draw, rate)
        Row by row one joint state of the world.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return the positions of rates; `UnknownName` with the nearest names when there is none."""
        position = {name: number for number, name in enumerate(self.names)}
        for name in names:
            if name not in position:
                raise UnknownName("rate", name, self.names)
        return [position[name] for name in names]

    def rows(self) -> dict[str, NDArray[np.float64]]:
        """Return the draws of every rate by its name, shape (draw,)."""
        return dict(zip(self.names, self.values.T, strict=True))


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers that belong to `name`, whatever other names there are."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


def draw_rates(rates: Mapping[str, Belief | float], count: int, seed: int) -> RateDraws:
    """Return `count` draws of every rate; one and the same parameter always draws the same numbers.

    Parameters
    ----------
    rates
        Per name a beta belief, or a number that is taken as it is.
    count
        How many draws.
    seed
        Together with the name it decides the draws.

    Raises
    ------
    UsageError
        For a belief that is not about a probability, or a number outside 0..1.
    """
    columns = np.empty((len(rates), count))
    for row, (name, rate) in zip(columns, rates.items(), strict=True):
        row[:] = draw_rate(name, rate, count, seed)
    return RateDraws(tuple(rates), columns.T)


def draw_rate(name: str, rate: Belief | float, count: int, seed: int) -> NDArray[np.float64]:
    """Return `count` draws of one rate, shape (draw,), as `draw_rates` does."""
    if not isinstance(rate, Belief):
        if not 0.0 <= rate <= 1.0:
            raise UsageError(f"{name} is {rate}", remedy="a rate lies between 0 and 1")
        return np.full(count, float(rate))
    numbers, generator = rate.numbers, stream(seed, name)
    if rate.family == "robust-beta":
        informed = generator.random(count) < expit(numbers["log_odds"])
        vague = generator.beta(numbers["vague_alpha"], numbers["vague_beta"], size=count)
        return np.where(informed, generator.beta(numbers["alpha"], numbers["beta"], size=count), vague)
    if rate.family != "beta":
        raise UsageError(
            f"{name} is believed as {rate.family}, which is not about a probability",
            remedy="an edge needs a parameter of type probability",
        )
    return generator.beta(numbers["alpha"], numbers["beta"], size=count)
