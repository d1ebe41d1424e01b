"""Two beside each other: closed forms against quadrature, draws against closed forms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from evenfall.beliefs.constructors import Beta, Gamma
from evenfall.errors import UsageError
from evenfall.funnels.compare import compare_beliefs, compare_draws

SHAPES = st.floats(0.5, 300.0)


def by_quadrature(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float, float]:
    """P(B > A), E max(B − A, 0), E max(A − B, 0) by scipy's adaptive quadrature.

    With F, G the laws of A and B: E max(B − A, 0) = ∫ F (1 − G) dx.
    """
    f, g = stats.beta(*a), stats.beta(*b)
    breaks = sorted({f.mean(), g.mean(), *f.interval(0.999), *g.interval(0.999)})
    edges = [0.0, *breaks, 1.0]

    def below(law: tuple[float, float], x: float) -> float:
        return float(special.betainc(*law, x))

    def above(law: tuple[float, float], x: float) -> float:
        return float(special.betaincc(*law, x))

    def density(x: float) -> float:
        return math.exp((b[0] - 1) * math.log(x) + (b[1] - 1) * math.log1p(-x) - special.betaln(*b))

    def integral(function: Callable[[float], float]) -> float:
        return sum(
            integrate.quad(function, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
            for low, high in itertools.pairwise(edges)
            if high > low
        )

    return (
        integral(lambda x: density(x) * below(a, x)),
        integral(lambda x: below(a, x) * above(b, x)),
        integral(lambda x: below(b, x) * above(a, x)),
    )


@settings(max_examples=15)
@given(st.tuples(SHAPES, SHAPES), st.tuples(SHAPES, SHAPES))
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_the_closed_forms_are_the_integrals(a: tuple[float, float], b: tuple[float, float]) -> None:
    found = compare_beliefs(Beta(*a), Beta(*b))
    p, loss_a, loss_b = by_quadrature(a, b)
    assert found.p_b_greater == pytest.approx(p, abs=1e-8)
    assert found.loss_a == pytest.approx(loss_a, abs=1e-10)
    assert found.loss_b == pytest.approx(loss_b, abs=1e-10)


def test_small_integers_agree_with_millers_sum() -> None:
    """P(B > A) = Σ_{i<α_B} B(α_A + i, β_A + β_B)/((β_B + i) B(1 + i, β_B) B(α_A, β_A)) (Miller 2014)."""
    a, b, c, d = 13, 90, 21, 85
    i = np.arange(c)
    above = special.betaln(a + i, b + d) - np.log(d + i) - special.betaln(1 + i, d)
    terms = np.exp(above - special.betaln(a, b))
    assert compare_beliefs(Beta(a, b), Beta(c, d)).p_b_greater == pytest.approx(terms.sum(), rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [((50, 450), (60, 440)), ((2, 3), (5, 5)), ((30, 70), (30_000, 60_000))])
def test_intervals_are_the_quantiles_of_the_convolution(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    """The law of B − A and of B/A by scipy's quadrature, inverted by root finding."""
    f, g = stats.beta(*a), stats.beta(*b)
    found = compare_beliefs(Beta(*a), Beta(*b))

    def expect(law: object, function: object) -> float:
        edges = law.ppf([1e-14, 0.01, 0.25, 0.5, 0.75, 0.99, 1 - 1e-14])  # type: ignore[attr-defined]
        return sum(
            integrate.quad(lambda x: law.pdf(x) * function(x), u, v, epsabs=1e-12)[0]  # type: ignore[attr-defined,operator]
            for u, v in itertools.pairwise(edges)
        )

    for figure, below, low, high in (
        (found.difference, lambda d: expect(g, lambda y: f.sf(y - d)), -1.0, 1.0),
        (found.lift, lambda r: expect(g, lambda y: f.sf(y / (1 + r))), -0.999, 50.0),
    ):
        assert figure is not None
        for q, value in ((0.025, figure.lower), (0.5, figure.median), (0.975, figure.upper)):
            root = optimize.brentq(lambda x, below=below, q=q: below(x) - q, low, high, xtol=1e-10)
            assert value == pytest.approx(root, abs=2e-6 * max(1.0, abs(root)))


def test_the_mean_lift_is_exact_where_it_exists() -> None:
    """E B/A = E B · E 1/A, and E 1/A = (α + β − 1)/(α − 1)."""
    found = compare_beliefs(Beta(3, 4), Beta(2, 2)).lift
    assert found is not None
    assert found.mean == pytest.approx(0.5 * 6 / 2 - 1)
    without = compare_beliefs(Beta(1, 4), Beta(2, 2)).lift
    assert without is not None
    assert without.mean is None


def test_exchanging_the_two_mirrors_everything() -> None:
    one, other = compare_beliefs(Beta(5, 45), Beta(9, 41)), compare_beliefs(Beta(9, 41), Beta(5, 45))
    assert one.p_b_greater + other.p_b_greater == pytest.approx(1.0, abs=1e-12)
    assert (one.loss_a, one.loss_b) == pytest.approx((other.loss_b, other.loss_a), rel=1e-9)
    assert one.difference.lower == pytest.approx(-other.difference.upper, abs=1e-9)


def test_two_equal_beliefs_are_a_coin() -> None:
    found = compare_beliefs(Beta(5, 45), Beta(5, 45))
    assert found.p_b_greater == pytest.approx(0.5, abs=1e-12)
    assert found.loss_a == pytest.approx(found.loss_b, rel=1e-9)


def test_draws_agree_with_the_closed_form() -> None:
    """3 standard errors of 200,000 draws."""
    source = np.random.default_rng(4)
    exact = compare_beliefs(Beta(50, 450), Beta(60, 440))
    drawn = compare_draws(source.beta(50, 450, 200_000), source.beta(60, 440, 200_000))
    assert drawn.p_b_greater == pytest.approx(exact.p_b_greater, abs=3 * 0.37 / 447)
    assert drawn.loss_a == pytest.approx(exact.loss_a, abs=3 * 0.017 / 447)
    assert drawn.loss_b == pytest.approx(exact.loss_b, abs=3 * 0.005 / 447)
    assert (drawn.method, exact.method) == ("draws", "exact")


def test_the_losses_differ_by_the_difference_of_the_means() -> None:
    found = compare_beliefs(Beta(5, 45), Beta(9, 41))
    assert found.loss_a - found.loss_b == pytest.approx(9 / 50 - 5 / 50, abs=1e-12)


def test_a_certain_choice_loses_nothing_and_nothing_is_no_base_for_a_lift() -> None:
    found = compare_draws(np.zeros(4), np.full(4, 0.5))
    assert (found.p_b_greater, found.loss_b, found.lift) == (1.0, 0.0, None)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="not about a rate"):
        compare_beliefs(Beta(1, 1), Gamma(2, 3))
    with pytest.raises(UsageError, match="cannot be compared"):
        compare_draws(np.zeros(3), np.zeros(4))
