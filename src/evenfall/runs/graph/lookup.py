"""What a reference answers: one figure, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.constructors import Beta
from evenfall.beliefs.families import FAMILIES
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import ConfigError, UsageError, nearest
from evenfall.funnels.draws import stream
from evenfall.registry.fallback import Inline, Names, Resolved, Scope, resolve, resolve_or_inline
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.schemas import Latency
from evenfall.runs.graph.answered import Answer, Mode
from evenfall.runs.graph.known import Known
from evenfall.runs.graph.latency import LagFigure, delay_draws, duration_figure, inline_figure, lag_figure
from evenfall.runs.graph.pooled import PooledFits, PooledRate
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord
from evenfall.window import day_start

__all__ = ["Answer", "Found", "Lookup", "Mode", "draw_belief", "look_up", "read_reference"]

type Floats = NDArray[np.float64]

_MODES: Final = ("default", "strict")
_DAY_SECONDS: Final = 86_400


def look_up(
    world: World,
    text: str,
    as_of: date | str | None = None,
    mode: Mode = "default",
    names: Names | None = None,
) -> Answer:
    """Return what a reference answers as of a night.

    Parameters
    ----------
    mode
        ``default``: evidence outranks a closer belief that still waits for its own, and a pooled fit speaks
        for slices that wait. ``strict``: the closest parameter answers, with its prior when it has no
        posterior.
    names
        Of the world's registry, when they were made before.

    Raises
    ------
    UsageError
        When the text is no reference, or there is no such mode.
    UnknownName
        When it names what the project does not have.
    ConfigError
        When no parameter is implied by what is asked, two are equally close, or the one that answers has no
        such figure.
    """
    reference = read_reference(text)
    if mode not in _MODES:
        close = " or ".join(nearest(mode, _MODES) or _MODES)
        raise UsageError(f"{mode!r} is no way to look up a reference", remedy=f"use {close}")
    known = names or Names.of(world.registry)
    return Lookup.of(world, world.night(as_of), known, [reference], mode).find(reference).answer


def read_reference(text: str) -> EdgeReference:
    """Return the reference that a text writes, or raise `UsageError` with what is wrong with it."""
    try:
        return parse_reference(text)
    except ConfigError as error:
        raise UsageError(f"{text!r}: {error.message}", remedy=error.remedy) from None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An answer with what stands behind it.

    Attributes
    ----------
    name
        Of the belief: one and the same has the same draws wherever it is asked.
    belief
        What is believed of the rate; a number where a graph states no spread.
    lag
        What is believed of a latency, in place of `belief`.
    """

    answer: Answer
    name: str
    belief: Belief | float | None = None
    lag: LagFigure | None = None

    def draws(self, count: int, seed: int) -> Floats:
        """Return draws of the figure's belief, shape (draw,)."""
        if self.lag is not None:
            rows = stream(seed, self.name.partition(" ")[0]).integers(len(self.lag.draws), size=count)
            return np.asarray(self.lag.draws[rows])
        if isinstance(self.belief, Belief):
            return draw_belief(self.belief, self.name, count, seed)
        return np.full(count, self.answer.value)


def draw_belief(belief: Belief, name: str, draws: int, seed: int) -> Floats:
    """Return draws of what is believed, shape (draw,); the same name draws the same numbers."""
    law = FAMILIES.resolve(belief.family).belief(np.array(belief.theta))
    return np.asarray(law.quantile(stream(seed, name).random(draws)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Answers to references as of one night.

    Attributes
    ----------
    known
        What the store knew of every parameter that may answer.
    """

    world: World
    night: Night
    names: Names
    known: Known
    pooled: PooledFits
    mode: Mode = "default"

    @classmethod
    def of(
        cls,
        world: World,
        night: Night,
        names: Names,
        references: list[EdgeReference],
        mode: Mode = "default",
    ) -> Lookup:
        """Return what answers these references; every name in them is checked."""
        ids = {parameter.id for reference in references for parameter in names.candidates(reference)}
        known = Known.of(world, sorted(ids), night)
        return cls(world, night, names, known, PooledFits(world, night), mode)

    def find(self, reference: EdgeReference) -> Found:
        """Return the answer to a reference; raises as `look_up`."""
        standing = self.known.standing if self.mode == "default" else None
        found = resolve_or_inline(reference, self.names, standing)
        if isinstance(found, Inline):
            return self._inline(found)
        if reference.family == "latency":
            return self._latency(found)
        pooled = self._pooled(found) if self.mode == "default" else None
        return self._of_pooled(*pooled) if pooled is not None else self._own(found)

    def _own(self, found: Resolved) -> Found:
        record = self.known.posteriors.get(found.parameter.id)
        belief, age, origin = self._belief(found.parameter, record)
        figures = _figures(belief, record)
        facts = {"type": found.parameter.type, "prior_origin": origin, "age_days": age}
        answer = self._answer(found, figures, _figure(found, belief, figures), facts)
        return Found(answer, found.parameter.id, belief)

    def _belief(
        self, parameter: Parameter, record: PosteriorRecord | None
    ) -> tuple[Belief, float | None, str]:
        """Return the posterior, else the prior in force, with its age in days and where its prior is from."""
        if record is not None:
            # a posterior's own origin is "posterior", with that of its prior as the detail
            return record.belief, self._age(record.counted_until), record.belief.origin.detail
        belief, seen_at = self.known.stated(parameter)
        age = (self.night.instant - seen_at).total_seconds() / _DAY_SECONDS if seen_at else None
        return belief, age, str(belief.origin)

    def _age(self, end: date) -> float:
        start = day_start(end, self.night.zone)
        return (self.night.instant - start).total_seconds() / _DAY_SECONDS

    def _answer(
        self, found: Resolved, figures: Mapping[str, float], value: float, facts: Mapping[str, Any]
    ) -> Answer:
        said: dict[str, Any] = {
            "level": found.level,
            "answers_for": found.answers_for,
            "origin": "posterior" if found.parameter.id in self.known.posteriors else "prior",
            "passed_over": tuple(each.id for each in found.passed_over),
            **facts,
        }
        return Answer(
            reference=str(found.reference),
            value=value,
            parameter_id=found.parameter.id,
            as_of=self.night.as_of,
            mode=self.mode,
            **{**said, **figures},
        )

    # Slices that a pooled fit speaks for ------------------------------------------------------------------

    def _pooled(self, found: Resolved) -> tuple[Resolved, PooledRate] | None:
        """Return the slice asked for and its pooled rate; None when a parameter's own evidence answers."""
        request = Scope.asked(found.reference)
        closest = resolve(found.reference, self.names)
        for each in (closest, found):
            parameter = each.parameter
            if parameter.pooling is None:
                continue
            if parameter.template_id is not None and self.known.standing(parameter) == "measured":
                continue
            prior = self.known.prior(parameter)
            if prior is None or prior[0].family not in ("beta", "robust-beta"):
                continue
            rate = self.pooled.rate(parameter, each.scope, request, prior[0])
            if rate is not None:
                return each, rate
        return None

    def _of_pooled(self, found: Resolved, pooled: PooledRate) -> Found:
        told = pooled.answer.pooled
        figures = {
            "mean": told.mean,
            "stdev": told.stdev,
            "lower": told.lower,
            "upper": told.upper,
            "n": float(pooled.answer.trials),
        }
        sharded = found.parameter.template_id is not None
        about = found.scope.reference(found.edge) if sharded else replace(found.reference, leaf="mean")
        facts = {
            "level": "pooled",
            "type": found.parameter.type,
            "origin": "posterior",
            "prior_origin": str(pooled.belief.origin.detail),
            "age_days": self._age(pooled.as_of),
            "answers_for": str(about),
        }
        answer = self._answer(found, figures, _figure(found, pooled.belief, figures), facts)
        return Found(answer, f"{found.parameter.id} pooled ({pooled.slice})", pooled.belief)

    # Latencies, and what graphs state ---------------------------------------------------------------------

    def _latency(self, found: Resolved) -> Found:
        parameter, leaf = found.parameter, found.reference.leaf
        record = self.known.posteriors.get(parameter.id)
        if parameter.latency is None:
            belief, age, origin = self._belief(parameter, record)
            lag = duration_figure(belief, leaf, parameter.id)
        else:
            prior = self.known.prior(parameter) if record is None else None
            lag = lag_figure(delay_draws(self.world, parameter, record, prior and prior[0]), leaf)
            age = self._age(record.counted_until) if record is not None else None
            origin = record.belief.origin.detail if record is not None else str(prior and prior[0].origin)
        # of a delayed conversion, those who converted have shown how long they took
        n = 0.0 if record is None else record.sums[1 if parameter.latency is not None else 0]
        facts = {"type": "duration", "prior_origin": origin, "age_days": age}
        figures = {
            "mean": lag.mean,
            "stdev": lag.stdev,
            "lower": lag.lower,
            "upper": lag.upper,
            "n": float(n),
        }
        answer = self._answer(found, figures, float(n) if leaf == "n" else lag.value, facts)
        return Found(answer, f"{parameter.id} {leaf}", lag=lag)

    def _inline(self, found: Inline) -> Found:
        leaf, stated = found.reference.leaf, found.belief
        belief: Belief | float | None = None
        lag: LagFigure | None = None
        if isinstance(stated, Latency):
            lag = inline_figure(stated, found.reference)
            figures = {
                "mean": lag.mean,
                "stdev": lag.stdev,
                "lower": lag.lower,
                "upper": lag.upper,
                "n": 0.0,
            }
            value = 0.0 if leaf == "n" else lag.value
        else:
            mean = float(stated.mean or 0.0)
            belief = Beta(mean=mean, stdev=stated.stdev) if stated.stdev else mean
            figures = _figures(belief, None) if isinstance(belief, Belief) else _certain(mean)
            value = _figure(found, belief, figures)
        said: dict[str, Any] = dict(figures)
        answer = Answer(
            reference=str(found.reference),
            value=value,
            level=found.level,
            parameter_id=None,
            type="probability" if lag is None else "duration",
            answers_for=found.answers_for,
            **said,
            origin="inline",
            prior_origin=self._file_of(found.graph),
            age_days=None,
            as_of=self.night.as_of,
            mode=self.mode,
        )
        return Found(answer, f"{found.edge} {leaf} (graph {found.graph})", belief, lag)

    def _file_of(self, graph: str) -> str:
        """Return the graph with its file, where the file's name is the graph's."""
        for path in self.world.registry.sources:
            if path.startswith("graphs/") and path.rpartition("/")[2].rpartition(".")[0] == graph:
                return f"graph {graph} ({path})"
        return f"graph {graph}"


def _certain(mean: float) -> dict[str, float]:
    return {"mean": mean, "stdev": 0.0, "lower": mean, "upper": mean, "n": 0.0}


def _figures(belief: Belief, record: PosteriorRecord | None) -> dict[str, float]:
    if record is not None:
        named = {name: getattr(record, name) for name in ("mean", "stdev", "lower", "upper")}
        return {**named, "n": record.sums[0]}
    summary = summarise([belief])
    named = {name: float(getattr(summary, name)[0]) for name in ("mean", "stdev", "lower", "upper")}
    return {**named, "n": 0.0}


def _figure(found: Resolved | Inline, belief: Belief | float, figures: Mapping[str, float]) -> float:
    leaf = found.reference.leaf
    numbers = {**(belief.numbers if isinstance(belief, Belief) else {}), **figures}
    family = belief.family if isinstance(belief, Belief) else "number without a stdev"
    if leaf in ("alpha", "beta") and family != "beta":
        who = found.parameter.id if isinstance(found, Resolved) else f"the rate of {found.edge}"
        raise ConfigError(
            f"{who} is a {family}: it has no {leaf}",
            value=str(found.reference),
            remedy=f"ask for {', '.join(figures)}",
        )
    return numbers[leaf]
