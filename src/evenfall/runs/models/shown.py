"""Fits as people read them: quantities, figures with their limits, what was tried, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from evenfall.inference.comparison.versions import number_versions, version_of
from evenfall.inference.fit import Fit
from evenfall.inference.gates import judge, warnings_of
from evenfall.inference.psis import k_hat_limit
from evenfall.runs.report import json_ready
from evenfall.store.records import FitRecord

__all__ = [
    "Figure",
    "Fits",
    "QuantityRow",
    "ShownFit",
    "Version",
    "figures_of",
    "quantities_of",
    "versions_of",
    "warned",
]

_LIMITS: Final[Mapping[str, str]] = {
    "r_hat": "below 1.01",
    "ess_bulk": "above 400",
    "ess_tail": "above 400",
    "divergences": "0",
    "bfmi": "above 0.2",
    "tree_depth_share": "below 1 %",
    "importance_ess": "above 400",
}
"""The gate's limits in words; what holds is asked of the gate itself."""


@dataclass(frozen=True, slots=True)
class QuantityRow:
    """One quantity of a fit with its 95 % interval.

    Attributes
    ----------
    overlap
        Mass that it shares with its prior, 0..1; None where nobody looked.
    identified
        False where it is the prior that is read.
    """

    name: str
    mean: float
    median: float
    stdev: float
    lower: float
    upper: float
    overlap: float | None = None
    identified: bool = True

    def __str__(self) -> str:
        said = f"{self.name} {self.median:.4g} (95 % {self.lower:.4g} … {self.upper:.4g})"
        return said if self.identified else f"{said}, not identified by the data"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a fit; `limit` is empty where it is only shown, and `holds` None."""

    name: str
    value: float
    limit: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model: its definition and the code, with the nights it was fitted on."""

    number: int
    definition_hash: str
    code_version: str
    first: date
    last: date
    fits: int
    passed: int


@dataclass(frozen=True)
class ShownFit:
    """One fit in full.

    Attributes
    ----------
    published
        Whether the night made it; False for one made now, to look at.
    engine, rung
        What was asked for, and the step of the ladder that answered.
    stands_since
        Night of the last fit that passed, which stands while this one does not.
    failures
        Why the gate refuses it, each with what to do; empty when it passed.
    warnings
        What is to be known of it although it passed.
    notes
        What was refused or chosen beside the numbers.
    """

    parameter_id: str
    type: str
    as_of: date
    published: bool
    engine: str
    rung: str
    passed: bool
    quantities: tuple[QuantityRow, ...]
    figures: tuple[Figure, ...]
    tried: tuple[tuple[str, str], ...] = ()
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    stands_since: date | None = None
    seconds: float = 0.0
    gradients: int = 0
    seed: int = 0

    @property
    def headline(self) -> QuantityRow | None:
        """The quantity that answers the parameter, or speaks for all its slices."""
        by_name = {row.name: row for row in self.quantities}
        found = (by_name[name] for name in ("p", "value", "population_p") if name in by_name)
        return next(found, self.quantities[0] if self.quantities else None)

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "refused"
        lines = [f"{self.parameter_id}: {self.rung} of {self.as_of}, {verdict}"]
        return "\n".join([*lines, *(f"  {row}" for row in self.quantities), *self.failures])


@dataclass(frozen=True)
class Fits:
    """Fits that were asked for, and why some parameters have none.

    Attributes
    ----------
    without
        By parameter, why there is no fit of it.
    """

    as_of: date
    fits: tuple[ShownFit, ...]
    without: Mapping[str, str]

    @property
    def refused(self) -> int:
        """How many the gate refuses."""
        return sum(not fit.passed for fit in self.fits)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {**json_ready(self), "refused": self.refused}

    def __str__(self) -> str:
        lines = [str(fit) for fit in self.fits]
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in self.without.items())])


def quantities_of(
    figures: Mapping[str, Mapping[str, float]],
    unidentified: Sequence[str] = (),
    slices: Sequence[str] = (),
    effects: Sequence[Mapping[str, Any]] = (),
) -> tuple[QuantityRow, ...]:
    """Return quantities as rows, those of a pooled fit under the names of its slices and effects.

    Parameters
    ----------
    unidentified
        Quantities of which it is the prior that is read.
    effects
        ``name`` and ``values`` of each effect, in the order of the fit.
    """
    named = {f"p[{place}]": f"p of {slice_name}" for place, slice_name in enumerate(slices)}
    touched = [f"effect of {one['name']}={value}" for one in effects for value in one["values"]]
    named |= {f"effects[{place}]": label for place, label in enumerate(touched)}
    return tuple(
        QuantityRow(
            named.get(name, name),
            **{key: float(said[key]) for key in ("mean", "median", "stdev", "lower", "upper")},
            overlap=said.get("overlap"),
            identified=name not in unidentified,
        )
        for name, said in figures.items()
    )


def figures_of(rung: str, diagnostics: Mapping[str, float], draws: int) -> tuple[Figure, ...]:
    """Return every figure with the limit the gate holds it to.

    Parameters
    ----------
    draws
        Over all chains; the limit of k-hat depends on them.
    """
    none = Fit(rung, {}, np.empty((1, draws, 0)))
    missing = len(judge(none, {}, []))
    rows = []
    for name, value in diagnostics.items():
        # A figure that the gate looks at and that is within its limit is one complaint fewer.
        holds = len(judge(none, {name: value}, [])) < missing
        limit = f"below {k_hat_limit(draws):.2f}" if name == "k_hat" else _LIMITS.get(name, "")
        judged = bool(limit) and _is_judged(none, name, missing)
        rows.append(Figure(name, float(value), limit if judged else "", holds if judged else None))
    return tuple(rows)


def _is_judged(fit: Fit, name: str, missing: int) -> bool:
    """Return whether some value of the figure satisfies the gate: whether it looks at the figure at all."""
    return any(len(judge(fit, {name: value}, [])) < missing for value in (0.0, 1.0, np.inf, -np.inf))


def versions_of(history: Sequence[FitRecord]) -> tuple[Version, ...]:
    """Return the versions of a parameter's model, oldest first, from its fits in order of time."""
    numbers = number_versions([version_of(one.definition_hash, None, one.code_version) for one in history])
    return tuple(_versions(history, numbers))


def _versions(history: Sequence[FitRecord], numbers: Sequence[int]) -> Iterator[Version]:
    for number in sorted(set(numbers)):
        fits = [one for one, own in zip(history, numbers, strict=True) if own == number]
        yield Version(
            number,
            fits[0].definition_hash,
            fits[0].code_version,
            min(one.as_of for one in fits),
            max(one.as_of for one in fits),
            len(fits),
            sum(one.passed for one in fits),
        )


def warned(rung: str, diagnostics: Mapping[str, float], failures: Sequence[str]) -> tuple[str, ...]:
    """Return what is to be known of a fit that passes."""
    return warnings_of(Fit(rung, {}, np.empty((1, 0, 0)), diagnostics=diagnostics, failures=tuple(failures)))
