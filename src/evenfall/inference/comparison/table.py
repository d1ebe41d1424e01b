"""A comparison of fits to the same data: a table, and words that do not say more than it does.

References
----------
Sivula, Magnusson, Matamoros, Vehtari (2025), Uncertainty in Bayesian leave-one-out cross-validation based
model comparison. arXiv:2008.10296: differences below 4, or of less than two standard errors, say nothing
dependable, and with few units the standard error itself is too small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UsageError
from evenfall.inference.comparison.elpd import Elpd, loo, refit_bad
from evenfall.inference.comparison.stacking import stacking_weights
from evenfall.inference.fit import Fit

__all__ = ["NO_CLEAR_DIFFERENCE", "Comparison", "Row", "compare", "compare_elpds"]

type Floats = NDArray[np.float64]

NO_CLEAR_DIFFERENCE = "no clear difference"
SMALLEST_DIFFERENCE = 4.0
"""Nats; a smaller difference is none to speak of, whatever its standard error."""
STANDARD_ERRORS = 2.0
MOST_BAD = 0.05
"""Share of undependable units beyond which a fit is not ranked: it would mostly compare their errors."""
FEW_UNITS = 100
"""With fewer, the standard error of a difference is known to be too small (Sivula et al. 2025)."""
UNWEIGHTED_APPROXIMATIONS = ("laplace", "variational")


@dataclass(frozen=True, eq=False)
class Row:
    """One fit in a comparison.

    Attributes
    ----------
    name
        As the caller calls it.
    elpd
        None where it cannot be had.
    difference, difference_se
        Its elpd minus the best one's, and the standard error of that; 0 for the best, NaN where not ranked.
    weight
        In the stacked mixture; NaN where not ranked.
    verdict
        ``best``, ``no clear difference``, ``worse``, or ``not ranked``.
    refused
        Why it is not ranked; empty when it is.
    """

    name: str
    elpd: Elpd | None
    difference: float
    difference_se: float
    weight: float
    verdict: str
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Fits ordered from the best, those that are not ranked last, and what may be said of them."""

    rows: tuple[Row, ...]
    words: str

    @property
    def clear(self) -> bool:
        """Whether one fit predicts better than every other beyond doubt."""
        ranked = [row for row in self.rows if not row.refused]
        return len(ranked) > 1 and all(row.verdict == "worse" for row in ranked[1:])

    def row(self, name: str) -> Row:
        """Return the row of a fit."""
        return next(row for row in self.rows if row.name == name)


def compare(
    fits: Mapping[str, Fit],
    *,
    log_jacobians: Mapping[str, Floats | float] | None = None,
    refits: Mapping[str, Callable[[int], float]] | None = None,
) -> Comparison:
    """Return how well the fits predict units they have not seen.

    Parameters
    ----------
    fits
        Fits to the same units, in the same order. Draws with importance weights are compared with them.
    log_jacobians
        By fit, what to add to each unit's log density where its model sees the data through another link.
    refits
        By fit, a function that returns the log predictive density of a unit from a fit without it; it is
        called for every unit whose k-hat is too high (`elpd.refit_bad`).

    Raises
    ------
    UsageError
        When the fits are not to the same number of units.
    """
    elpds: dict[str, Elpd] = {}
    refused: dict[str, str] = {}
    for name, fit in fits.items():
        reason = _cannot_be_had(fit)
        if reason or fit.log_likelihood is None:
            refused[name] = reason
            continue
        elpd = loo(fit.log_likelihood, weights=fit.weights, log_jacobian=(log_jacobians or {}).get(name, 0.0))
        refit = (refits or {}).get(name)
        elpds[name] = elpd if refit is None else refit_bad(elpd, refit)
    return compare_elpds(elpds, refused)


def compare_elpds(elpds: Mapping[str, Elpd], refused: Mapping[str, str] | None = None) -> Comparison:
    """Return the comparison of what is already computed; `refused` says why others have no elpd."""
    if len({elpd.pointwise.size for elpd in elpds.values()}) > 1:
        counts = ", ".join(f"{name} {elpd.pointwise.size}" for name, elpd in elpds.items())
        raise UsageError(
            f"the fits are not to the same units: {counts}", remedy="fit every model to the same data"
        )
    undependable = {name: reason for name, elpd in elpds.items() if (reason := _cannot_be_ranked(elpd))}
    ranked = sorted((name for name in elpds if name not in undependable), key=lambda n: -elpds[n].value)
    rows = _ranked_rows(ranked, elpds)
    rows += [_refused_row(name, elpds[name], reason) for name, reason in undependable.items()]
    rows += [_refused_row(name, None, reason) for name, reason in (refused or {}).items()]
    return Comparison(tuple(rows), _words(rows))


def _cannot_be_had(fit: Fit) -> str:
    if fit.log_likelihood is None:
        return "its model gives no log likelihood by unit"
    if fit.failures:
        return f"its fit did not pass: {'; '.join(fit.failures)}"
    if fit.weights is None and fit.rung in UNWEIGHTED_APPROXIMATIONS:
        return f"its draws are of a {fit.rung} approximation without importance weights"
    return ""


def _cannot_be_ranked(elpd: Elpd) -> str:
    if not np.isfinite(elpd.value):
        return "its elpd is not a finite number"
    if elpd.bad_share > MOST_BAD:
        measure = "k-hat" if elpd.kind == "loo" else "a variance"
        return (
            f"{len(elpd.bad)} of {elpd.pointwise.size} units have {measure} above {elpd.limit:.2f}: "
            "refit without each of them, or use a model that is less moved by one unit"
        )
    return ""


def _ranked_rows(ranked: list[str], elpds: Mapping[str, Elpd]) -> list[Row]:
    if not ranked:
        return []
    best = elpds[ranked[0]]
    weights = stacking_weights(np.array([elpds[name].pointwise for name in ranked]))
    rows = [Row(ranked[0], best, 0.0, 0.0, float(weights[0]), "best")]
    for name, weight in zip(ranked[1:], weights[1:], strict=True):
        gap = elpds[name].pointwise - best.pointwise
        difference = float(np.sum(gap))
        error = float(np.sqrt(gap.size * np.var(gap, ddof=1))) if gap.size > 1 else float("nan")
        # Written so that NaN is no clear difference.
        clear = abs(difference) >= SMALLEST_DIFFERENCE and abs(difference) >= STANDARD_ERRORS * error
        verdict = "worse" if clear else NO_CLEAR_DIFFERENCE
        rows.append(Row(name, elpds[name], difference, error, float(weight), verdict))
    return rows


def _refused_row(name: str, elpd: Elpd | None, reason: str) -> Row:
    nan = float("nan")
    return Row(name, elpd, nan, nan, nan, "not ranked", reason)


def _words(rows: list[Row]) -> str:
    """Return one or more sentences for people."""
    ranked = [row for row in rows if not row.refused]
    said = [_verdict_words(ranked)]
    best = ranked[0].elpd if ranked else None
    if best is not None and len(ranked) > 1 and best.pointwise.size < FEW_UNITS:
        said.append(f"With {best.pointwise.size} units the standard errors are rather too small.")
    said += [f"{row.name} is not ranked: {row.refused}." for row in rows if row.refused]
    return " ".join(said)


def _verdict_words(ranked: list[Row]) -> str:
    if len(ranked) < 2:
        return "There are not two fits to compare."
    best, others = ranked[0], ranked[1:]
    alike = [row.name for row in others if row.verdict == NO_CLEAR_DIFFERENCE]
    if alike:
        return f"Between {best.name} and {', '.join(alike)}: {NO_CLEAR_DIFFERENCE}."
    nearest = others[0]
    return (
        f"{best.name} predicts best: {nearest.name} follows at {nearest.difference:.1f} ± "
        f"{nearest.difference_se:.1f} nats."
    )
