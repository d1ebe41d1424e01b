"""Traces and rank histograms: bounded, valid JSON, and bands that hold as often as they say."""

import json

import numpy as np
import pytest

from evenfall.inference.diagnostics.traces import looks, rank_band, rank_counts, thinned


def test_what_is_shown_is_bounded_and_valid_json():
    draws = {"a": np.random.default_rng(1).normal(size=(4, 3000, 50)), "b": np.full((4, 3000), np.nan)}
    found = looks(draws, entries=10, points=100)
    text = json.dumps(found, allow_nan=False)
    assert len(found["entries"]) == 10
    assert found["left_out"] == 41
    assert all(len(chain) <= 100 for entry in found["entries"] for chain in entry["trace"])
    assert len(text) < 10 * 4 * 100 * 14


def test_the_worst_entries_come_first_and_constants_last():
    rng = np.random.default_rng(2)
    stuck = rng.normal(size=(4, 400))
    stuck[0] += 3
    broken = rng.normal(size=(4, 400))
    broken[0, 0] = np.nan
    draws = {"fine": rng.normal(size=(4, 400)), "flat": np.ones((4, 400)), "stuck": stuck, "broken": broken}
    draws["frozen"] = np.repeat(np.arange(4.0)[:, None], 400, axis=1)
    assert [e["label"] for e in looks(draws)["entries"]] == ["broken", "frozen", "stuck", "fine", "flat"]


def test_thinning_keeps_the_first_draw_and_even_spacing():
    assert thinned(np.arange(10.0)[None], 4) == [[0.0, 3.0, 6.0, 9.0]]
    assert thinned(np.arange(3.0)[None], 10) == [[0.0, 1.0, 2.0]]
    assert thinned(np.array([[1.0, np.inf]]), 10) == [[1.0, None]]


def test_the_band_holds_all_counts_of_good_chains_as_often_as_it_says():
    # 600 sets of good chains: 30 alarms expected at most; more than 50 has probability below 0.001.
    rng = np.random.default_rng(3)
    sets = [rank_counts(rng.normal(size=(4, 250)), ess=1000.0) for _ in range(600)]
    alarms = sum(found["outside"] > 0 for found in sets)
    assert 3 <= alarms <= 50


def test_every_draw_is_counted_once():
    found = rank_counts(np.random.default_rng(4).normal(size=(3, 101)), ess=303.0)
    assert np.sum(found["counts"]) == 303
    assert all(sum(chain) == 101 for chain in found["counts"])


def test_a_displaced_chain_leaves_the_band():
    values = np.random.default_rng(5).normal(size=(4, 500))
    values[2] += 0.7
    assert rank_counts(values, ess=2000.0)["outside"] > 0


def test_ties_do_not_favour_a_chain():
    found = rank_counts(np.zeros((4, 500)), ess=2000.0)
    assert found["outside"] == 0


def test_slow_chains_are_thinned_to_what_they_are_worth():
    values = np.repeat(np.random.default_rng(6).normal(size=(4, 100)), 10, axis=1)
    assert rank_counts(values, ess=4000.0)["outside"] > 0
    assert rank_counts(values, ess=400.0)["outside"] == 0


@pytest.mark.parametrize("values", [np.zeros((4, 3)), np.full((2, 100), np.nan), np.zeros((2, 0))])
def test_too_little_to_rank_gives_no_histogram(values):
    assert rank_counts(values, ess=float(values.size)) is None


def test_without_effective_draws_there_is_no_histogram():
    assert rank_counts(np.random.default_rng(7).normal(size=(2, 100)), ess=float("nan")) is None


def test_the_band_of_two_bins_and_one_chain_has_no_width():
    # One chain holds every rank: all counts are what they must be.
    assert rank_band(1, 100, 2) == 0.0
