"""DagNet's files as Evenfall's definitions: every value of them is found again, or its loss is reported."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from evenfall.errors import ConfigError
from evenfall.registry.assemble import Texts, assemble
from evenfall.registry.dagnet.account import Entry
from evenfall.registry.dagnet.conditions import read_condition
from evenfall.registry.dagnet.json_text import read_json
from evenfall.registry.dagnet.naming import distinct, slugify
from evenfall.registry.dagnet.translate import Known, Translation, translate
from evenfall.registry.dagnet.writing import to_yaml
from evenfall.registry.registry import Registry
from evenfall.registry.sources import Text
from evenfall.registry.yaml_text import read_yaml

FIXTURE = Path(__file__).parent / "dagnet"
SETTINGS = Text("evenfall.toml", 'currency = "GBP"\n')
POUNDS = Known(currency="GBP")

type Steps = tuple[str | int, ...]


def sources() -> dict[str, str]:
    files = (path for path in FIXTURE.rglob("*") if path.is_file())
    return {path.relative_to(FIXTURE).as_posix(): path.read_text() for path in files}


def texts(files: Mapping[str, str]) -> list[Text]:
    return [Text(file, text) for file, text in files.items()]


def data_of(file: str, text: str) -> Any:
    """The file as another reader than the importer's sees it."""
    return json.loads(text) if file.endswith(".json") else YAML(typ="safe", pure=True).load(text)


def loaded(translation: Translation) -> Registry:
    def below(room: str) -> tuple[Text, ...]:
        return tuple(Text(file, text) for file, text in translation.files.items() if file.startswith(room))

    return assemble(Path(), Texts(SETTINGS, below("contexts/"), below("graphs/"), below("parameters/")))


def leaves(data: Any, path: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    if not isinstance(data, dict | list) or not data:
        yield path, data
    for step, member in members:
        yield from leaves(member, (*path, step))


def at(data: Any, path: Steps) -> Any:
    for step in path:
        data = data[step]
    return data


def check_complete(files: Mapping[str, str], translation: Translation) -> None:
    """The law: each leaf is below exactly one entry, and what the entry says of it is so."""
    written = {file: YAML(typ="safe", pure=True).load(text) for file, text in translation.files.items()}
    skipped = {file.file for file in translation.skipped}
    by_file: dict[str, list[Entry]] = {}
    for entry in translation.entries:
        by_file.setdefault(entry.file, []).append(entry)
    assert set(by_file) | skipped == set(files)
    for file, entries in by_file.items():
        data = data_of(file, files[file])
        for path, value in leaves(data):
            above = [entry for entry in entries if path[: len(entry.path)] == entry.path]
            assert len(above) == 1, (file, path, above)
            check_entry(above[0], path, value, written)


def check_entry(entry: Entry, path: Steps, value: Any, written: Mapping[str, Any]) -> None:
    if entry.target is None:
        assert entry.fate == "dropped"
        assert entry.why
        return
    place = (*entry.target.path, *path[len(entry.path) :])
    if entry.fate == "kept":
        assert at(written[entry.target.file], place) == value, entry
        return
    assert entry.fate == "translated"
    assert entry.why
    became = at(written[entry.target.file], entry.target.path)
    assert entry.became in (None, became, f"{str(became)[:77]}..."), entry


@pytest.fixture(scope="module")
def shop() -> Translation:
    return translate(texts(sources()), POUNDS)


def reports(translation: Translation, file: str, path: str) -> tuple[str, str]:
    found = [
        entry
        for entry in translation.entries
        if entry.file == file and str(entry).startswith(f"{file} {path}")
    ]
    assert found, path
    return found[0].fate, found[0].why


def one_graph(**parts: Any) -> str:
    nodes = [{"uuid": "u1", "id": "a"}, {"uuid": "u2", "id": "b"}]
    edge = {"uuid": "e1", "id": "go", "from": "a", "to": "b", "p": {"mean": 0.5, "stdev": 0.1}}
    return json.dumps({"nodes": nodes, "edges": [edge], **parts})


# --- nothing is lost unsaid


def test_every_leaf_of_every_file_is_found_again_or_reported_as_dropped(shop):
    check_complete(sources(), shop)


def test_the_result_loads_without_a_problem_or_a_warning(shop):
    registry = loaded(shop)
    assert registry.problems == ()
    assert registry.warnings == ()
    assert len(registry.parameters) == 11
    assert sorted(registry.contexts["channel"].value_ids) == ["newsletter", "search"]


def test_every_node_and_every_edge_between_known_nodes_is_there(shop):
    source = json.loads(sources()["graphs/shop-funnel.json"])
    graph = loaded(shop).graphs["shop-funnel"]
    assert [node.id for node in graph.nodes] == [node["uuid"] for node in source["nodes"]]
    assert [node.name for node in graph.nodes] == [node["label"] for node in source["nodes"]]
    kept = [edge["uuid"] for edge in source["edges"] if edge["to"] != "nowhere"]
    assert [edge.id for edge in graph.edges] == kept
    assert reports(shop, "graphs/shop-funnel.json", "edges[8]") == ("dropped", "no node is called 'nowhere'")
    assert [node.slug for node in graph.nodes if node.outcome] == ["paid-7d979c7c", "Paid-853a0910"]


OWN = "signup-search.yaml"
"""Written in Evenfall's words: whether the names in it are declared is for the project to say."""

ODD = ("", " ", "..", "../x", "a.b", "null", "Ω", "\u2028", "x" * 99, -1, 0, 1, 2.5, 1e99, True, None)


def damage(data: st.DataObject, tree: Any) -> None:
    """Take one part of a file away, double it, or put something else in its place."""
    paths = [path[:end] for path, _ in leaves(tree) for end in range(1, len(path) + 1)]
    path = data.draw(st.sampled_from(sorted(set(paths), key=str)))
    parent, step = at(tree, path[:-1]), path[-1]
    match data.draw(st.sampled_from(["replace", "remove", "double"])):
        case "remove":
            del parent[step]
        case "double" if isinstance(parent, list):
            parent.append(json.loads(json.dumps(parent[step])))
        case _:
            number = st.floats(0, 1).map(lambda x: round(x, 3))
            empty = st.sampled_from(["list", "mapping"]).map(lambda kind: [] if kind == "list" else {})
            parent[step] = data.draw(st.sampled_from(ODD) | number | st.text(max_size=8) | empty)


def damage_and_check(data: st.DataObject) -> None:
    files = {file: text for file, text in sources().items() if file != "settings.yaml"}
    file = data.draw(st.sampled_from(sorted(files)))
    tree = data_of(file, files.pop(file))
    for _ in range(data.draw(st.integers(1, 3))):
        damage(data, tree)
    changed = {**files, f"{file}.json": json.dumps(tree)}
    translation = translate(texts(changed), POUNDS, data.draw(st.sampled_from([None, 50.0])))
    assert translation.problems == ()
    check_complete(changed, translation)
    for problem in loaded(translation).problems:
        assert OWN in translation.files[problem.file].splitlines()[0], problem


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_file_the_account_is_whole_and_the_result_loads(data):
    damage_and_check(data)


@pytest.mark.verify
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_a_thousand_damaged_files_are_all_accounted_for(data):
    damage_and_check(data)


def test_a_cost_of_nothing_is_kept():
    graph = json.loads(one_graph())
    graph["edges"][0]["cost"] = 0
    found = translate([Text("g.json", json.dumps(graph))])
    check_complete({"g.json": json.dumps(graph)}, found)
    assert loaded(found).graphs["g"].edges[0].cost == 0


# --- beliefs


def test_a_conditional_probability_is_a_parameter_with_reference_and_filters(shop):
    parameters = loaded(shop).parameters
    both = parameters["pay-plain-visited-reviews-channel-search"]
    assert both.edge_reference == "e.pay-plain.visited(reviews).context(channel='search').p.mean"
    assert both.visited_filter.operator == "AND"
    assert both.visited_filter.nodes == ("reviews",)
    assert both.context_filter == {"channel": "search"}
    assert both.value.numbers == {"mean": 0.6, "stdev": 0.08}
    without = parameters["pay-plain-without-reviews-device-mobile"]
    assert without.edge_reference == "e.pay-plain.exclude(reviews).context(device='mobile').p.mean"
    assert parameters["pay-plain"].value.numbers == {"mean": 0.4, "stdev": 0.05}


def test_a_mean_without_stdev_is_as_sure_as_the_trials_it_was_counted_from(shop):
    stdev = loaded(shop).parameters["pay-plain-without-reviews-device-mobile"].value.stdev
    assert stdev == pytest.approx(math.sqrt(0.31 * 0.69 / 401), rel=1e-12)  # Beta(124, 276)


def test_a_mean_without_any_strength_is_reported_unless_one_is_assumed(shop):
    fate, why = reports(shop, "graphs/shop-funnel.json", "edges[5].conditional_p[4].p.mean")
    assert fate == "dropped"
    assert "--strength" in why
    assumed = translate(texts(sources()), POUNDS, strength=99)
    value = loaded(assumed).parameters["pay-plain-visited-landing"].value
    assert value.stdev == pytest.approx(math.sqrt(0.44 * 0.56 / 100), rel=1e-12)
    assert any("pay-plain-visited-landing: the stdev is assumed" in said for said in assumed.warnings)


def test_infeasible_numbers_are_reported_and_never_changed(shop):
    graph = loaded(shop).graphs["shop-funnel"]
    (edge,) = [edge for edge in graph.edges if edge.slug == "pay-quick-now"]
    assert edge.p is None
    fate, why = reports(shop, "graphs/shop-funnel.json", "edges[6].p.stdev")
    assert fate == "dropped"
    assert "no rate with mean 0.5 has stdev 0.7" in why
    assert "impossible" not in loaded(shop).parameters
    assert "0.495074" in reports(shop, "parameters/impossible.yaml", "values[0].mean")[1]
    assert any(said.startswith("pay-quick-now: no rate was imported") for said in shop.warnings)


def test_the_latest_value_counts_and_slices_become_parameters_of_their_own(shop):
    parameters = loaded(shop).parameters
    assert parameters["fill-basket-rate"].value.numbers == {"mean": 0.2, "stdev": 0.03}
    search = parameters["fill-basket-rate-channel-search"]
    assert search.edge_reference == "e.fill-basket.context(channel='search').p.mean"
    assert search.value.stdev == pytest.approx(math.sqrt(0.26 * 0.74 / 301), rel=1e-12)
    assert parameters["fill-basket-rate-channel-newsletter"].value.mean == 0.15
    assert "another time" in reports(shop, "parameters/fill-basket-rate.yaml", "values[0]")[1]


def test_a_file_s_number_counts_where_the_graph_holds_another_copy(shop):
    assert loaded(shop).parameters["pay-plain-variant"].value.mean == 0.42
    fate, why = reports(shop, "graphs/shop-funnel.json", "edges[5].conditional_p[3].p.mean")
    assert fate == "dropped"
    assert "the parameter's own number counts" in why


def test_delays_and_costs_stand_on_their_edges(shop):
    edges = {edge.slug: edge for edge in loaded(shop).graphs["shop-funnel"].edges}
    assert edges["pay-plain"].latency.model_dump(exclude_none=True) == {"median_days": 1.5, "t95_days": 9.25}
    assert edges["fill-basket"].latency.model_dump(exclude_none=True) == {
        "median_days": 0.75,
        "t95_days": 4.5,
    }
    assert edges["pay-plain"].cost.model_dump(exclude_none=True) == {"mean": 2.5, "stdev": 0.5}
    assert edges["phone"].cost.model_dump(exclude_none=True) == {"mean": 7.5, "stdev": 2.0}


def test_an_amount_in_another_currency_is_never_taken_for_the_project_s():
    dollars = translate(texts(sources()), Known(currency="USD"))
    edges = {edge.slug: edge for edge in loaded(dollars).graphs["shop-funnel"].edges}
    assert edges["pay-plain"].cost is None
    assert edges["pay-quick-now"].cost.mean == 1.25
    assert "in GBP" in reports(dollars, "graphs/shop-funnel.json", "edges[5].cost_gbp")[1]


def conditional(*conditions: tuple[str, dict[str, Any]]) -> str:
    graph = json.loads(one_graph())
    graph["edges"][0]["conditional_p"] = [{"condition": said, "p": rate} for said, rate in conditions]
    return json.dumps(graph)


def test_of_two_equal_conditions_the_first_counts_as_it_does_in_the_editor():
    text = conditional(
        ("visited(a,b)", {"mean": 0.4, "stdev": 0.1}), ("visited(b, a)", {"mean": 0.6, "stdev": 0.1})
    )
    found = translate([Text("g.json", text)])
    check_complete({"g.json": text}, found)
    assert loaded(found).parameters["go-visited-a-b"].value.mean == 0.4
    assert "comes first" in reports(found, "g.json", "edges[0].conditional_p[1].p.mean")[1]


def test_any_of_several_nodes_is_a_filter_with_or():
    found = translate([Text("g.json", conditional(("visitedAny(a,b)", {"mean": 0.4, "stdev": 0.1})))])
    parameter = loaded(found).parameters["go-any-a-b"]
    assert parameter.edge_reference == "e.go.visitedAny(a,b).p.mean"
    assert (parameter.visited_filter.operator, parameter.visited_filter.nodes) == ("OR", ("a", "b"))


def test_a_file_that_two_conditions_name_gives_each_a_parameter_of_its_own():
    rate = {"mean": 0.4, "stdev": 0.1, "id": "shared"}
    text = conditional(("visited(a)", rate), ("visited(b)", rate))
    files = {"g.json": text, "s.yaml": "id: shared\nvalues: [{mean: 0.4, stdev: 0.1}]\n"}
    found = translate(texts(files))
    check_complete(files, found)
    parameters = loaded(found).parameters
    assert parameters["shared"].edge_reference == "e.go.visited(a).p.mean"
    assert parameters["shared-go"].edge_reference == "e.go.visited(b).p.mean"


def test_two_slices_of_the_same_people_are_not_two_parameters():
    values = [
        {"mean": mean, "stdev": 0.1, "sliceDSL": f"context(k:{name})"}
        for mean, name in ((0.4, "x"), (0.6, "y"))
    ]
    files = {
        "g.json": one_graph(),
        "p.json": json.dumps({"id": "rate", "query": "from(a).to(b)", "values": values}),
        "k.json": json.dumps({"id": "k", "values": [{"id": "x", "aliases": ["y"]}]}),
    }
    found = translate(texts(files))
    check_complete(files, found)
    assert loaded(found).parameters["rate-k-x"].value.mean == 0.4
    assert "the same people" in reports(found, "p.json", "values[1]")[1]


# --- experiments and contexts


def test_a_condition_on_a_context_of_almost_that_name_is_reported():
    context = "id: channel\nvalues: [{id: search, label: S}]\n"
    text = conditional(("context(Channel:search)", {"mean": 0.4, "stdev": 0.1}))
    found = translate([Text("g.json", text), Text("c.yaml", context)])
    assert loaded(found).problems == ()
    assert "the nearest is channel" in reports(found, "g.json", "edges[0].conditional_p[0].condition")[1]


def test_an_experiment_is_a_context_and_its_weights_are_the_rates_of_its_edges(shop):
    registry = loaded(shop)
    test = registry.contexts["basket-test"]
    assert test.value_ids == ("plain", "one click")
    assert test.mece
    edges = {edge.slug: edge for edge in registry.graphs["shop-funnel"].edges}
    assert edges["to-plain"].p.mean == 0.25
    assert edges["to-quick"].p.mean == 0.6  # .75 × .8
    assert "to-quick: 0.75 of the traffic, of which 0.8 goes on: the rate is 0.6" in shop.warnings
    assert registry.parameters["pay-plain-variant"].context_filter == {"basket-test": "plain"}
    assert "another place" in reports(shop, "cases/basket-test.yaml", "case.variants[0].weight")[1]


def test_weights_that_do_not_add_up_are_kept_and_pointed_out():
    files = sources()
    graph = json.loads(files["graphs/shop-funnel.json"])
    graph["nodes"][2]["case"]["variants"][0]["weight"] = 0.2
    found = translate(texts({**files, "graphs/shop-funnel.json": json.dumps(graph)}), POUNDS)
    assert (
        "the weights of basket-test add up to 0.95: they are kept, and the rest leaves there"
        in found.warnings
    )
    assert not loaded(found).contexts["basket-test"].mece


@pytest.mark.parametrize(
    ("policy", "mece", "other"),
    [
        ("null", True, None),
        ("computed", True, "computed"),
        ("explicit", True, "explicit"),
        ("undefined", False, None),
    ],
)
def test_the_policy_for_other_values_becomes_two_keys(policy, mece, other):
    text = f"id: region\notherPolicy: {policy}\nvalues: [{{id: north, label: N}}, {{id: south, label: S}}]\n"
    context = loaded(translate([Text("region.yaml", text)])).contexts["region"]
    assert (context.mece, context.other_policy) == (mece, other)


def test_a_context_that_only_conditions_name_is_made_unless_the_project_has_it(shop):
    assert loaded(shop).contexts["device"].value_ids == ("mobile",)
    here = loaded(shop).contexts
    again = translate(texts(sources()), Known(here, currency="GBP"))
    assert "contexts/device.yaml" not in again.files
    assert "parameters/pay-plain-without-reviews-device-mobile.yaml" in again.files


def test_a_value_its_context_does_not_list_is_reported(shop):
    why = reports(shop, "graphs/shop-funnel.json", "edges[5].conditional_p[5].condition")[1]
    assert why.startswith("the context channel has no value 'carrier-pigeon'")


# --- names


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "a/../b", "C:\\x", "\0", "", ".hidden", "x" * 500]
)
def test_no_name_leads_out_of_its_folder(name):
    nodes = [{"uuid": "u1", "id": name}, {"uuid": "u2", "id": "b"}]
    edge = {"uuid": "e1", "id": name, "from": "u1", "to": "b", "p": {"mean": 0.5, "stdev": 0.1, "id": name}}
    edge["conditional_p"] = [{"condition": "context(k:v)", "p": {"mean": 0.4, "stdev": 0.1, "id": name}}]
    parameter = json.dumps({"id": name, "values": [{"mean": 0.3, "stdev": 0.1}]})
    context = json.dumps({"id": name, "values": [{"id": name, "label": "x"}]})
    files = {"g.json": json.dumps({"nodes": nodes, "edges": [edge]}), "p.json": parameter, "c.json": context}
    found = translate(texts(files))
    assert found.problems == ()
    assert all(
        re.fullmatch(r"(contexts|graphs|parameters)/[A-Za-z0-9][\w-]{0,63}\.yaml", f) for f in found.files
    )
    assert loaded(found).problems == ()


def test_suffixes_come_from_the_identity_and_not_from_the_order():
    wanted = {"u1": "Pay now", "u2": "pay now", "u3": "pay/now", "u4": "other"}
    names = distinct(wanted, "node")
    assert distinct(dict(reversed(wanted.items())), "node") == names
    assert distinct({**wanted, "u5": "Pay-Now!"}, "node").items() >= names.items()
    assert len({name.lower() for name in names.values()}) == 4
    assert names["u4"] == "other"


@given(st.text(max_size=90))
def test_a_slug_is_allowed_or_empty(text):
    assert re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})?", slugify(text))


def test_graphs_with_the_same_edges_keep_them_apart():
    found = translate([Text("one.json", one_graph()), Text("two.json", one_graph())])
    graphs = loaded(found).graphs
    slugs = [edge.slug for graph in graphs.values() for edge in graph.edges]
    assert len(set(slugs)) == 2
    assert all(slug.startswith("go-") for slug in slugs)


def test_the_older_form_with_slugs_and_nested_costs_is_read():
    nodes = [
        {"id": "11111111", "slug": "start", "label": "Start"},
        {"id": "22222222", "slug": "end", "absorbing": True, "outcome_type": "success"},
    ]
    edge = {"id": "33333333", "slug": "go", "from": "start", "to": "end", "p": {"mean": 0.7}}
    edge["costs"] = {"monetary": {"value": 0.5, "currency": "GBP"}}
    graph = loaded(
        translate([Text("old.json", json.dumps({"nodes": nodes, "edges": [edge]}))], POUNDS)
    ).graphs["old"]
    assert [(node.slug, node.id, node.outcome) for node in graph.nodes] == [
        ("start", "11111111", False),
        ("end", "22222222", True),
    ]
    assert (graph.edges[0].slug, graph.edges[0].p.mean, graph.edges[0].cost.mean) == ("go", 0.7, 0.5)


# --- what is read and what is written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"nodes": [], "nodes": []}', "a duplicate key"),
        ('{"a": NaN}', "not a number of JSON"),
        ('{"a": -Infinity}', "not a number of JSON"),
        ('{"a": 1e999}', "a number too large"),
        ('{"a": 1} x', "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("", "not JSON"),
        ('["\\ud800"]', "half of a character"),
        ('{"\\udfff": 1}', "half of a character"),
        ("[" * 51 + "]" * 51, "nested deeper than 50 levels"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 50 levels"),
        ("[" + "0," * 100_000 + "0]", "more than 100,000 keys and values"),
        ("1" * 5000, "a number of thousands of digits"),
    ],
)
def test_json_that_is_not_quite_json_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        read_json(text, "graph.json")
    assert [problem.file for problem in translate([Text("graph.json", text)]).problems] == ["graph.json"]


def test_fifty_levels_are_read():
    assert read_json("[" * 50 + "]" * 50, "x.json")


def test_a_broken_file_stops_the_whole_import_and_every_one_is_named():
    files = {**sources(), "a.json": "{", "b.yaml": "id: x\nid: y\nvalues: [{mean: 1}]\n", "c.yaml": "a: ["}
    found = translate(texts(files), POUNDS)
    assert [problem.file for problem in found.problems] == ["a.json", "b.yaml", "c.yaml"]
    assert found.files == {}
    assert found.entries == ()


def test_files_of_another_kind_are_skipped_and_none_of_their_values_is_shown(shop):
    assert [file.file for file in shop.skipped] == ["settings.yaml"]
    assert "never-shown" not in repr(shop)


def test_settings_of_a_provider_are_never_shown(shop):
    assert "very-secret" not in repr(shop.entries)


def test_a_file_in_evenfall_s_own_words_without_a_feasible_belief_is_reported_whole():
    found = translate(
        [Text("a.yaml", "id: a\nvalue: {mean: 0.5, stdev: 0.9}\nkolour: red\n"), Text("g.json", one_graph())]
    )
    assert list(found.files) == ["graphs/g.yaml"]
    (entry,) = [entry for entry in found.entries if entry.file == "a.yaml"]
    assert str(entry).startswith(
        "a.yaml — infeasible: value.stdev: no rate with mean 0.5 has stdev 0.9: the largest"
    )


def test_a_second_definition_of_one_id_is_reported():
    one = "id: x\nvalues: [{mean: 0.4, stdev: 0.1}]\n"
    found = translate([Text("a.yaml", one), Text("b.yaml", one)])
    assert list(found.files) == ["parameters/x.yaml"]
    assert reports(found, "b.yaml", "") == ("dropped", "a.yaml has this id already")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text(min_size=1)
    return st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4)


@given(st.recursive(SCALARS, trees))
def test_what_is_written_is_read_back_as_it_was(value):
    surrogate = any("\ud800" <= character <= "\udfff" for character in repr(value))
    if not surrogate:
        tree = read_yaml(to_yaml({"value": value}), "x.yaml")
        assert tree.problems == ()
        assert tree.data == {"value": value}


def test_conditions_are_read_in_both_forms():
    said = read_condition("from(a).to(b).visited(c, d).visitedAny(e,f).exclude(g).context(k:v,l:w).case(t:x)")
    assert (said.start, said.end, said.visited, said.visited_any) == ("a", "b", ("c", "d"), (("e", "f"),))
    assert (said.exclude, said.contexts, said.cases) == (("g",), (("k", "v"), ("l", "w")), (("t", "x"),))
    assert read_condition({"visited": ("c", "d"), "exclude": ("g",)}).exclude == ("g",)
    assert read_condition("window(1-Jan-25:2-Jan-25)").is_everyone
    for odd in (
        "visited(a) or exclude(b)",
        "contextAny(a:b)",
        "visited(a",
        "minus(visited(a))",
        "context(k)",
        7,
    ):
        assert read_condition(odd).unreadable, odd


def test_the_import_is_the_same_every_time(shop):
    again = translate(reversed(texts(sources())), POUNDS)
    assert again.files == shop.files
    assert again.entries == shop.entries
