"""The gate a fit passes before people see it: figures, limits, and sentences for what is beyond them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.fit import Fit
from evenfall.inference.psis import LEAST_ESS, importance_ess, k_hat_limit

if TYPE_CHECKING:
    from evenfall.inference.diagnostics.figures import QuantityFigures

__all__ = ["LAPLACE_COORDINATES", "SAMPLED", "WEIGHTED", "check", "judge", "measure", "warnings_of"]

type Floats = NDArray[np.float64]

SAMPLED: Final = frozenset({"nuts", "nuts-again"})
"""Rungs whose draws come from Markov chains."""

WEIGHTED: Final = frozenset({"laplace", "nested-laplace", "quadrature", "reweighted", "variational"})
"""Rungs whose draws come from another law than the posterior and are put right by weights."""

LAPLACE_COORDINATES: Final = 6
"""Beyond so many coordinates Laplace's approximation is a preview: its weights hide what it never saw."""

_BFMI_WARNING: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Limit:
    """One figure of the gate.

    Attributes
    ----------
    holds
        Whether a figure is within the limit; a NaN is not, whichever way the comparison runs.
    sentence
        What is wrong, with places for the figure and for where it was found.
    """

    figure: str
    holds: Callable[[float], bool]
    sentence: str


_CHAIN_LIMITS: Final = (
    _Limit(
        "r_hat",
        lambda x: x < 1.01,
        "R-hat {figure:.3f}{of} is not below 1.01: the chains disagree; sample longer, or look for two modes",
    ),
    _Limit(
        "ess_bulk",
        lambda x: x > LEAST_ESS,
        "bulk ESS {figure:.0f}{of} is not above 400: the mean is known too coarsely; take more draws",
    ),
    _Limit(
        "ess_tail",
        lambda x: x > LEAST_ESS,
        "tail ESS {figure:.0f}{of} is not above 400: the interval's ends are too coarse; take more draws",
    ),
    _Limit(
        "divergences",
        lambda x: x == 0,
        "{figure:.0f} divergent transitions, where none may be: part of the posterior was not seen; raise"
        " target_accept, or use a tighter prior",
    ),
    _Limit(
        "bfmi",
        lambda x: x > 0.2,
        "E-BFMI {figure:.2f} is not above 0.2: the sampler hardly moves between energies; the posterior has a"
        " heavy tail or a funnel, which a tighter prior of spreads cures",
    ),
    _Limit(
        "tree_depth_share",
        lambda x: x < 0.01,
        "{figure:.1%} of the transitions reached the greatest tree depth, where less than 1 % may: warm up"
        " longer, or scale the model's coordinates",
    ),
)


def check(fit: Fit, *, chains: int | None = None, draws: int | None = None) -> Fit:
    """Return the fit with the figures of the gate, and with a sentence for each that is beyond its limit.

    What the engine itself has found wrong stays; checking twice adds nothing.

    Parameters
    ----------
    chains, draws
        What was asked for; a fit with fewer is incomplete.
    """
    figures, rows = measure(fit)
    found = [*fit.failures, *_incomplete(fit, chains, draws)]
    if _count(fit):
        found += [*_not_finite(fit), *_stuck(fit), *judge(fit, figures, rows)]
    return replace(fit, diagnostics=figures, failures=tuple(dict.fromkeys(found)))


def measure(fit: Fit) -> tuple[dict[str, float], list[QuantityFigures]]:
    """Return the figures the gate asks of this rung, and those of every quantity where chains were run.

    A figure that cannot be had is NaN.
    """
    figures = dict(fit.diagnostics)
    rows: list[QuantityFigures] = []
    if fit.rung in SAMPLED:
        from evenfall.inference.diagnostics.figures import by_quantity, sampler, worst  # noqa: PLC0415  needs ArviZ

        rows = by_quantity(dict(_series(fit)))
        figures |= {**worst(rows), **sampler(fit.statistics)}
    if fit.rung in WEIGHTED:
        figures.setdefault("k_hat", np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            from_weights = (
                np.nan if fit.weights is None else float(importance_ess(np.log(fit.weights.ravel())))
            )
        figures.setdefault("importance_ess", from_weights)
    return figures, rows


def judge(fit: Fit, figures: Mapping[str, float], rows: list[QuantityFigures]) -> tuple[str, ...]:
    """Return a sentence for each figure beyond its limit; a figure that is missing or NaN is beyond it.

    Parameters
    ----------
    rows
        Figures of each quantity, to name the worst.
    """
    limits: tuple[_Limit, ...] = ()
    if fit.rung in SAMPLED:
        limits = _CHAIN_LIMITS
    elif fit.rung in WEIGHTED:
        limits = _weight_limits(_count(fit))
    found = []
    for limit in limits:
        figure = float(figures.get(limit.figure, np.nan))
        if not limit.holds(figure):
            found.append(limit.sentence.format(figure=figure, of=_culprit(limit.figure, rows)))
    if fit.rung == "laplace" and fit.points.shape[-1] > LAPLACE_COORDINATES:
        found.append(
            f"a preview only: Laplace's approximation is not trusted with {fit.points.shape[-1]} coordinates,"
            f" only with up to {LAPLACE_COORDINATES}; use nuts"
        )
    return tuple(found)


def warnings_of(fit: Fit) -> tuple[str, ...]:
    """Return what people should know of a fit that nevertheless passes."""
    bfmi = fit.diagnostics.get("bfmi", np.inf)
    if fit.passed and not bfmi > _BFMI_WARNING:
        return (f"E-BFMI {bfmi:.2f} is at most 0.3: the tails may be known less well than the figures say",)
    return ()


def _weight_limits(draws: int) -> tuple[_Limit, ...]:
    """Return the limits of importance weights of so many draws."""
    limit = k_hat_limit(draws)
    return (
        _Limit(
            "k_hat",
            lambda x: x < limit,
            f"k-hat {{figure:.2f}} is not below {limit:.2f}: the draws miss part of the posterior;"
            " fit it in full",
        ),
        _Limit(
            "importance_ess",
            lambda x: x > LEAST_ESS,
            "the weighted draws are worth {figure:.0f}, not more than 400: too few of them carry the"
            " posterior; fit it in full",
        ),
    )


def _culprit(figure: str, rows: list[QuantityFigures]) -> str:
    """Return `` of rate[2]``, the quantity with the worst figure, where a figure is a quantity's."""
    varying = [row for row in rows if not row.constant]
    if not varying or figure not in {"r_hat", "ess_bulk", "ess_tail"}:
        return ""
    values = np.array([getattr(row, figure) for row in varying])
    worst = np.where(np.isnan(values), np.inf, values if figure == "r_hat" else -values)
    return f" of {varying[int(np.argmax(worst))].label}"


def _count(fit: Fit) -> int:
    """Return how many draws there are over all chains."""
    return int(np.prod(fit.points.shape[:2]))


def _series(fit: Fit) -> Iterator[tuple[str, Floats]]:
    """Return all that chains were run for: quantities and coordinates, by name."""
    yield from fit.draws.items()
    if fit.points.shape[-1]:
        yield "coordinate", fit.points


def _incomplete(fit: Fit, chains: int | None, draws: int | None) -> list[str]:
    """Return what is missing of what was asked for."""
    has = fit.points.shape[:2]
    if not _count(fit):
        return [] if fit.failures else ["there are no draws"]
    wanted = (has[0] if chains is None else chains, has[1] if draws is None else draws)
    if has[0] < wanted[0] or has[1] < wanted[1]:
        asked = f"{has[0]} chains of {has[1]} draws came of {wanted[0]} of {wanted[1]}"
        return [f"the chains are incomplete: {asked}; raise the budget of gradients, or ask for fewer"]
    return []


def _not_finite(fit: Fit) -> list[str]:
    """Return what holds a NaN or an infinity."""
    arrays = {**dict(_series(fit)), **({} if fit.weights is None else {"weights": fit.weights})}
    found = []
    for name, values in arrays.items():
        broken = int(np.sum(~np.isfinite(values)))
        if broken:
            found.append(
                f"{broken} values of {name} are not finite: the model overflows or divides by zero there"
            )
    if fit.log_likelihood is not None and np.isnan(fit.log_likelihood).any():
        found.append(
            "the log likelihood is not a number at some draws: look for a logarithm of a negative number"
        )
    return found


def _stuck(fit: Fit) -> list[str]:
    """Return which chains stand still in a coordinate; quantities count where there are no coordinates.

    A quantity may rightly be the same in every draw, such as a share fixed at zero; a coordinate may not.
    """
    if fit.rung not in SAMPLED:
        return []
    series = {"coordinate": fit.points} if fit.points.shape[-1] else fit.draws
    found = []
    for name, values in series.items():
        still = (values == values[:, :1]).all(axis=1).reshape(len(values), -1)
        for chain in np.flatnonzero(still.any(axis=-1)).tolist():
            entry = int(np.argmax(still[chain]))
            found.append(
                f"chain {chain} never moved in {name}[{entry}]: its start is a trap; begin elsewhere"
            )
    return found
