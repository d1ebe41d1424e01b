"""What the ranks say: which quantities are calibrated, which way the others are off, what could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.calibration.sbc.power import MinimumDetectable, minimum_detectable
from evenfall.calibration.sbc.result import SbcResult
from evenfall.calibration.sbc.uniformity import holm, uniformity_p

__all__ = ["LEVELS", "MOST_FAILED", "Coverage", "QuantityReport", "SbcReport", "report"]

type Floats = NDArray[np.float64]

LEVELS: Final = (0.5, 0.8, 0.95)
"""Intervals whose coverage is counted."""

MOST_FAILED: Final = 0.01
"""Share of the fits that may fail: those that do are not a random choice, and the ranks miss them."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often equal-tailed intervals held the truth; lower and upper end the binomial 95 % interval."""

    level: float
    share: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class QuantityReport:
    """One quantity.

    Attributes
    ----------
    p
        Of its ranks against uniform ones.
    adjusted_p
        After Holm's correction for all quantities of the report.
    calibrated
        Whether `adjusted_p` exceeds the report's level.
    shift
        Mean of the truths in posterior standard deviations from the centre: above 0 the posterior is too
        low.
    spread
        Standard deviation of the same: above 1 the posterior is too narrow.
    """

    name: str
    p: float
    adjusted_p: float
    calibrated: bool
    coverage: tuple[Coverage, ...]
    shift: float
    spread: float

    def __str__(self) -> str:
        verdict = "calibrated" if self.calibrated else "NOT calibrated"
        held = ", ".join(f"{c.share:.1%} in {c.level:.0%}" for c in self.coverage)
        figures = f"p {self.p:.3g}, shift {self.shift:+.2f}, spread {self.spread:.2f}; {held}"
        return f"{self.name}: {verdict}, {figures}"


@dataclass(frozen=True, slots=True)
class SbcReport:
    """A verdict on one model.

    Attributes
    ----------
    name
        Of the model.
    simulations, draws, failed
        How many there were, among how many draws ranks were counted, and how many fits failed.
    reasons
        Why they failed, each with how often.
    rungs
        Share of the fits by rung.
    level
        Probability, at most, that a model without fault is refused for its ranks.
    detectable
        What an error must be like to be found.
    """

    name: str
    simulations: int
    draws: int
    failed: int
    reasons: Mapping[str, int]
    rungs: Mapping[str, float]
    quantities: tuple[QuantityReport, ...]
    level: float
    detectable: MinimumDetectable

    @property
    def problems(self) -> tuple[str, ...]:
        """Return a sentence for everything that speaks against the model."""
        found = [
            f"{one.name} is not calibrated (adjusted p {one.adjusted_p:.2g}): {_direction(one)}"
            for one in self.quantities
            if not one.calibrated
        ]
        if not self.failed <= MOST_FAILED * self.simulations:
            worst = next(iter(self.reasons), "")
            found.append(
                f"{self.failed} of {self.simulations} fits failed, more than 1 %; most often: {worst}"
            )
        if not self.quantities:
            found.append("no simulation has been ranked")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it; an error below `detectable` may still be there."""
        return not self.problems

    def __str__(self) -> str:
        d = self.detectable
        head = (
            f"{self.name}: {'passed' if self.passed else 'NOT passed'} after {self.simulations} simulations,"
            f" ranks among {self.draws} draws, {self.failed} failed"
        )
        errors = f"sd ×{d.narrow:.2f} or ×{d.wide:.2f}, shift {d.shift:.2f} sd"
        power = f"found with probability {d.power:.0%}: {errors}"
        return "\n".join([head, *map(str, self.quantities), power, *self.problems])


def report(result: SbcResult, *, level: float = 0.05, looks: int = 1) -> SbcReport:
    """Return the verdict on a result.

    Parameters
    ----------
    level
        Probability, at most, that any quantity of a model without fault is called not calibrated, over all
        looks together.
    looks
        How many times results of this run are looked at; each gets an equal part of the level.
    """
    each = level / looks
    names = result.names
    p = np.array([uniformity_p(result.ranks(name), result.draws) for name in names])
    adjusted = holm(p)
    quantities = tuple(
        _quantity(result, name, float(own), float(raised), each)
        for name, own, raised in zip(names, p, adjusted, strict=True)
    )
    ranked = len(result) - result.failed
    return SbcReport(
        name=result.name,
        simulations=len(result),
        draws=result.draws,
        failed=result.failed,
        reasons=result.reasons,
        rungs=result.rungs,
        quantities=quantities,
        level=each,
        detectable=minimum_detectable(max(ranked, 1), result.draws, max(len(names), 1), each),
    )


def _quantity(result: SbcResult, name: str, p: float, adjusted: float, level: float) -> QuantityReport:
    """Return the report on one quantity."""
    scores = special.ndtri((result.ranks(name) + 0.5) / (result.draws + 1))
    return QuantityReport(
        name=name,
        p=p,
        adjusted_p=adjusted,
        calibrated=adjusted > level,
        coverage=_coverage(result.positions(name)),
        shift=float(scores.mean()),
        spread=float(np.sqrt(np.mean(np.square(scores - scores.mean())))),
    )


def _coverage(positions: Floats) -> tuple[Coverage, ...]:
    """Return how often equal-tailed intervals held the truth, with limits of Clopper and Pearson (1934)."""
    n = len(positions)
    found = []
    for level in LEVELS:
        k = int((np.abs(positions - 0.5) <= 0.5 * level).sum())
        lower = float(special.betaincinv(k, n - k + 1, 0.025)) if k else 0.0
        upper = float(special.betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
        found.append(Coverage(level, k / n, lower, upper))
    return tuple(found)


def _direction(one: QuantityReport) -> str:
    """Return in words which way a posterior is off, as far as the ranks show a direction."""
    parts = []
    if one.spread > 1.05:
        parts.append(f"too narrow (truths scatter {one.spread:.2f} of its standard deviations)")
    elif one.spread < 0.95:
        parts.append(f"too wide (truths scatter only {one.spread:.2f} of its standard deviations)")
    if abs(one.shift) > 0.05:
        parts.append(f"too {'low' if one.shift > 0 else 'high'} by {abs(one.shift):.2f} standard deviations")
    return " and ".join(parts) if parts else "its shape is wrong, neither its centre nor its width"
