"""The model written in PyMC has the same density."""

import numpy as np
import pytest
from scipy import stats
from tests.funnels.delays.simulated import cohorts

from evenfall.funnels.delays.model import delay_model
from evenfall.funnels.delays.pymc_twin import build, pymc_twin


@pytest.mark.slow
@pytest.mark.parametrize("family", ["lognormal", "weibull"])
def test_both_densities_differ_by_a_constant(family):
    data = cohorts(np.random.default_rng(1), stats.lognorm(0.9, scale=3.0), 0.3, days=25, size=100)
    options = {"family": family, "horizon_days": 10, "prior": {"rate": {"alpha": 3, "beta": 6}}}
    own, twin = delay_model(data, options), pymc_twin(data, options)
    density = build(twin.data, **twin.options).compile_logp()
    z = own.start() + 0.2 * np.random.default_rng(2).normal(size=(6, 3))
    theirs = [float(density(dict(zip(own.names, point, strict=True)))) for point in z]
    difference = own.gradient(z)[0] - theirs
    np.testing.assert_allclose(difference, difference[0], atol=1e-8)
