"""The draws of a parameter's last fit: by chain, by rank, and those its posterior stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.clock import Night
from evenfall.errors import UnknownName, UsageError
from evenfall.inference.diagnostics.traces import rank_counts, thinned
from evenfall.inference.fit import Fit
from evenfall.registry.parameter import Parameter
from evenfall.runs.fitting.keeping import load_fit
from evenfall.runs.models.shown import quantities_of
from evenfall.runs.night.case import is_sliced
from evenfall.runs.night.pool import pooled_id
from evenfall.runs.world import World
from evenfall.store.records import FitRecord, PosteriorRecord

__all__ = ["Drawn", "drawn_of", "last_fit", "posterior_draws", "ranks_of", "trace_of"]

type Floats = NDArray[np.float64]

_LONGEST: Final = 1000
"""Draws of a chain that are shown."""

_BINS: Final = 20
_HEADLINES: Final = ("p", "value", "population_p")


@dataclass(frozen=True, eq=False)
class Drawn:
    """One quantity of a fit in draws.

    Attributes
    ----------
    values : ndarray, shape (chain, draw)
    names
        All quantities of the fit, as people read them, each with its name in the file.
    """

    record: FitRecord
    fit: Fit
    quantity: str
    values: Floats
    names: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Return what goes beside a plot of the draws; figures are those of the whole fit, as stored."""
        figures = self.record.diagnostics
        return {
            "quantity": self.quantity,
            "quantities": list(self.names),
            "as_of": self.record.as_of.isoformat(),
            "rung": self.record.rung,
            "passed": self.record.passed,
            "weighted": self.fit.weights is not None,
            "r_hat": _figure(figures, "r_hat"),
            "ess_bulk": _figure(figures, "ess_bulk"),
            "ess_tail": _figure(figures, "ess_tail"),
        }


def last_fit(world: World, parameter: Parameter, night: Night) -> FitRecord | None:
    """Return the last fit of a parameter, else of the slices it is pooled with, good or not."""
    pooled = pooled_id(parameter.id if is_sliced(parameter) else parameter.template_id or parameter.id)
    found = world.store.latest_fits([parameter.id, pooled], night.instant, passed=False)
    return found.get(parameter.id) or found.get(pooled)


def drawn_of(world: World, parameter: Parameter, night: Night, quantity: str | None) -> Drawn:
    """Return a quantity (by default the one that answers the parameter) of its last fit, in draws.

    Raises
    ------
    UsageError
        When there is no fit, or it kept no draws.
    UnknownName
        When the fit has no such quantity.
    """
    record = last_fit(world, parameter, night)
    if record is None:
        raise UsageError(
            f"there is no fit of {parameter.id}",
            remedy="a formula may give its posterior; else run `evenfall nightly` first",
        )
    fit = load_fit(world.artifacts, record)
    if fit is None:
        raise UsageError(
            f"the fit of {parameter.id} on {record.as_of} kept no draws",
            remedy="see `evenfall fit` for its figures",
        )
    names = _names(record, fit)
    chosen = quantity or _headline(parameter, names)
    if chosen not in names:
        raise UnknownName("quantity", chosen, names)
    return Drawn(record, fit, chosen, _values(fit, names[chosen]), names)


def trace_of(drawn: Drawn) -> dict[str, Any]:
    """Return the draws chain by chain, evenly thinned to a thousand at most."""
    return {**drawn.facts(), "chains": thinned(drawn.values, _LONGEST)}


def ranks_of(drawn: Drawn) -> dict[str, Any]:
    """Return how the ranks of each chain's draws spread over twenty bins, fewer where draws are few.

    Draws that weigh differently have no ranks to compare; then there are no bins.
    """
    figures = drawn.record.diagnostics
    effective = _figure(figures, "ess_bulk") or float(drawn.values.size)
    counted = None if drawn.fit.weights is not None else rank_counts(drawn.values, ess=effective, bins=_BINS)
    bins = 0 if counted is None else len(counted["counts"][0])  # type: ignore[index]
    return {
        **drawn.facts(),
        "bins": [(place + 0.5) / bins for place in range(bins)],
        "chains": [] if counted is None else counted["counts"],
        "expected": None if counted is None else counted["expected"],
        "lower": None if counted is None else counted["lower"],
        "upper": None if counted is None else counted["upper"],
    }


def posterior_draws(world: World, current: PosteriorRecord) -> tuple[Floats, Floats | None] | None:
    """Return the draws a posterior stands on and their weights, each of shape (draw,); None without any.

    Raises
    ------
    StoreError
        When the file is not what was written.
    """
    if current.fit_id is None:
        return None
    record = world.store.fit(current.fit_id)
    fit = load_fit(world.artifacts, record)
    name = str(record.request.get("quantity", ""))
    if fit is None or name not in fit.draws:
        return None
    weights = None if fit.weights is None else np.asarray(fit.weights, dtype=np.float64).reshape(-1)
    return np.asarray(fit.draws[name], dtype=np.float64).reshape(-1), weights


def _names(record: FitRecord, fit: Fit) -> dict[str, str]:
    """Return by its name for people the name that each scalar quantity with draws has in the file."""
    asked: Mapping[str, Any] = record.request
    known = {name: record.quantities.get(name, _NO_FIGURES) for name in _scalars(fit)}
    shown = quantities_of(known, (), asked.get("slices", ()), asked.get("effects", ()))
    return {row.name: name for row, name in zip(shown, known, strict=True)}


_NO_FIGURES: Final = dict.fromkeys(("mean", "median", "stdev", "lower", "upper"), float("nan"))


def _scalars(fit: Fit) -> list[str]:
    found = []
    for name, draws in fit.draws.items():
        places = np.ndindex(draws.shape[2:]) if draws.ndim > 2 else [()]
        found += [f"{name}[{','.join(map(str, place))}]" if place else name for place in places]
    return found


def _values(fit: Fit, name: str) -> Floats:
    base, _, inside = name.partition("[")
    place = [int(number) for number in inside.rstrip("]").split(",")] if inside else []
    values = fit.draws[base]
    for number in place:
        values = values[:, :, number]
    return np.asarray(values, dtype=np.float64)


def _headline(parameter: Parameter, names: Mapping[str, str]) -> str:
    wanted = (f"p of {parameter.id}", *_HEADLINES)
    return next((name for name in wanted if name in names), next(iter(names)))


def _figure(figures: Mapping[str, float], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if value is not None and np.isfinite(value) else None
