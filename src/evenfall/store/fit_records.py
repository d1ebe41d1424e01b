"""What the store keeps of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

__all__ = ["FitRecord"]


@dataclass(frozen=True, slots=True)
class FitRecord:
    """One fit: how it was made, what came of it, and where its draws lie.

    A fit that its gate refused is kept too, for its findings speak; no posterior may stand on it.

    Attributes
    ----------
    engine, rung
        What was asked for, and the step of the ladder that answered.
    inputs_hash
        Of everything the fit is a function of; a fit whose inputs are those of the parameter's newest one at
        its time is not written again.
    seen_at
        Logical instant (aware, UTC) of the night it was made for.
    failures
        Why the gate refused it; empty when `passed`.
    tried
        Rungs tried before, each with why it was left.
    base_fit
        Number of the fit whose draws were weighted anew; None for a fit of its own.
    request
        What was asked of the engine (JSON-ready).
    diagnostics
        Figures of the gate by name; they need not be finite.
    quantities
        By name the mean, stdev, median, lower and upper of a scalar quantity.
    artifact, artifact_sha256
        Place of the draws below the artifacts' root, and what the file must hash to; None without draws.
    id, wall_at
        Number in the store and wall time at which it was written, given by the store.
    """

    parameter_id: str
    as_of: date
    engine: str
    rung: str
    passed: bool
    data_hash: str
    definition_hash: str
    inputs_hash: str
    code_version: str
    seed: int
    seen_at: datetime
    failures: tuple[str, ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    base_fit: int | None = None
    request: Mapping[str, object] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    quantities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    artifact: str | None = None
    artifact_sha256: str | None = None
    seconds: float = 0.0
    gradients: int = 0
    id: int = 0
    wall_at: datetime | None = None
