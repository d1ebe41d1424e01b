"""New numbers for a prior or a value, written where the parameter's own file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evenfall.errors import ConfigError, EditRefused
from evenfall.registry.schemas import Numbers, ParameterDefinition, QueryObservations, StaticPrior
from evenfall.registry.schemas.numbers import NOISE_KEYS, NUMBER_KEYS
from evenfall.registry.splice import GONE, Splicer
from evenfall.registry.stated import distribution_of
from evenfall.registry.translate import validate
from evenfall.registry.tree import Path, Tree, print_path

__all__ = ["asked_field", "change_numbers", "prior_place"]

_PRIOR: Final[Path] = ("bayesian_update", "prior")


def change_numbers(
    text: str,
    tree: Tree,
    *,
    prior: Mapping[str, float] | None = None,
    distribution: str | None = None,
    value: Mapping[str, float] | None = None,
) -> str:
    """Return the text of a parameter's file with other numbers.

    Parameters
    ----------
    prior, value
        Numbers by name, such as mean and stdev; they take the place of those that stand there. What is said
        of single observations (noise_sigma and the like) stays unless it is given.
    distribution
        Of the prior, when it is to be another.

    Raises
    ------
    ConfigError
        When the numbers do not stand in this file, or are written in a way that cannot be kept.
    """
    definition, problems = validate(ParameterDefinition, tree)
    if definition is None:
        raise EditRefused(problems)
    splicer = Splicer(text, tree)
    if prior is not None:
        _change_prior(splicer, definition, prior, distribution)
    if value is not None:
        _change_value(splicer, definition, value)
    return splicer.finish()


def prior_place(definition: ParameterDefinition, tree: Tree) -> Path:
    """Return the block of the file whose numbers are the parameter's prior.

    Raises
    ------
    ConfigError
        When the prior is not in the file, or is its `value`.
    """
    source, observed = definition.prior_source, definition.observation_source
    if source is not None and not isinstance(source, StaticPrior):
        raise tree.error(
            f"the prior comes from {source.type}, not from numbers in this file",
            ("prior_source",),
            remedy="change it there, or remove prior_source from the file first",
        )
    if isinstance(source, StaticPrior) and source.states_a_belief:
        return ("prior_source",)
    if isinstance(observed, QueryObservations) and observed.result_mapping.prior_columns:
        raise tree.error(
            "the prior comes with the observations, as columns of their query",
            ("observation_source", "result_mapping"),
            remedy="change it there, or take the prior's columns out of result_mapping first",
        )
    update = definition.bayesian_update
    if update is not None and update.prior is not None and update.prior.states_a_belief:
        return _PRIOR
    if definition.value is not None and definition.value.states_a_belief:
        raise tree.error(
            "the prior of this parameter is its value", ("value",), remedy="change value instead"
        )
    raise tree.error("this parameter has no prior to change", remedy="give it a value with mean and stdev")


def asked_field(path: str) -> str:
    """Return the field of a request that a path of the file belongs to."""
    for place in (print_path(_PRIOR), "prior_source"):
        if path == place or path.startswith(f"{place}."):
            return f"prior{path.removeprefix(place)}"
    return path


def _change_prior(
    splicer: Splicer, definition: ParameterDefinition, prior: Mapping[str, float], distribution: str | None
) -> None:
    place = prior_place(definition, splicer.tree)
    _replace_numbers(splicer, place, prior)
    if distribution is None or distribution == distribution_of(definition):
        return
    if place != _PRIOR:
        raise splicer.tree.error(
            "a static prior_source has the distribution of its parameter's type",
            (*place, "distribution"),
            value=distribution,
            remedy=f"leave it {distribution_of(definition)}",
        )
    splicer.set_keys(place, {"distribution": distribution})


def _change_value(splicer: Splicer, definition: ParameterDefinition, value: Mapping[str, float]) -> None:
    if definition.value is not None:
        _replace_numbers(splicer, ("value",), value)
        return
    if _has_prior(definition):
        raise splicer.tree.error(
            "this parameter has no value: its prior is stated elsewhere",
            ("value",),
            remedy="change prior instead",
        )
    splicer.set_keys((), {"value": dict(value)})


def _has_prior(definition: ParameterDefinition) -> bool:
    update, source = definition.bayesian_update, definition.prior_source
    stated: list[Numbers | None] = [update.prior if update is not None else None]
    if isinstance(source, StaticPrior):
        stated.append(source)
    elif source is not None:
        return True
    return any(numbers is not None and numbers.states_a_belief for numbers in stated)


def _replace_numbers(splicer: Splicer, place: Path, numbers: Mapping[str, float]) -> None:
    """Write numbers into a block; others of the same kind leave it."""
    if not any(key not in NOISE_KEYS for key in numbers):
        raise ConfigError(
            "no numbers",
            path=asked_field(print_path(place)),
            remedy="give mean and stdev, or the family's own",
        )
    written = splicer.tree.at(place)
    assert isinstance(written, dict)
    noise = any(key in NOISE_KEYS for key in numbers)
    replaced = [key for key in NUMBER_KEYS if key in written and (noise or key not in NOISE_KEYS)]
    splicer.set_keys(place, {**dict.fromkeys(replaced, GONE), **numbers})
