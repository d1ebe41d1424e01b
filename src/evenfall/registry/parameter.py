"""One parameter of the project: its definition with every default filled in, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from evenfall.beliefs.belief import Belief
from evenfall.errors import ConfigError
from evenfall.registry.schemas import (
    BayesianUpdate,
    Destination,
    Metadata,
    ModelFit,
    Numbers,
    ObservationSource,
    PosteriorDestination,
    PriorSource,
    Thresholds,
    VisitedFilter,
)
from evenfall.registry.schemas.fit import Alert
from evenfall.registry.stated import StatedBeliefs
from evenfall.registry.tree import Tree, parse_path
from evenfall.window import parse_duration

__all__ = ["Parameter"]

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number the business believes.

    Attributes
    ----------
    edge_reference
        In its canonical form; a shard's names the shard's context.
    context_filter
        Value of each context key it is limited to; a shard's includes the shard.
    template_id, shard
        Id of the template it was expanded from, and the context values that make it this shard.
    file
        Definition file, relative to the project's root.
    config_error
        Why the file as it stands now is not accepted; the rest is then its last good version.
    """

    id: str
    name: str
    type: Literal["probability", "rate", "mean", "duration"]
    distribution: str
    edge_reference: str | None
    context_filter: Mapping[str, str]
    visited_filter: VisitedFilter | None
    value: Numbers | None
    prior_source: PriorSource | None
    observation_source: ObservationSource | None
    bayesian_update: BayesianUpdate | None
    posterior_destination: PosteriorDestination | None
    model_fit: ModelFit | None
    fallback_value: Numbers | None
    metadata: Metadata | None
    template_id: str | None
    shard: Mapping[str, str]
    file: str
    definition_hash: str
    config_error: ConfigError | None = field(default=None, compare=False)
    tree: Tree = field(default_factory=lambda: Tree("", {}), repr=False, compare=False)
    stated: StatedBeliefs = field(default_factory=StatedBeliefs, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.id} ({self.type})"

    def locate(self, path: str = "") -> tuple[str, int, int]:
        """Return file, line and column of a part such as ``observation_source.query``."""
        return (self.file, *self.tree.place(parse_path(path)))

    def declared_prior(self) -> tuple[Belief, date | None] | None:
        """Return the prior the file states and the first day it has not absorbed, or None.

        It is that of a static prior_source, else of bayesian_update.prior, else of value.
        """
        if self.stated.prior is None:
            return None
        return self.stated.prior, self.stated.absorbed_until

    def fallback(self) -> Belief | None:
        """Return what stands in when a source fails and was never read, or None."""
        return self.stated.fallback

    @property
    def thresholds(self) -> Thresholds:
        """From where the lights judge."""
        return self.model_fit.thresholds if self.model_fit else Thresholds()

    @property
    def divergence_threshold(self) -> float:
        """Distance between belief and data, in standard deviations, that turns the light amber."""
        return self.thresholds.divergence_threshold

    @property
    def check_min_sample_size(self) -> int:
        """Observations a check needs before it judges."""
        return self.thresholds.min_sample_size

    @property
    def min_sample_size(self) -> int:
        """Observations the parameter needs before its posterior is published."""
        return self.observation_source.min_sample_size if self.observation_source else 100

    @property
    def refresh_frequency(self) -> timedelta:
        """How often its source is read; daily unless said otherwise."""
        said = self.observation_source.refresh_frequency if self.observation_source else None
        return parse_duration(said) if said else _DAY

    @property
    def write_frequency(self) -> timedelta:
        """How often its posterior becomes current; weekly without a destination, else daily, unless said."""
        said = self.posterior_destination.write_frequency if self.posterior_destination else None
        if said:
            return parse_duration(said)
        return _DAY if self.destinations else _WEEK

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Who is told when its light turns red."""
        return self.model_fit.alerts if self.model_fit else ()

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where its posteriors are written."""
        return self.posterior_destination.destinations if self.posterior_destination else ()

    @property
    def update_rule(self) -> str:
        """conjugate, mcmc, variational, auto or model."""
        return self.bayesian_update.update_rule if self.bayesian_update else "conjugate"

    @property
    def half_life_days(self) -> float | Literal["learned"] | None:
        """Days after which evidence counts half; None when it never fades."""
        return self.bayesian_update.half_life_days if self.bayesian_update else None

    @property
    def kappa(self) -> float | Literal["learned"] | None:
        """Concentration of the days' rates; None when days differ by chance alone."""
        return self.bayesian_update.kappa if self.bayesian_update else None
