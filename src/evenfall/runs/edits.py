"""Parameters and graphs edited: found by id, changed in their files, judged with the whole project."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from evenfall.errors import ConfigError, EditRefused, UnknownName, UsageError, nearest
from evenfall.registry.edit import Changed, DefinitionFile, change_file, problems_of, read_definition
from evenfall.registry.files import read_texts
from evenfall.registry.git import Commit
from evenfall.registry.graph_edit import asked_place, change_graph
from evenfall.registry.parameter import Parameter
from evenfall.registry.parameter_edit import asked_field, change_numbers
from evenfall.registry.registry import SourceFile
from evenfall.registry.schemas import Graph, ParameterDefinition
from evenfall.registry.sources import Text, read
from evenfall.registry.tree import Tree
from evenfall.runs.parameter.detail import etag_of
from evenfall.runs.validate import query_problems
from evenfall.runs.world import World

__all__ = [
    "ANY_VERSION",
    "Edited",
    "Numbers",
    "check_definition",
    "edit_graph",
    "edit_parameter",
    "graph_file",
]

ANY_VERSION: Final = "*"
"""Stands for whatever version a file has."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is to stand in a parameter's file; None leaves a block as it is."""

    prior: Mapping[str, float] | None = None
    distribution: str | None = None
    value: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit.

    Attributes
    ----------
    written
        Whether the file had to be written.
    commit
        The Git commit that holds it, when one was asked for.
    touches
        Ids of the parameters that the file defines; those of a template's slices share it.
    """

    file: str
    etag: str
    written: bool
    commit: str | None
    touches: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {**asdict(self), "touches": list(self.touches)}


def edit_parameter(
    world: World, parameter_id: str, numbers: Numbers, *, seen: str, commit: Commit | None = None
) -> Edited:
    """Write other numbers into the file of a parameter, or of the template it is a slice of.

    Parameters
    ----------
    seen
        Version the change is made to: the etag of the file, or the one that the parameter is shown with.

    Raises
    ------
    UnknownName
        When there is no such parameter.
    FileChanged, ConfigError, NotCommitted
        See `evenfall.registry.edit.change_file`.
    """
    parameter = _parameter(world, parameter_id)

    def change(text: str, tree: Tree) -> str:
        return change_numbers(
            text, tree, prior=numbers.prior, distribution=numbers.distribution, value=numbers.value
        )

    def is_seen(found: DefinitionFile) -> bool:
        return seen in (ANY_VERSION, found.etag, _shown_etag(world, parameter, found))

    def place(problem: ConfigError) -> str:
        return asked_field(problem.path) if problem.file == parameter.file else problem.path

    with _fields(place):
        done = change_file(
            world.registry.root, parameter.file, change, seen=is_seen, check=query_problems, commit=commit
        )
    touched = (other.id for other in world.registry.parameters.values() if other.file == parameter.file)
    return _edited(done, tuple(sorted(touched)))


def edit_graph(
    world: World, graph_id: str, wanted: Mapping[str, Any], *, seen: str, commit: Commit | None = None
) -> Edited:
    """Write a graph as its editor leaves it; see `evenfall.registry.graph_edit.change_graph`."""
    file = graph_file(world.registry.root, graph_id).file
    trees: list[Tree] = []

    def change(text: str, tree: Tree) -> str:
        trees.append(tree)
        return change_graph(text, tree, wanted)

    def place(problem: ConfigError) -> str:
        if problem.file == file and trees:
            return asked_place(problem.path, trees[0], wanted)
        if problem.file in ("", file):
            return problem.path
        return "nodes" if "node" in problem.message else "edges"

    with _fields(place):
        return _edited(
            change_file(
                world.registry.root,
                file,
                change,
                seen=lambda found: seen in (ANY_VERSION, found.etag),
                check=query_problems,
                commit=commit,
            )
        )


def graph_file(root: Path, graph_id: str) -> DefinitionFile:
    """Return the file of a graph as it is on the disk.

    Raises
    ------
    UnknownName
        When no file declares the graph.
    """
    files: dict[str, str] = {}
    for reading in (read(Graph, text) for text in read_texts(root).graphs):
        files.setdefault(reading.declared_id, reading.file)
    if graph_id not in files:
        raise UnknownName("graph", graph_id, files)
    return read_definition(root, files[graph_id])


def check_definition(world: World, text: str | None, file: str | None) -> list[ConfigError]:
    """Return what is wrong with a parameter's text, or with a file as it stands.

    Parameters
    ----------
    text
        As it would be saved; None takes what the file says.
    file
        Relative to the project's root; without one, the file of the parameter whose id the text has.

    Raises
    ------
    UsageError
        When there is no such parameter file.
    """
    root = world.registry.root
    found = {one.file: one for one in read_texts(root).parameters}
    if file is not None and file not in found:
        close = nearest(file, found)
        remedy = f"did you mean {' or '.join(close)}?" if close else "name a file below parameters/"
        raise UsageError(f"the project has no parameter file {file[:200]!r}", remedy=remedy)
    if text is None:
        return problems_of(root, found[str(file)], query_problems)
    return problems_of(root, Text(file or _file_of(world, text), text), query_problems)


def _file_of(world: World, text: str) -> str:
    """Return the file that a text is of: that of the parameter whose id it has, else a new one."""
    name = read(ParameterDefinition, Text("parameters/text.yaml", text)).declared_id
    known = world.registry.parameters.values()
    return next((one.file for one in known if name in (one.id, one.template_id)), "parameters/text.yaml")


def _parameter(world: World, parameter_id: str) -> Parameter:
    """Return a parameter, or the first slice of the template that has the id."""
    known = world.registry.parameters
    slices = (one for key, one in sorted(known.items()) if one.template_id == parameter_id)
    return known.get(parameter_id) or next(slices, None) or world.registry.parameter(parameter_id)


def _shown_etag(world: World, parameter: Parameter, found: DefinitionFile) -> str:
    """Return the etag that the parameter is shown with when its file is `found`."""
    text = found.content.decode("utf-8-sig", "replace")
    source = SourceFile(found.file, text, hashlib.sha256(text.encode()).hexdigest())
    sources = {**world.registry.sources, found.file: source}
    current = world.store.latest_posterior(parameter.id, world.night().instant)
    return etag_of(replace(world, registry=replace(world.registry, sources=sources)), parameter, current)


@contextmanager
def _fields(place: Callable[[ConfigError], str]) -> Iterator[None]:
    """Say of each problem which field of the request it is about; file and line stay."""
    try:
        yield
    except UnknownName:
        raise
    except ConfigError as error:
        problems = error.problems if isinstance(error, EditRefused) else (error,)
        raise EditRefused([_at(problem, place(problem)) for problem in problems]) from None


def _at(problem: ConfigError, field: str) -> ConfigError:
    needed = f"{problem.file} needs it: " if field in ("nodes", "edges") and problem.path != field else ""
    return ConfigError(
        f"{needed}{problem.message}",
        file=problem.file,
        line=problem.line,
        column=problem.column,
        path=field,
        value=problem.value,
        remedy=problem.remedy,
    )


def _edited(done: Changed, touches: tuple[str, ...] = ()) -> Edited:
    return Edited(done.file, done.etag, done.written, done.commit, touches)
