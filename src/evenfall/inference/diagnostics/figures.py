"""Convergence in figures: R-hat, effective sample sizes, Monte Carlo error and the energy of the sampler.

ArviZ computes what is computed here; this module decides what it is asked for. A figure that cannot be had is
NaN, never a neutral value, so a gate written as ``figure < limit`` refuses it.

References
----------
Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), Rank-normalization, folding, and localization: an
improved R-hat. Bayesian Analysis 16, 667-718: section 4 for R-hat, bulk and tail effective sample sizes.
Betancourt (2016), Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo,
arXiv:1604.00695: E-BFMI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.diagnostics.arviz import array_stats

__all__ = [
    "QuantityFigures",
    "by_quantity",
    "convergence",
    "divergences",
    "energy",
    "sampler",
    "tree_depth_share",
    "worst",
]

type Floats = NDArray[np.float64]

TAILS = (0.05, 0.95)
"""ArviZ's own default is not this pair, which is the published one (Vehtari et al. 2021, section 4.3)."""
FEWEST_DRAWS = 4
"""Per chain: halves of fewer have no variance of their own."""


@dataclass(frozen=True, slots=True)
class QuantityFigures:
    """One scalar entry of a quantity, and how well its draws pin it down.

    Attributes
    ----------
    name, index
        The quantity, and the entry within it: ``()`` for a scalar.
    mean, sd
        Over all draws, in the quantity's unit.
    mcse
        Monte Carlo standard error of the mean, in the quantity's unit.
    r_hat
        Rank-normalised split R-hat, the larger of bulk and folded; NaN for one chain and for a constant.
    ess_bulk, ess_tail
        Effective draws for the centre, and the fewer of those for the 5 % and the 95 % quantile.
    """

    name: str
    index: tuple[int, ...]
    mean: float
    sd: float
    mcse: float
    r_hat: float
    ess_bulk: float
    ess_tail: float

    @property
    def constant(self) -> bool:
        """Whether every draw is the same finite number, so that there is nothing to converge."""
        return self.sd == 0.0

    @property
    def label(self) -> str:
        """The entry as people write it: ``rate`` or ``rate[2, 0]``."""
        return f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name


def by_quantity(draws: Mapping[str, Floats]) -> list[QuantityFigures]:
    """Return the figures of every scalar entry of every quantity, in the order of the draws.

    Parameters
    ----------
    draws : arrays, shape (chain, draw, …)
        Equally weighted; draws with importance weights have a k-hat and an importance ESS instead.
    """
    return [_entry_figures(name, index, entry) for name, index, entry in _entries(draws)]


def worst(rows: list[QuantityFigures]) -> dict[str, float]:
    """Return the worst of each figure over `rows`: r_hat, ess_bulk, ess_tail and mcse_mean_ratio (MCSE / sd).

    Constants are left out: a share that is fixed at zero has not failed to converge. Where nothing varies,
    nothing can be judged, or every chain is stuck: all four are NaN. One NaN makes the figure NaN.
    """
    varying = [row for row in rows if not row.constant]
    if not varying:
        return dict.fromkeys(("r_hat", "ess_bulk", "ess_tail", "mcse_mean_ratio"), float("nan"))
    # np.max and np.min let NaN through; Python's max and min would drop it.
    return {
        "r_hat": float(np.max([row.r_hat for row in varying])),
        "ess_bulk": float(np.min([row.ess_bulk for row in varying])),
        "ess_tail": float(np.min([row.ess_tail for row in varying])),
        "mcse_mean_ratio": float(np.max([row.mcse / row.sd for row in varying])),
    }


def convergence(draws: Mapping[str, Floats]) -> dict[str, float]:
    """Return the worst r_hat, ess_bulk, ess_tail and mcse_mean_ratio over all scalar entries."""
    return worst(by_quantity(draws))


def energy(statistics: Mapping[str, Floats]) -> Floats:
    """Return E-BFMI of each chain, shape (chain,); empty where the sampler has no energy.

    Parameters
    ----------
    statistics : arrays, shape (chain, draw)
        By ArviZ's names.
    """
    if "energy" not in statistics:
        return np.empty(0)
    values = np.asarray(statistics["energy"], dtype=float)
    if values.shape[1] < FEWEST_DRAWS:
        return np.full(values.shape[0], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Betancourt 2016, E-BFMI: the mean square of E_n - E_(n-1) over the variance of E.
        steps = np.mean(np.diff(values, axis=1) ** 2, axis=1)
        return np.asarray(steps / np.var(values, axis=1, ddof=1))


def divergences(statistics: Mapping[str, Floats]) -> float:
    """Return how many trajectories diverged over all chains; NaN where the sampler does not say."""
    return float(np.sum(statistics["diverging"])) if "diverging" in statistics else float("nan")


def tree_depth_share(statistics: Mapping[str, Floats]) -> float:
    """Return the share of trajectories cut off at the deepest tree; NaN where the sampler does not say."""
    hits = statistics.get("reached_max_treedepth")
    return float(np.mean(hits)) if hits is not None and np.size(hits) else float("nan")


def sampler(statistics: Mapping[str, Floats]) -> dict[str, float]:
    """Return a Hamiltonian sampler's figures: divergences, tree_depth_share and the worst chain's bfmi."""
    per_chain = energy(statistics)
    return {
        "divergences": divergences(statistics),
        "tree_depth_share": tree_depth_share(statistics),
        "bfmi": float(np.min(per_chain)) if per_chain.size else float("nan"),
    }


def _entries(draws: Mapping[str, Floats]) -> Iterator[tuple[str, tuple[int, ...], Floats]]:
    for name, values in draws.items():
        array = np.asarray(values, dtype=float)
        for index in np.ndindex(array.shape[2:]):
            yield name, index, array[(slice(None), slice(None), *index)]


def _entry_figures(name: str, index: tuple[int, ...], entry: Floats) -> QuantityFigures:
    nan = float("nan")
    if not entry.size or not np.isfinite(entry).all():
        return QuantityFigures(name, index, nan, nan, nan, nan, nan, nan)
    first = float(entry.flat[0])
    if np.all(entry == first):
        return QuantityFigures(name, index, first, 0.0, 0.0, nan, nan, nan)
    scale = float(np.max(np.abs(entry - first)))
    shifted = (entry - first) / scale
    centre, spread = float(np.mean(shifted)), float(np.std(shifted, ddof=1))
    mean, sd = first + centre * scale, spread * scale
    if entry.shape[1] < FEWEST_DRAWS:
        return QuantityFigures(name, index, mean, sd, nan, nan, nan, nan)
    r_hat, ess_bulk, ess_tail, ess_mean = _arviz_figures(entry, (shifted - centre) / spread)
    return QuantityFigures(name, index, mean, sd, sd / float(np.sqrt(ess_mean)), r_hat, ess_bulk, ess_tail)


def _arviz_figures(entry: Floats, standardised: Floats) -> tuple[float, float, float, float]:
    """Return r_hat, ess_bulk, ess_tail and ess_mean of draws of shape (chain, draw).

    The first three go by ranks and take the draws as they are: rounding would part their ties. The last takes
    them standardised, since ArviZ calls whatever spans less than 1e-15 a constant.
    """
    stats = array_stats()
    # A chain that stands still has no variance within: R-hat is then infinite, which is the answer.
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = float(stats.rhat(entry)) if entry.shape[0] > 1 else float("nan")
        return (
            r_hat,
            float(stats.ess(entry, method="bulk")),
            float(stats.ess(entry, method="tail", prob=TAILS)),
            float(stats.ess(standardised, method="mean")),
        )
