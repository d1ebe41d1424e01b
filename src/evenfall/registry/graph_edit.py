"""A graph as its editor leaves it, written into the file it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from evenfall.errors import ConfigError, EditRefused
from evenfall.registry.schemas import Graph
from evenfall.registry.schemas.base import SLUG_PATTERN
from evenfall.registry.splice import GONE, Splicer
from evenfall.registry.translate import suggest, validate
from evenfall.registry.tree import Path, Tree, parse_path, print_path

__all__ = ["asked_place", "change_graph"]

type Members = Sequence[Mapping[str, Any]]

_BELIEF: Final = ("parameter_id", "mean", "stdev")


def change_graph(text: str, tree: Tree, wanted: Mapping[str, Any]) -> str:
    """Return the text of a graph's file as `wanted` describes the graph.

    Parameters
    ----------
    wanted
        ``nodes`` and ``edges`` as lists of mappings, and maybe ``name``. A member is known by its slug; one
        that is not listed is removed. A key that is not given stays as it is; one that is None is removed.

    Raises
    ------
    EditRefused
        When slugs repeat or are none, or an edge begins or ends at a node that is not listed.
    ConfigError
        When the file is written in a way that cannot be kept.
    """
    definition, problems = validate(Graph, tree)
    if definition is None:
        raise EditRefused(problems)
    if found := [
        *_slugs("nodes", wanted["nodes"]),
        *_slugs("edges", wanted["edges"]),
        *_ends(wanted, definition),
    ]:
        raise EditRefused(found)
    splicer = Splicer(text, tree)
    if "name" in wanted:
        splicer.set_keys((), {"name": _or_gone(wanted["name"])})
    _change_members(splicer, "nodes", wanted["nodes"])
    _change_members(splicer, "edges", wanted["edges"])
    return splicer.finish()


def asked_place(path: str, tree: Tree, wanted: Mapping[str, Any]) -> str:
    """Return the place in `wanted` of what stands at a path of the changed file; as it is when in neither."""
    steps = parse_path(path)
    if len(steps) < 2 or steps[0] not in ("nodes", "edges") or not isinstance(steps[1], int):
        return path
    group = str(steps[0])
    slugs = [member["slug"] for member in wanted[group]]
    order = [slug for slug in _written(tree, group) if slug in slugs]
    order += [slug for slug in slugs if slug not in order]
    rest = [step for step in steps[2:] if step != "p"]
    return print_path((group, slugs.index(order[steps[1]]), *rest))


def _written(tree: Tree, group: str) -> list[str]:
    """Return the slugs of a file's nodes or edges, in their order."""
    members = tree.at((group,))
    return [member["slug"] for member in members] if isinstance(members, tuple) else []


def _slugs(group: str, members: Members) -> Iterator[ConfigError]:
    """Yield slugs that are none, and slugs used twice."""
    seen: dict[str, int] = {}
    for index, member in enumerate(members):
        slug, path = str(member["slug"]), print_path((group, index, "slug"))
        if not re.fullmatch(SLUG_PATTERN[1:-1], slug):
            remedy = "use 1 to 64 letters, digits, '_' or '-', a letter or digit first"
            yield ConfigError("not a slug", path=path, value=slug, remedy=remedy)
        first = seen.setdefault(slug.lower(), index)
        if first != index:
            remedy = f"{group}[{first}] has it already; upper and lower case count as one"
            yield ConfigError("a slug used twice", path=path, value=slug, remedy=remedy)


def _ends(wanted: Mapping[str, Any], before: Graph) -> Iterator[ConfigError]:
    """Yield the ends of edges that are at no node; a node must not go before its edges do."""
    nodes = {node["slug"] for node in wanted["nodes"]}
    removed = {node.slug for node in before.nodes} - nodes
    for index, edge in enumerate(wanted["edges"]):
        for end in ("from", "to"):
            slug = edge[end]
            if slug in nodes:
                continue
            path = print_path(("edges", index, end))
            if slug in removed:
                remedy = f"remove or reconnect the edge {edge['slug']} too, or keep the node"
                yield ConfigError(
                    "a node that is removed still has this edge", path=path, value=slug, remedy=remedy
                )
            else:
                remedy = suggest(slug, nodes, what="declared")
                yield ConfigError("unknown node", path=path, value=slug, remedy=remedy)


def _change_members(splicer: Splicer, group: str, wanted: Members) -> None:
    written = _written(splicer.tree, group)
    by_slug = {member["slug"]: member for member in wanted}
    build = _node if group == "nodes" else _edge
    for index, slug in enumerate(written):
        if slug in by_slug:
            build(splicer, (group, index), by_slug[slug])
    gone = [index for index, slug in enumerate(written) if slug not in by_slug]
    new = _new_node if group == "nodes" else _new_edge
    splicer.change_list((group,), gone, [new(member) for member in wanted if member["slug"] not in written])


def _node(splicer: Splicer, path: Path, wanted: Mapping[str, Any]) -> None:
    changes = {key: _or_gone(wanted[key]) for key in ("name", "x", "y") if key in wanted}
    if "outcome" in wanted and bool(wanted["outcome"]) != bool(splicer.tree.at((*path, "outcome"))):
        changes["outcome"] = bool(wanted["outcome"])
    splicer.set_keys(path, changes)


def _edge(splicer: Splicer, path: Path, wanted: Mapping[str, Any]) -> None:
    changes: dict[str, object] = {key: wanted[key] for key in ("from", "to")}
    before = splicer.tree.at((*path, "p"))
    belief = _belief(wanted, before if isinstance(before, dict) else {})
    if belief != (before or {}):
        changes["p"] = belief or GONE
    if "cost" in wanted:
        changes["cost"] = _cost(splicer.tree, (*path, "cost"), wanted["cost"])
    splicer.set_keys(path, changes)


def _belief(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an edge believes: what is wanted, over what stands there where it is of the same kind."""
    given = {key: wanted[key] for key in _BELIEF if key in wanted}
    kept = dict(before)
    if given.get("parameter_id") is not None:
        kept = {}
    elif given.get("mean") is not None:
        kept.pop("parameter_id", None)
    elif "mean" in given and "mean" in kept:
        kept = {}
    return {key: value for key, value in {**kept, **given}.items() if value is not None}


def _cost(tree: Tree, path: Path, wanted: float | None) -> object:
    """Return what an edge costs; of a cost with more to it, only the mean is another."""
    before = tree.at(path)
    if wanted is None or not isinstance(before, dict):
        return _or_gone(wanted)
    if "parameter_id" in before:
        name = before["parameter_id"]
        raise tree.error(
            f"the cost of this edge is the parameter {name}",
            path,
            value=wanted,
            remedy=f"change the numbers of {name}, or remove the cost first",
        )
    return {**before, "mean": wanted}


def _new_node(wanted: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("slug", "name", "outcome", "x", "y")
    return {key: wanted[key] for key in keys if wanted.get(key) is not None and wanted[key] is not False}


def _new_edge(wanted: Mapping[str, Any]) -> dict[str, Any]:
    edge = {key: wanted[key] for key in ("slug", "from", "to")}
    belief = _belief(wanted, {})
    cost = {"cost": wanted["cost"]} if wanted.get("cost") is not None else {}
    return {**edge, **({"p": belief} if belief else {}), **cost}


def _or_gone(value: object) -> object:
    return GONE if value is None else value
