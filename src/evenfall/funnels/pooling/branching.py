"""The ways out of one node, slice by slice: their rates add up to one minus the share of those who leave.

::

    p_se = exp(η_se) / (1 + Σ_e' exp(η_se'))      leaving has η = 0
    η_se = μ_e + Σ effects of s on edge e,        effects of one group share their spread over all edges
    k_s ~ Multinomial(n_s, p_s)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.funnels.pooling.model import design
from evenfall.funnels.pooling.scales import half_normal
from evenfall.funnels.pooling.slices import Slices, from_specification
from evenfall.inference.model import ModelSpec

__all__ = ["BranchingRates", "branching_rates", "branching_spec"]

type Floats = NDArray[np.float64]

_HALF_LOG_2PI: Final = 0.9189385332046727
_LEAST_LEAVING: Final = 1e-3  # share who leave, when the beliefs about the edges leave nobody


class BranchingRates:
    """The rates of a node's edges in every slice, as a `LogDensity` whose coordinates are N(0, 1) a priori.

    Coordinates: one centre per edge, one spread per group, one effect per edge and value.

    Parameters
    ----------
    slices
        Slices of the node; their trials are its attempts, their successes are not used.
    edges
        Names of the edges that leave it.
    counts : ndarray of int, shape (slice, edge)
        Attempts that took each edge; at most the slice's trials together.
    beliefs
        Alpha and beta of each edge's rate.
    scales
        Per group of effects the scale of its spread's half-normal; 1 where none is stated.
    """

    def __init__(
        self,
        slices: Slices,
        edges: Sequence[str],
        counts: NDArray[np.int64],
        beliefs: Sequence[tuple[float, float]],
        scales: Mapping[str, float],
    ) -> None:
        trials = slices.totals[0]
        if counts.shape != (len(slices), len(edges)):
            raise ValueError("counts must have one row per slice and one column per edge")
        if np.any(counts < 0) or np.any(counts.sum(axis=1) > trials):
            raise ValueError("the edges of a slice cannot be taken more often than it has attempts")
        self.slices, self.edges = slices, tuple(edges)
        self._counts, self._trials = counts.astype(float), trials.astype(float)
        self._design = design(slices)
        self._group = np.array(
            [slices.spreads.index(e.spread) for e in slices.effects for _ in e.values], dtype=np.intp
        )
        self._scales = np.array([float(scales.get(name, 1.0)) for name in slices.spreads])
        self._mean, self._stdev = _log_odds_of_leaving(np.array(beliefs, dtype=float).reshape(-1, 2))
        leaving = self._trials - self._counts.sum(axis=1)
        self._ways = special.gammaln(self._trials + 1) - special.gammaln(leaving + 1)
        self._ways -= special.gammaln(self._counts + 1).sum(axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        values = [f"{e.name}[{value}]" for e in self.slices.effects for value in e.values]
        return (
            *(f"centre[{edge}]" for edge in self.edges),
            *(f"spread[{name}]" for name in self.slices.spreads),
            *(f"{edge}:{value}" for edge in self.edges for value in values),
        )

    def start(self) -> Floats:
        """Return the centre of the prior."""
        return np.zeros(len(self.names))

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,): standard normal in every coordinate."""
        return np.asarray(-0.5 * np.square(z).sum(axis=1) - z.shape[1] * _HALF_LOG_2PI)

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each slice, shape (point, slice)."""
        return self._likelihood(self._eta(z)[0])

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density, shape (point,), and its gradient, shape (point, coordinate).

        So far out that a spread overflows the density is −inf and the gradient zero.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = self._gradient(z)
        lost = ~np.isfinite(value) | ~np.isfinite(gradient).all(axis=1)
        return np.where(lost, -np.inf, value), np.where(lost[:, None], 0.0, gradient)

    def _gradient(self, z: Floats) -> tuple[Floats, Floats]:
        eta, spread, stretch, standard = self._eta(z)
        p = _softmax(eta)
        score = self._counts.T - self._trials * p  # (point, edge, slice)
        by_effect = score @ self._design
        edges, groups = len(self.edges), len(self._scales)
        gradient = -z.copy()
        gradient[:, :edges] += score.sum(axis=2) * self._stdev
        for g in range(groups):
            own = self._group == g
            moved = (by_effect[:, :, own] * standard[:, :, own]).sum(axis=(1, 2))
            gradient[:, edges + g] += moved * stretch[:, g]
        by_standard = by_effect * spread[:, None, self._group]
        gradient[:, edges + groups :] += by_standard.reshape(len(z), -1)
        return self.log_prior(z) + self._likelihood(eta).sum(axis=1), gradient

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return ``p``, shape (point, slice, edge), ``leaving``, (point, slice), and the spreads."""
        eta, spread, _, _ = self._eta(z)
        p = np.swapaxes(_softmax(eta), 1, 2)
        found = {"p": p, "leaving": np.exp(-_log_total(eta))}
        for name, values in zip(self.slices.spreads, spread.T, strict=True):
            found[f"spread[{name}]"] = values
        return found

    def _eta(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return log odds against leaving (point, edge, slice), spreads, their slopes, standard effects."""
        edges, groups = len(self.edges), len(self._scales)
        t, slope = half_normal(z[:, edges : edges + groups])
        spread = t * self._scales
        standard = z[:, edges + groups :].reshape(len(z), edges, -1)
        effects = standard * spread[:, None, self._group]
        centre = self._mean + self._stdev * z[:, :edges]
        return centre[:, :, None] + effects @ self._design.T, spread, slope * self._scales, standard

    def _likelihood(self, eta: Floats) -> Floats:
        taken = np.einsum("pes,se->ps", eta, self._counts)
        return np.asarray(taken - self._trials * _log_total(eta) + self._ways)


def _log_total(eta: Floats) -> Floats:
    """Return log(1 + Σ_e exp η), shape (point, slice)."""
    return np.asarray(np.logaddexp(0.0, special.logsumexp(eta, axis=1)))


def _softmax(eta: Floats) -> Floats:
    return np.asarray(np.exp(eta - _log_total(eta)[:, None, :]))


def _log_odds_of_leaving(beliefs: Floats) -> tuple[Floats, Floats]:
    """Return mean and stdev of log(p_e / p_leave) as the edges' betas have it.

    The mean is that of the believed rates, the stdev that of log p under each beta, √ψ′(α) + ψ′(β)).
    """
    alpha, beta = beliefs.T
    rate = alpha / (alpha + beta)
    rate = rate / max(1.0, rate.sum() / (1.0 - _LEAST_LEAVING))
    stdev = np.sqrt(special.polygamma(1, alpha) + special.polygamma(1, beta))
    return np.log(rate) - np.log1p(-rate.sum()), np.asarray(stdev)


def branching_spec(
    slices: Slices,
    counts: Mapping[str, NDArray[np.int64]],
    beliefs: Mapping[str, tuple[float, float]] | None = None,
    scales: Mapping[str, float] | None = None,
) -> ModelSpec:
    """Return the specification of a branching node.

    Parameters
    ----------
    counts
        Per edge how many attempts of each slice took it, shape (slice,).
    beliefs
        Per edge alpha and beta of its rate; where none is stated, one of as many equal shares as there are
        ways, leaving included, with the weight of one attempt each.
    """
    edges = list(counts)
    weak = (1.0, float(len(edges)))
    stated = {**dict.fromkeys(edges, weak), **(beliefs or {})}
    options = {
        **slices.options(),
        "edges": edges,
        "beliefs": [list(stated[edge]) for edge in edges],
        "scales": dict(scales or {}),
    }
    taken = np.stack([counts[edge] for edge in edges], axis=1)
    return ModelSpec(f"{__name__}:branching_rates", {**slices.data(), "counts": taken}, options)


def branching_rates(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> BranchingRates:
    """Return the branching model of a specification."""
    return BranchingRates(
        from_specification(data, options),
        cast("Sequence[str]", options["edges"]),
        np.asarray(data["counts"], dtype=np.int64),
        cast("Sequence[tuple[float, float]]", options["beliefs"]),
        cast("Mapping[str, float]", options.get("scales", {})),
    )
