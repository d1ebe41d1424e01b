"""A template becomes one parameter per combination of context values."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from evenfall.errors import ConfigError
from evenfall.registry.schemas import Context, ParameterDefinition, QueryObservations
from evenfall.registry.sql_words import groups_rows
from evenfall.registry.tree import Tree

__all__ = ["SHARD_LIMIT", "expand", "shard_id"]

SHARD_LIMIT: Final = 10_000
"""Most parameters one template may become."""


def shard_id(template_id: str, shard: Mapping[str, str]) -> str:
    """Return the id of one shard, such as ``signup[channel=google,device=mobile]``; keys sorted."""
    return f"{template_id}[{','.join(f'{key}={shard[key]}' for key in sorted(shard))}]"


def expand(
    definition: ParameterDefinition, contexts: Mapping[str, Context], tree: Tree
) -> tuple[tuple[Mapping[str, str], ...], ConfigError | None]:
    """Return the shards of a definition, and what is wrong when there cannot be any.

    Values fixed by the template's context_filter stay fixed; of the other context variables those take part
    that have values in a context file.

    Returns
    -------
    shards
        Empty for a definition that is one parameter by itself.
    problem
        When the rows are grouped but no context says by which values, or by far too many.
    """
    source = definition.observation_source
    if not isinstance(source, QueryObservations) or not source.context_variables:
        return (), None
    fixed = {
        key: definition.context_filter[key]
        for key in source.context_variables
        if key in definition.context_filter
    }
    free = [key for key in source.context_variables if key not in fixed]
    if not free or not groups_rows(source.text):
        return (), None
    at = ("observation_source", "context_variables")
    choices = {
        key: contexts[key].value_ids
        for key in dict.fromkeys(free)
        if key in contexts and contexts[key].values
    }
    if not choices:
        remedy = f"add contexts/{free[0]}.yaml with values, or fix it in context_filter"
        return (), tree.error("a template whose contexts have no values", at, value=free[0], remedy=remedy)
    count = math.prod(len(values) for values in choices.values())
    if count > SHARD_LIMIT:
        remedy = f"at most {SHARD_LIMIT:,}; use fewer context variables"
        return (), tree.error(f"a template of {count:,} shards", at, remedy=remedy)
    combinations = itertools.product(*choices.values())
    shards = tuple({**fixed, **dict(zip(choices, values, strict=True))} for values in combinations)
    twice, times = Counter(shard_id(definition.id, shard) for shard in shards).most_common(1)[0]
    if times > 1:
        return (), tree.error("two shards with one id", at, value=twice, remedy="rename a context value")
    return shards, None
