"""Texts become trees and models; what one file says, whether it is accepted or not."""

from __future__ import annotations

from dataclasses import dataclass

from evenfall.errors import ConfigError
from evenfall.registry.schemas import Model
from evenfall.registry.toml_text import read_toml
from evenfall.registry.translate import validate
from evenfall.registry.tree import Tree
from evenfall.registry.yaml_text import read_yaml

__all__ = ["Reading", "Text", "read", "read_tree"]


@dataclass(frozen=True, slots=True)
class Text:
    """A file as it was found: its text, or why it has none."""

    file: str
    text: str = ""
    problem: ConfigError | None = None


@dataclass(frozen=True, slots=True)
class Reading[M: Model]:
    """What a file says in the shape of a model.

    Attributes
    ----------
    definition
        None when anything is wrong with the file.
    """

    file: str
    tree: Tree
    definition: M | None
    problems: tuple[ConfigError, ...]

    @property
    def declared_id(self) -> str:
        """The id written in the file, else the file's own name."""
        said = self.tree.data.get("id") if isinstance(self.tree.data, dict) else None
        stem = self.file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        return said if isinstance(said, str) else stem


def read_tree(source: Text) -> tuple[Tree, tuple[ConfigError, ...]]:
    """Return the tree of a file, with what is wrong with its text; an unreadable file has an empty tree."""
    if source.problem is not None:
        return Tree(source.file, None), (source.problem,)
    reader = read_toml if source.file.endswith(".toml") else read_yaml
    try:
        tree = reader(source.text, source.file)
    except ConfigError as error:
        return Tree(source.file, None), (error,)
    return tree, tree.problems


def read[M: Model](model: type[M], source: Text) -> Reading[M]:
    """Return what a file says in the shape of `model`, with everything that is wrong with it."""
    tree, problems = read_tree(source)
    if tree.data is None and problems:
        return Reading(source.file, tree, None, problems)
    definition, problems = validate(model, tree)
    return Reading(source.file, tree, definition, problems)
