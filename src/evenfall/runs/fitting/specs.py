"""From a definition, a prior and evidence to the model that is fitted, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.discount import discount_weights
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule
from evenfall.errors import ConfigError
from evenfall.funnels.delays.families import LAG_FAMILIES
from evenfall.funnels.pooling.model import Settings, pooled_spec
from evenfall.funnels.pooling.slices import ABSENT, Effect, Slices, with_interactions
from evenfall.inference.fit import FitRequest, WarmStart
from evenfall.inference.model import ModelSpec
from evenfall.inference.user_model import user_model_spec
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Pooling

__all__ = [
    "ARRAY_GRADIENTS",
    "COMPILED_GRADIENTS",
    "POOLED_GRADIENTS",
    "cohort_arrays",
    "delay_spec",
    "families_of",
    "family_spec",
    "is_exact",
    "pooled_delay_spec",
    "pooled_slices",
    "pooled_spec_of",
    "quantity_of",
    "request_of",
    "user_spec",
]

ARRAY_GRADIENTS = 150_000
"""Gradients a night spends on one model in arrays before it gives up: a minute or two."""

POOLED_GRADIENTS = 60_000
"""The same for delays over slices, whose gradients cost a millisecond each."""

COMPILED_GRADIENTS = 5_000_000
"""The same of a compiled model, whose gradients cost a twentieth."""

_ENGINES = {"mcmc": "nuts", "variational": "variational", "model": "auto"}


def is_exact(parameter: Parameter) -> bool:
    """Return whether sums and a formula give the posterior; ``auto`` takes the formula where there is one."""
    return parameter.latency is None and parameter.update_rule in ("conjugate", "auto")


def quantity_of(parameter: Parameter) -> str:
    """Return the name under which a fit of the parameter answers it."""
    if parameter.latency is not None:
        return "p"
    return parameter.quantity if parameter.update_rule == "model" else "value"


def request_of(parameter: Parameter, seed: int, warm: WarmStart | None = None) -> FitRequest:
    """Return how the definition wants the parameter fitted."""
    engine = _ENGINES.get(parameter.update_rule, "auto")
    options: dict[str, object] = {}
    draws, tune, chains = 500, 500, 4
    if parameter.update_rule == "mcmc":
        draws = 1000
        if parameter.mcmc is not None:
            draws = parameter.mcmc.samples or draws
            tune = parameter.mcmc.burn_in or tune
            chains = parameter.mcmc.chains or chains
    if parameter.update_rule == "variational" and parameter.variational is not None:
        said = parameter.variational
        options = {
            key: value
            for key, value in (("steps", said.steps), ("learning_rate", said.learning_rate))
            if value is not None
        }
        draws = max(1, (said.draws or draws * chains) // chains)
    budget = COMPILED_GRADIENTS if parameter.update_rule == "model" else ARRAY_GRADIENTS
    return FitRequest(engine, seed, draws, tune, chains, max_gradients=budget, warm=warm, options=options)


def families_of(parameter: Parameter) -> tuple[str, ...]:
    """Return the families of lags a parameter is fitted with: the one it names, or all for ``auto``."""
    assert parameter.latency is not None, "only a parameter with a latency has a family of lags"
    named = parameter.latency.family
    return tuple(sorted(LAG_FAMILIES.entries)) if named == "auto" else (named,)


def delay_spec(
    parameter: Parameter, prior: Belief, cohorts: Cohorts, horizon_days: float, family: str
) -> ModelSpec:
    """Return the model of a conversion that takes its time.

    Raises
    ------
    ConfigError
        When the prior is no beta belief about the rate within the horizon.
    """
    latency = parameter.latency
    assert latency is not None, "only a parameter with a latency has cohorts"
    if prior.family != "beta":
        raise ConfigError(
            f"the prior of a delayed conversion is a beta belief, not {prior.family}",
            value=parameter.id,
            remedy="write distribution: beta, without robust",
        )
    believed: dict[str, object] = {"rate": dict(prior.numbers)}
    for key in ("median_days", "t95_days"):
        said = getattr(latency, key)
        if said is not None:
            believed[key] = said.model_dump() if hasattr(said, "model_dump") else float(said)
    options = {
        "family": family,
        "clock": cohorts.clock,
        "onset": latency.onset,
        "horizon_days": float(horizon_days),
        "overdispersion": "none" if parameter.kappa is None else "learned",
        "prior": believed,
    }
    return ModelSpec("evenfall.funnels.delays.model:delay_model", cohort_arrays(cohorts), options)


def pooled_delay_spec(
    parameter: Parameter, prior: Belief, cohorts: Sequence[Cohorts], horizon_days: float, family: str
) -> ModelSpec:
    """Return the model of slices whose conversions take their time, one after the other in `cohorts`."""
    one = delay_spec(parameter, prior, cohorts[0], horizon_days, family)
    arrays = [cohort_arrays(each) for each in cohorts]
    ages = max(each["conversions"].shape[1] for each in arrays)
    data: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([each[name] for each in arrays]) for name in ("size", "observed")
    }
    widened = [np.pad(e["conversions"], ((0, 0), (0, ages - e["conversions"].shape[1]))) for e in arrays]
    data["conversions"] = np.concatenate(widened)
    data["slice"] = np.repeat(np.arange(len(arrays)), [len(each["size"]) for each in arrays])
    return ModelSpec(
        "evenfall.funnels.delays.pooled:pooled_delays", data, {**one.options, "slices": len(cohorts)}
    )


def cohort_arrays(cohorts: Cohorts) -> dict[str, NDArray[np.generic]]:
    """Return cohorts as the arrays of a model, without ages nobody has reached.

    A day on which nobody entered says nothing and is left out.
    """
    some = cohorts.size > 0
    reached = int(cohorts.observed[some].max(initial=1))
    return {
        "entry": cohorts.entry[some].astype("datetime64[D]").astype(np.int64),
        "size": cohorts.size[some],
        "conversions": cohorts.conversions[some, :reached],
        "observed": cohorts.observed[some],
    }


def family_spec(prior: Belief, observations: Observations, rule: UpdateRule) -> ModelSpec:
    """Return prior times likelihood of a family, as a model that any engine can fit."""
    weights = discount_weights(observations, rule.half_life_days, rule.until)
    options = {
        "family": prior.family,
        "theta": list(prior.theta),
        "kappa": rule.kappa if prior.family == "beta" else None,
    }
    return ModelSpec(
        "evenfall.inference.families:family_model",
        {"sums": observations.sums, "weights": np.asarray(weights, dtype=np.float64)},
        options,
    )


def user_spec(parameter: Parameter, observations: Observations, root: Path) -> ModelSpec:
    """Return the model that a function of the project builds."""
    assert parameter.model is not None, "update_rule: model names its model"
    return user_model_spec(
        observations, model=parameter.model, root=root, kind=parameter.type, quantity=parameter.quantity
    )


def pooled_slices(
    pooling: Pooling,
    labels: Sequence[Mapping[str, str]],
    visits: Sequence[frozenset[str]],
    days: Sequence[Observations],
) -> Slices:
    """Return slices as the pooled model takes them, told apart by context values and visited nodes.

    Parameters
    ----------
    labels
        Context values of each slice.
    visits
        Of the nodes that are told apart, those each slice visited before.
    days
        Trials and successes of each slice by day.
    """
    effects = [
        Effect(key, tuple(sorted({label[key] for label in labels if label.get(key)})))
        for key in pooling.effects or ()
    ]
    effects += [Effect(f"visited({node})", ("yes",), "visited") for node in pooling.visited]
    codes = np.full((len(labels), len(effects)), ABSENT, dtype=np.int64)
    for column, effect in enumerate(effects):
        for row, (label, seen) in enumerate(zip(labels, visits, strict=True)):
            if effect.kind == "visited":
                codes[row, column] = 0 if effect.name[len("visited(") : -1] in seen else ABSENT
            elif label.get(effect.name):
                codes[row, column] = effect.values.index(label[effect.name])
    counts = _by_day(days, told_apart=pooling.overdispersion == "learned")
    names = tuple(_label(label, seen) for label, seen in zip(labels, visits, strict=True))
    slices = Slices(names, tuple(effects), codes, counts[..., 0], counts[..., 1])
    named = {effect.name: effect.name for effect in effects} | {
        node: f"visited({node})" for node in pooling.visited
    }
    pairs = [(named[a], named[b]) for a, b in pooling.interactions]
    return with_interactions(slices, pairs) if pairs else slices


def pooled_spec_of(slices: Slices, prior: Belief, pooling: Pooling) -> ModelSpec:
    """Return the model of slices that lean on each other, with the belief about the rate at their centre."""
    belief = (prior.numbers["alpha"], prior.numbers["beta"]) if "alpha" in prior.numbers else (1.0, 1.0)
    return pooled_spec(slices, Settings(belief, {}, pooling.overdispersion == "learned"))


def _label(label: Mapping[str, str], seen: frozenset[str]) -> str:
    parts = [f"{key}={label[key]}" for key in sorted(label)]
    return ",".join([*parts, *(f"visited={'+'.join(sorted(seen))}" for _ in [0] if seen)])


def _by_day(days: Sequence[Observations], *, told_apart: bool) -> NDArray[np.int64]:
    """Return (trials, successes), shape (slice, day, 2); one day of all where they are not told apart."""
    if not told_apart:
        return np.array([[one.total()[:2]] for one in days]).astype(np.int64)
    every = np.unique(np.concatenate([one.first for one in days]))
    counts = np.zeros((len(days), len(every), 2), dtype=np.int64)
    for row, one in enumerate(days):
        counts[row, np.searchsorted(every, one.first)] = one.sums[:, :2].astype(np.int64)
    return counts
