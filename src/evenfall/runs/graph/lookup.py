"""What a reference answers: one figure, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import ConfigError, UsageError, nearest
from evenfall.registry.fallback import Names, Resolved, Standing, resolve
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.scope import Level
from evenfall.runs.night.chain import chain_of
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord, PriorVersion
from evenfall.window import day_start

__all__ = ["Answer", "Known", "Mode", "answer_of", "look_up", "read_reference"]

type Mode = Literal["default", "strict"]

_MODES: Final = ("default", "strict")
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Answer:
    """The figure a reference asks for, with its provenance; ``float(answer)`` is the figure.

    Attributes
    ----------
    reference
        What was asked, in canonical form.
    value
        The figure.
    level
        ``exact`` when it is about the very attempts that were asked for, else ``context``, ``visited`` or
        ``base``: what of the request the answering parameter still matches.
    parameter_id, type
        The parameter that answers.
    answers_for
        Reference of what that parameter is about.
    mean, stdev, lower, upper
        Its belief, with the equal-tailed 95 % interval.
    n
        Trials (or exposure, or observations) the belief counts; 0 for a prior.
    origin
        ``posterior``, or ``prior`` when there is none.
    prior_origin
        Where the numbers of the prior come from, such as ``manual (parameters/signup.yaml:7)``.
    age_days
        Days since the last counted day ended; for a prior since it was first seen, None before any night.
    as_of
        The night that is asked.
    passed_over
        Closer parameters that had too little evidence of their own to answer, the closest first.
    """

    reference: str
    value: float
    level: Level
    parameter_id: str
    type: str
    answers_for: str
    mean: float
    stdev: float
    lower: float
    upper: float
    n: float
    origin: Literal["posterior", "prior"]
    prior_origin: str
    age_days: float | None
    as_of: date
    mode: Mode = "default"
    passed_over: tuple[str, ...] = ()

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return (
            f"{self.reference}: {self.value:.6g} ({self.level}, {self.parameter_id}, {self.origin}, "
            f"n {self.n:,.6g}, mean {self.mean:.3f} ± {self.stdev:.3f})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data."""
        facts: dict[str, Any] = json_ready({name: getattr(self, name) for name in self.__dataclass_fields__})
        return facts


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knew of the candidates at one instant."""

    posteriors: Mapping[str, PosteriorRecord]
    priors: Mapping[str, list[PriorVersion]]

    @classmethod
    def of(cls, world: World, candidates: Sequence[str], night: Night) -> Known:
        """Return what the store knew of parameters at the instant of a night."""
        return cls(
            world.store.current(candidates, night.instant), world.store.priors(candidates, night.instant)
        )

    def belief(self, parameter: Parameter) -> Belief:
        """Return the current posterior, else the prior in force; `ConfigError` when there is neither."""
        record = self.posteriors.get(parameter.id)
        return record.belief if record is not None else self.stated(parameter)[0]

    def stated(self, parameter: Parameter) -> tuple[Belief, datetime | None]:
        """Return the prior in force, as `prior`; `ConfigError` when it was never read."""
        prior = self.prior(parameter)
        if prior is None:
            raise ConfigError(
                f"nothing is known of {parameter.id} yet: its prior was never read",
                value=parameter.id,
                remedy="run `evenfall nightly`, or give it a fallback_value",
            )
        return prior

    def standing(self, parameter: Parameter) -> Standing:
        """Return what a parameter has to answer with."""
        posterior = self.posteriors.get(parameter.id)
        if posterior is not None and posterior.sums[0] >= parameter.min_sample_size:
            return "measured"
        if self.prior(parameter) is None:
            return "unknown"
        return "stated" if parameter.observation_source is None else "waiting"

    def prior(self, parameter: Parameter) -> tuple[Belief, datetime | None] | None:
        """Return the prior in force and when it was seen: the newest version, else what the file states."""
        chain = chain_of(self.priors.get(parameter.id, ()))
        if chain is not None:
            return chain.head.belief, chain.head.seen_at
        declared = parameter.declared_prior()
        stated = declared[0] if declared is not None else parameter.fallback()
        return (stated, None) if stated is not None else None


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
        ``default``: evidence outranks a closer belief that still waits for its own. ``strict``: the closest
        parameter answers, with its prior when it has no posterior.
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
    night = world.night(as_of)
    known_names = names or Names.of(world.registry)
    candidates = [parameter.id for parameter in known_names.candidates(reference)]
    known = Known.of(world, candidates, night)
    found = resolve(reference, known_names, known.standing if mode == "default" else None)
    return answer_of(found, known, night, mode)


def read_reference(text: str) -> EdgeReference:
    """Return the reference that a text writes, or raise `UsageError` with what is wrong with it."""
    try:
        return parse_reference(text)
    except ConfigError as error:
        raise UsageError(f"{text!r}: {error.message}", remedy=error.remedy) from None


def answer_of(found: Resolved, known: Known, night: Night, mode: Mode = "default") -> Answer:
    """Return the figure of the parameter that answers a reference, with its provenance."""
    record = known.posteriors.get(found.parameter.id)
    belief, age = _posterior(record, night) if record is not None else _prior(found.parameter, known, night)
    figures = _figures(belief, record)
    return Answer(
        reference=str(found.reference),
        value=_figure(found, belief, figures),
        level=found.level,
        parameter_id=found.parameter.id,
        type=found.parameter.type,
        answers_for=found.answers_for,
        **figures,
        origin="posterior" if record is not None else "prior",
        # a posterior's own origin is "posterior", with that of its prior as the detail
        prior_origin=str(belief.origin) if record is None else belief.origin.detail,
        age_days=age,
        as_of=night.as_of,
        mode=mode,
        passed_over=tuple(each.id for each in found.passed_over),
    )


def _posterior(record: PosteriorRecord, night: Night) -> tuple[Belief, float]:
    end = day_start(record.counted_until, night.zone)
    return record.belief, (night.instant - end).total_seconds() / _DAY_SECONDS


def _prior(parameter: Parameter, known: Known, night: Night) -> tuple[Belief, float | None]:
    belief, seen_at = known.stated(parameter)
    return belief, (night.instant - seen_at).total_seconds() / _DAY_SECONDS if seen_at else None


def _figures(belief: Belief, record: PosteriorRecord | None) -> dict[str, float]:
    if record is not None:
        named = {name: getattr(record, name) for name in ("mean", "stdev", "lower", "upper")}
        return {**named, "n": record.sums[0]}
    summary = summarise([belief])
    named = {name: float(getattr(summary, name)[0]) for name in ("mean", "stdev", "lower", "upper")}
    return {**named, "n": 0.0}


def _figure(found: Resolved, belief: Belief, figures: Mapping[str, float]) -> float:
    leaf = found.reference.leaf
    numbers = {**belief.numbers, **figures}
    if leaf in ("alpha", "beta") and belief.family != "beta":
        raise ConfigError(
            f"{found.parameter.id} is a {belief.family}: it has no {leaf}",
            value=str(found.reference),
            remedy=f"ask for {', '.join(figures)}",
        )
    return numbers[leaf]
