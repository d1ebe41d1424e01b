"""Simulated journeys against what the stated truth implies."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.beliefs.cube import Visited
from evenfall.funnels.simulate import (
    Edge,
    Rate,
    simulate_delays,
    simulate_journeys,
    simulate_sessions,
)

EDGES = (
    Edge("read", "home", "blog"),
    Edge("look", "home", "pricing"),
    Edge("on", "blog", "pricing"),
    Edge("buy", "pricing", "order"),
)
DAYS, SLICES = 40, 2


def flat(probability: float) -> np.ndarray:
    return np.full((DAYS, SLICES), probability)


def rates() -> dict[str, list[Rate]]:
    look = np.tile([0.3, 0.6], (DAYS, 1))
    return {
        "read": [Rate(flat(0.25))],
        "look": [Rate(look)],
        "on": [Rate(flat(0.5))],
        "buy": [Rate(flat(0.8), visited=Visited(all=frozenset({"blog"}))), Rate(flat(0.2))],
    }


def walk(seed: int = 1, sessions: int = 300):
    started = np.full((DAYS, SLICES), sessions)
    return simulate_journeys(EDGES, rates(), started, np.random.default_rng(seed))


def share(journeys, edge: str, where=True) -> tuple[float, float]:
    """Observed share of an edge and the standard error at most."""
    rows = (journeys.edge == [e.slug for e in EDGES].index(edge)) & where
    return journeys.converted[rows].mean(), 0.5 / np.sqrt(rows.sum())


# Each comparison allows 5 standard errors: false alarm below 1e-6 per assert, and the seed is fixed.


def test_every_edge_is_taken_as_often_as_its_rate_says() -> None:
    journeys = walk()
    for edge, slice_, expected in [("read", 0, 0.25), ("look", 0, 0.3), ("look", 1, 0.6), ("on", 1, 0.5)]:
        observed, error = share(journeys, edge, journeys.slice == slice_)
        assert abs(observed - expected) < 5 * error, edge


def test_a_rate_for_visitors_of_a_node_holds_for_them_alone() -> None:
    journeys = walk()
    after_blog = journeys.has_visited("blog")
    for where, expected in [(after_blog, 0.8), (~after_blog, 0.2)]:
        observed, error = share(journeys, "buy", where)
        assert abs(observed - expected) < 5 * error


def test_a_node_counts_as_visited_only_before_the_attempt() -> None:
    journeys = walk()
    slugs = [edge.slug for edge in EDGES]
    assert not journeys.has_visited("blog")[journeys.edge == slugs.index("on")].any()
    assert journeys.has_visited("home")[journeys.edge == slugs.index("on")].all()
    assert not journeys.has_visited("order").any()


def test_a_session_attempts_every_edge_of_a_node_it_reaches_and_takes_at_most_one() -> None:
    journeys = walk()
    at_home = journeys.edge <= 1
    per_session = np.bincount(journeys.session[at_home])
    assert (per_session == 2).all()
    assert np.bincount(journeys.session[at_home], journeys.converted[at_home]).max() == 1


def test_arrivals_at_a_node_are_the_conversions_that_lead_to_it() -> None:
    journeys = walk()
    slugs = [edge.slug for edge in EDGES]
    into_pricing = np.isin(journeys.edge, [slugs.index("look"), slugs.index("on")]) & journeys.converted
    assert into_pricing.sum() == (journeys.edge == slugs.index("buy")).sum()


def test_no_session_crosses_midnight_and_its_steps_follow_each_other() -> None:
    journeys = walk()
    assert journeys.second.max() < 86_400
    same = journeys.session[1:] == journeys.session[:-1]
    assert (np.diff(journeys.second)[same] >= 0).all()
    assert (np.diff(journeys.day) >= 0).all()


def test_the_same_seed_gives_the_same_journeys_and_another_seed_others() -> None:
    first, again, other = walk(seed=5), walk(seed=5), walk(seed=6)
    assert np.array_equal(first.converted, again.converted)
    assert np.array_equal(first.second, again.second)
    assert len(first) != len(other) or not np.array_equal(first.converted, other.converted)


CYCLE = (*EDGES, Edge("back", "pricing", "blog"))


def walk_in_a_circle(back: float, seed: int = 4):
    chosen = {
        "read": [Rate(flat(0.25))],
        "look": [Rate(flat(0.5))],
        "on": [Rate(flat(0.5))],
        "buy": [Rate(flat(0.2))],
        "back": [Rate(flat(back))],
    }
    return simulate_journeys(CYCLE, chosen, np.full((DAYS, SLICES), 300), np.random.default_rng(seed)), [
        edge.slug for edge in CYCLE
    ]


def test_sessions_walk_a_cycle_as_often_as_an_absorbing_chain_says() -> None:
    # visits of pricing per entry: v = .5 + .5 b and b = .25 + .6 v for blog, so v = .625 / .7
    journeys, slugs = walk_in_a_circle(0.6)
    entries = (journeys.edge == slugs.index("read")).sum()
    for edge, expected in [("buy", 0.625 / 0.7), ("on", 0.25 + 0.6 * 0.625 / 0.7)]:
        visits = np.bincount(journeys.session[journeys.edge == slugs.index(edge)], minlength=entries)
        assert abs(visits.mean() - expected) < 5 * visits.std() / np.sqrt(entries), edge
    for edge, rate in [("buy", 0.2), ("back", 0.6), ("on", 0.5)]:
        taken = journeys.converted[journeys.edge == slugs.index(edge)]
        assert abs(taken.mean() - rate) < 5 * 0.5 / np.sqrt(len(taken)), edge


def test_a_node_that_is_returned_to_was_visited_before_its_second_attempts() -> None:
    journeys, slugs = walk_in_a_circle(0.6)
    buys = journeys.edge == slugs.index("buy")
    again = buys & journeys.has_visited("pricing")
    assert again.any()
    assert journeys.has_visited("blog")[again].all()
    first = np.unique(journeys.session[buys], return_index=True)[1]
    assert not again[np.flatnonzero(buys)[first]].any()


def test_nobody_walks_a_cycle_past_midnight() -> None:
    circle = (Edge("go", "home", "shelf"), Edge("look", "shelf", "desk"), Edge("back", "desk", "shelf"))
    always = {edge.slug: [Rate(flat(1.0))] for edge in circle}
    journeys = simulate_journeys(circle, always, np.full((DAYS, SLICES), 20), np.random.default_rng(1))
    assert set(np.bincount(journeys.session)) == {40}
    assert journeys.second.max() < 86_400
    assert journeys.converted.all()


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Visited(all=frozenset({"home", "blog"})), lambda blog: blog),
        (Visited(any=(frozenset({"blog", "order"}),)), lambda blog: blog),
        (Visited(any=(frozenset({"blog", "home"}),)), lambda blog: blog | True),
        (Visited(none=frozenset({"blog", "order"})), lambda blog: ~blog),
        (Visited(all=frozenset({"home"}), none=frozenset({"blog"})), lambda blog: ~blog),
        (Visited(any=(frozenset(),)), lambda blog: blog & False),
    ],
)
def test_a_rate_holds_for_whom_its_condition_says(condition: Visited, holds) -> None:
    chosen = {**rates(), "buy": [Rate(flat(1.0), visited=condition), Rate(flat(0.0))]}
    journeys = simulate_journeys(EDGES, chosen, np.full((DAYS, SLICES), 30), np.random.default_rng(1))
    buys = journeys.edge == [edge.slug for edge in EDGES].index("buy")
    assert np.array_equal(journeys.converted[buys], holds(journeys.has_visited("blog")[buys]))


def test_nodes_that_no_path_from_the_entry_leads_to_are_refused() -> None:
    edges = (*EDGES, Edge("to", "left", "right"), Edge("fro", "right", "left"))
    with pytest.raises(ValueError, match=r"'home'.*left"):
        simulate_journeys(edges, rates(), np.ones((DAYS, SLICES), int), np.random.default_rng(1))


def test_a_graph_with_two_entries_is_refused() -> None:
    edges = (*EDGES, Edge("side", "ad", "pricing"))
    with pytest.raises(ValueError, match="exactly one node"):
        simulate_journeys(edges, rates(), np.ones((DAYS, SLICES), int), np.random.default_rng(1))


def test_siblings_that_are_together_more_probable_than_one_are_refused() -> None:
    crowded = {**rates(), "read": [Rate(flat(0.5))]}
    with pytest.raises(ValueError, match="'home'"):
        simulate_journeys(EDGES, crowded, np.ones((DAYS, SLICES), int), np.random.default_rng(1))


def test_sessions_split_as_their_shares_say() -> None:
    sessions = simulate_sessions(np.full(200, 1000.0), [3, 1], np.random.default_rng(2))
    # Poisson totals: 150,000 and 50,000, five standard deviations either way
    assert sessions.sum(axis=0) == pytest.approx([150_000, 50_000], abs=5 * np.sqrt(150_000))


def test_late_rows_of_one_day_come_in_one_batch_within_the_longest_delay() -> None:
    day = np.repeat(np.arange(9), 2000)
    delays = simulate_delays(day, 0.03, 3, np.random.default_rng(3))
    assert set(delays.tolist()) == {0, 1, 2, 3}
    assert all(len(set(delays[day == d]) - {0}) == 1 for d in range(9))
    # binomial(18000, .03), five standard deviations
    assert (delays > 0).mean() == pytest.approx(0.03, abs=5 * np.sqrt(0.03 * 0.97 / 18_000))
