"""Whether the names a definition uses are declared, and whether it eats its own output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from evenfall.errors import ConfigError
from evenfall.registry.fit_checks import check_fit
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.schemas import (
    Context,
    EventObservations,
    Graph,
    ParameterDefinition,
    Pooling,
    QueryObservations,
    SheetsDestination,
    SheetsPrior,
    SqlDestination,
    SqlPrior,
    WebhookDestination,
)
from evenfall.registry.settings import Connection
from evenfall.registry.sheet_range import same_sheet, share_a_cell
from evenfall.registry.sql_words import mentions_table
from evenfall.registry.translate import suggest
from evenfall.registry.tree import Path, Tree

__all__ = ["Declared", "check_graph", "check_parameter", "context_value_problems", "unknown_name"]

_SOURCE_TYPES: Final = ("sql", "csv", "parquet")
"""Types of an observation source that any connection may serve, or that name files and not a connection."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Every name the project declares.

    Attributes
    ----------
    open_contexts
        Contexts whose own file is broken: their values cannot be judged.
    parameters
        Ids of all parameters, those of templates and of broken files included.
    timeless
        Ids of those parameters that say nothing of a delay.
    judges_connections
        Whether the settings were read; without them an unknown connection says nothing.
    judges_graphs
        Whether there are graphs, all of them read; otherwise an unknown edge or node says nothing.
    """

    contexts: Mapping[str, Context]
    graphs: Mapping[str, Graph]
    connections: Mapping[str, Connection]
    parameters: frozenset[str] = frozenset()
    timeless: frozenset[str] = frozenset()
    open_contexts: frozenset[str] = frozenset()
    judges_connections: bool = True
    judges_graphs: bool = True
    edges: frozenset[str] = field(init=False)
    nodes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        edges = (edge.slug for graph in self.graphs.values() for edge in graph.edges)
        nodes = (node.slug for graph in self.graphs.values() for node in graph.nodes)
        object.__setattr__(self, "edges", frozenset(edges))
        object.__setattr__(self, "nodes", frozenset(nodes))


def check_parameter(definition: ParameterDefinition, tree: Tree, declared: Declared) -> list[ConfigError]:
    """Return every undeclared name in a definition, and every destination that is its own prior source."""
    return [
        *_contexts(definition, tree, declared),
        *_connections(definition, tree, declared),
        *_graph_names(definition, tree, declared),
        *_mapping(definition, tree),
        *_own_priors(definition, tree),
        *check_fit(definition, tree),
    ]


def unknown_name(
    kind: str, name: str, valid: Iterable[str], tree: Tree, path: Path, *, key: bool = False
) -> ConfigError:
    """Return the problem that a name nobody declared stands at `path`, with the nearest declared ones."""
    remedy = suggest(name, valid, what="declared") or f"declare the {kind} first"
    return tree.error(f"unknown {kind}", path, value=name, remedy=remedy, key=key)


def _contexts(definition: ParameterDefinition, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    for key, value in definition.context_filter.items():
        yield from context_value_problems(key, value, tree, ("context_filter", key), declared)
    source = definition.observation_source
    if isinstance(source, QueryObservations):
        for index, key in enumerate(source.context_variables):
            if key not in declared.contexts and key not in declared.open_contexts:
                at: Path = ("observation_source", "context_variables", index)
                yield unknown_name("context", key, declared.contexts, tree, at)
    if isinstance(source, EventObservations):
        for key in source.columns.contexts:
            if key not in declared.contexts and key not in declared.open_contexts:
                valid = (*declared.contexts, *type(source.columns).model_fields)
                yield unknown_name(
                    "context", key, valid, tree, ("observation_source", "columns", key), key=True
                )
        pooling = definition.bayesian_update.pooling if definition.bayesian_update else None
        for index, key in enumerate(pooling.effects or () if isinstance(pooling, Pooling) else ()):
            if key not in declared.contexts and key not in declared.open_contexts:
                where: Path = ("bayesian_update", "pooling", "effects", index)
                yield unknown_name("context", key, declared.contexts, tree, where)


def context_value_problems(
    key: str, value: str, tree: Tree, path: Path, declared: Declared
) -> Iterator[ConfigError]:
    """Yield why there is no such value or no such context; a context whose file is broken is not judged."""
    if key in declared.open_contexts:
        return
    if key not in declared.contexts:
        yield unknown_name("context", key, declared.contexts, tree, path, key=True)
        return
    context = declared.contexts[key]
    allowed = (*context.value_ids, "other") if context.other_policy else context.value_ids
    if context.values and value not in allowed:
        yield unknown_name(f"value of {key}", value, allowed, tree, path)


def _connections(definition: ParameterDefinition, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    for path, name, wanted in _connection_uses(definition) if declared.judges_connections else ():
        connection = declared.connections.get(name)
        if connection is None:
            yield unknown_name("connection", name, declared.connections, tree, (*path, "connection"))
        elif wanted not in _SOURCE_TYPES and connection.type != wanted:
            remedy = f"connection {name!r} is {connection.type}; name another, or write type: sql"
            yield tree.error("the connection has another type", (*path, "type"), value=wanted, remedy=remedy)


def _connection_uses(definition: ParameterDefinition) -> Iterator[tuple[Path, str, str]]:
    """Yield where a connection is named, its name, and the type it must have (``sql`` for any)."""
    source, prior = definition.observation_source, definition.prior_source
    if source is not None:
        yield ("observation_source",), source.connection, "sql" if source.type == "events" else source.type
    connection = getattr(prior, "connection", None)
    if connection is not None:
        yield ("prior_source",), connection, "sql"
    for index, destination in enumerate(_destinations(definition)):
        if isinstance(destination, SqlDestination):
            yield ("posterior_destination", "destinations", index), destination.connection, "sql"


def _destinations(
    definition: ParameterDefinition,
) -> tuple[SheetsDestination | SqlDestination | WebhookDestination, ...]:
    return definition.posterior_destination.destinations if definition.posterior_destination else ()


def _graph_names(definition: ParameterDefinition, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    reference = _readable(definition.edge_reference)
    if reference is not None:
        for key, value in reference.context.items():
            yield from context_value_problems(key, value, tree, ("edge_reference",), declared)
    if not declared.judges_graphs:
        return
    if reference is not None and reference.edge and reference.edge not in declared.edges:
        yield unknown_name("edge", reference.edge, declared.edges, tree, ("edge_reference",))
    for node in (*(reference.between or ()), *reference.nodes) if reference else ():
        if node not in declared.nodes:
            yield unknown_name("node", node, declared.nodes, tree, ("edge_reference",))
    for index, node in enumerate(_pooled_visits(definition)):
        if node not in declared.nodes:
            at: Path = ("bayesian_update", "pooling", "visited", index)
            yield unknown_name("node", node, declared.nodes, tree, at)
    visited = definition.visited_filter.nodes if definition.visited_filter else ()
    for index, node in enumerate(visited):
        if node not in declared.nodes:
            yield unknown_name("node", node, declared.nodes, tree, _visited_path(tree, index))


def _pooled_visits(definition: ParameterDefinition) -> tuple[str, ...]:
    pooling = definition.bayesian_update.pooling if definition.bayesian_update else None
    return pooling.visited if isinstance(pooling, Pooling) else ()


def _readable(text: str | None) -> EdgeReference | None:
    """Return the reference; None for one that is refused elsewhere."""
    try:
        return parse_reference(text) if text is not None else None
    except ConfigError:
        return None


def _visited_path(tree: Tree, index: int) -> Path:
    as_list = isinstance(tree.at(("visited_filter",)), tuple)
    return ("visited_filter", index) if as_list else ("visited_filter", "nodes", index)


_COLUMNS_OF: Final = {
    "probability": ("trials", "successes", "alpha_prior", "beta_prior"),
    "rate": ("events", "exposure"),
    "mean": ("n", "sum", "sum_squares"),
    "duration": ("n", "sum", "sum_squares"),
}


def _mapping(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    """Refuse result columns that the parameter's type has no use for."""
    source = definition.observation_source
    if not isinstance(source, QueryObservations):
        return
    allowed = (*_COLUMNS_OF[definition.type], "date", "age_days")
    for key in source.result_mapping.written:
        if key not in allowed:
            remedy = f"use {', '.join(allowed)}, or change type"
            path = ("observation_source", "result_mapping", key)
            yield tree.error(f"a {definition.type} has no such statistic", path, remedy=remedy, key=True)


def _own_priors(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    """Refuse destinations that the prior is read from: yesterday's posterior would count twice."""
    remedy = "use prior_source type: posterior_history, or write somewhere else"
    for index, destination in enumerate(_destinations(definition)):
        path: Path = ("posterior_destination", "destinations", index)
        if isinstance(destination, SheetsDestination) and _is_own_sheet(definition, destination):
            message = "this range is the parameter's own prior source"
            yield tree.error(message, (*path, "range"), value=destination.range, remedy=remedy)
        if isinstance(destination, SqlDestination) and _is_own_table(definition, destination):
            message = "this table is the parameter's own prior source"
            yield tree.error(message, (*path, "table"), value=destination.table, remedy=remedy)


def _is_own_sheet(definition: ParameterDefinition, destination: SheetsDestination) -> bool:
    prior = definition.prior_source
    return (
        isinstance(prior, SheetsPrior)
        and same_sheet(prior.url, destination.url)
        and share_a_cell(prior.range, destination.range)
    )


def _is_own_table(definition: ParameterDefinition, destination: SqlDestination) -> bool:
    prior, source = definition.prior_source, definition.observation_source
    queries = []
    if isinstance(prior, SqlPrior) and prior.connection == destination.connection:
        queries.append(prior.query)
    if (
        isinstance(source, QueryObservations)
        and source.result_mapping.prior_columns
        and source.connection == destination.connection
    ):
        queries.append(source.text)
    return any(mentions_table(query, destination.table) for query in queries)


def check_graph(graph: Graph, tree: Tree, declared: Declared) -> list[ConfigError]:
    """Return every repeated slug, unknown node and unknown parameter of a graph."""
    return [*_repeated(graph, tree), *_edge_names(graph, tree, declared)]


def _repeated(graph: Graph, tree: Tree) -> Iterator[ConfigError]:
    for group, slugs in (
        ("nodes", [node.slug for node in graph.nodes]),
        ("edges", [edge.slug for edge in graph.edges]),
    ):
        seen: dict[str, int] = {}
        for index, slug in enumerate(slugs):
            first = seen.setdefault(slug.lower(), index)
            if first != index:
                remedy = f"{group}[{first}] has it already; upper and lower case count as one"
                yield tree.error("a slug used twice", (group, index, "slug"), value=slug, remedy=remedy)


def _edge_names(graph: Graph, tree: Tree, declared: Declared) -> Iterator[ConfigError]:
    nodes = {node.slug for node in graph.nodes}
    for index, edge in enumerate(graph.edges):
        for key, slug in (("from", edge.from_node), ("to", edge.to_node)):
            if slug not in nodes:
                yield unknown_name("node", slug, nodes, tree, ("edges", index, key))
        for key, part in (("p", edge.p), ("latency", edge.latency), ("cost", edge.cost)):
            name = getattr(part, "parameter_id", None)
            if name is not None and name not in declared.parameters:
                path: Path = ("edges", index, key, "parameter_id")
                yield unknown_name("parameter", name, declared.parameters, tree, path)
            elif key == "latency" and name in declared.timeless:
                yield tree.error(
                    "a parameter that says nothing of a delay",
                    ("edges", index, key, "parameter_id"),
                    value=name,
                    remedy="give it a latency block, or name one of type: duration",
                )
