"""Which of two is better, how surely, and what a wrong choice costs: slices, variants, whole paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.numerics.beta_comparison import beta_below_beta
from evenfall.errors import UsageError
from evenfall.funnels.figures import Figure, lift_of, summarise_draws

__all__ = ["Comparison", "compare_beliefs", "compare_draws"]

type Floats = NDArray[np.float64]

_TINY: Final = float(np.finfo(np.float64).tiny)
_NEGLIGIBLE: Final = 1e-15
_NODES: Final = 256
_HALVINGS: Final = 40


@dataclass(frozen=True, slots=True)
class Comparison:
    """B beside A.

    Attributes
    ----------
    a, b, difference
        The two, and b − a.
    lift
        b/a − 1; None when a can be 0.
    p_b_greater
        P(B > A).
    loss_a, loss_b
        What is expected to be lost by choosing A, E max(B − A, 0), and by choosing B, E max(A − B, 0), in the
        unit of the two.
    method
        ``exact`` for two independent beta beliefs, else ``draws``.
    """

    a: Figure
    b: Figure
    difference: Figure
    lift: Figure | None
    p_b_greater: float
    loss_a: float
    loss_b: float
    method: Literal["draws", "exact"]


def compare_draws(a: Floats, b: Floats, level: float = 0.95) -> Comparison:
    """Return B beside A from joint draws of the two, shape (draw,) each, such as what reaches an outcome."""
    if a.shape != b.shape or a.ndim != 1:
        raise UsageError(f"draws of shapes {a.shape} and {b.shape} cannot be compared", remedy="draw as many")
    gain = b - a
    return Comparison(
        a=summarise_draws(a, level),
        b=summarise_draws(b, level),
        difference=summarise_draws(gain, level),
        lift=lift_of(a, b, level),
        p_b_greater=float((gain > 0).mean()),
        loss_a=float(np.maximum(gain, 0.0).mean()),
        loss_b=float(np.maximum(-gain, 0.0).mean()),
        method="draws",
    )


def compare_beliefs(a: Belief, b: Belief, level: float = 0.95) -> Comparison:
    """Return B beside A for two independent beta beliefs, without draws.

    As x·Beta(x; α, β) = m·Beta(x; α + 1, β), the loss of choosing A is m_B P(B⁺ > A) − m_A P(B > A⁺), where
    ⁺ is one more success (Stucchio 2015, Bayesian A/B testing at VWO).

    Raises
    ------
    UsageError
        For a belief that is not beta.

    Examples
    --------
    >>> from evenfall.beliefs.constructors import Beta
    >>> round(compare_beliefs(Beta(1, 1), Beta(2, 1)).p_b_greater, 12)  # 1 − ∫ x² dx
    0.666666666667
    """
    for belief in (a, b):
        if belief.family != "beta":
            raise UsageError(f"{belief} is not about a rate", remedy="compare draws of the two instead")
    law_a, law_b = (BetaDistribution(*np.array(belief.theta)) for belief in (a, b))
    more_a = BetaDistribution(law_a.alpha + 1.0, law_a.beta)
    more_b = BetaDistribution(law_b.alpha + 1.0, law_b.beta)
    loss_a = law_b.mean * _p_below(law_a, more_b) - law_a.mean * _p_below(more_a, law_b)
    loss_b = law_a.mean * _p_below(law_b, more_a) - law_b.mean * _p_below(more_b, law_a)
    return Comparison(
        a=_figure(law_a, level),
        b=_figure(law_b, level),
        difference=_difference(law_a, law_b, level),
        lift=_lift(law_a, law_b, level),
        p_b_greater=_p_below(law_a, law_b),
        loss_a=max(float(loss_a), 0.0),
        loss_b=max(float(loss_b), 0.0),
        method="exact",
    )


def _p_below(low: BetaDistribution, high: BetaDistribution) -> float:
    """Return P(low < high) of independent variables."""
    rows = [np.atleast_1d(one) for one in (low.alpha, low.beta, high.alpha, high.beta)]
    return float(np.exp(beta_below_beta(*rows)[0][0]))


def _levels(level: float) -> Floats:
    tail = 0.5 * (1.0 - level)
    return np.array([tail, 0.5, 1.0 - tail])


def _figure(law: BetaDistribution, level: float) -> Figure:
    lower, median, upper = law.quantile(_levels(level)).tolist()
    return Figure(float(law.mean), median, lower, upper)


@dataclass(frozen=True, slots=True)
class _Contrast:
    """A quantity that grows with B and falls with A.

    Attributes
    ----------
    a_at
        Where A lies when the contrast has a value and B is given.
    b_at
        Where B lies when the contrast has a value and A is given.
    of
        Its value for given A and B.
    """

    a_at: Callable[[Floats, Floats], Floats]
    b_at: Callable[[Floats, Floats], Floats]
    of: Callable[[Floats, Floats], Floats]


_DIFFERENCE: Final = _Contrast(lambda d, b: b - d, lambda d, a: a + d, lambda a, b: b - a)
_LOG_RATIO: Final = _Contrast(
    lambda r, b: b * np.exp(-r),
    lambda r, a: a * np.exp(r),
    lambda a, b: np.log(np.maximum(b, _TINY)) - np.log(np.maximum(a, _TINY)),
)


def _difference(a: BetaDistribution, b: BetaDistribution, level: float) -> Figure:
    lower, median, upper = _quantiles(a, b, _DIFFERENCE, _levels(level)).tolist()
    return Figure(float(b.mean - a.mean), median, lower, upper)


def _lift(a: BetaDistribution, b: BetaDistribution, level: float) -> Figure:
    """Return the figure of B/A − 1; E 1/A = (α + β − 1)/(α − 1) exists only for α > 1."""
    lower, median, upper = np.expm1(_quantiles(a, b, _LOG_RATIO, _levels(level))).tolist()
    mean = float(b.mean * (a.alpha + a.beta - 1.0) / (a.alpha - 1.0) - 1.0) if a.alpha > 1 else None
    return Figure(mean, median, lower, upper)


@cache
def _unit_nodes() -> tuple[Floats, Floats]:
    """Return nodes and weights that average over 0..1 (Gauss-Legendre)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 + 0.5 * nodes, 0.5 * weights


def _quantiles(a: BetaDistribution, b: BetaDistribution, contrast: _Contrast, wanted: Floats) -> Floats:
    """Return the quantiles at `wanted` of a contrast of independent A and B, by halving.

    The narrower of the two is averaged over (Gauss-Legendre over its quantiles), since the tail of the wider
    one is smooth in it.
    """
    nodes, weights = _unit_nodes()
    narrow_a = bool(a.stdev < b.stdev)
    narrow, wide = (a, b) if narrow_a else (b, a)
    points = narrow.quantile(nodes)
    least, most = wide.quantile(np.array([_NEGLIGIBLE, 1.0 - _NEGLIGIBLE]))  # far tails are dear to compute

    def below(value: Floats) -> Floats:
        at = (contrast.b_at if narrow_a else contrast.a_at)(value[:, np.newaxis], points)
        tails = wide.log_tails(np.clip(at, least, most))[0 if narrow_a else 1]
        return np.asarray(np.exp(tails) @ weights)

    # Beyond these bounds lies at most a fifth of the smaller tail that is asked for.
    rare = 0.1 * min(float(wanted.min()), 1.0 - float(wanted.max()))
    lower, upper = (
        np.full_like(wanted, contrast.of(a.quantile(1.0 - q), b.quantile(q))) for q in (rare, 1.0 - rare)
    )
    for _ in range(_HALVINGS):
        middle = 0.5 * (lower + upper)
        left = below(middle) < wanted
        lower, upper = np.where(left, middle, lower), np.where(left, upper, middle)
    return np.asarray(0.5 * (lower + upper))
