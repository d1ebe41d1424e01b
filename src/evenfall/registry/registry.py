"""Everything a project declares, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Context, Graph, Scenario
from evenfall.registry.settings import Settings

__all__ = ["Registry", "SourceFile"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A definition file that was accepted.

    Attributes
    ----------
    path
        Relative to the project's root, with forward slashes.
    sha256
        Of the text in UTF-8.
    """

    path: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Registry:
    """A project as its files declare it.

    Attributes
    ----------
    contexts, graphs, parameters, scenarios
        By id; shards of templates stand under their own ids.
    problems
        Everything that is not accepted, in the order of files and lines.
    warnings
        Everything that is accepted, but probably not meant.
    sources
        The accepted files by path.
    git_revision
        Commit that is checked out in the project's folder, when it is kept in Git.
    """

    root: Path
    settings: Settings
    contexts: Mapping[str, Context]
    graphs: Mapping[str, Graph]
    parameters: Mapping[str, Parameter]
    problems: tuple[ConfigError, ...] = ()
    warnings: tuple[ConfigError, ...] = ()
    sources: Mapping[str, SourceFile] = field(default_factory=dict)
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    git_revision: str | None = None

    def parameter(self, parameter_id: str) -> Parameter:
        """Return the parameter with this id.

        Raises
        ------
        UnknownName
            When there is none; the nearest ids are listed. The id of a template lists its shards.
        """
        if parameter_id in self.parameters:
            return self.parameters[parameter_id]
        shards = [key for key, found in self.parameters.items() if found.template_id == parameter_id]
        unknown = UnknownName("parameter", parameter_id, self.parameters)
        if shards:
            unknown.nearest = tuple(shards[:3])
            unknown.remedy = f"it is a template; name one of its shards, such as {shards[0]}"
        raise unknown
