"""Before and after: against all paths, worked mixtures, walkers and common sense."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.constructors import Beta, Normal
from evenfall.beliefs.cube import Visited
from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.findings import Light
from evenfall.funnels.masks import EdgeRate
from evenfall.funnels.mixing import given_mix, measured_mix
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import INTERVENING, SELECTING, Override
from evenfall.funnels.propagate import Slice
from evenfall.funnels.simulate import Edge
from evenfall.funnels.whatif import WhatIf, whatif

from .paths import acyclic, arrivals_by_paths, network

FUNNEL = Network.of(("land", "cart", "order"), [Edge("add", "land", "cart"), Edge("buy", "cart", "order")])
GOOGLE, FACEBOOK = {"channel": "google"}, {"channel": "facebook"}


def plain(built: Network, **context: str) -> Slice:
    """One slice whose edges have rates named after them and the context."""
    suffix = "".join(f"@{value}" for value in context.values())
    return Slice([EdgeRate(edge, edge + suffix) for edge in built.edges], context)


def two_channels(**named: object) -> WhatIf:
    rates = {"add@google": 0.5, "buy@google": 0.5, "add@facebook": 0.1, "buy@facebook": 0.1}
    slices = [plain(FUNNEL, **GOOGLE), plain(FUNNEL, **FACEBOOK)]
    return whatif(FUNNEL, slices, rates, draws=10, **named)  # type: ignore[arg-type]


def test_the_worked_mixture_is_mixed_by_slice_and_not_by_edge() -> None:
    """google .5·.5, facebook .1·.1; 50:50 gives .13 and 20:80 gives .058; averaged edges would say .032."""
    before = given_mix({"channel=google": 50, "channel=facebook": 50})
    after = given_mix({"channel=google": 20, "channel=facebook": 80})
    change = two_channels(mix=before, mix_after=after).change("order")
    assert change.before.mean == pytest.approx(0.13, abs=1e-15)
    assert change.after.mean == pytest.approx(0.058, abs=1e-15)
    averaged = (0.2 * 0.5 + 0.8 * 0.1) ** 2
    assert averaged == pytest.approx(0.0324)
    assert change.p_less == 1.0


def test_a_mix_nobody_gave_is_equal_and_called_assumed() -> None:
    answer = two_channels()
    assert answer.mix == ("assumed", "assumed")
    assert answer.change("order").before.mean == pytest.approx(0.13)
    assert answer.change("order", "channel=google").before.mean == pytest.approx(0.25)
    assert answer.shares_before == {"channel=google": 0.5, "channel=facebook": 0.5}


def test_a_measured_mix_adds_its_own_uncertainty() -> None:
    """Shares Beta(41, 11): the whole is .01 + .24·share, its stdev .24·sqrt(.7885·.2115/53)."""
    mix = measured_mix({"channel=facebook": 10.0, "channel=google": 40.0})
    rates = {"add@google": 0.5, "buy@google": 0.5, "add@facebook": 0.1, "buy@facebook": 0.1}
    slices = [plain(FUNNEL, **GOOGLE), plain(FUNNEL, **FACEBOOK)]
    figure = whatif(FUNNEL, slices, rates, mix=mix, draws=40_000).change("order").before
    share, stdev = 41 / 52, 0.24 * math.sqrt(41 / 52 * 11 / 52 / 53)
    assert figure.mean == pytest.approx(0.01 + 0.24 * share, abs=3 * stdev / 200)
    assert figure.upper - figure.lower == pytest.approx(2 * 1.96 * stdev, rel=0.03)


@given(acyclic(), st.integers(0, 6), st.data())
def test_after_an_override_arrivals_are_the_sum_over_all_paths(
    graph: tuple[int, list[tuple[int, int]], np.ndarray], first: int, data: st.DataObject
) -> None:
    nodes, pairs, rates = graph
    built = network(nodes, pairs)
    edge = data.draw(st.integers(0, len(pairs) - 1))
    start = pairs[edge][0] if first % 2 else first % nodes
    changed = rates.copy()
    changed[edge] *= data.draw(st.floats(0.0, 1.0))

    def ask() -> WhatIf:
        return whatif(
            built,
            [plain(built)],
            dict(zip(built.edges, rates.tolist(), strict=True)),
            overrides=[Override(f"e{edge}", float(changed[edge]))],
            targets=built.nodes,
            start={f"n{start}": 1.0},
            draws=2,
        )

    if pairs[edge][0] not in built.downstream([start]):
        with pytest.raises(UsageError, match="sets nothing"):
            ask()
        return
    answer = ask()
    for run, p in (("before", rates), ("after", changed)):
        expected = arrivals_by_paths(nodes, pairs, start, lambda e, _, p=p: float(p[e]))
        found = [getattr(answer.change(node), run).mean for node in built.nodes]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_lift_over_next_to_nothing_is_not_given() -> None:
    """From the smallest float on, after/before is above the largest."""
    built = network(2, [(0, 1)])
    answer = whatif(built, [plain(built)], {"e0": 5e-324}, overrides=[Override("e0", 1.0)], draws=2)
    assert answer.change("n1").lift is None
    assert answer.change("n1").difference.mean == 1.0


@given(acyclic(), st.data())
def test_raising_an_edge_never_lowers_what_lies_downstream_of_it(
    graph: tuple[int, list[tuple[int, int]], np.ndarray], data: st.DataObject
) -> None:
    nodes, pairs, rates = graph
    built = network(nodes, pairs)
    edge = data.draw(st.integers(0, len(pairs) - 1))
    origin = pairs[edge][0]
    spare = 1.0 - sum(r for r, (u, _) in zip(rates, pairs, strict=True) if u == origin)
    raised = min(float(rates[edge]) + max(spare, 0.0) * data.draw(st.floats(0.0, 1.0)), 1.0)
    answer = whatif(
        built,
        [plain(built)],
        dict(zip(built.edges, rates.tolist(), strict=True)),
        overrides=[Override(f"e{edge}", raised)],
        targets=built.nodes,
        start={f"n{origin}": 1.0},
        draws=2,
    )
    assert not answer.findings
    assert all((change.difference.lower or 0) >= -1e-15 for change in answer.mixed)


def test_a_better_step_is_better_with_certainty_because_the_worlds_are_the_same() -> None:
    """Both uncertain by ±.05; only common random numbers let P(after > before) be 1."""
    rates: dict[str, Belief | float] = {"add": Beta(mean=0.3, stdev=0.05), "buy": Beta(mean=0.4, stdev=0.05)}
    answer = whatif(FUNNEL, [plain(FUNNEL)], rates, overrides=[Override("buy", 0.42, 0.05)])
    change = answer.change("order")
    assert change.p_greater == 1.0
    assert change.lift is not None
    assert change.lift.median == pytest.approx(0.05, abs=0.01)
    assert change.before.mean == pytest.approx(0.12, abs=3 * 0.026 / math.sqrt(4000))
    assert change.difference.mean == pytest.approx(0.3 * 0.02, rel=0.03)


def test_the_interval_of_a_product_is_that_of_its_moments() -> None:
    """sd of a product: sqrt((m₁² + s₁²)(m₂² + s₂²) − m₁²m₂²); the 95 % interval close to normal here."""
    rates: dict[str, Belief | float] = {"add": Beta(mean=0.5, stdev=0.01), "buy": Beta(mean=0.4, stdev=0.01)}
    figure = whatif(FUNNEL, [plain(FUNNEL)], rates, draws=40_000).change("order").before
    stdev = math.sqrt((0.25 + 1e-4) * (0.16 + 1e-4) - 0.04)
    assert figure.upper - figure.lower == pytest.approx(2 * 1.959964 * stdev, rel=0.03)


def test_the_same_question_has_the_same_answer_and_another_rate_changes_no_other_draw() -> None:
    rates: dict[str, Belief | float] = {"add": Beta(3, 4), "buy": Beta(5, 6)}
    one = whatif(FUNNEL, [plain(FUNNEL)], rates, draws=100)
    assert one == whatif(FUNNEL, [plain(FUNNEL)], rates, draws=100)
    more = whatif(FUNNEL, [plain(FUNNEL)], {"new": Beta(1, 1), **rates}, draws=100)
    assert more.mixed == one.mixed
    assert whatif(FUNNEL, [plain(FUNNEL)], rates, draws=100, seed=1).mixed != one.mixed


def test_an_override_of_one_slice_leaves_the_others() -> None:
    answer = two_channels(overrides=[Override("buy", 0.7, context=GOOGLE)])
    assert answer.change("order", "channel=google").after.mean == pytest.approx(0.35)
    assert answer.change("order", "channel=facebook").after.mean == pytest.approx(0.01)
    assert answer.change("order").after.mean == pytest.approx(0.18)


def test_an_override_of_those_who_visited_leaves_the_others() -> None:
    shop = Network.of(
        ("land", "blog", "cart", "order"),
        [
            Edge("read", "land", "blog"),
            Edge("skip", "land", "cart"),
            Edge("on", "blog", "cart"),
            Edge("buy", "cart", "order"),
        ],
    )
    rates = {"read": 0.5, "skip": 0.5, "on": 1.0, "buy": 0.2}
    after_blog = Override("buy", 0.6, visited=Visited(all=frozenset({"blog"})))
    answer = whatif(shop, [plain(shop)], rates, overrides=[after_blog], draws=2)
    assert answer.change("order").before.mean == pytest.approx(0.2)
    assert answer.change("order").after.mean == pytest.approx(0.4)
    assert answer.overrides == ("buy := 0.6 where visited(blog)",)


@pytest.mark.parametrize("seed", range(5))
def test_what_lies_beside_the_change_does_not_move_by_rounding(seed: int) -> None:
    """The override unfolds states, so the same sum is taken in another order."""
    rng = np.random.default_rng(seed)
    pairs = [(0, k) for k in range(1, 7)] + [(k, 7) for k in range(1, 7)] + [(7, 8)]
    built = network(9, pairs)
    beliefs = {edge: Beta(mean=float(rng.random()) / 7, stdev=0.001) for edge in built.edges}
    seen = Visited(any=(frozenset({"n1", "n3", "n4"}),))
    override = Override("e12", 0.5, visited=seen)
    answer = whatif(built, [plain(built)], beliefs, overrides=[override], targets=["n7"], draws=200)
    assert (answer.change("n7").p_greater, answer.change("n7").p_less) == (0.0, 0.0)


def test_cycles_are_walked_until_they_end_and_returns_are_explained() -> None:
    """land → cart .5, cart → land .4, cart → order .5: cart .5/(1 − .2), order .3125; ever order the same."""
    shop = Network.of(
        ("land", "cart", "order"),
        [Edge("add", "land", "cart"), Edge("back", "cart", "land"), Edge("buy", "cart", "order")],
    )
    rates = {"add": 0.5, "back": 0.4, "buy": 0.5}
    targets = ("land", "cart", "order")
    asked = {"targets": targets, "start": {"land": 1.0}, "draws": 2}
    counted = whatif(shop, [plain(shop)], rates, **asked)  # type: ignore[arg-type]
    assert [c.before.mean for c in counted.mixed] == pytest.approx([1.25, 0.625, 0.3125])
    assert "land, cart count every return" in counted.notes[0]
    ever = whatif(shop, [plain(shop)], rates, measure="reach", **asked)  # type: ignore[arg-type]
    assert [c.before.mean for c in ever.mixed] == pytest.approx([1.0, 0.5, 0.3125])
    assert ever.notes == ()


def test_an_uncertain_cycle_agrees_with_walkers_drawn_from_the_beliefs() -> None:
    """100,000 walkers, each with rates of its own; 3 standard errors of both sides at fixed seeds."""
    shop = Network.of(
        ("land", "cart", "order"),
        [Edge("add", "land", "cart"), Edge("back", "cart", "land"), Edge("buy", "cart", "order")],
    )
    beliefs = {"add": Beta(6, 4), "back": Beta(30, 70), "buy": Beta(40, 60)}
    figure = whatif(shop, [plain(shop)], beliefs, start={"land": 1.0}, draws=20_000).change("order").before
    rng = np.random.default_rng(11)
    size = 100_000
    add, back, buy = rng.beta(6, 4, size), rng.beta(30, 70, size), rng.beta(40, 60, size)
    assert ((back + buy) > 1).sum() == 0
    at, bought = np.zeros(size, dtype=int), np.zeros(size, dtype=bool)
    for _ in range(60):
        dice = rng.random(size)
        bought |= (at == 1) & (dice < buy)
        onward = np.where(
            (at == 0) & (dice < add), 1, np.where((at == 1) & (buy <= dice) & (dice < buy + back), 0, 2)
        )
        at = onward
    share = float(bought.mean())
    error = math.hypot(
        math.sqrt(share * (1 - share) / size), (figure.upper - figure.lower) / 4 / math.sqrt(20_000)
    )
    assert figure.mean is not None
    assert abs(share - figure.mean) <= 3 * error


def test_siblings_above_one_are_found_once_and_named() -> None:
    shop = network(3, [(0, 1), (0, 2)])
    beliefs = {"e0": Beta(mean=0.5, stdev=0.1), "e1": Beta(mean=0.45, stdev=0.1)}
    answer = whatif(shop, [plain(shop)], beliefs, overrides=[Override("e1", 0.44)])
    assert {f.light for f in answer.findings} == {Light.AMBER}
    assert all(f.subject == "n0" and "e0, e1" in f.message for f in answer.findings)
    assert answer.change("n2").after.lower == answer.change("n2").after.upper == 0.44


def test_overrides_say_that_selecting_is_not_intervening() -> None:
    answer = two_channels(overrides=[Override("buy", 0.5)])
    assert answer.notes == (INTERVENING, SELECTING)
    assert two_channels().notes == ()
    remixed = two_channels(mix_after=given_mix({"channel=google": 1, "channel=facebook": 0}))
    assert "convert like those it has now" in remixed.notes[0]


def test_an_answer_is_json() -> None:
    shop = network(3, [(0, 1), (0, 2)])
    beliefs = {"e0": Beta(mean=0.5, stdev=0.1), "e1": Beta(mean=0.45, stdev=0.1)}
    answer = whatif(shop, [plain(shop)], beliefs, overrides=[Override("e1", 0.0)], draws=200)
    read = json.loads(json.dumps(answer.as_json(), allow_nan=False))
    assert read["mixed"][1]["after"]["mean"] == 0.0
    assert read["findings"][0]["light"] == "amber"


def test_there_is_no_lift_from_nothing() -> None:
    answer = whatif(
        FUNNEL, [plain(FUNNEL)], {"add": 0.0, "buy": 0.5}, overrides=[Override("add", 0.1)], draws=2
    )
    assert answer.change("order").lift is None
    assert answer.change("order").p_greater == 1.0


REFUSED = {
    "a slice twice": (
        {"slices": [plain(FUNNEL, channel="a"), plain(FUNNEL, channel="a")]},
        "stands twice",
    ),
    "two dimensions": (
        {"slices": [plain(FUNNEL, channel="a"), plain(FUNNEL, device="b")]},
        "channel and device each add up",
    ),
    "values that overlap": (
        {"slices": [plain(FUNNEL, channel="a"), plain(FUNNEL, channel="b")], "mece": ["device"]},
        "can overlap",
    ),
    "an override of no slice": (
        {
            "overrides": [Override("buy", 0.1, context={"channel": "z"})],
            "slices": [plain(FUNNEL, channel="a")],
        },
        "sets nothing",
    ),
    "an override of a key nobody split by": (
        {"overrides": [Override("buy", 0.1, context={"channel": "a"})]},
        "not split by channel",
    ),
    "a mix of other slices": ({"mix": given_mix({"channel=a": 1})}, "the mix speaks of"),
    "two entries": (
        {"network": Network.of(("a", "b", "c"), [Edge("add", "a", "c"), Edge("buy", "b", "c")])},
        "a, b",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_answer_is_refused_with_the_reason(case: str) -> None:
    named, reason = REFUSED[case]
    names = [f"{edge}{suffix}" for edge in ("add", "buy") for suffix in ("", "@a", "@b", "@google")]
    asked = {
        "network": FUNNEL,
        "slices": [plain(FUNNEL)],
        "rates": dict.fromkeys(names, 0.1),
        "draws": 2,
        **named,
    }
    with pytest.raises(UsageError, match=reason):
        whatif(**asked)  # type: ignore[arg-type]


def test_names_that_do_not_exist_are_refused_with_the_nearest() -> None:
    rates = {"add": 0.1, "buy": 0.1}
    with pytest.raises(UnknownName, match="did you mean buy"):
        whatif(FUNNEL, [plain(FUNNEL)], rates, overrides=[Override("bui", 0.1)], draws=2)
    with pytest.raises(UnknownName, match="did you mean order"):
        whatif(FUNNEL, [plain(FUNNEL)], rates, targets=["oder"], draws=2)
    with pytest.raises(UnknownName, match="no rate is called 'buy'"):
        whatif(FUNNEL, [plain(FUNNEL)], {"add": 0.1}, draws=2)
    with pytest.raises(ConfigError, match="the edge buy has no rate"):
        whatif(FUNNEL, [Slice([EdgeRate("add", "add")])], rates, draws=2)


def test_only_a_probability_can_be_the_rate_of_an_edge() -> None:
    wrong = Normal(0.1, 0.1, noise_sigma=1.0)
    with pytest.raises(UsageError, match="buy is believed as normal"):
        whatif(FUNNEL, [plain(FUNNEL)], {"add": 0.1, "buy": wrong}, draws=2)
