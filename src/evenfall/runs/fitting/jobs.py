"""What is sent to a worker and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec

__all__ = ["Envelope", "Executor", "FitJob", "Limits", "Progress", "Trouble"]

type Trouble = Literal["failed", "refused", "out_of_memory", "time_limit", "killed", "cancelled"]
"""Why a job came to no fit: an error in the model, a definition that is refused, a limit, a dead worker."""

Progress = Callable[[str, float], None]
"""Called with a job's id and the share of it that is done, 0..1."""


@dataclass(frozen=True, eq=False)
class FitJob:
    """One fit to be made: a pure function of what is written here.

    Attributes
    ----------
    base, base_model, base_id
        The last full fit of the model, the model with the evidence it was fitted to, and its number in the
        store; None when there is nothing to reweight. A request that begins where it ended has its number.
    """

    id: str
    model: ModelSpec
    request: FitRequest
    base: Fit | None = None
    base_model: ModelSpec | None = None
    base_id: int | None = None


@dataclass(frozen=True, eq=False)
class Envelope:
    """What came of a job: a fit (which may not have passed its gate), or what went wrong.

    Attributes
    ----------
    detail
        What happened, for people; the traceback of an error.
    remedy
        What to do about it.
    """

    id: str
    fit: Fit | None = None
    trouble: Trouble | None = None
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fit may use."""

    seconds: float = 600.0
    memory_bytes: int = 4 * 2**30


class Executor(Protocol):
    """Carries out jobs somewhere; never raises for what one job does."""

    def run(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> Iterator[Envelope]:
        """Yield one envelope per job, in the order in which they end."""

    def cancel(self) -> None:
        """End the jobs under way; what has not ended comes back as cancelled."""

    def close(self) -> None:
        """Let the workers go."""
