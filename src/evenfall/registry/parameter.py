"""One parameter of the project: its definition with every default filled in, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Literal

from evenfall.beliefs.belief import Belief
from evenfall.errors import ConfigError
from evenfall.registry.schemas import (
    BayesianUpdate,
    Destination,
    EventObservations,
    LatencyBlock,
    Metadata,
    ModelFit,
    Numbers,
    ObservationSource,
    Pooling,
    PosteriorDestination,
    PriorSource,
    QueryObservations,
    Thresholds,
    VisitedFilter,
)
from evenfall.registry.schemas.fit import RUN_LENGTH_YEARS, Alert
from evenfall.registry.stated import StatedBeliefs
from evenfall.registry.tree import Tree, parse_path
from evenfall.window import parse_duration

if TYPE_CHECKING:
    from evenfall.registry.schemas import McmcConfig, VariationalConfig

__all__ = ["Parameter"]

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_POOLED_FROM: Final = 3
"""Shards from which a template pools them unless it says otherwise: the spread of two is hardly known."""


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
    latency
        How long those who convert take, when that is to be learned.
    shard_count
        Parameters its template became; 0 for one by itself.
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
    latency: LatencyBlock | None = None
    shard_count: int = 0

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

    @property
    def is_cohort(self) -> bool:
        """Whether its evidence is people by entry day and conversions by age."""
        source = self.observation_source
        if isinstance(source, QueryObservations):
            return source.result_mapping.age_days is not None
        return self.latency is not None and isinstance(source, EventObservations)

    @property
    def pooling(self) -> Pooling | None:
        """How its slices lean on each other; None when each stands alone.

        Of an object without effects, and of the word ``partial``, the effects are every context key that the
        source tells apart.
        """
        said = self.bayesian_update.pooling if self.bayesian_update else None
        if said is None:
            by_default = self.type == "probability" and self.shard_count >= _POOLED_FROM
            said = "partial" if by_default else "none"
        if said == "none":
            return None
        pooling = said if isinstance(said, Pooling) else Pooling()
        if pooling.effects is None:
            pooling = pooling.model_copy(update={"effects": self._told_apart})
        return pooling if pooling.effects or pooling.visited else None

    @property
    def _told_apart(self) -> tuple[str, ...]:
        source = self.observation_source
        if isinstance(source, EventObservations):
            return tuple(key for key in source.columns.contexts if key not in self.context_filter)
        return tuple(self.shard)

    @property
    def robust_weight(self) -> float | None:
        """Weight of its prior beside one that knows nothing; None when it stands alone."""
        robust = self.bayesian_update.robust if self.bayesian_update else None
        return robust.weight if robust else None

    @property
    def mcmc(self) -> McmcConfig | None:
        """How many draws are kept and dropped per chain, where that is said."""
        return self.bayesian_update.mcmc_config if self.bayesian_update else None

    @property
    def variational(self) -> VariationalConfig | None:
        """How long an approximation is trained, where that is said."""
        return self.bayesian_update.variational_config if self.bayesian_update else None

    @property
    def model(self) -> str | None:
        """The function that builds its model, as package.module:function, where update_rule is model."""
        return self.bayesian_update.model if self.bayesian_update else None

    @property
    def quantity(self) -> str:
        """Name of the model's variable that is the parameter."""
        return self.bayesian_update.quantity if self.bayesian_update else "value"

    @property
    def alarm(self) -> Literal["detector", "threshold"]:
        """Who raises an alarm."""
        return self.model_fit.alarm if self.model_fit else "detector"

    @property
    def alarm_run_length_years(self) -> float:
        """Years that pass on average between two false alarms of the detector."""
        return self.model_fit.alarm_run_length_years if self.model_fit else RUN_LENGTH_YEARS
