"""What a check is given: what was believed, what the window saw, and how fresh the read is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Observations

__all__ = ["CheckInput"]


@dataclass(frozen=True, slots=True, eq=False)
class CheckInput:
    """One parameter on one night, as the checks see it.

    The window is never part of either belief: a belief that had already learned from the window would be
    compared with itself.

    Attributes
    ----------
    type
        probability, rate, mean or duration.
    expected
        The last accepted prior, from evidence before the window only; None where there is no prior.
    baseline
        Posterior of the ledger before the window; None when nothing was seen before it.
    window
        Rows of the last mature days; None without an observation source.
    kappa
        Overdispersion the day counts are compared under; None for binomial counts.
    divergence_threshold
        Sigmas from which the light is amber; it is red one sigma further out.
    min_sample_size
        Size of the window below which nothing is judged.
    margin
        Practical margin, the smallest effect worth a light: relative, for a mean in standard deviations.
    maturity
        Mean share of the window's outcomes that can have arrived by now, 0..1; 1 without latency.
    stale_after
        Age of the last good read beyond which the light is stale.
    read_age
        Age of the last good read on the logical clock; None when there was none.
    source_down
        Whether tonight's read failed.
    since
        Day the parameter has been off since, where that is known.
    arrived : ndarray, shape (row,)
        Share of the outcomes of each row of the window that can have arrived by now, F(age)/F(horizon); None
        when all have. Matters to probabilities only.
    fit_failures
        Why tonight's fit was refused; empty when it was not, or nothing was fitted.
    poor_fit
        What the model does not reproduce of its own data; empty when nothing was found.
    previous, published
        The posterior that was published last, and the one that would replace it.
    counted, counted_needed
        Size of all evidence since the prior, and what a posterior needs; None where that does not matter.
    """

    parameter_id: str
    type: str
    expected: Belief | None
    baseline: Belief | None
    window: Observations | None
    kappa: float | None = None
    divergence_threshold: float = 2.0
    min_sample_size: float = 100
    margin: float = 0.05
    maturity: float = 1.0
    stale_after: timedelta = timedelta(days=2)
    read_age: timedelta | None = None
    source_down: bool = False
    since: date | None = None
    arrived: NDArray[np.float64] | None = None
    fit_failures: tuple[str, ...] = ()
    poor_fit: str = ""
    previous: Belief | None = None
    published: Belief | None = None
    counted: float | None = None
    counted_needed: float | None = None

    def __post_init__(self) -> None:
        rows = 0 if self.window is None else len(self.window)
        if self.arrived is not None and len(self.arrived) != rows:
            raise ValueError(f"arrived has {len(self.arrived)} shares for a window of {rows} rows")

    @property
    def size(self) -> float:
        """Trials, exposure or n of the window; 0 without one."""
        return self.window.size if self.window is not None else 0.0
