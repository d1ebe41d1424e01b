"""All readings of a project become its registry; a broken file never stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evenfall.errors import ConfigError
from evenfall.registry.build import Built, build
from evenfall.registry.checks import Declared, check_graph, check_parameter
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.registry.scenarios import check_scenario
from evenfall.registry.schemas import (
    KNOWN_CONTEXTS,
    Context,
    Graph,
    ParameterDefinition,
    Scenario,
    SettingsDefinition,
)
from evenfall.registry.secrets import secrets_of_parameter, secrets_of_settings
from evenfall.registry.settings import Settings
from evenfall.registry.sources import Reading, Text, read

__all__ = ["Texts", "assemble"]


@dataclass(frozen=True, slots=True)
class Texts:
    """The files of a project as they were found.

    Attributes
    ----------
    last_good
        Text of the last accepted version of each file that had one, by path.
    """

    settings: Text
    contexts: tuple[Text, ...] = ()
    graphs: tuple[Text, ...] = ()
    parameters: tuple[Text, ...] = ()
    scenarios: tuple[Text, ...] = ()
    last_good: Mapping[str, str] = field(default_factory=dict)

    def last(self, file: str) -> Text | None:
        """Return the last accepted version of a file."""
        return Text(file, self.last_good[file]) if file in self.last_good else None


def assemble(root: Path, texts: Texts) -> Registry:
    """Return the registry of the texts, with all problems of all files."""
    return _Assembly(root, texts).registry()


@dataclass(slots=True)
class _Assembly:
    root: Path
    texts: Texts
    problems: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)

    def registry(self) -> Registry:
        settings, settings_known = self._settings()
        contexts, open_contexts = self._contexts()
        readings = [read(ParameterDefinition, text) for text in self.texts.parameters]
        graph_readings = [read(Graph, text) for text in self.texts.graphs]
        graphs = _first_by_id(graph_readings)
        declared = Declared(
            contexts,
            {name: graph for name, (graph, _) in graphs.items()},
            settings.connections,
            frozenset(reading.declared_id for reading in readings),
            frozenset(_timeless(reading.definition for reading in readings)),
            open_contexts,
            settings_known,
            bool(graph_readings) and all(reading.definition is not None for reading in graph_readings),
        )
        checked_graphs = self._graphs(graph_readings, declared)
        parameters = self._parameters(readings, declared)
        scenarios = self._scenarios(declared)
        return Registry(
            root=self.root,
            settings=settings,
            contexts=contexts,
            graphs=checked_graphs,
            parameters={key: parameters[key] for key in sorted(parameters)},
            problems=_in_order(self.problems),
            warnings=_in_order(self.warnings),
            scenarios=scenarios,
        )

    def _settings(self) -> tuple[Settings, bool]:
        """Return the settings, and whether they are what the user wrote or had written before."""
        reading = read(SettingsDefinition, self.texts.settings)
        self.problems += reading.problems
        if reading.definition is not None:
            self.warnings += secrets_of_settings(reading.definition, reading.tree)
        definition = reading.definition or self._last_good(SettingsDefinition, reading.file)
        return Settings.of(definition or SettingsDefinition(), self.root), definition is not None

    def _last_good[M: (SettingsDefinition, Context, Graph, Scenario)](
        self, model: type[M], file: str
    ) -> M | None:
        last = self.texts.last(file)
        return read(model, last).definition if last else None

    def _contexts(self) -> tuple[dict[str, Context], frozenset[str]]:
        """Return the contexts by id, and the ids of those whose file is broken beyond repair."""
        found: dict[str, Context] = {}
        broken: set[str] = set()
        owners: dict[str, str] = {}
        for reading in (read(Context, text) for text in self.texts.contexts):
            self.problems += reading.problems
            context = reading.definition or self._last_good(Context, reading.file)
            if context is None:
                broken.add(reading.declared_id)
            elif self._is_first(context.id, reading.file, reading, owners):
                found[context.id] = context
        return {**KNOWN_CONTEXTS, **found}, frozenset(broken)

    def _is_first(self, name: str, file: str, reading: Reading, owners: dict[str, str]) -> bool:  # type: ignore[type-arg]
        """Return whether no earlier file declared this id, in upper or lower case; report it when one did."""
        owner = owners.setdefault(name.lower(), file)
        if owner != file:
            remedy = f"{owner} has it already; upper and lower case count as one"
            self.problems.append(reading.tree.error("an id used twice", ("id",), value=name, remedy=remedy))
        return owner == file

    def _graphs(self, readings: Iterable[Reading[Graph]], declared: Declared) -> dict[str, Graph]:
        graphs: dict[str, Graph] = {}
        owners: dict[str, str] = {}
        for reading in readings:
            graph, problems = reading.definition, list(reading.problems)
            if graph is not None:
                problems += check_graph(graph, reading.tree, declared)
            self.problems += problems
            if problems:
                graph = self._last_good(Graph, reading.file)
            name = (graph.id if graph else None) or reading.declared_id
            if graph is not None and self._is_first(name, reading.file, reading, owners):
                graphs[name] = graph
        return graphs

    def _scenarios(self, declared: Declared) -> dict[str, Scenario]:
        scenarios: dict[str, Scenario] = {}
        owners: dict[str, str] = {}
        for reading in (read(Scenario, text) for text in self.texts.scenarios):
            scenario, problems = reading.definition, list(reading.problems)
            if scenario is not None:
                problems += check_scenario(scenario, reading.tree, declared)
            self.problems += problems
            if problems:
                scenario = self._last_good(Scenario, reading.file)
            name = (scenario.id if scenario else None) or reading.declared_id
            if scenario is not None and self._is_first(name, reading.file, reading, owners):
                scenarios[name] = scenario
        return scenarios

    def _parameters(
        self, readings: Iterable[Reading[ParameterDefinition]], declared: Declared
    ) -> dict[str, Parameter]:
        parameters: dict[str, Parameter] = {}
        owners: dict[str, str] = {}
        for reading in readings:
            built, error = self._build(reading, declared)
            for parameter in built.parameters:
                own = parameter.template_id or parameter.id
                if not self._is_first(own, reading.file, reading, owners):
                    break
                flagged = replace(parameter, config_error=error) if error else parameter
                parameters[flagged.id] = flagged
        return parameters

    def _build(
        self, reading: Reading[ParameterDefinition], declared: Declared
    ) -> tuple[Built, ConfigError | None]:
        """Return what a file gives, or what its last good version gave and why the file itself is refused."""
        built = _checked(reading, declared)
        self.problems += (*built.problems, *built.flags)
        self.warnings += built.warnings
        reasons = (*built.problems, *built.flags)
        last = self.texts.last(reading.file)
        if not reasons or last is None:
            return built, None
        earlier = read(ParameterDefinition, last)
        if earlier.definition is not None:
            rebuilt = build(earlier.definition, earlier.tree, declared.contexts)
            if not rebuilt.problems and not rebuilt.flags:
                return rebuilt, reasons[0]
        return built, None


def _timeless(definitions: Iterable[ParameterDefinition | None]) -> Iterator[str]:
    """Yield the ids of the parameters that say nothing of a delay."""
    for definition in definitions:
        if definition is not None and definition.latency is None and definition.type != "duration":
            yield definition.id


def _checked(reading: Reading[ParameterDefinition], declared: Declared) -> Built:
    if reading.definition is None:
        return Built((), reading.problems)
    undeclared = check_parameter(reading.definition, reading.tree, declared)
    built = build(reading.definition, reading.tree, declared.contexts)
    problems = (*undeclared, *built.problems)
    warnings = (*built.warnings, *secrets_of_parameter(reading.definition, reading.tree))
    return Built(() if problems else built.parameters, problems, () if problems else built.flags, warnings)


def _first_by_id(readings: Iterable[Reading[Graph]]) -> dict[str, tuple[Graph, str]]:
    found: dict[str, tuple[Graph, str]] = {}
    for reading in readings:
        if reading.definition is not None:
            found.setdefault(reading.definition.id or reading.declared_id, (reading.definition, reading.file))
    return found


def _in_order(problems: Iterable[ConfigError]) -> tuple[ConfigError, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
