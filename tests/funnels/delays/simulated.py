"""Cohorts drawn person by person from scipy's laws: the tests' own generator."""

import numpy as np


def cohorts(rng, lag, rate, *, days, size, clock="elapsed", kappa=None, spread=None, seen=None):
    """Return data arrays of `days` daily cohorts of `size` people, the last entered yesterday.

    `lag` is a frozen scipy law, `kappa` makes the cohorts' rates scatter, `spread` their ages; `seen` limits
    the ages that are read.
    """
    observed = np.minimum(np.arange(days, 0, -1), seen or days)
    conversions = np.zeros((days, int(observed.max())), dtype=np.int64)
    for i in range(days):
        own = rate if kappa is None else rng.beta(rate * kappa, (1 - rate) * kappa)
        converts = rng.binomial(size, own)
        if spread is None:
            when = lag.rvs(converts, random_state=rng)
            moment = rng.uniform(size=converts) if clock == "calendar" else 0.0
            age = np.floor(when + moment).astype(int)
            conversions[i] = np.bincount(age[age < observed[i]], minlength=conversions.shape[1])
        else:
            ends = lag.cdf(np.arange(1, observed[i] + 1))
            early = rng.binomial(converts, ends[-1])
            shares = rng.dirichlet(np.maximum(spread * np.diff(ends, prepend=0) / ends[-1], 1e-9))
            conversions[i, : observed[i]] = rng.multinomial(early, shares)
    return {
        "entry": np.arange(days),
        "size": np.full(days, size),
        "observed": observed,
        "conversions": conversions,
    }
