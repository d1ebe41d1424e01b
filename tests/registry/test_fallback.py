"""Which parameter answers: levels and choices worked out by hand for a small project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.fallback import Inline, Names, Standing, resolve, resolve_or_inline
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.registry import Registry
from evenfall.registry.scope import Scope, scope_of

CHANNEL = "id: channel\nvalues: [{id: google}, {id: facebook}]\nother_policy: computed\n"
DEVICE = "id: device\nvalues: [{id: mobile}, {id: desktop}]\n"
GRAPH = """\
nodes: [{slug: home}, {slug: pricing}, {slug: demo}, {slug: cart}, {slug: form}, {slug: done}]
edges:
  - {slug: signup, from: home, to: form}
  - {slug: checkout, from: cart, to: done}
  - {slug: wired, from: form, to: done, p: {parameter_id: by-graph}}
  - {slug: quick, from: home, to: done}
  - {slug: slow, from: home, to: done}
"""
REFERENCES = {
    "base": "e.signup.p.mean",
    "google": "e.signup.context(channel='google').p.mean",
    "google-mobile": "e.signup.context(channel='google',device='mobile').p.mean",
    "pricing": "e.signup.visited(pricing).p.mean",
    "pricing-google": "e.signup.visited(pricing).context(channel='google').p.mean",
    "home-pricing": "e.signup.visited(home,pricing).p.mean",
    "home-or-demo": "e.signup.visitedAny(home,demo).p.mean",
    "no-demo": "e.signup.exclude(demo).p.mean",
}
TEMPLATE = """\
id: checkout
edge_reference: e.checkout.p.mean
value: {mean: 0.5, stdev: 0.1}
observation_source:
  type: duckdb
  context_variables: [channel]
  query_template: SELECT channel, COUNT(*) AS trials, SUM(won) AS successes FROM visits
    WHERE day >= :start_date AND day < :end_date GROUP BY channel
"""


def static(name: str, reference: str | None, more: str = "") -> str:
    about = f'edge_reference: "{reference}"\n' if reference else ""
    return f"id: {name}\n{about}value: {{mean: 0.3, stdev: 0.1}}\n{more}"


@pytest.fixture
def files() -> dict[str, str]:
    return {
        "contexts/channel.yaml": CHANNEL,
        "contexts/device.yaml": DEVICE,
        "graphs/shop.yaml": GRAPH,
        "parameters/checkout.yaml": TEMPLATE,
        "parameters/by-graph.yaml": static("by-graph", None),
        **{f"parameters/{name}.yaml": static(name, text) for name, text in REFERENCES.items()},
    }


@pytest.fixture
def registry(load_files: Callable[..., Registry], files: dict[str, str]) -> Registry:
    found = load_files(files)
    assert found.problems == ()
    return found


@pytest.fixture
def names(registry: Registry) -> Names:
    return Names.of(registry)


def asked(names: Names | Registry, text: str, **options: Any) -> tuple[str, str]:
    found = resolve(parse_reference(text), names, **options)
    return found.level, found.parameter.id


@pytest.mark.parametrize(
    ("request_text", "level", "parameter"),
    [
        ("e.signup", "exact", "base"),
        ("e.from(home).to(form).p.n", "exact", "base"),
        ("e.signup.context(channel='google')", "exact", "google"),
        ("e.signup.context(channel='facebook')", "base", "base"),
        ("e.signup.context(channel='other')", "base", "base"),
        ("e.signup.context(channel='google',device='desktop')", "context", "google"),
        ("e.signup.context(device='mobile',channel='google')", "exact", "google-mobile"),
        ("e.signup.visited(pricing)", "exact", "pricing"),
        ("e.signup.visited(pricing).context(channel='google')", "exact", "pricing-google"),
        # context keys matched, visited matched: google (1, 0), pricing-google (1, 1), home-pricing (0, 2)
        ("e.signup.visited(pricing,home).context(channel='google')", "context", "pricing-google"),
        # google-mobile (2, 0) stands before pricing-google (1, 1)
        ("e.signup.visited(pricing).context(channel='google',device='mobile')", "context", "google-mobile"),
        ("e.signup.visited(pricing,home).context(channel='facebook')", "visited", "home-pricing"),
        ("e.signup.visited(pricing,cart)", "visited", "pricing"),
        ("e.signup.visitedAny(demo,home)", "exact", "home-or-demo"),
        ("e.signup.visited(demo)", "visited", "home-or-demo"),
        ("e.signup.visitedAny(home)", "visited", "home-or-demo"),
        # home or cart, but not cart: home it was
        ("e.signup.visitedAny(home,cart).exclude(cart)", "visited", "home-or-demo"),
        ("e.signup.visitedAny(home,demo,cart)", "base", "base"),
        ("e.signup.visitedAny(pricing,home)", "base", "base"),
        ("e.signup.exclude(demo)", "exact", "no-demo"),
        ("e.signup.exclude(demo,home)", "visited", "no-demo"),
        ("e.signup.exclude(home)", "base", "base"),
        ("e.signup.visited(cart)", "base", "base"),
        ("e.checkout.context(channel='google')", "exact", "checkout[channel=google]"),
        ("e.checkout.context(channel='google',device='mobile')", "context", "checkout[channel=google]"),
        ("e.checkout.visited(home).context(channel='facebook')", "context", "checkout[channel=facebook]"),
        ("e.wired", "exact", "by-graph"),
        ("e.wired.context(device='mobile').visited(home)", "base", "by-graph"),
    ],
)
def test_the_closest_parameter_the_request_implies_answers(
    names: Names, request_text: str, level: str, parameter: str
) -> None:
    assert asked(names, request_text) == (level, parameter)


@pytest.mark.parametrize(
    ("text", "two"),
    [
        ("e.signup.visited(pricing).exclude(demo)", {"no-demo", "pricing"}),
        ("e.signup.visited(home).exclude(demo)", {"home-or-demo", "no-demo"}),
    ],
)
def test_two_that_are_equally_close_are_an_error_that_names_both(
    names: Names, text: str, two: set[str]
) -> None:
    with pytest.raises(ConfigError, match="equally close") as tie:
        asked(names, text)
    assert all(name in tie.value.message for name in two)
    assert "ask for what one of the two is about" in tie.value.remedy


def test_two_parameters_about_the_same_attempts_are_a_tie(load_files: Any, files: dict[str, str]) -> None:
    twin = {"parameters/twin.yaml": static("twin", "e.signup.visitedAny(pricing).p.mean")}
    registry = load_files({**files, **twin})
    assert asked(registry, "e.signup") == ("exact", "base")
    with pytest.raises(ConfigError, match="pricing and twin are equally close"):
        asked(registry, "e.signup.visited(pricing)")


def test_of_two_conditions_matched_once_the_narrower_stands_first(
    load_files: Any, files: dict[str, str]
) -> None:
    wide = {
        "parameters/wide.yaml": static("wide", "e.signup.visitedAny(pricing,cart).visitedAny(pricing,form)")
    }
    registry = load_files({**files, **wide})
    # visited(pricing) implies both groups of `wide`, which match twice but hold more attempts
    assert asked(registry, "e.signup.visited(pricing,done)") == ("visited", "pricing")
    assert asked(registry, "e.signup.visited(cart,form)") == ("visited", "wide")


def test_filters_count_as_much_as_the_reference(load_files: Any, files: dict[str, str]) -> None:
    more = "visited_filter: [home, cart]\ncontext_filter: {device: desktop}\n"
    either = "visited_filter: {operator: OR, nodes: [cart, form]}\n"
    registry = load_files(
        {
            **files,
            "parameters/filtered.yaml": static("filtered", "e.signup.exclude(form).p.mean", more),
            "parameters/either.yaml": static("either", "e.signup.p.mean", either),
        }
    )
    assert scope_of(registry.parameter("filtered")) == Scope.of(
        ["cart", "home"], [], ["form"], [("device", "desktop")]
    )
    assert asked(registry, "e.signup") == ("exact", "base")
    assert asked(registry, "e.signup.visitedAny(form,cart)") == ("exact", "either")
    exactly = "e.signup.visited(home,cart).exclude(form).context(device='desktop')"
    assert asked(registry, exactly) == ("exact", "filtered")
    assert resolve(parse_reference(exactly), registry).answers_for == (
        "e.signup.visited(cart,home).exclude(form).context(device='desktop').p.mean"
    )


@pytest.mark.parametrize(
    ("text", "kind", "near"),
    [
        ("e.singup.p.mean", "edge", "signup"),
        ("e.signup.visited(pricng)", "node", "pricing"),
        ("e.signup.visitedAny(home,crat)", "node", "cart"),
        ("e.signup.exclude(dmo)", "node", "demo"),
        ("e.from(hom).to(form)", "node", "home"),
        ("e.from(home).to(from)", "node", "form"),
        ("e.signup.context(chanel='google')", "context", "channel"),
        ("e.signup.context(channel='gogle')", "value of channel", "google"),
        ("e.signup.context(device='other')", "value of device", ""),
        ("e.singup.latency.t95", "edge", "signup"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_and_never_falls_back(
    names: Names, text: str, kind: str, near: str
) -> None:
    with pytest.raises(UnknownName) as unknown:
        asked(names, text)
    assert unknown.value.kind == kind
    assert (unknown.value.nearest or ("",))[0] == near
    assert (f"did you mean {near}" if near else "declared: desktop, mobile") in unknown.value.remedy


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("e.from(home).to(done)", "more than one edge goes from home to done", "e.quick or e.slow"),
        ("e.from(home).to(cart)", "no edge goes from home to cart", "form (e.signup)"),
        ("e.from(done).to(cart)", "no edge goes from done to cart", "no edge leaves done"),
        ("e.checkout", "no parameter of the edge checkout", "e.checkout.context(channel='facebook').p.mean"),
        ("e.quick", "no parameter of the edge quick", "define a parameter with this edge_reference"),
        ("e.signup.visited(home).latency.t95", "no latency is known of the edge signup", "e.signup.p.mean"),
    ],
)
def test_what_nothing_answers_is_told_with_what_could_be_asked(
    names: Names, text: str, message: str, remedy: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        asked(names, text)
    assert remedy in refused.value.remedy


def test_a_project_without_a_graph_knows_the_names_its_parameters_use(load_files: Any) -> None:
    registry = load_files(
        {
            "parameters/a.yaml": static("a", "e.from(x).to(y).visited(z).context(browser='lynx')"),
            "parameters/b.yaml": static("b", "e.other.p.mean"),
        }
    )
    text = "e.from(x).to(y).visited(z).context(browser='lynx')"
    assert asked(registry, text) == ("exact", "a")
    assert resolve(parse_reference(text), registry).answers_for == f"{text}.p.mean"
    for unknown in ("e.other.visited(w)", "e.other.context(browser='links')", "e.other.context(channel='x')"):
        with pytest.raises(UnknownName):
            asked(registry, unknown)


def standings(**has: Standing) -> Callable[[Parameter], Standing]:
    return lambda parameter: has[parameter.id.replace("-", "_")]


BOTH = "e.signup.visited(pricing).context(channel='google',device='desktop')"
"""Implies pricing-google (1, 1), google (1, 0), pricing (0, 1) and base (0, 0), in this order."""


@pytest.mark.parametrize(
    ("has", "parameter", "over"),
    [
        ("measured waiting waiting measured", "pricing-google", []),
        ("waiting measured waiting measured", "google", ["pricing-google"]),
        ("waiting waiting waiting measured", "base", ["pricing-google", "google", "pricing"]),
        ("waiting waiting waiting waiting", "pricing-google", []),
        ("unknown unknown waiting waiting", "pricing", ["pricing-google", "google"]),
        ("unknown unknown unknown unknown", "pricing-google", []),
        # a belief that was only stated stands in no closer one's way, and lets none further off pass it
        ("waiting stated measured measured", "pricing-google", []),
        ("stated measured measured measured", "pricing-google", []),
        ("unknown stated measured measured", "google", ["pricing-google"]),
    ],
)
def test_evidence_outranks_a_closer_belief_that_waits_for_its_own(
    names: Names, has: str, parameter: str, over: list[str]
) -> None:
    order = ("pricing_google", "google", "pricing", "base")
    standing = standings(**dict(zip(order, has.split(), strict=True)))  # type: ignore[arg-type]
    found = resolve(parse_reference(BOTH), names, standing)
    assert found.parameter.id == parameter
    assert [each.id for each in found.passed_over] == over
    assert resolve(parse_reference(BOTH), names).parameter.id == "pricing-google"


def test_a_tie_further_down_is_an_error_only_when_the_way_leads_there(names: Names) -> None:
    text = "e.signup.visited(pricing).exclude(demo).context(channel='google')"
    measured = standings(pricing_google="measured")
    assert resolve(parse_reference(text), names, measured).parameter.id == "pricing-google"
    waiting = standings(pricing_google="waiting", google="waiting")
    with pytest.raises(ConfigError, match="no-demo and pricing are equally close"):
        resolve(parse_reference(text), names, waiting)


def test_scopes_of_the_same_attempts_are_equal_however_they_are_said() -> None:
    assert Scope.of(visited_any=[["a"]]) == Scope.of(["a"])
    assert Scope.of(["a"], [["a", "b"]]) == Scope.of(["a"])
    assert Scope.of([], [["a", "b"]], ["b"]) == Scope.of(["a"], [], ["b"])
    assert Scope.of([], [["a", "b"], ["a", "b", "c"]]) == Scope.of([], [["a", "b"]])
    assert not Scope.of(["a"]).implies(Scope.of([], [["b"]], ["b"]))


def test_ten_thousand_shards_are_found_by_their_values_not_one_by_one(load_files: Any) -> None:
    values = ", ".join(f"{{id: v{number}}}" for number in range(100))
    registry = load_files(
        {
            "contexts/channel.yaml": f"id: channel\nvalues: [{values}]\n",
            "contexts/device.yaml": f"id: device\nvalues: [{values}]\n",
            "parameters/checkout.yaml": TEMPLATE.replace("[channel]", "[channel, device]"),
        }
    )
    names = Names.of(registry)
    request = parse_reference("e.checkout.context(channel='v7',device='v99')")
    assert names.implied_by("checkout", Scope.asked(request)) == [
        (Scope.asked(request), registry.parameter("checkout[channel=v7,device=v99]"))
    ]


NAME = st.sampled_from(["home", "pricing", "demo", "cart", "form", "signup", "checkout", "hom", "x"])
ASKED = st.builds(
    EdgeReference,
    edge=st.sampled_from(["signup", "checkout", "wired", "quick", "singup", ""]),
    between=st.tuples(NAME, NAME),
    visited=st.sets(NAME, max_size=2).map(tuple),
    visited_any=st.lists(st.sets(NAME, min_size=1, max_size=3).map(tuple), max_size=2).map(tuple),
    context=st.dictionaries(
        st.sampled_from(["channel", "device", "browser", "chanel"]),
        st.sampled_from(["google", "mobile", "gogle", ""]),
        max_size=2,
    ),
    family=st.just("p"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKED)
def test_any_mixture_of_known_and_unknown_names_is_answered_or_refused(
    names: Names, reference: EdgeReference
) -> None:
    named = {*reference.nodes, *reference.context, *reference.context.values()}
    found, remedy = None, ""
    try:
        found = resolve(reference, names)
    except ConfigError as refused:
        remedy = refused.remedy
    # an answer means that every name is known: those of ASKED which are not are listed here
    unknown = named & {"hom", "x", "signup", "checkout", "chanel", "gogle", "", "browser"}
    assert not (found and (unknown or found.edge == "singup"))
    assert found or remedy


DELAYS = {
    "contexts/channel.yaml": CHANNEL,
    "contexts/device.yaml": DEVICE,
    "graphs/g.yaml": """\
nodes: [{slug: home}, {slug: form}, {slug: done}]
edges:
  - {slug: signup, from: home, to: form, p: {parameter_id: base}}
  - {slug: checkout, from: form, to: done, p: {mean: 0.4, stdev: 0.1}, latency: {parameter_id: days}}
  - {slug: quick, from: home, to: done, p: {mean: 0.2}, latency: {median_days: 0.5, t95_days: 4}}
""",
    "parameters/base.yaml": static("base", None, "latency: {median_days: 2, t95_days: 9}\n"),
    "parameters/google.yaml": static(
        "google", "e.signup.context(channel='google').p.mean", "latency: {median_days: 1, t95_days: 5}\n"
    ),
    "parameters/pricing.yaml": static("home", "e.signup.visited(home).p.mean"),
    "parameters/days.yaml": ("id: days\ntype: duration\nvalue: {mean: 3, stdev: 1, noise_sigma: 0.5}\n"),
}


@pytest.fixture
def delays(load_files: Any) -> Names:
    registry = load_files(DELAYS)
    assert registry.problems == (), [str(problem) for problem in registry.problems]
    return Names.of(registry)


@pytest.mark.parametrize(
    ("text", "parameter", "level", "answers_for"),
    [
        ("e.signup.latency.median", "base", "exact", "e.signup.latency.median"),
        (
            "e.signup.context(channel='google').latency.t95",
            "google",
            "exact",
            "e.signup.context(channel='google').latency.t95",
        ),
        ("e.signup.context(channel='facebook').latency.t95", "base", "base", "e.signup.latency.t95"),
        ("e.signup.visited(home).latency.t95", "base", "base", "e.signup.latency.t95"),
        (
            "e.signup.visited(home).context(channel='google').latency.t95",
            "google",
            "context",
            "e.signup.context(channel='google').latency.t95",
        ),
        ("e.checkout.latency.mean", "days", "exact", "e.checkout.latency.mean"),
        ("e.signup.visited(home).p.mean", "home", "exact", "e.signup.visited(home).p.mean"),
    ],
)
def test_a_latency_is_answered_by_the_closest_parameter_that_learns_it(
    delays: Names, text: str, parameter: str, level: str, answers_for: str
) -> None:
    found = resolve(parse_reference(text), delays)
    assert (found.parameter.id, found.level, found.answers_for) == (parameter, level, answers_for)
    assert found.parameter in delays.candidates(parse_reference(text))


def test_a_latency_without_evidence_gives_way_to_a_wider_one(delays: Names) -> None:
    standings: dict[str, Standing] = {"google": "waiting", "base": "measured"}
    reference = parse_reference("e.signup.context(channel='google').latency.median")
    found = resolve(reference, delays, lambda parameter: standings[parameter.id])
    assert (found.parameter.id, [each.id for each in found.passed_over]) == ("base", ["google"])


@pytest.mark.parametrize(
    ("text", "level", "belief"),
    [
        ("e.quick.p.mean", "exact", {"mean": 0.2, "stdev": None}),
        ("e.checkout.context(channel='google').p.mean", "base", {"mean": 0.4, "stdev": 0.1}),
        ("e.quick.latency.t95", "exact", {"median_days": 0.5, "t95_days": 4.0}),
        ("e.quick.visited(home).latency.t95", "base", {"median_days": 0.5, "t95_days": 4.0}),
    ],
)
def test_what_an_edge_states_itself_answers_where_no_parameter_does(
    delays: Names, text: str, level: str, belief: dict[str, float | None]
) -> None:
    reference = parse_reference(text)
    found = resolve_or_inline(reference, delays)
    assert isinstance(found, Inline)
    assert (found.graph, found.level, found.edge) == ("g", level, reference.edge)
    assert {key: getattr(found.belief, key) for key in belief} == belief
    assert found.answers_for == f"e.{reference.edge}.{reference.family}.{reference.leaf}"
    with pytest.raises(ConfigError, match=r"is known of the edge|no parameter of the edge"):
        resolve(reference, delays)


def test_a_parameter_comes_before_what_an_edge_states(load_files: Any) -> None:
    registry = load_files(
        {**DELAYS, "parameters/c.yaml": static("c", "e.checkout.context(channel='google').p")}
    )
    names = Names.of(registry)
    own = resolve_or_inline(parse_reference("e.checkout.context(channel='google').p.mean"), names)
    assert not isinstance(own, Inline)
    assert own.parameter.id == "c"
    assert isinstance(resolve_or_inline(parse_reference("e.checkout.p.mean"), names), Inline)


def test_graphs_that_state_different_beliefs_of_one_edge_are_told(load_files: Any) -> None:
    other = (
        "nodes: [{slug: home}, {slug: done}]\nedges: [{slug: quick, from: home, to: done, p: {mean: 0.3}}]\n"
    )
    names = Names.of(load_files({**DELAYS, "graphs/h.yaml": other}))
    with pytest.raises(ConfigError, match="the graphs g and h state different beliefs of the edge quick"):
        resolve_or_inline(parse_reference("e.quick.p.mean"), names)


def test_an_edge_that_states_nothing_is_told_with_what_to_do(names: Names) -> None:
    with pytest.raises(ConfigError, match="no latency is known of the edge signup"):
        resolve_or_inline(parse_reference("e.signup.latency.t95"), names)
    with pytest.raises(ConfigError, match="no parameter of the edge quick"):
        resolve_or_inline(parse_reference("e.quick.p.mean"), names)
