"""Saved what-ifs: whether their names are declared, and how one is written into a project."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML

from evenfall.errors import ConfigError, UsageError
from evenfall.registry.checks import Declared, context_value_problems, unknown_name
from evenfall.registry.references import is_reference, parse_reference
from evenfall.registry.schemas import Graph, Scenario
from evenfall.registry.tree import Path, Tree

__all__ = ["check_scenario", "save_scenario", "scenario_text"]


def check_scenario(scenario: Scenario, tree: Tree, declared: Declared) -> list[ConfigError]:
    """Return every name in a scenario that nobody declared."""
    problems = [*_graph(scenario, tree, declared), *_mix(scenario, tree, declared)]
    for key, values in scenario.select.items():
        if key not in declared.contexts and key not in declared.open_contexts:
            problems.append(unknown_name("context", key, declared.contexts, tree, ("select", key), key=True))
            continue
        for index, value in enumerate(values):
            problems += context_value_problems(key, value, tree, ("select", key, index), declared)
    return problems + list(_graph_names(scenario, tree, declared))


def _graph(scenario: Scenario, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    if declared.judges_graphs and scenario.graph is not None and scenario.graph not in declared.graphs:
        yield unknown_name("graph", scenario.graph, declared.graphs, tree, ("graph",))


def _mix(scenario: Scenario, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    """Yield shares of values that are not selected; those of joint slices are judged when they are asked.

    Where nothing is selected the mix is about the context that has most of its values.
    """
    values = {value for values in scenario.select.values() for value in values}
    if not values:
        known = [set(context.value_ids) for context in declared.contexts.values()]
        values = max(known, key=lambda ids: len(ids & scenario.mix.keys()), default=set())
        if not values & scenario.mix.keys():
            return
    for name in scenario.mix:
        if "=" not in name and name not in values:
            yield unknown_name("selected value", name, values, tree, ("mix", name), key=True)


def _graph_names(scenario: Scenario, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    """Yield edges, nodes and contexts that the scenario's graph (or any, when it names none) lacks."""
    named = declared.graphs.get(scenario.graph) if scenario.graph is not None else None
    graphs = [named] if named is not None else list(declared.graphs.values())
    judged = declared.judges_graphs
    nodes = {node.slug for graph in graphs for node in graph.nodes}
    for text in scenario.overrides:
        yield from _override(text, graphs if judged else [], tree, declared)
    places: list[tuple[str, Path]] = [(node, ("to", index)) for index, node in enumerate(scenario.to)]
    places += [(scenario.start, ("start",))] if scenario.start is not None else []
    for node, path in places if judged else ():
        if node not in nodes:
            yield unknown_name("node", node, nodes, tree, path)


def _override(text: str, graphs: list[Graph], tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    path: Path = ("overrides", text)
    reference = parse_reference(text if is_reference(text) else f"e.{text}")
    for key, value in reference.context.items():
        yield from context_value_problems(key, value, tree, path, declared)
    edges = {edge.slug for graph in graphs for edge in graph.edges}
    nodes = {node.slug for graph in graphs for node in graph.nodes}
    if graphs and reference.edge and reference.edge not in edges:
        yield unknown_name("edge", reference.edge, edges, tree, path, key=True)
    for node in (*(reference.between or ()), *reference.nodes) if graphs else ():
        if node not in nodes:
            yield unknown_name("node", node, nodes, tree, path, key=True)


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as its file says it: only what was asked, in the order of the schema."""
    said: dict[str, Any] = scenario.model_dump(mode="json", exclude_defaults=True)
    stream = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 110
    writer.dump(said, stream)
    return stream.getvalue()


def save_scenario(
    root: FilePath, scenario: Scenario, *, force: bool = False, taken: Iterable[str] = ()
) -> FilePath:
    """Write ``scenarios/<id>.yaml`` whole or not at all, and return its path.

    Parameters
    ----------
    force
        Overwrite the file when there is one.
    taken
        Ids of the saved scenarios, whatever their files are called.

    Raises
    ------
    UsageError
        When there is such a file already and `force` is not set, or another file has the id.
    """
    path = root / "scenarios" / f"{scenario.id}.yaml"
    if not path.exists() and str(scenario.id).lower() in {name.lower() for name in taken}:
        raise UsageError(
            f"another file has the id {scenario.id} already",
            remedy="choose another name; upper and lower case count as one",
        )
    if path.exists() and not force:
        raise UsageError(
            f"scenarios/{path.name} exists already",
            remedy="choose another name, or overwrite it with --force",
        )
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(scenario_text(scenario), encoding="utf-8")
    temporary.replace(path)
    return path
