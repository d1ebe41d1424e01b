"""A million beta updates with mean, stdev, predictive z and log Bayes factor, beside the plain loop.

Run with ``python benchmarks/bench_beliefs.py [count]``. Both ways run in this process on the same numbers;
the loop, one parameter at a time with `math.lgamma`, is timed on a sample and scaled up.
"""

import json
import math
import os
import sys
import time

import numpy as np

from evenfall.beliefs.evidence import REFERENCE_POWER, log_bayes_factor
from evenfall.beliefs.families.beta import BETA

SAMPLE = 20_000


def numbers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return beta priors and a week of trials and successes each, from one seed."""
    rng = np.random.default_rng(20240301)
    theta = np.column_stack([rng.uniform(1, 200, count), rng.uniform(1, 400, count)])
    trials = rng.integers(0, 20_000, count).astype(float)
    successes = rng.binomial(trials.astype(int), rng.beta(theta[:, 0], theta[:, 1]))
    return theta, np.column_stack([trials, successes, np.zeros(count)])


def vectorised(theta: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return mean, stdev, z and log Bayes factor per parameter, shape (4, parameter)."""
    posterior = BETA.belief(BETA.update(theta, sums))
    predictive = BETA.predictive(theta, sums[:, 0])
    with np.errstate(invalid="ignore"):
        z = (sums[:, 1] - predictive.mean) / predictive.stdev
    reference = 1.0 + (theta - 1.0) * REFERENCE_POWER
    return np.stack([posterior.mean, posterior.stdev, z, log_bayes_factor(BETA, theta, reference, sums)])


def one_by_one(theta: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the same by the formulas as a textbook prints them, parameter by parameter."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    rows = []
    for (a, b), (n, k, _) in zip(theta.tolist(), sums.tolist(), strict=True):
        after_a, after_b = a + k, b + n - k
        s = after_a + after_b
        mean = after_a / s
        stdev = math.sqrt(mean * (1 - mean) / (s + 1))
        prior = a / (a + b)
        spread = math.sqrt(n * prior * (1 - prior) * (a + b + n) / (a + b + 1))
        z = (k - n * prior) / spread if spread else math.nan
        c, d = 1 + (a - 1) * REFERENCE_POWER, 1 + (b - 1) * REFERENCE_POWER
        against = log_beta(c + k, d + n - k) - log_beta(c, d)
        rows.append((mean, stdev, z, against - (log_beta(after_a, after_b) - log_beta(a, b))))
    return np.array(rows).T


def main(count: int) -> None:
    theta, sums = numbers(count)
    vectorised(theta[:1000], sums[:1000])
    start = time.perf_counter()
    found = vectorised(theta, sums)
    seconds = time.perf_counter() - start
    sample = min(SAMPLE, count)
    start = time.perf_counter()
    expected = one_by_one(theta[:sample], sums[:sample])
    loop = (time.perf_counter() - start) * count / sample
    # The loop's log gammas near 1e5 lose 1e-11 each; the others agree to rounding.
    np.testing.assert_allclose(found[:3, :sample], expected[:3], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found[3, :sample], expected[3], rtol=1e-8, atol=1e-8)
    figures = {
        "updates": count,
        "vectorised_seconds": round(seconds, 3),
        "loop_seconds": round(loop, 3),
        "ratio": round(loop / seconds, 1),
        "load_average": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
