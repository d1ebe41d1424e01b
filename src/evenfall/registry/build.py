"""A checked definition becomes the parameter, or the parameters, it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evenfall.errors import ConfigError
from evenfall.registry.definition_hash import definition_hash, shard_hash
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.schemas import Context, ParameterDefinition
from evenfall.registry.shards import expand, shard_id
from evenfall.registry.stated import StatedBeliefs, distribution_of, missing_prior, state_beliefs
from evenfall.registry.tree import Tree

__all__ = ["Built", "build"]


@dataclass(frozen=True, slots=True)
class Built:
    """What one definition file gives.

    Attributes
    ----------
    parameters
        One, or one per shard.
    problems
        Why the definition is refused as a whole.
    flags
        Why it loads, but cannot be used as it is; the parameters carry the first of them.
    warnings
        What is accepted, but probably not meant.
    """

    parameters: tuple[Parameter, ...]
    problems: tuple[ConfigError, ...] = ()
    flags: tuple[ConfigError, ...] = ()
    warnings: tuple[ConfigError, ...] = ()


def build(definition: ParameterDefinition, tree: Tree, contexts: Mapping[str, Context]) -> Built:
    """Return the parameters of one definition with everything there is to say about it."""
    stated, problems, warnings = state_beliefs(definition, tree)
    reference, unreadable = _reference(definition, tree)
    problems += unreadable
    if problems:
        return Built((), tuple(problems), (), tuple(warnings))
    shards, no_shards = expand(definition, contexts, tree)
    flags = tuple(flag for flag in (missing_prior(definition, stated, tree), no_shards) if flag)
    whole = _parameter(definition, tree, stated, reference, flags[0] if flags else None)
    parameters = tuple(_shard(whole, reference, shard, len(shards)) for shard in shards) or (whole,)
    return Built(parameters, (), flags, tuple(warnings))


def _reference(definition: ParameterDefinition, tree: Tree) -> tuple[EdgeReference | None, list[ConfigError]]:
    """Return the edge reference, or why it is none."""
    if definition.edge_reference is None:
        return None, []
    try:
        return parse_reference(definition.edge_reference), []
    except ConfigError as error:
        at = ("edge_reference",)
        return None, [tree.error(error.message, at, value=definition.edge_reference, remedy=error.remedy)]


def _parameter(
    definition: ParameterDefinition,
    tree: Tree,
    stated: StatedBeliefs,
    reference: EdgeReference | None,
    config_error: ConfigError | None,
) -> Parameter:
    return Parameter(
        id=definition.id,
        name=definition.name or definition.id,
        type=definition.type,
        distribution=distribution_of(definition),
        edge_reference=str(reference) if reference else None,
        context_filter=dict(definition.context_filter),
        visited_filter=definition.visited_filter,
        value=definition.value,
        prior_source=definition.prior_source,
        observation_source=definition.observation_source,
        bayesian_update=definition.bayesian_update,
        posterior_destination=definition.posterior_destination,
        model_fit=definition.model_fit,
        fallback_value=definition.fallback_value,
        metadata=definition.metadata,
        template_id=None,
        shard={},
        file=tree.file,
        definition_hash=definition_hash(definition),
        config_error=config_error,
        tree=tree,
        stated=stated,
        latency=definition.latency,
    )


def _shard(
    template: Parameter, reference: EdgeReference | None, shard: Mapping[str, str], count: int
) -> Parameter:
    """Return the parameter that a template stands for where the contexts have these values."""
    ordered = {key: shard[key] for key in sorted(shard)}
    return replace(
        template,
        id=shard_id(template.id, ordered),
        edge_reference=str(reference.within(ordered)) if reference else None,
        context_filter={**template.context_filter, **ordered},
        template_id=template.id,
        shard=ordered,
        definition_hash=shard_hash(template.definition_hash, ordered),
        shard_count=count,
    )
