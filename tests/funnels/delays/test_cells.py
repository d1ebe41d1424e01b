"""Age cells on both clocks against integrals by scipy and mpmath."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest

from evenfall.funnels.delays.cells import cell_tails, cell_values
from evenfall.funnels.delays.families import LAG_FAMILIES, LagShape, lag_family

NAMES = sorted(LAG_FAMILIES.built_in)
# (t50, t95, onset in days, Q): usual, minutes, narrow, slow, heavy tailed, onsets inside and beside a day.
CASES = [
    (3.0, 14.0, 0.0, 0.5),
    (0.02, 0.3, 0.0, 0.5),
    (3.0, 3.3, 0.0, 0.4),
    (30.0, 200.0, 0.0, -0.5),
    (0.5, 80.0, 0.0, 2.0),
    (3.0, 14.0, 0.3, 0.5),
    (5.0, 9.0, 2.97, 0.6),
    (5.0, 9.0, 4.02, 0.05),
    (1.2, 40.0, 0.999, 0.9),
]


NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)


def mean_over_day(function, day, onset):
    """The integral over [day, day + 1] in 60 to 120 panels that close in on the onset, 30 nodes each."""
    towards = onset + np.geomspace(1e-14, 1.0, 60)
    edges = np.unique([*np.linspace(day, day + 1, 61), *towards[(towards > day) & (towards < day + 1)]])
    edges = np.unique([*edges, np.clip(onset, day, day + 1)])
    middle, half = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    return float((half * WEIGHTS * function((middle + half * NODES).ravel()).reshape(-1, 30)).sum())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_a_calendar_cell_is_the_mean_over_the_day_of_entry(name, case):
    t50, t95, onset, q = case
    family, shape = lag_family(name), LagShape.of([t50], [t95], [onset], [q])
    cells = cell_tails(family, shape, 40, "calendar")
    for day in (0, 1, 2, 3, 4, 5, 16, 39):
        expected = mean_over_day(lambda t: family.cdf(t, shape)[0], day, onset)
        assert cells.cdf[0, day] == pytest.approx(expected, abs=1e-10)
        assert cells.survival[0, day] == pytest.approx(1 - expected, abs=1e-10)


def test_the_first_calendar_cell_of_a_weibull_agrees_with_mpmath():
    k = float(mp.log(mp.log(20) / mp.log(2)) / mp.log(40))
    with mp.workdps(30):
        expected = mp.quad(
            lambda t: 1 - mp.exp(-mp.log(2) * (t / mp.mpf("0.5")) ** k), [0, 1e-9, 1e-6, 1e-3, 0.1, 1]
        )
    cells = cell_tails(lag_family("weibull"), LagShape.of([0.5], [20.0]), 3, "calendar")
    assert cells.cdf[0, 0] == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_an_elapsed_cell_ends_at_its_birthday(name):
    shape = LagShape.of([3.0, 0.4], [14.0, 9.0], [0.0, 0.1], 0.3)
    cells = cell_tails(lag_family(name), shape, 5, "elapsed")
    np.testing.assert_array_equal(cells.cdf, lag_family(name).cdf(np.arange(1.0, 6.0), shape))


@pytest.mark.parametrize("clock", ["elapsed", "calendar"])
def test_late_cells_keep_their_digits(clock):
    # Weibull with a hazard of 0.5 a day: cell j has e^(−j/2) of a geometric law, down to 1e-26.
    t50, t95 = np.log(2) / 0.5, np.log(20) / 0.5
    shares = cell_tails(lag_family("weibull"), LagShape.of([t50], [t95]), 120, clock).shares()[0]
    np.testing.assert_allclose(shares[3:] / shares[2:-1], np.exp(-0.5), rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("clock", ["elapsed", "calendar"])
def test_slopes_of_cells_are_those_of_their_shares(name, clock):
    family = lag_family(name)
    shape = LagShape.of([3.0, 0.3, 9.0], [14.0, 6.0, 11.0], [0.4, 0.05, 3.3], [0.5, -0.1, 1.2])
    found = cell_values(family, shape, 12, clock)
    step = 1e-4
    for coordinate, slope in found.slopes.items():

        def at(k, coordinate=coordinate):
            moved = getattr(shape, coordinate) + k * step
            return cell_tails(family, dataclasses.replace(shape, **{coordinate: moved}), 12, clock).cdf

        differences = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-9)
