"""What the store knew of some parameters at one instant: posteriors, priors, and how they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evenfall.beliefs.belief import Belief
from evenfall.clock import Night
from evenfall.errors import ConfigError
from evenfall.registry.fallback import Standing
from evenfall.registry.parameter import Parameter
from evenfall.runs.night.chain import chain_of
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord, PriorVersion

__all__ = ["Known"]


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
