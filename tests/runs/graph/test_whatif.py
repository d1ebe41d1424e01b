"""What-ifs over a project: slices from parameters, shares from the ledger, overrides, costs, scenarios."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.runs.graph.edge_figures import count_trials
from evenfall.runs.graph.rates import RateSource
from evenfall.runs.graph.whatif import WhatIfAnswer

from ..shop import TONIGHT, Shop

GRAPH = """\
id: shop
nodes: [{slug: land}, {slug: cart}, {slug: order, outcome: true}]
edges:
  - {slug: add, from: land, to: cart}
  - {slug: buy, from: cart, to: order}
"""
CHANNEL = "id: channel\nmece: true\nvalues: [{id: google}, {id: facebook}]\n"
TINY = 1e-7
"""A stdev that no assertion here can see: the rates are as good as fixed."""
BOTH = {"channel": ("google", "facebook")}
BY_CHANNEL = """\
id: add
edge_reference: e.add.p.mean
value: {mean: 0.5, stdev: 0.1}
posterior_destination: {write_frequency: 1d}
observation_source:
  type: sqlite
  connection: shop
  min_sample_size: 1
  context_variables: [channel]
  query_template: |
    SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE edge = 'add' AND day >= :start_date AND day < :end_date GROUP BY channel
"""


def state(shop: Shop, name: str, mean: float, reference: str | None = None, stdev: float = TINY) -> None:
    """Define a parameter that states a rate and reads nothing."""
    said = reference or f"e.{name}.p.mean"
    shop.write(
        f"parameters/{name}.yaml",
        f'id: {name}\nedge_reference: "{said}"\nvalue: {{mean: {mean}, stdev: {stdev}}}\n',
    )


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Two edges and two channels: google .5 and .5, facebook .1 and .1."""
    shop.write("graphs/shop.yaml", GRAPH)
    shop.write("contexts/channel.yaml", CHANNEL)
    for edge in ("add", "buy"):
        for channel, mean in (("google", 0.5), ("facebook", 0.1)):
            state(shop, f"{edge}-{channel}", mean, f"e.{edge}.context(channel='{channel}').p.mean")
    return shop


def mean(answer: WhatIfAnswer, when: str = "after", slice_: str = "", target: str = "order") -> float:
    found = getattr(answer.change(target, slice_), when).mean
    assert isinstance(found, float)
    return found


def test_the_worked_mixture_is_mixed_by_slice_after_the_paths(shop: Shop) -> None:
    """.5·(.25) + .5·(.01) = .13 before; .2·.25 + .8·.01 = .058 after; averaged edges would say .032."""
    answer = shop.project.whatif(select=BOTH, mix={"google": 20, "facebook": 80})
    assert mean(answer, "before") == pytest.approx(0.13, abs=1e-6)
    assert mean(answer) == pytest.approx(0.058, abs=1e-6)
    assert mean(answer, slice_="channel=google") == pytest.approx(0.25, abs=1e-6)
    assert mean(answer, slice_="channel=facebook") == pytest.approx(0.01, abs=1e-6)
    assert answer.result.mix == ("assumed", "given")
    assert "equal shares are assumed" in " ".join(answer.notes)


def test_the_values_of_a_mix_select_themselves_and_so_does_a_graph_without_a_whole(shop: Shop) -> None:
    assert mean(shop.project.whatif(mix={"google": 0.2, "facebook": 0.8})) == pytest.approx(0.058, abs=1e-6)
    everybody = shop.project.whatif()
    assert [change.slice for change in everybody.result.slices] == ["channel=google", "channel=facebook"]
    assert mean(everybody) == pytest.approx(0.13, abs=1e-6)


def test_one_selected_value_is_the_whole(shop: Shop) -> None:
    answer = shop.project.whatif(select={"channel": ["google"]})
    assert mean(answer) == pytest.approx(0.25, abs=1e-6)
    assert not any("assumed" in note for note in answer.notes)


def test_rates_of_edges_are_mixed_by_who_comes_to_them(shop: Shop) -> None:
    """Of equal entries .5 and .1 go on: buy is (.5 * .5 + .1 * .1) / (.5 + .1), not the mean of .5 and .1."""
    rates = {edge.edge: edge for edge in shop.project.whatif(select=BOTH, overrides={"buy": 0.9}).edges}
    assert rates["add"].mean == pytest.approx(0.3, abs=1e-6)
    assert rates["buy"].mean == pytest.approx(0.26 / 0.6, abs=1e-6)
    alone = {edge.edge: edge for edge in shop.project.whatif(select={"channel": ("google",)}).edges}
    assert (alone["add"].mean, alone["buy"].mean) == pytest.approx((0.5, 0.5), abs=1e-6)


def test_a_selected_slice_has_its_own_rate_interval_and_count(shop: Shop) -> None:
    for file in shop.root.glob("parameters/add-*.yaml"):
        file.unlink()
    shop.write("parameters/add.yaml", BY_CHANNEL)
    for channel, trials, successes in (("google", 300, 150), ("facebook", 100, 20)):
        shop.sell(2, trials, successes, edge="add", channel=channel)
    shop.night()
    google, facebook = (shop.row(f"add[channel={name}]") for name in ("google", "facebook"))
    (add,) = [e for e in shop.project.whatif(select={"channel": ("google",)}).edges if e.edge == "add"]
    assert (add.mean, add.stdev) == pytest.approx((google.posterior_mean, google.posterior_stdev))
    assert (add.lower, add.upper, add.n) == pytest.approx((google.lower, google.upper, google.size))
    (whole,) = [e for e in shop.project.whatif(select=BOTH).edges if e.edge == "add"]
    assert whole.n == google.size + facebook.size


def test_no_trial_behind_a_rate_is_counted_twice() -> None:
    """Of 300 by slice and 90 of the same after visits the 300 count; slices and their complements add up."""
    source = RateSource("buy", "", (), None, "exact", "posterior", "", 0.5, 0.4, 0.6)
    seen = [
        replace(source, parameter_id=name, slices=(where,), n=n)
        for name, where, n in [
            ("a", "x", 200.0),
            ("b", "y", 100.0),
            ("b", "z", 100.0),
            ("readers", "x", 90.0),
        ]
    ]
    channel = frozenset({"channel"}), 0
    kinds = {"a": channel, "b": channel, "late": (frozenset[str](), 1)}
    assert count_trials(kinds, seen) == 300
    assert count_trials({}, []) == 0


def test_overrides_set_a_rate_for_all_or_for_some(shop: Shop) -> None:
    whole = shop.project.whatif(overrides={"buy": 0.2})
    assert mean(whole) == pytest.approx(0.5 * 0.5 * 0.2 + 0.5 * 0.1 * 0.2, abs=1e-6)
    assert whole.change("order").p_less == 1.0
    some = shop.project.whatif(overrides={"e.buy.context(channel='facebook')": (0.2, 0.02)})
    assert mean(some, slice_="channel=google") == pytest.approx(0.25, abs=1e-6)
    figure = some.change("order", "channel=facebook").after
    assert figure.mean == pytest.approx(0.02, abs=3 * 0.002 / math.sqrt(4000))
    # a tenth of a beta law of stdev .02, close to normal
    assert figure.upper - figure.lower == pytest.approx(2 * 1.96 * 0.002, rel=0.06)
    assert "Selecting users is not intervening" in " ".join(some.notes)


def test_shares_are_the_trials_of_the_last_mature_days(shop: Shop) -> None:
    """40 and 10 trials within the last 28 closed days, and more of them before: Dirichlet(41, 11)."""
    for channel in ("google", "facebook"):
        (shop.root / "parameters" / f"add-{channel}.yaml").unlink()
    shop.write("parameters/add.yaml", BY_CHANNEL)
    shop.sell(2, 40, 20, edge="add", channel="google")
    shop.sell(2, 10, 1, edge="add", channel="facebook")
    shop.sell(1, 500, 250, edge="add", channel="facebook")  # yesterday is not closed yet
    shop.night()
    answer = shop.project.whatif(overrides={"buy": 0.5})
    assert answer.result.mix == ("measured", "measured")
    assert answer.result.shares_before == pytest.approx(
        {"channel=google": 41 / 52, "channel=facebook": 11 / 52}
    )
    entries = answer.entries
    assert (entries.counted_at, entries.edge, (entries.stop - entries.first).days) == ("land", "add", 28)  # type: ignore[operator]
    by_edge = {(rate.edge, rate.parameter_id): rate for rate in answer.rates}
    measured = by_edge["add", "add[channel=google]"]
    assert (measured.level, measured.origin, measured.n, measured.slices) == (
        "exact",
        "posterior",
        40,
        ("channel=google",),
    )
    assert by_edge["buy", "buy-google"].origin == "prior"
    # the past night knew nothing of this
    past = shop.project.whatif(as_of=TONIGHT.replace(day=1))
    assert (past.as_of.day, past.result.mix[0]) == (1, "assumed")


def test_the_graphs_own_numbers_and_the_parameter_it_names_come_before_references(shop: Shop) -> None:
    for name in ("add", "buy"):
        for channel in ("google", "facebook"):
            (shop.root / "parameters" / f"{name}-{channel}.yaml").unlink()
    state(shop, "add", 0.3)
    state(shop, "rival", 0.9, "e.add.p.mean")
    state(shop, "other", 0.8, "e.buy.p.mean")
    wired = GRAPH.replace("to: cart}", "to: cart, p: {parameter_id: add}}")
    shop.write("graphs/shop.yaml", wired.replace("to: order}", "to: order, p: {mean: 0.5}}"))
    answer = shop.project.whatif()
    assert mean(answer) == pytest.approx(0.15, abs=1e-6)
    assert [(r.edge, r.parameter_id, r.origin) for r in answer.rates] == [
        ("add", "add", "prior"),
        ("buy", None, "declared"),
    ]


def test_visits_before_the_attempt_decide_which_rate_an_edge_has(shop: Shop) -> None:
    """land → blog .4 → cart, land → cart .6; buy .5 after the blog, else .1: .4·.5 + .6·.1 = .26."""
    for name in ("add", "buy"):
        for channel in ("google", "facebook"):
            (shop.root / "parameters" / f"{name}-{channel}.yaml").unlink()
    shop.write(
        "graphs/shop.yaml",
        """\
nodes: [{slug: land}, {slug: blog}, {slug: cart}, {slug: order, outcome: true}]
edges:
  - {slug: read, from: land, to: blog, p: {mean: 0.4}}
  - {slug: on, from: blog, to: cart, p: {mean: 1}}
  - {slug: add, from: land, to: cart, p: {mean: 0.6}}
  - {slug: buy, from: cart, to: order}
""",
    )
    state(shop, "buy", 0.1)
    state(shop, "buy-readers", 0.5, "e.buy.visited(blog).p.mean")
    answer = shop.project.whatif(overrides={"e.buy.visited(blog)": 0.7})
    assert mean(answer, "before") == pytest.approx(0.26, abs=1e-6)
    assert mean(answer) == pytest.approx(0.4 * 0.7 + 0.6 * 0.1, abs=1e-6)
    assert {(r.visits, r.parameter_id, r.level) for r in answer.rates if r.edge == "buy"} == {
        ("exclude(blog)", "buy", "base"),
        ("visited(blog)", "buy-readers", "exact"),
    }


def test_any_node_can_be_the_start_and_any_the_end(shop: Shop) -> None:
    select = {"channel": ["google"]}
    assert mean(shop.project.whatif(select=select, start="cart")) == pytest.approx(0.5, abs=1e-6)
    answer = shop.project.whatif(select=select, to="cart")
    assert mean(answer, target="cart") == pytest.approx(0.5, abs=1e-6)


def test_costs_add_up_along_the_paths_before_and_after(shop: Shop) -> None:
    """google: half of the entries cost 4, a quarter (a tenth) costs 20; 7 per entry is 28 per order."""
    priced = GRAPH.replace("to: cart}", "to: cart, cost: 4}")
    shop.write("graphs/shop.yaml", priced.replace("to: order}", "to: order, cost: {mean: 20}}"))
    answer = shop.project.whatif(select={"channel": ["google"]}, overrides={"buy": 0.2})
    assert answer.costs is not None
    (before, *_), (after, *_) = answer.costs.before, answer.costs.after
    assert before.per_entry.mean == pytest.approx(0.5 * 4 + 0.25 * 20, abs=1e-4)
    assert after.per_entry.mean == pytest.approx(0.5 * 4 + 0.1 * 20, abs=1e-4)
    assert before.per_arrival is not None
    assert before.per_arrival.mean == pytest.approx(28, abs=1e-3)
    assert answer.costs.currency == "USD"


def test_a_saved_scenario_is_the_question_it_was_and_a_call_counts_before_it(shop: Shop) -> None:
    asked: dict[str, Any] = {"select": BOTH, "mix": {"google": 20, "facebook": 80}, "overrides": {"buy": 0.3}}
    answer = shop.project.whatif(**asked)
    path = shop.project.save_scenario("less-google", answer)
    assert path == shop.root / "scenarios" / "less-google.yaml"
    assert shop.project.validate() == []
    again = shop.project.whatif(scenario="less-google")
    assert again.result == answer.result
    changed = shop.project.whatif(scenario="less-google", overrides={"add": 0.2, "buy": 0.4})
    assert mean(changed) == pytest.approx(0.08, abs=1e-6)
    with pytest.raises(UsageError, match="exists already"):
        shop.project.save_scenario("less-google", answer)
    shop.write("scenarios/other.yaml", "id: Taken\n")
    with pytest.raises(UsageError, match="another file has the id taken already"):
        shop.project.save_scenario("taken", answer, force=True)
    (shop.root / "scenarios" / "other.yaml").unlink()
    shop.project.save_scenario("less-google", changed, force=True)
    assert mean(shop.project.whatif(scenario="less-google")) == pytest.approx(0.08, abs=1e-6)
    assert [file.name for file in path.parent.iterdir()] == ["less-google.yaml"]


def test_a_rate_of_the_call_counts_before_all_the_file_says_of_that_edge(shop: Shop) -> None:
    shop.write(
        "scenarios/both.yaml",
        "overrides:\n  buy: 0.3\n  e.buy.context(channel='google'): 0.9\n",
    )
    google = {"slice_": "channel=google"}
    assert mean(shop.project.whatif(scenario="both"), **google) == pytest.approx(0.45, abs=1e-6)
    called = shop.project.whatif(scenario="both", overrides={"buy": 0.4})
    assert mean(called, **google) == pytest.approx(0.2, abs=1e-6)


def test_the_answer_is_json(shop: Shop) -> None:
    answer = shop.project.whatif(mix={"google": 20, "facebook": 80}, overrides={"buy": 0.3})
    read = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert read.keys() == {
        "graph", "start", "as_of", "scenario", "mixed", "slices", "measure", "overrides", "notes",
        "findings", "draws", "seed", "level", "mix", "costs", "edges", "rates",
    }  # fmt: skip
    assert read["mix"]["after"] == {
        "source": "given",
        "shares": {"channel=google": 0.2, "channel=facebook": 0.8},
    }
    assert read["mixed"][0]["after"].keys() == {"mean", "median", "lower", "upper"}
    assert read["scenario"] == {"mix": {"google": 20, "facebook": 80}, "overrides": {"buy": 0.3}}
    assert read["rates"][0]["parameter_id"] == "add-google"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"graph": "shp"}, "no graph is called 'shp': did you mean shop"),
        ({"overrides": {"bui": 0.2}}, "no edge is called 'bui': did you mean buy"),
        ({"select": {"chanel": ["google"]}}, "no context is called 'chanel': did you mean channel"),
        ({"select": {"channel": ["gogle"]}}, "no value of channel is called 'gogle': did you mean google"),
        ({"mix": {"gogle": 1, "facebook": 1}}, "no context value is called 'gogle': did you mean google"),
        ({"select": BOTH, "mix": {"gogle": 1, "facebook": 1}}, "did you mean google"),
        ({"to": "oder"}, "no node is called 'oder': did you mean order"),
        ({"start": "lnd"}, "no node is called 'lnd': did you mean land"),
        ({"scenario": "less"}, "no scenario is called 'less'"),
        ({"overrides": {"e.buy.context(channel='gogle')": 0.1}}, "did you mean google"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(shop: Shop, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownName, match=said.replace("(", r"\(")):
        shop.project.whatif(**asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"overrides": {"buy": 1.2}}, "overrides.buy 1.2: must be less than or equal to 1"),
        ({"overrides": {"e.buy.p.n": 0.2}}, "only a rate can be set"),
        ({"select": BOTH, "mix": {"google": 1}}, "the mix says nothing of facebook"),
        ({"mix": {"google": 0, "facebook": 0}}, "a mix without any share"),
        ({"start": "order"}, "no outcome lies ahead of order"),
        ({"overrides": {"buy": (0.5, 0.5)}}, "cannot be set"),
    ],
)
def test_a_question_without_an_answer_is_refused_with_the_reason(
    shop: Shop, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        shop.project.whatif(**asked)


def test_values_that_overlap_are_not_added(shop: Shop) -> None:
    shop.write("contexts/channel.yaml", CHANNEL.replace("mece: true", "mece: false"))
    with pytest.raises(UsageError, match="can overlap"):
        shop.project.whatif(select=BOTH)
    assert mean(shop.project.whatif(select={"channel": ["google"]})) == pytest.approx(0.25, abs=1e-6)


def test_an_edge_without_a_rate_is_named(shop: Shop) -> None:
    shop.write("graphs/shop.yaml", GRAPH + "  - {slug: leave, from: cart, to: land}\n")
    with pytest.raises(ConfigError, match="the edge leave has no rate"):
        shop.project.whatif(start="land")


def test_two_references_are_compared_exactly(shop: Shop) -> None:
    """P(B > A) of Beta(2, 1) over Beta(1, 1) is 1 − ∫x² dx = 2/3; expected loss of A ∫∫(b−a)⁺ = 1/4."""
    shop.define("a", prior="{distribution: beta, alpha: 1, beta: 1}", rest="edge_reference: e.add")
    shop.define("b", prior="{distribution: beta, alpha: 2, beta: 1}", rest="edge_reference: e.buy")
    found = shop.project.compare("e.add", "e.buy.p.mean")
    assert found.comparison.p_b_greater == pytest.approx(2 / 3)
    assert found.comparison.loss_a == pytest.approx(1 / 4)
    assert found.comparison.method == "exact"
    assert [answer.parameter_id for answer in found.answers] == ["a", "b"]
    facts = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert facts["a"] == "e.add.p.mean"
    assert facts["figure_b"]["mean"] == pytest.approx(2 / 3)


def test_a_parameter_beside_itself_is_no_better_and_says_why(shop: Shop) -> None:
    google = "e.add.context(channel='google')"
    found = shop.project.compare(google, google)
    assert (found.comparison.p_b_greater, found.comparison.loss_a) == (0.0, 0.0)
    assert "nothing tells them apart" in found.notes[0]


def test_slices_and_scenarios_are_compared_by_what_reaches_the_outcome(shop: Shop) -> None:
    found = shop.project.compare("channel=google", "channel=facebook")
    assert (found.kind, found.target) == ("paths", "order")
    assert found.comparison.difference.mean == pytest.approx(0.01 - 0.25, abs=1e-6)
    assert found.comparison.p_b_greater == 0.0
    assert found.comparison.loss_b == pytest.approx(0.24, abs=1e-6)
    shop.write("scenarios/better.yaml", "select: {channel: [facebook]}\noverrides: {buy: 0.3}\n")
    better = shop.project.compare("channel=facebook", "scenario:better")
    assert better.comparison.lift is not None
    assert better.comparison.lift.mean == pytest.approx(2.0, abs=1e-4)


@pytest.mark.parametrize(
    ("a", "b", "more", "said"),
    [
        ("e.add", "channel=google", {}, "not of one kind"),
        ("google", "facebook", {}, "neither a reference nor a slice"),
        ("e.buy", "e.add", {"to": "order"}, "for slices and scenarios"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    shop: Shop, a: str, b: str, more: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        shop.project.compare(a, b, **more)
