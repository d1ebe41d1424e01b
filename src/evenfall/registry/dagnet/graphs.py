"""Graphs of DagNet: what their nodes and edges are called here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.naming import distinct
from evenfall.registry.tree import Path

__all__ = ["GraphDraft", "move_names", "name_edges", "read_nodes"]

_RENAMED: Final = "slugs are made of letters, digits, '_' and '-'"


@dataclass(slots=True)
class GraphDraft:
    """A graph file whose nodes and edges have names.

    Attributes
    ----------
    nodes
        Slug of each node, by every name the file has for it.
    written
        The nodes as they are written.
    edges
        Slug of each edge that can be written, by its position in the file.
    """

    account: Account
    id: str
    file: str
    nodes: dict[str, str] = field(default_factory=dict)
    written: list[dict[str, object]] = field(default_factory=list)
    edges: dict[int, str] = field(default_factory=dict)
    raw_ends: dict[int, tuple[str, str]] = field(default_factory=dict)


def read_nodes(account: Account, graph_id: str) -> GraphDraft:
    """Return the draft of a graph file with its nodes; account for them."""
    draft = GraphDraft(account, graph_id, f"graphs/{graph_id}.yaml")
    wanted: dict[str, str] = {}
    positions: dict[str, int] = {}
    for index, _ in enumerate(account.members(("nodes",))):
        names = _names(account, ("nodes", index))
        if not names or names[0] in positions:
            account.drop(("nodes", index), "a node named twice" if names else "a node without a name")
            continue
        positions[names[0]] = index
        slug = account.text(("nodes", index, "slug")) or account.text(("nodes", index, "id"))
        wanted[names[0]] = slug or account.text(("nodes", index, "label")) or names[0]
    slugs = distinct(wanted, "node")
    leaving = {account.text(("edges", index, "from")) for index, _ in enumerate(account.members(("edges",)))}
    for identity, index in positions.items():
        names = _names(account, ("nodes", index))
        for name in reversed(names):
            draft.nodes.setdefault(name, slugs[identity])
        draft.nodes[identity] = slugs[identity]
        _write_node(draft, index, slugs[identity], ends=not leaving & set(names))
    return draft


def _names(account: Account, path: Path) -> tuple[str, ...]:
    """Return what a node or an edge is called, the steadiest name first."""
    found = (account.text((*path, key)) for key in ("uuid", "id", "slug"))
    return tuple(dict.fromkeys(name for name in found if name))


def _write_node(draft: GraphDraft, index: int, slug: str, *, ends: bool) -> None:
    account, path = draft.account, ("nodes", index)
    place: Path = ("nodes", len(draft.written))
    node: dict[str, object] = {"slug": slug}
    move_names(draft, path, place, node)
    if (label := account.text((*path, "label"))) is not None:
        node["name"] = label
        account.move((*path, "label"), Target(draft.file, (*place, "name")), label)
    if account.text((*path, "outcome_type")) == "success":
        node["outcome"] = True
        at = Target(draft.file, (*place, "outcome"))
        account.move((*path, "outcome_type"), at, True, "a success is an outcome")
    else:
        account.drop((*path, "outcome_type"), "only a success is an outcome; people end elsewhere unmarked")
    agrees = account.at((*path, "absorbing")) is ends
    account.drop((*path, "absorbing"), "seen from its edges" if agrees else "its edges say otherwise")
    if account.at((*path, "type")) == "case":
        account.drop((*path, "type"), "its experiment is a context, its weights are the rates of its edges")
    draft.written.append(node)


def move_names(draft: GraphDraft, path: Path, place: Path, part: dict[str, object]) -> None:
    """Write the identity of a node or an edge beside its slug, and account for all its names."""
    account, slug = draft.account, str(part["slug"])
    source = "slug" if account.text((*path, "slug")) else "id"
    keeps = [key for key in ("uuid", "id") if key != source and account.text((*path, key)) is not None]
    account.move((*path, source), Target(draft.file, (*place, "slug")), slug, _RENAMED)
    if keeps:
        part["id"] = account.text((*path, keeps[0]))
        account.move((*path, keeps[0]), Target(draft.file, (*place, "id")), part["id"])


def name_edges(drafts: Sequence[GraphDraft]) -> None:
    """Give every edge of every graph a slug of its own, as references do not say which graph they mean."""
    wanted: dict[str, str] = {}
    found: dict[str, tuple[GraphDraft, int]] = {}
    for draft in drafts:
        for index, _ in enumerate(draft.account.members(("edges",))):
            path: Path = ("edges", index)
            ends = [draft.account.text((*path, key)) for key in ("from", "to")]
            lost = [end for end in ends if end not in draft.nodes]
            names = _names(draft.account, path)
            identity = f"{draft.file} {names[0] if names else f'{ends} {index}'}"
            if lost or identity in found:
                why = f"no node is called {lost[0]!r}" if lost else "an edge named twice"
                draft.account.drop(path, why if not lost or lost[0] else "an edge without from or to")
                continue
            found[identity] = draft, index
            source, target = (draft.nodes[str(end)] for end in ends)
            slug = draft.account.text((*path, "slug")) or draft.account.text((*path, "id"))
            wanted[identity] = slug or f"{source}-to-{target}"
            draft.raw_ends[index] = source, target
    for identity, slug in distinct(wanted, "edge").items():
        draft, index = found[identity]
        draft.edges[index] = slug
