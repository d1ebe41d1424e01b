"""The rate of one slice from a pooled fit: of one that was seen, of part of one, or of values never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.pooling.slices import ABSENT, Effect, Slices
from evenfall.inference.fit import Fit, QuantitySummary

__all__ = ["PooledAnswer", "pooled_answer"]

type Floats = NDArray[np.float64]
type Codes = NDArray[np.int64]
type Basis = Literal["seen", "partial", "new"]

_NEW = -2  # code of a value nobody has seen


@dataclass(frozen=True, eq=False)
class PooledAnswer:
    """A rate that borrows strength, beside what its own attempts say.

    Attributes
    ----------
    draws, weights : ndarray, shape (draw,)
        Posterior draws of the rate; the weights sum to one.
    basis
        ``seen`` when the slices asked for have attempts; ``partial`` when their combination has none but
        each value has; ``new`` when a value was never seen and its effect is a fresh draw.
    new
        The effects whose value was never seen.
    trials, successes
        Own attempts of the slices asked for.
    """

    draws: Floats
    weights: Floats
    basis: Basis
    new: tuple[str, ...]
    trials: int
    successes: int

    @property
    def own_rate(self) -> float | None:
        """Successes per trial of the slice alone; None without trials."""
        return self.successes / self.trials if self.trials else None

    @property
    def pooled(self) -> QuantitySummary:
        """The rate in figures."""
        fit = Fit("laplace", {"p": self.draws[None]}, np.zeros((1, 1, 0)), weights=self.weights[None])
        return fit.summary("p")

    @property
    def shrinkage(self) -> float | None:
        """How far the rate was drawn from the slice's own towards the others', in its own standard errors.

        None without trials. The error is √(p(1 − p)/n) at the pooled rate p.
        """
        if self.own_rate is None:
            return None
        mean = float(self.weights @ self.draws)
        return (mean - self.own_rate) / float(np.sqrt(mean * (1.0 - mean) / self.trials))


def pooled_answer(
    fit: Fit, slices: Slices, values: Mapping[str, str | bool | None], *, seed: int = 0
) -> PooledAnswer:
    """Return the rate of the attempts with these values.

    Effects that `values` does not name are mixed over as the attempts were: by the trials of the slices that
    match, or of all slices when none does.

    Parameters
    ----------
    fit
        Of a pooled model over these slices.
    slices
        What was fitted, with its counts.
    values
        Per context key a value, or None for attempts without one; per ``visited(node)`` whether it was.
        A value that no slice has draws its effect afresh from the spread of its group.
    seed
        Of the fresh draws.

    Raises
    ------
    UnknownName
        When a key names no effect of the fit.
    UsageError
        When a key names an interaction, which follows from the values of its effects.
    """
    asked = _codes(slices, values)
    fixed = np.array([effect.name in values for effect in slices.effects], dtype=bool)
    main = np.array([effect.kind != "interaction" for effect in slices.effects], dtype=bool)
    match = np.all((slices.codes == asked) | ~fixed, axis=1)
    trials, successes = slices.totals
    mixed_over = match if trials[match].sum() else np.ones(len(slices), dtype=bool)
    cells, share = _mix(slices.codes[mixed_over], asked, fixed, main, trials[mixed_over])
    draws = _draws(fit, slices, _interactions(slices, cells), share, np.random.default_rng(seed))
    new = tuple(e.name for e, code in zip(slices.effects, asked, strict=True) if code == _NEW)
    own = int(trials[match].sum())
    basis: Basis = "new" if new else "seen" if own else "partial"
    weights = np.full(draws.size, 1 / draws.size) if fit.weights is None else fit.weights.reshape(-1)
    return PooledAnswer(draws, weights, basis, new, own, int(successes[match].sum()))


def _codes(slices: Slices, values: Mapping[str, str | bool | None]) -> Codes:
    """Return the code of each asked value; what is not asked for stays `ABSENT`."""
    position = {effect.name: i for i, effect in enumerate(slices.effects)}
    codes = np.full(len(slices.effects), ABSENT, dtype=np.int64)
    for name, value in values.items():
        if name not in position:
            raise UnknownName("effect of the pooled rates", name, position)
        codes[position[name]] = _code(slices.effects[position[name]], value)
    return codes


def _code(effect: Effect, value: str | bool | None) -> int:
    if effect.kind == "interaction":
        raise UsageError(f"{effect.name} is an interaction", remedy="ask for the values of its two effects")
    if effect.kind == "visited":
        return 0 if value else ABSENT
    if value is None:
        return ABSENT
    return effect.values.index(str(value)) if str(value) in effect.values else _NEW


def _mix(
    codes: Codes, asked: Codes, fixed: NDArray[np.bool_], main: NDArray[np.bool_], trials: Codes
) -> tuple[Codes, Floats]:
    """Return the distinct cells to mix over, the asked values filled in, and their shares of the trials."""
    filled = np.where(fixed, asked, codes)
    filled[:, ~main] = ABSENT
    if not len(filled):
        return np.where(main, asked, ABSENT)[None], np.ones(1)
    cells, inverse = np.unique(filled, axis=0, return_inverse=True)
    weight = np.bincount(inverse.reshape(-1), trials, len(cells))
    return cells, weight / weight.sum() if weight.sum() else np.full(len(cells), 1.0 / len(cells))


def _interactions(slices: Slices, cells: Codes) -> Codes:
    """Return the cells with the codes of their interactions, new where their pair was never seen."""
    names = [effect.name for effect in slices.effects]
    result = cells.copy()
    for column, effect in enumerate(slices.effects):
        if effect.kind != "interaction":
            continue
        pair = [names.index(name) for name in effect.name.split(":")]
        seen = {tuple(row[pair]): row[column] for row in slices.codes if row[column] != ABSENT}
        for i, row in enumerate(cells):
            if np.all(row[pair] != ABSENT):
                result[i, column] = seen.get(tuple(row[pair]), _NEW)
    return result


def _draws(fit: Fit, slices: Slices, cells: Codes, share: Floats, rng: np.random.Generator) -> Floats:
    """Return the mixed rate at each draw of the fit; one fresh effect serves all cells that need it."""
    centre = fit.draws["centre"].reshape(-1)
    effects = fit.draws["effects"].reshape(len(centre), -1)
    starts = np.cumsum([0, *(len(effect.values) for effect in slices.effects)])
    eta = np.repeat(centre[:, None], len(cells), axis=1)
    for column, effect in enumerate(slices.effects):
        code = cells[:, column]
        known, new = code >= 0, code == _NEW
        eta[:, known] += effects[:, starts[column] + code[known]]
        if new.any():
            spread = fit.draws[f"spread[{effect.spread}]"].reshape(-1)
            if effect.kind == "interaction":
                eta[:, new] += spread[:, None] * rng.normal(size=(len(centre), int(new.sum())))
            else:
                eta[:, new] += (spread * rng.normal(size=len(centre)))[:, None]
    return np.asarray(special.expit(eta) @ share)
