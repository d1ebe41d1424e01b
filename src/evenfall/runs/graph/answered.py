"""The figure a reference asks for, with everything that says where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from evenfall.registry.scope import Level
from evenfall.runs.report import json_ready

__all__ = ["Answer", "AnswerLevel", "Mode", "Origin"]

type AnswerLevel = Level | Literal["pooled"]
type Mode = Literal["default", "strict"]
type Origin = Literal["posterior", "prior", "inline"]


@dataclass(frozen=True)
class Answer:
    """The figure a reference asks for, with its provenance; ``float(answer)`` is the figure.

    Attributes
    ----------
    reference
        What was asked, in canonical form.
    value
        The figure.
    level
        ``exact`` when it is about the very attempts that were asked for, else ``context``, ``visited`` or
        ``base``: what of the request the answering parameter still matches. ``pooled`` when a slice with too
        little evidence of its own is answered by the fit that pools it with the others.
    parameter_id
        The parameter that answers; None when a graph states the belief.
    type
        Of the parameter; a latency is a duration, in days where a parameter or a graph says days.
    answers_for
        Reference of what that parameter is about.
    mean, stdev, lower, upper
        Its belief, with the equal-tailed 95 % interval; of a latency, the belief about the figure asked for.
    n
        Trials (or exposure, or observations) the belief counts, of the slice alone when it is pooled; 0 for a
        prior.
    origin
        ``posterior``, or ``prior`` when there is none, or ``inline`` when a graph states it at the edge.
    prior_origin
        Where the numbers of the prior come from, such as ``manual (parameters/signup.yaml:7)``.
    age_days
        Days since the last counted day ended; for a prior since it was first seen, None before any night.
    as_of
        The night that is asked.
    passed_over
        Closer parameters that had too little evidence of their own to answer, the closest first.
    """

    reference: str
    value: float
    level: AnswerLevel
    parameter_id: str | None
    type: str
    answers_for: str
    mean: float
    stdev: float
    lower: float
    upper: float
    n: float
    origin: Origin
    prior_origin: str
    age_days: float | None
    as_of: date
    mode: Mode = "default"
    passed_over: tuple[str, ...] = ()

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return (
            f"{self.reference}: {self.value:.6g} "
            f"({self.level}, {self.parameter_id or self.prior_origin}, {self.origin}, "
            f"n {self.n:,.6g}, mean {self.mean:.3f} ± {self.stdev:.3f})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data."""
        facts: dict[str, Any] = json_ready({name: getattr(self, name) for name in self.__dataclass_fields__})
        return facts
