"""Traces and rank histograms as JSON-ready values of bounded size, for people to look at.

References
----------
Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), Rank-normalization, folding, and localization: an
improved R-hat. Bayesian Analysis 16, 667-718: rank plots, section 4.4.
Säilynoja, Bürkner, Vehtari (2022), Graphical test for discrete uniformity and its applications. Statistics
and Computing 32, 32: why the bands must be simultaneous.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.diagnostics.figures import QuantityFigures, by_quantity

__all__ = ["looks", "rank_band", "rank_counts", "thinned"]

type Floats = NDArray[np.float64]
type Json = dict[str, object]

BAND_LEVEL = 0.95
BAND_SIMULATIONS = 2000
FEWEST_PER_BIN = 5


def looks(draws: Mapping[str, Floats], *, entries: int = 30, points: int = 200, bins: int = 20) -> Json:
    """Return what to draw of the `entries` entries that mixed worst.

    Returns
    -------
    dict
        ``entries``, each with ``label``, ``figures``, ``trace`` (chain by chain, at most `points` values) and
        ``ranks`` (`rank_counts`; None with too few effective draws), and ``left_out``, how many entries are
        not shown. Numbers that are not finite are None.
    """
    rows = by_quantity(draws)
    shown = sorted(rows, key=_urgency)[:entries]
    return {
        "entries": [_look(row, draws, points, bins) for row in shown],
        "left_out": len(rows) - len(shown),
    }


def thinned(values: Floats, points: int) -> list[list[float | None]]:
    """Return at most `points` evenly spaced draws of each chain of shape (chain, draw), from the first on."""
    step = max(1, -(-values.shape[1] // points))
    return [[_number(value) for value in chain[::step]] for chain in values]


def rank_counts(values: Floats, *, ess: float, bins: int = 20) -> Json | None:
    """Return how the ranks of each chain's draws among all draws spread over equal bins.

    Draws are thinned to about `ess` first: the band holds for independent draws. Ties are broken at random
    with a fixed seed, since by order they would favour the first chain.

    Parameters
    ----------
    values : ndarray, shape (chain, draw)
    ess
        Effective draws over all chains.

    Returns
    -------
    dict or None
        ``counts`` (chain by bin), ``expected``, ``lower`` and ``upper`` of the simultaneous 95 % band, and
        ``outside``, the number of counts beyond it. None with too few draws or a value that is not finite.
    """
    if not (np.isfinite(values).all() and ess > 0):
        return None
    kept = values[:, :: max(1, round(values.size / ess))]
    chains, draws = kept.shape
    bins = min(bins, draws // FEWEST_PER_BIN)
    if bins < 2:
        return None
    tie_break = np.random.default_rng(0).random(kept.size)
    ranks = np.empty(kept.size, dtype=np.intp)
    ranks[np.lexsort((tie_break, kept.reshape(-1)))] = np.arange(kept.size)
    counts = _counts((ranks * bins // kept.size).reshape(chains, draws), bins)
    expected, width = draws / bins, rank_band(chains, draws, bins)
    return {
        "counts": counts.tolist(),
        "expected": expected,
        "lower": max(0.0, expected - width),
        "upper": expected + width,
        "outside": int(np.sum(np.abs(counts - expected) > width)),
    }


@lru_cache(maxsize=64)
def rank_band(chains: int, draws: int, bins: int) -> float:
    """Return the half-width within which all counts of all chains lie together with probability 0.95.

    All counts have nearly the same distribution, so one width serves them; it is the quantile of the largest
    deviation when ranks are dealt to the chains at random.
    """
    rng = np.random.default_rng(0)
    bin_of_rank = np.arange(chains * draws) * bins // (chains * draws)
    deviations = [
        np.max(np.abs(_counts(rng.permutation(bin_of_rank).reshape(chains, draws), bins) - draws / bins))
        for _ in range(BAND_SIMULATIONS)
    ]
    return float(np.quantile(deviations, BAND_LEVEL, method="higher"))


def _counts(bin_of_draw: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    chains = bin_of_draw.shape[0]
    cells = bin_of_draw + bins * np.arange(chains)[:, None]
    return np.bincount(cells.reshape(-1), minlength=chains * bins).reshape(chains, bins)


def _urgency(row: QuantityFigures) -> tuple[bool, bool, float]:
    """Order: figures that cannot be had, then the largest R-hat; constants last."""
    return row.constant, not np.isnan(row.r_hat), -row.r_hat if np.isfinite(row.r_hat) else -np.inf


def _look(row: QuantityFigures, draws: Mapping[str, Floats], points: int, bins: int) -> Json:
    place: tuple[slice | int, ...] = (slice(None), slice(None), *row.index)
    values = np.asarray(draws[row.name], dtype=float)[place]
    names = ("mean", "sd", "mcse", "r_hat", "ess_bulk", "ess_tail")
    return {
        "label": row.label,
        "figures": {name: _number(getattr(row, name)) for name in names},
        "trace": thinned(values, points),
        "ranks": rank_counts(values, ess=row.ess_bulk, bins=bins),
    }


def _number(value: float) -> float | None:
    """Return six significant digits of a finite number: enough for a screen, and half the bytes."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
