"""A project as its users hold it: opened from a folder, asked for its numbers, run by night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from evenfall.clock import Clock
from evenfall.errors import ConfigError, UsageError
from evenfall.window import DayWindow

if TYPE_CHECKING:
    from evenfall.beliefs.feasibility import Feasibility
    from evenfall.findings import Finding
    from evenfall.funnels.propagate import Measure
    from evenfall.funnels.steps import FunnelTable
    from evenfall.registry.edit import DefinitionFile
    from evenfall.registry.fallback import Names
    from evenfall.registry.git import Commit
    from evenfall.registry.parameter import Parameter
    from evenfall.registry.registry import Registry
    from evenfall.runs.connections import Source
    from evenfall.runs.edits import Edited, Numbers
    from evenfall.runs.funnel import FunnelOptions
    from evenfall.runs.funnel_tables import EventTable
    from evenfall.runs.graph.compare import Compared
    from evenfall.runs.graph.forecast import ForecastAnswer
    from evenfall.runs.graph.kept import Kept
    from evenfall.runs.graph.lookup import Answer, Mode
    from evenfall.runs.graph.picture import GraphPicture
    from evenfall.runs.graph.whatif import WhatIfAnswer
    from evenfall.runs.incidents import Incidents
    from evenfall.runs.listing import Listing, Listings
    from evenfall.runs.models.comparing import ModelComparison
    from evenfall.runs.models.shown import Fits
    from evenfall.runs.night.listing import Nights
    from evenfall.runs.night.nightly import Progress
    from evenfall.runs.night.plan import NightPlan
    from evenfall.runs.parameter.look import Look
    from evenfall.runs.report import Gap, History, NightReport, RebuildReport, Status, StatusRow
    from evenfall.runs.scenarios import Scenarios
    from evenfall.runs.world import World
    from evenfall.store.api_keys import ApiKeys
    from evenfall.store.records import IncidentRecord, PosteriorRecord

__all__ = ["Project", "RunPlan", "Shown", "open_project"]


def open_project(path: str | Path = ".", *, clock: Clock | None = None, store: str | None = None) -> Project:
    """Return the project that `path` lies in: the nearest folder upward that holds an evenfall.toml.

    Parameters
    ----------
    path
        The project's folder, or any folder below it.
    clock
        What time it is; by default the project's pinned clock, else the machine's.
    store
        Database URL to use in place of the project's own, such as ``memory``.

    Raises
    ------
    UsageError
        When no folder upward holds an evenfall.toml.
    ConfigError
        When evenfall.toml itself cannot be read.
    """
    start = Path(path).resolve()
    for folder in (start, *start.parents):
        if (folder / "evenfall.toml").is_file():
            return Project(folder, clock, store)
    raise UsageError(
        f"{start} is in no Evenfall project: no evenfall.toml from here upward",
        remedy="make one with `evenfall init`, or name its folder with --project",
    )


@dataclass(frozen=True)
class RunPlan:
    """A plan together with the project it is for: print it, look at it, then `apply` it."""

    plan: NightPlan
    world: World

    def apply(self, progress: Progress | None = None) -> NightReport:
        """Carry out the plan and return what came of it."""
        from evenfall.runs.night.nightly import apply  # noqa: PLC0415 - loads warehouses and numerics

        return apply(self.world, self.plan, progress)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        return self.plan.as_dict()

    def __str__(self) -> str:
        return str(self.plan)


@dataclass(frozen=True)
class Shown:
    """One parameter with its definition and its numbers."""

    parameter: Parameter
    row: StatusRow
    prior: Mapping[str, float]
    posterior: Mapping[str, float]
    facts: Mapping[str, Any]

    @property
    def etag(self) -> str:
        """Identity of its file and its current posterior."""
        return str(self.facts["etag"])

    def as_dict(self) -> dict[str, Any]:
        """Return the parameter as JSON-ready data."""
        file, line, _ = self.parameter.locate("id")
        visited = self.parameter.visited_filter
        return {
            **self.row.as_dict(),
            "file": file,
            "line": line,
            "definition_hash": self.parameter.definition_hash,
            "edge_reference": self.parameter.edge_reference,
            "context_filter": dict(self.parameter.context_filter),
            "visited_filter": visited.model_dump(mode="json") if visited is not None else None,
            "prior": dict(self.prior),
            "posterior": dict(self.posterior),
            **self.facts,
        }


class Project:
    """One folder of definitions with its history.

    Reading definitions touches no database; the store is opened when history is first needed.
    """

    def __init__(self, root: Path, clock: Clock | None = None, store: str | None = None) -> None:
        self.root = root
        self._clock = clock
        self._store_url = store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        if "world" in self.__dict__:
            self.world.store.close()

    @cached_property
    def world(self) -> World:
        """Definitions, history and clock together, as the runs take them."""
        from evenfall.runs.world import open_world  # noqa: PLC0415 - loads SQLAlchemy, pydantic and ruamel

        return open_world(self.root, clock=self._clock, store_url=self._store_url)

    @property
    def registry(self) -> Registry:
        """The definitions; of a broken file, its last good version."""
        return self.world.registry

    def reload(self) -> None:
        """Read the definitions again; the history stays open."""
        from evenfall.runs.world import reread  # noqa: PLC0415 - see `world`

        self.__dict__["world"] = reread(self.world, self.root)
        self.__dict__.pop("_names", None)

    def renewed(self) -> Project:
        """Return the project with its definitions as the files say now, over the same history."""
        from evenfall.runs.world import reread  # noqa: PLC0415 - see `world`

        renewed = Project(self.root, self._clock, self._store_url)
        renewed.__dict__["world"] = reread(self.world, self.root)
        renewed.__dict__["_kept"] = self._kept
        return renewed

    @property
    def tenant(self) -> str:
        """Whose project it is."""
        return self.world.store.tenant

    @property
    def keys(self) -> ApiKeys:
        """The API keys of the project's tenant: `create`, `all`, `find`, `revoke`."""
        return self.world.store.keys

    def validate(self) -> list[ConfigError]:
        """Return every problem of the project's files and queries, without touching data or history."""
        from evenfall.registry.files import load  # noqa: PLC0415 - see `registry`
        from evenfall.runs.validate import query_problems  # noqa: PLC0415 - loads sqlglot

        registry = load(self.root)
        return [*registry.problems, *query_problems(registry)]

    def nightly(
        self, as_of: date | str | None = None, *, only: str | None = None, retry_failed: bool = False
    ) -> RunPlan:
        """Return what the night of `as_of` (default: tonight) will do; `apply` does it."""
        from evenfall.runs.night.plan import plan_night  # noqa: PLC0415 - loads warehouses

        world = self.world
        return RunPlan(plan_night(world, world.night(as_of), only=only, retry_failed=retry_failed), world)

    def backfill(self, first: date | str, stop: date | str, *, only: str | None = None) -> RunPlan:
        """Return a plan that reads the days from `first` up to, not including, `stop`."""
        from evenfall.runs.night.plan import plan_night  # noqa: PLC0415 - loads warehouses

        window = _window(first, stop)
        world = self.world
        return RunPlan(plan_night(world, world.night(), only=only, backfill=window), world)

    def update(self, parameter_id: str, *, as_of: date | str | None = None) -> dict[str, Any]:
        """Run the night for one parameter and return posterior, observations and divergence for JSON."""
        from evenfall.runs.graph.answer import update_answer  # noqa: PLC0415 - loads numerics

        report = self.nightly(as_of, only=parameter_id, retry_failed=True).apply()
        return update_answer(self.world, report)

    def accept(self, parameter_id: str) -> dict[str, Any]:
        """Make the current posterior the new prior; closed days are absorbed, no current number changes."""
        from evenfall.runs.night.accept import accept  # noqa: PLC0415 - loads numerics

        return accept(self.world, self.registry.parameter(parameter_id))

    def edit_parameter(
        self, parameter_id: str, numbers: Numbers, *, seen: str, commit: Commit | None = None
    ) -> Edited:
        """Write other numbers into a parameter's file, if it is still the version `seen`."""
        from evenfall.runs.edits import edit_parameter  # noqa: PLC0415 - loads ruamel and sqlglot

        return edit_parameter(self.world, parameter_id, numbers, seen=seen, commit=commit)

    def edit_graph(
        self, graph_id: str, wanted: Mapping[str, Any], *, seen: str, commit: Commit | None = None
    ) -> Edited:
        """Write a graph's nodes and edges into its file, if it is still the version `seen`."""
        from evenfall.runs.edits import edit_graph  # noqa: PLC0415 - loads ruamel and sqlglot

        return edit_graph(self.world, graph_id, wanted, seen=seen, commit=commit)

    def graph_file(self, graph_id: str) -> DefinitionFile:
        """Return the file that declares a graph, with its etag, as it is on the disk."""
        from evenfall.runs.edits import graph_file  # noqa: PLC0415 - loads ruamel

        return graph_file(self.root, graph_id)

    def check_definition(self, text: str | None = None, file: str | None = None) -> list[ConfigError]:
        """Return what is wrong with a parameter's text, or with a parameter file as it stands."""
        from evenfall.runs.edits import check_definition  # noqa: PLC0415 - loads ruamel and sqlglot

        return check_definition(self.world, text, file)

    def feasibility(self, distribution: str, numbers: Mapping[str, float]) -> Feasibility:
        """Return what numbers would mean as a belief, or why they mean none."""
        from evenfall.beliefs.feasibility import feasibility  # noqa: PLC0415 - loads numerics

        return feasibility(distribution, numbers)

    def rebuild(self, *, only: str | None = None) -> RebuildReport:
        """Recompute every stored posterior from prior version and ledger, and compare."""
        from evenfall.runs.night.rebuild import rebuild  # noqa: PLC0415 - loads numerics

        return rebuild(self.world, only)

    def status(self, as_of: date | str | None = None, *, only: str | None = None) -> Status:
        """Return every parameter as it stood at the end of the night of `as_of` (default: tonight)."""
        from evenfall.runs.status import status  # noqa: PLC0415 - loads SQLAlchemy

        world = self.world
        return status(world, world.night(as_of), only)

    @property
    def nights(self) -> Nights:
        """The runs there have been: listed, found, judged."""
        from evenfall.runs.night.listing import Nights  # noqa: PLC0415 - loads warehouses

        return Nights(self.world)

    def gaps(self, as_of: date | str | None = None) -> tuple[Gap, ...]:
        """Return the windows the night will read for the first time."""
        from evenfall.runs.status import gaps  # noqa: PLC0415 - loads warehouses

        world = self.world
        return gaps(world, world.night(as_of))

    def history(self, parameter_id: str) -> History:
        """Return everything kept of one parameter."""
        from evenfall.runs.status import history  # noqa: PLC0415 - loads SQLAlchemy

        return history(self.world, parameter_id)

    def fit(
        self,
        subject: str | None = None,
        *,
        refit: bool = False,
        engine: str | None = None,
        as_of: date | str | None = None,
        progress: Progress | None = None,
    ) -> Fits:
        """Return the last fit of what `subject` names (default: all), or fits made now to look at.

        Parameters
        ----------
        subject
            A parameter's id, a template, or a reference.
        refit
            Fit now, on the ledger as of the night, with `engine` or the definition's own; nothing is kept.
        """
        from evenfall.runs.models.showing import last_fits  # noqa: PLC0415 - loads numerics
        from evenfall.runs.models.showing import refit as fit_now  # noqa: PLC0415 - loads numerics

        if not refit:
            return last_fits(self.world, subject, as_of)
        if subject is None:
            raise UsageError("nothing is named to be fitted", remedy="name a parameter")
        return fit_now(self.world, subject, engine, as_of, progress)

    def compare_models(
        self, subject: str, *, as_of: date | str | None = None, progress: Progress | None = None
    ) -> ModelComparison:
        """Return which lag family of a parameter, or which pooling of a template, predicts better."""
        from evenfall.runs.models.comparing import compare_models  # noqa: PLC0415 - loads numerics

        return compare_models(self.world, subject, as_of, progress)

    def incidents(self, as_of: date | str | None = None, *, resolved: bool = False) -> Incidents:
        """Return what is wrong (with `resolved`, what once was, too) and the digest of the last night."""
        from evenfall.runs.incidents import incidents  # noqa: PLC0415 - loads SQLAlchemy

        return incidents(self.world, as_of, resolved=resolved)

    def acknowledge(self, number: int, *, who: str, note: str = "") -> IncidentRecord:
        """Write that somebody has seen an incident, and return it."""
        from evenfall.runs.incidents import acknowledge  # noqa: PLC0415 - loads SQLAlchemy

        return acknowledge(self.world, number, who=who, note=note)

    def show(self, parameter_id: str, as_of: date | str | None = None) -> Shown:
        """Return one parameter with its definition and its numbers, as of a night (default: tonight)."""
        look = self.look(parameter_id, as_of)
        found = look.detail
        return Shown(
            found.parameter,
            found.row,
            found.priors[-1].belief.numbers if found.priors else {},
            found.current.belief.numbers if found.current else {},
            look.facts(),
        )

    def look(self, parameter_id: str, as_of: date | str | None = None) -> Look:
        """Return one parameter as of a night, to be asked for curves, its past, lineage, draws."""
        from evenfall.runs.parameter.look import Look  # noqa: PLC0415 - loads SQLAlchemy

        world, parameter = self.world, self.registry.parameter(parameter_id)
        place = self._listings.places(world, self._names).get(parameter.id)
        return Look(world, parameter, world.night(as_of), place, self._names)

    def posterior(self, parameter_id: str, as_of: date | str | None = None) -> PosteriorRecord | None:
        """Return the posterior that was current at a night (default: tonight), or None: one query."""
        world = self.world
        known = self.registry.parameter(parameter_id).id
        return world.store.latest_posterior(known, world.night(as_of).instant)

    def parameters(self, as_of: date | str | None = None) -> Listing:
        """Return all parameters as they stood at the end of a night, to be filtered and paged."""
        return self._listings.get(self.world, self._names, self.world.night(as_of))

    @cached_property
    def _listings(self) -> Listings:
        from evenfall.runs.listing import Listings  # noqa: PLC0415 - loads SQLAlchemy

        return Listings()

    @cached_property
    def _names(self) -> Names:
        from evenfall.registry.fallback import Names  # noqa: PLC0415 - see `world`

        return Names.of(self.registry)

    @cached_property
    def _kept(self) -> Kept:
        from evenfall.runs.graph.kept import Kept  # noqa: PLC0415 - loads numerics

        return Kept()

    def resolve(self, reference: str, as_of: date | str | None = None, mode: Mode = "default") -> Answer:
        """Return the figure a reference asks for, as of a night (default: tonight), with its provenance.

        With ``mode="strict"`` the closest parameter answers, whether it has evidence of its own or not.
        """
        from evenfall.runs.graph.lookup import look_up  # noqa: PLC0415 - loads numerics

        return look_up(self.world, reference, as_of, mode, self._names)

    def funnel(
        self,
        *,
        table: str,
        steps: str | Sequence[str],
        window: str | timedelta,
        first: date | str | None = None,
        stop: date | str | None = None,
        as_of: date | str | None = None,
        **how: Unpack[FunnelOptions],
    ) -> FunnelTable:
        """Return an ordered funnel over an event table: `steps` within `window` of the first of them.

        Entries count from the local day `first` up to, not including, `stop`; by default all. For the rest
        see `evenfall.runs.funnel.FunnelOptions`.
        """
        from evenfall.runs.funnel import answer_funnel, read_question  # noqa: PLC0415 - loads warehouses

        question = read_question(table, steps, window, **how)
        return answer_funnel(self.world, question, first, stop, as_of)

    def whatif(
        self,
        graph: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        select: Mapping[str, Sequence[str]] | None = None,
        mix: Mapping[str, float] | None = None,
        *,
        scenario: str | None = None,
        start: str | None = None,
        to: str | Sequence[str] | None = None,
        as_of: date | str | None = None,
        measure: Measure = "arrivals",
    ) -> WhatIfAnswer:
        """Return what reaches the outcomes before and after a change, as of a night (default: tonight).

        Parameters
        ----------
        graph
            Its id; may be left out when the project has one.
        overrides
            Rates that are set, by the edge's slug or by a reference with a context or visits: a number, or
            (mean, stdev).
        select
            Values of contexts to look at, each on its own and mixed by their share of the entries.
        mix
            Shares after the change, per selected value.
        scenario
            A saved what-if to begin with; what else is given counts in its place or beside it.
        start, to
            Node where entries begin, and the nodes to look at; by default the one entry, and the outcomes.
        measure
            ``arrivals`` count every return, ``reach`` is the probability to get there at all.
        """
        from evenfall.runs.graph.question import read_scenario  # noqa: PLC0415 - loads pydantic
        from evenfall.runs.graph.whatif import answer_whatif  # noqa: PLC0415 - loads numerics

        question = read_scenario(
            self.registry.scenarios,
            scenario,
            graph=graph,
            overrides=overrides,
            select=select,
            mix=mix,
            start=start,
            to=(to,) if isinstance(to, str) else to,
        )
        return answer_whatif(self.world, question, as_of, measure=measure, kept=self._kept)

    def forecast(
        self,
        reference: str,
        *,
        days: int = 14,
        to: str | None = None,
        as_of: date | str | None = None,
    ) -> ForecastAnswer:
        """Return what people who entered before a night will still convert, on each of the coming `days`.

        `reference` is an edge whose conversions take time, such as ``e.come-back``; with `to` the arrivals at
        a node further on are counted.
        """
        from evenfall.runs.graph.forecast import answer_forecast  # noqa: PLC0415 - loads numerics

        return answer_forecast(self.world, reference, days=days, to=to, as_of=as_of, names=self._names)

    def compare(
        self,
        a: str,
        b: str,
        *,
        graph: str | None = None,
        start: str | None = None,
        to: str | None = None,
        as_of: date | str | None = None,
    ) -> Compared:
        """Return B beside A: two references, or two slices or saved what-ifs of a graph.

        A slice is written ``channel=google``, a saved what-if ``scenario:NAME``.
        """
        from evenfall.runs.graph.compare import answer_compare  # noqa: PLC0415 - loads numerics

        return answer_compare(
            self.world, a, b, graph=graph, start=start, to=to, as_of=as_of, names=self._names
        )

    def picture(self, graph: str, as_of: date | str | None = None) -> GraphPicture:
        """Return a graph as its page shows it: every edge with its light, its rate and what was seen."""
        from evenfall.runs.graph.picture import draw_graph  # noqa: PLC0415 - loads numerics

        return draw_graph(self._kept.ground(self.world, as_of), self.parameters(as_of), graph)

    def save_scenario(self, name: str, answer: WhatIfAnswer, *, force: bool = False) -> Path:
        """Write the question of an answer to ``scenarios/NAME.yaml`` and return the path.

        Raises
        ------
        UsageError
            When the name is no id or another file has it, or its file is there and `force` is not set.
        """
        from evenfall.registry.scenarios import save_scenario  # noqa: PLC0415 - loads ruamel
        from evenfall.runs.graph.question import read_scenario  # noqa: PLC0415 - loads pydantic

        asked = answer.question.model_dump(exclude_defaults=True)
        scenario = read_scenario({}, None, **{**asked, "id": name})
        path = save_scenario(self.root, scenario, force=force, taken=self.registry.scenarios)
        self.reload()
        return path

    @property
    def scenarios(self) -> Scenarios:
        """The saved what-ifs, as they are on the disk: `all`, `find`, `save`, `remove`."""
        from evenfall.runs.scenarios import Scenarios  # noqa: PLC0415 - loads ruamel

        return Scenarios(self.world)

    def event_tables(self) -> list[EventTable]:
        """Return the tables that hold events, with the names of these: what a funnel can be asked about."""
        from evenfall.runs.funnel_tables import event_tables  # noqa: PLC0415 - loads warehouses

        return event_tables(self.world)

    def sources(self, as_of: date | str | None = None) -> list[Source]:
        """Return every connection, and how what hangs on it was last read."""
        from evenfall.runs.connections import sources_of  # noqa: PLC0415 - see `world`

        return sources_of(self.world, self.parameters(as_of))

    def findings(self, as_of: date | str | None = None) -> list[tuple[date, Finding]]:
        """Return what the checks of one night (default: tonight) found, with that night."""
        return self.world.store.findings(None, self.world.night(as_of).as_of)

    def __getitem__(self, reference: str) -> Answer:
        return self.resolve(reference)

    def migrate(self) -> tuple[str | None, str]:
        """Bring the store's schema up to this program's version; return the revisions before and after."""
        from evenfall.registry.files import load  # noqa: PLC0415 - loads pydantic and ruamel
        from evenfall.store.database import migrate_store  # noqa: PLC0415 - loads SQLAlchemy and Alembic

        return migrate_store(self._store_url or load(self.root).settings.store_url)


def _window(first: date | str, stop: date | str) -> DayWindow:
    try:
        days = [date.fromisoformat(day) if isinstance(day, str) else day for day in (first, stop)]
        return DayWindow(*days)
    except ValueError as wrong:
        raise UsageError(str(wrong), remedy="write dates as 2026-10-01, the first before the last") from None
