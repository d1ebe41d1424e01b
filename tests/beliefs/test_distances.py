"""Distances between beliefs: closed forms against scipy quadrature, and laws of distances."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from evenfall.beliefs import Beta, LogNormal, Normal
from evenfall.beliefs.distances import distances, kl, overlap, w1, w2
from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution
from evenfall.beliefs.distributions.lognormal import LogNormalDistribution
from evenfall.beliefs.distributions.normal import NormalDistribution, StudentT

PAIRS = [
    ("beta", (60, 115), (8, 17)),
    ("beta", (2, 3), (3, 2)),
    ("beta", (2, 9), (2, 4)),
    ("beta", (40, 40), (5, 5)),
    ("gamma", (33, 12), (3, 2)),
    ("gamma", (3, 2), (3, 4)),
    ("gamma", (20, 5), (4, 2)),
    ("normal", (0, 1), (1, 1)),
    ("normal", (0.3, 0.7), (1, 2)),
    ("normal", (1, 2), (1, 3)),
    ("lognormal", (0, 0.5), (0.3, 0.4)),
    ("lognormal", (0, 0.5), (0.3, 0.5)),
    ("student", (0, 1, 5), (0.5, 2, 9)),
]
LAWS = {
    "beta": (BetaDistribution, stats.beta),
    "gamma": (GammaDistribution, lambda k, r: stats.gamma(k, scale=1 / r)),
    "normal": (NormalDistribution, stats.norm),
    "lognormal": (LogNormalDistribution, lambda mu, sigma: stats.lognorm(sigma, scale=np.exp(mu))),
    "student": (StudentT, lambda mu, sigma, dof: stats.t(dof, mu, sigma)),
}


def both(name, first, second):
    law, oracle = LAWS[name]
    ours = [law(*(np.float64(x) for x in numbers)) for numbers in (first, second)]
    return ours, [oracle(*numbers) for numbers in (first, second)]


def integral(function, p, q):
    """Adaptive quadrature between the outermost quantiles, split at many inner ones."""
    levels = np.array([1e-14, 1e-9, 1e-5, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-5, 1 - 1e-9, 1 - 1e-14])
    edges = np.unique([*p.ppf(levels), *q.ppf(levels)])
    pieces = itertools.pairwise(edges)
    return sum(integrate.quad(function, a, b, epsabs=1e-12, epsrel=1e-10, limit=400)[0] for a, b in pieces)


@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
def test_each_distance_is_its_integral(name, first, second):
    (p, q), (f, g) = both(name, first, second)
    heavy = 1e-6 if name == "student" else 1e-9  # scipy's range ends where a Student t still has some mass
    assert kl(p, q) == pytest.approx(
        integral(lambda x: f.pdf(x) * (f.logpdf(x) - g.logpdf(x)), f, g), abs=heavy
    )
    assert w1(p, q) == pytest.approx(integral(lambda x: abs(f.cdf(x) - g.cdf(x)), f, g), abs=heavy)
    assert overlap(p, q) == pytest.approx(integral(lambda x: min(f.pdf(x), g.pdf(x)), f, g), abs=1e-9)
    if name == "student":
        return  # scipy's quadrature of squared heavy tails does not converge
    levels = [1e-15, 1e-9, 1e-4, 0.01, 0.5, 0.99, 1 - 1e-4, 1 - 1e-9, 1 - 1e-15]
    square = sum(
        integrate.quad(lambda u: (f.ppf(u) - g.ppf(u)) ** 2, a, b, epsabs=1e-13, limit=200)[0]
        for a, b in itertools.pairwise(levels)
    )
    assert w2(p, q) == pytest.approx(np.sqrt(square), abs=1e-8)


def test_known_values():
    standard, shifted = (NormalDistribution(np.float64(m), np.float64(1)) for m in (0, 1))
    assert kl(standard, shifted) == pytest.approx(0.5, abs=1e-15)
    assert w1(standard, shifted) == w2(standard, shifted) == 1
    assert overlap(standard, shifted) == pytest.approx(2 * stats.norm.cdf(-0.5), abs=1e-15)
    wider = NormalDistribution(np.float64(0), np.float64(3))
    assert w1(standard, wider) == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-15)


positive = st.floats(np.log(0.05), np.log(5000)).map(lambda x: float(np.exp(x)))
pair = st.tuples(positive, positive)


@pytest.mark.parametrize("name", ["beta", "gamma", "normal", "lognormal"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_distances_obey_their_laws(name, data):
    first, second = data.draw(pair), data.draw(pair)
    if name == "lognormal":
        first, second = (tuple(min(x, 2.0) for x in numbers) for numbers in (first, second))
    (p, q), _ = both(name, first, second)
    assert kl(p, q) >= 0
    assert kl(p, p) == w1(p, p) == 0
    assert overlap(p, p) == pytest.approx(1, abs=1e-12)
    assert w1(p, q) == pytest.approx(w1(q, p), rel=1e-8, abs=1e-12)
    assert overlap(p, q) == pytest.approx(overlap(q, p), abs=1e-9)
    assert -1e-9 <= overlap(p, q) <= 1 + 1e-9
    # |difference of means| <= W1 <= W2
    assert abs(p.mean - q.mean) <= w1(p, q) * (1 + 1e-9) + 1e-12
    assert w1(p, q) <= w2(p, q) * (1 + 1e-6) + 1e-9
    # Pinsker: 1 − overlap = total variation <= sqrt(KL/2)
    assert 1 - overlap(p, q) <= np.sqrt(kl(p, q) / 2) + 1e-9


def test_reflecting_a_rate_changes_no_distance():
    p, q = BetaDistribution(np.float64(60), np.float64(115)), BetaDistribution(np.float64(8), np.float64(17))
    r, s = BetaDistribution(np.float64(115), np.float64(60)), BetaDistribution(np.float64(17), np.float64(8))
    for measure in (kl, w1, w2, overlap):
        assert measure(p, q) == pytest.approx(measure(r, s), rel=1e-9)


def test_kl_keeps_its_digits_at_a_billion_observations():
    # KL of two gammas with equal shapes k and rates in ratio r is k (r − 1 − log r).
    p, q = (GammaDistribution(np.float64(1e9), np.float64(1 + step)) for step in (0, 1e-6))
    assert kl(p, q) == pytest.approx(1e9 * (1e-6 - np.log1p(1e-6)), rel=1e-9)


def test_many_pairs_at_once_give_what_each_gives_alone():
    a, b = np.array([60.0, 2, 8]), np.array([115.0, 3, 17])
    c, d = np.array([8.0, 3, 8]), np.array([17.0, 2, 17])
    for measure in (kl, w1, w2, overlap):
        together = measure(BetaDistribution(a, b), BetaDistribution(c, d))
        alone = [measure(BetaDistribution(a[i], b[i]), BetaDistribution(c[i], d[i])) for i in range(3)]
        np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-15)


def test_distances_of_a_posterior_from_its_prior():
    moved = distances(Beta(60, 115), Beta(8, 17))
    assert moved.kl == pytest.approx(0.597746, abs=1e-6)
    assert moved.w1_prior_stdevs == pytest.approx(moved.w1 / Beta(8, 17).stdev, rel=1e-12)
    assert 0 < moved.overlap < 1


def test_families_without_closed_forms_have_distances_too():
    prior = LogNormal(mean=3, stdev=1, noise_shape=5, noise_scale=1)
    moved = distances(LogNormal(mean=3.2, stdev=0.8, noise_shape=6, noise_scale=1), prior)
    assert moved.kl > 0
    assert 0 < moved.w1 <= moved.w2
    noise = {"noise_shape": 5, "noise_scale": 1}
    same = distances(Normal(1, 1, **noise), Normal(1, 1, **noise))
    assert (same.kl, same.w1, same.w2) == (0, 0, 0)
    assert same.overlap == pytest.approx(1, abs=1e-12)
