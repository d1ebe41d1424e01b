"""The beliefs a definition states in its own file: a prior, and a fallback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.declared import belief_from_numbers
from evenfall.beliefs.families import FAMILIES
from evenfall.errors import ConfigError, EvenfallError
from evenfall.registry.schemas import Numbers, ParameterDefinition, PosteriorHistoryPrior, StaticPrior
from evenfall.registry.schemas.numbers import NOISE_KEYS
from evenfall.registry.schemas.observations import QueryObservations
from evenfall.registry.tree import Path, Tree

__all__ = ["DISTRIBUTIONS", "StatedBeliefs", "distribution_of", "missing_prior", "state_beliefs"]

DISTRIBUTIONS: Final = {
    "probability": "beta",
    "rate": "gamma",
    "mean": "normal",
    "duration": "lognormal",
}
"""The distribution of each type's prior, whose update is exact."""

_AGREEMENT: Final = 0.01
"""Two priors agree when their means, and their deviations, differ by at most this fraction: no less than what
rounding to two digits does, no more than what anyone would call another number."""


@dataclass(frozen=True, slots=True)
class StatedBeliefs:
    """What the file says before any source is asked.

    Attributes
    ----------
    prior
        Of prior_source static, else bayesian_update.prior, else value; None when none has numbers.
    absorbed_until
        First day whose evidence is not yet in the prior.
    fallback
        What stands in for a failing source.
    """

    prior: Belief | None = None
    absorbed_until: date | None = None
    fallback: Belief | None = None


def distribution_of(definition: ParameterDefinition) -> str:
    """Return the distribution of the parameter's prior: the stated one, else the one of its type."""
    update = definition.bayesian_update
    stated = update.prior.distribution if update and update.prior else None
    return stated or DISTRIBUTIONS[definition.type]


def state_beliefs(
    definition: ParameterDefinition, tree: Tree
) -> tuple[StatedBeliefs, list[ConfigError], list[ConfigError]]:
    """Return the beliefs of a definition, what is wrong with them, and what is merely suspicious."""
    mismatched = _mismatched_distribution(definition, tree)
    if mismatched:
        return StatedBeliefs(), mismatched, []
    reader = _Reader(tree, distribution_of(definition), _noise(definition))
    priors = [
        (path, numbers, belief)
        for path, numbers in _places(definition)
        if (belief := reader.belief(numbers, path, "manual")) is not None
    ]
    fallback = reader.belief(definition.fallback_value, ("fallback_value",), "fallback")
    if not priors:
        return StatedBeliefs(fallback=fallback), reader.problems, []
    _, numbers, prior = priors[0]
    stated = StatedBeliefs(prior, numbers.absorbed_until, fallback)
    return stated, reader.problems, _disagreements(priors, tree)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns written numbers into beliefs of one distribution, and keeps what is wrong with them."""

    tree: Tree
    distribution: str
    noise: dict[str, float]
    problems: list[ConfigError] = field(default_factory=list)

    def belief(self, numbers: Numbers | None, path: Path, kind: str) -> Belief | None:
        """Return the belief; None when nothing is stated or it is not feasible."""
        if numbers is None or not numbers.states_a_belief:
            return None
        said = numbers.numbers
        if not any(key in NOISE_KEYS for key in said):
            said = {**said, **self.noise}
        origin = Origin(kind, f"{self.tree.file}:{self.tree.place(path, key=True)[0]}")
        try:
            return belief_from_numbers(self.distribution, said, origin)
        except EvenfallError as error:
            at = (*path, "stdev") if numbers.stdev is not None else path
            value = self.tree.at(at)
            self.problems.append(self.tree.error(error.message, at, value=value, remedy=error.remedy))
            return None


def missing_prior(definition: ParameterDefinition, stated: StatedBeliefs, tree: Tree) -> ConfigError | None:
    """Return the problem of a parameter that has no prior anywhere, or None when it has one."""
    source, observed = definition.prior_source, definition.observation_source
    if stated.prior is not None:
        return None
    if isinstance(observed, QueryObservations) and observed.result_mapping.prior_columns:
        return None
    if isinstance(source, PosteriorHistoryPrior) and source.query is None:
        return tree.error(
            "posterior_history has nothing to begin with",
            ("prior_source",),
            remedy="add value: {mean: ..., stdev: ...} or bayesian_update.prior for the first night",
        )
    if source is not None and not isinstance(source, StaticPrior):
        return None
    return tree.error(
        "no prior: prior_source, bayesian_update.prior and value are all without numbers",
        ("value",),
        remedy="add value: {mean: ..., stdev: ...}",
    )


def _places(definition: ParameterDefinition) -> Iterator[tuple[Path, Numbers]]:
    """Yield the places a prior may be written at, the strongest first."""
    if isinstance(definition.prior_source, StaticPrior):
        yield ("prior_source",), definition.prior_source
    if definition.bayesian_update is not None and definition.bayesian_update.prior is not None:
        yield ("bayesian_update", "prior"), definition.bayesian_update.prior
    if definition.value is not None:
        yield ("value",), definition.value


def _noise(definition: ParameterDefinition) -> dict[str, float]:
    """Return what is said of single observations, wherever it is said."""
    for _, numbers in _places(definition):
        said = {key: number for key, number in numbers.numbers.items() if key in NOISE_KEYS}
        if said:
            return said
    return {}


def _mismatched_distribution(definition: ParameterDefinition, tree: Tree) -> list[ConfigError]:
    """Refuse a distribution for which the exact update of this type does not exist."""
    update, expected = definition.bayesian_update, DISTRIBUTIONS[definition.type]
    stated = distribution_of(definition)
    if stated == expected or update is None or update.update_rule in ("mcmc", "variational", "model"):
        return []
    remedy = f"use {expected}, change type, or choose update_rule mcmc"
    message = f"no exact update of a {definition.type} has this prior"
    return [tree.error(message, ("bayesian_update", "prior", "distribution"), value=stated, remedy=remedy)]


def _disagreements(found: list[tuple[Path, Numbers, Belief]], tree: Tree) -> list[ConfigError]:
    """Return a warning for each prior that says something else than the one that counts."""
    if len(found) < 2:
        return []
    first_path = ".".join(str(step) for step in found[0][0])
    mean, stdev = _moments(found[0][2])
    warnings = []
    for path, _, belief in found[1:]:
        other_mean, other_stdev = _moments(belief)
        if not _agree(mean, other_mean) or not _agree(stdev, other_stdev):
            remedy = (
                f"{first_path} comes first and says {mean:.4g} ± {stdev:.4g}, "
                f"this one {other_mean:.4g} ± {other_stdev:.4g}; keep one of the two"
            )
            warnings.append(tree.error("priors_disagree: this prior is not used", path, remedy=remedy))
    return warnings


def _moments(belief: Belief) -> tuple[float, float]:
    law = FAMILIES.resolve(belief.family).belief(np.array(belief.theta))
    return float(law.mean), float(law.stdev)


def _agree(first: float, second: float) -> bool:
    return abs(first - second) <= _AGREEMENT * max(abs(first), abs(second))
